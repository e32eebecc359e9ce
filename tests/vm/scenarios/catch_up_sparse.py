# SPDX-License-Identifier: GPL-2.0
"""A member joins a volume of 1 TiB with 200 MiB in it: no more than these travel."""

import os

from _common import DEVICE, VOLUME, caught_up, expect, finish, voters

LAB = {'nodes': 2, 'disk': '1T', 'mem': 512}
TIMEOUT = 900
LONG = True

MIB = 1 << 20
WRITTEN = 200 * MIB
EXTENT = 128 << 10
KIB = 1 << 10


def tables(volume):
    """Bytes for what is allocated at `up` and stays: version map, table of entries (design.md)."""
    extents = -(-volume['size'] // EXTENT)
    return 8 * extents + 16 * -(-extents // 504) + 72 * 8192


def bound(volume, peers):
    """The whole sum of "Memory" in design.md."""
    return (tables(volume) + 16 * MIB + 17 * MIB + 3 * MIB + peers * (8 * MIB + 512 * KIB)
            + 7 * MIB + 200 * KIB)


def vmalloc(node):
    """Bytes the module has from vmalloc, where the tables come from."""
    lines = node.run('grep raftblk /proc/vmallocinfo', check=False).out.splitlines()
    return sum(int(line.split()[1]) for line in lines)


def available(node):
    """Bytes that are free or could be."""
    return int(node.run("awk '/^MemAvailable/ {print $2}' /proc/meminfo").out) * KIB


def passed(lab):
    """Bytes that have passed the switch."""
    return sum(link['bytes'] for link in lab.net.stats().values())


def allocated(node):
    return os.stat(node.disk_path).st_blocks * 512


def run(lab):
    n1, n2 = lab
    lab.load()
    had = {node: available(node) for node in lab}
    n1.raftblk('create', VOLUME, n1.device, '--addr', n1.address, '--log-size', '32M',
               '--extent-size', str(EXTENT), '--assume-zero', timeout=300)
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
        volume = node.status(VOLUME)
        fixed, takes = vmalloc(node), had[node] - available(node)
        lab.say(f'{node.name}: tables {fixed / MIB:.1f} of {tables(volume) / MIB:.1f} MiB, in all '
                f'{takes / MIB:.1f} of {bound(volume, 1) / MIB:.1f} MiB')
        expect(f'{node.name}: the tables are there', fixed > 0.9 * tables(volume))
        expect(f'{node.name}: and little else', fixed < tables(volume) + MIB)
        expect(f'{node.name}: memory within the bound', takes < bound(volume, 1))
    finish(lab)
    grown = allocated(n2) - sparse
    lab.say(f'the new disk takes {grown / MIB:.0f} MiB on the host')
    # and the log, and of the version map what changed
    expect('it is as thin as it can be', grown < WRITTEN + (32 + 60) * MIB)
