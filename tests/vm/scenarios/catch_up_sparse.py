# SPDX-License-Identifier: GPL-2.0
"""A member joins a volume of 1 TiB with 200 MiB in it: no more than these travel."""

import os

from _common import DEVICE, VOLUME, caught_up, expect, finish, voters

LAB = {'nodes': 2, 'disk': '1T', 'mem': 512}
TIMEOUT = 900
LONG = True

MIB = 1 << 20
WRITTEN = 200 * MIB
# What the documentation promises for the version map at this extent size, and the
# rest: entries of the log, buffers of connections.
MEMORY = (64 + 16) * MIB


def memory(node):
    """Bytes the module has from vmalloc, where all that is large comes from."""
    lines = node.run('grep raftblk /proc/vmallocinfo', check=False).out.splitlines()
    return sum(int(line.split()[1]) for line in lines)


def passed(lab):
    """Bytes that have passed the switch."""
    return sum(link['bytes'] for link in lab.net.stats().values())


def allocated(node):
    return os.stat(node.disk_path).st_blocks * 512


def run(lab):
    n1, n2 = lab
    lab.load()
    n1.raftblk('create', VOLUME, n1.device, '--addr', n1.address, '--log-size', '32M',
               '--extent-size', '128K', '--assume-zero', timeout=300)
    lab.say(f'{n1.status(VOLUME)["size"] >> 30} GiB')
    n1.run(f'fio --name=scatter --filename={DEVICE} --size=1000G --io_size={WRITTEN} '
           '--rw=randwrite --bs=16k --norandommap --iodepth=16 --ioengine=libaio --direct=1 '
           '--refill_buffers --output-format=terse >/dev/null', timeout=300)
    token = n1.raftblk('token', VOLUME).out.strip()
    before, sparse = passed(lab), allocated(n2)
    n2.raftblk('join', n1.address, n2.device, '--addr', n2.address, '--token', token,
               '--assume-zero', timeout=600)
    lab.wait(lambda: len(voters(n1)) == 2, 60, 'n2 to vote')
    caught_up(lab)
    moved = passed(lab) - before
    stats = n2.status(VOLUME)['stats']
    lab.say(f'{stats["fetches"]} chunks, {stats["fetch_bytes"] / MIB:.1f} MiB of content, '
            f'{moved / MIB:.1f} MiB on the wire')
    expect('content came', stats['fetch_bytes'] > 0.95 * WRITTEN)
    expect('not more than that, about', moved < 260 * MIB)
    for node in lab:
        lab.say(f'{node.name}: {memory(node) / MIB:.1f} MiB of memory')
        expect(f'{node.name}: memory within the bound', memory(node) < MEMORY)
    finish(lab)
    grown = allocated(n2) - sparse
    lab.say(f'the new disk takes {grown / MIB:.0f} MiB on the host')
    # and the log, and of the version map what changed
    expect('it is as thin as it can be', grown < WRITTEN + (32 + 60) * MIB)
