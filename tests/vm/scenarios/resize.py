# SPDX-License-Identifier: GPL-2.0
"""A volume grows under load: with a device too small, a member away, and one catching up."""

from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, expect, finish, leader, voters

LAB = {'nodes': 3, 'disk': '96M'}
TIMEOUT = 600

MIB = 1 << 20
LOG = 8
RESIZED = 8         # MiB that each change of size adds
LOWER = '/dev/mapper/lower'


def lower(node, mib):
    """The lower device has so many MiB from now on, also while it is in use."""
    table = f'echo 0 {mib * 2048} linear {node.device} 0'
    node.run(f'if [ -b {LOWER} ]; then {table} | dmsetup load lower && dmsetup resume lower; '
             f'else modprobe dm_mod && {table} | dmsetup create lower && dmsetup mknodes; fi')


def up(node, mib):
    node.start()
    lower(node, mib)
    node.load()
    node.raftblk('up', LOWER, timeout=120)


def form(lab):
    for node in lab:
        # What lies behind is anything but zeros.
        node.run(f'dd if=/dev/urandom bs=1M count=1 of=/tmp/noise 2>/dev/null; for i in '
                 f'$(seq 20 50); do dd if=/tmp/noise of={node.device} bs=1M seek=$i conv=notrunc '
                 f'oflag=direct 2>/dev/null; done', timeout=120)
        lower(node, 32)
    first = lab.form(create=['--log-size', f'{LOG}M', '--size', '16M'], device=LOWER)
    lab.wait(lambda: len(voters(first)) == 3, 60, 'all members to vote')


def size(node):
    return int(node.run(['blockdev', '--getsize64', DEVICE]).out)


def resize(node, mib, check=True):
    return node.raftblk('resize', VOLUME, f'{mib}M', check=check, timeout=180)


def fetched(lab):
    """Bytes of content that each member has had from others in this life."""
    return [node.status(VOLUME)['stats']['fetch_bytes'] for node in lab]


def passed(lab):
    """Bytes that have passed the switch."""
    return sum(link['bytes'] for link in lab.net.stats().values())


def resize_alone(lab, node, mib):
    """What is new is zeros everywhere: nothing is re-synchronised for it."""
    before, content = passed(lab), fetched(lab)
    resize(node, mib)
    all_have(lab, mib)
    moved = passed(lab) - before
    lab.say(f'{moved >> 10} KiB on the wire for {RESIZED} MiB more on each member')
    expect('content fetched', fetched(lab), content)
    expect('next to nothing travels', moved < RESIZED * MIB / 16)


def refused(node, mib, sentence):
    got = resize(node, mib, check=False)
    expect(f'resize to {mib}M: exit code ({got.err.strip()})', got.rc, 1)
    if sentence not in got.err:
        raise AssertionError(f'resize to {mib}M: {got.err!r} does not say {sentence!r}')


def all_have(lab, mib):
    for node in lab:
        lab.wait(lambda node=node: size(node) == mib * MIB, 30, f'{mib} MiB on {node.name}')
        expect(f'{node.name}: status', node.status(VOLUME)['size'], mib * MIB)


def zeros(node, start, end):
    """Never written, so it reads as zeros."""
    rest = node.run(f'dd if={DEVICE} bs=1M skip={start} count={end - start} 2>/dev/null | '
                    "tr -d '\\000' | wc -c", timeout=60).out
    expect(f'{node.name}: bytes that are not 0 from {start} to {end} MiB', int(rest), 0)


def too_small(lab, n1, n2, n3):
    lab.say('n3 has no room')
    lower(n1, 64)
    lower(n2, 64)
    refused(n2, 24, 'the device of node 3 is too small')
    refused(n1, 15, 'cannot shrink')
    expect('2^63 is no size', n1.raftblk('resize', VOLUME, '8E', check=False).rc, 2)
    all_have(lab, 16)
    lab.say('now it has')
    lower(n3, 64)
    content = fetched(lab)
    resize(n2, 24)
    all_have(lab, 24)
    expect('content fetched', fetched(lab), content)
    for node in lab:
        zeros(node, 16, 24)


def fill(node):
    """Several times the log."""
    node.run(f'fio --name=fill --filename={DEVICE} --offset=8M --size=8M --loops=4 --rw=write '
             f'--bs=512k --iodepth=4 --ioengine=libaio --direct=1 --refill_buffers '
             f'--output-format=terse >/dev/null', timeout=240)


def away(lab, n1, n3):
    lab.say('n3 is away')
    n3.kill()
    lab.wait(lambda: leader(lab), 60, 'a leader')
    refused(n1, 32, 'node 3 is away')
    fill(n1)
    lab.say('n3 comes back, and is catching up')
    for other in (1, 2):
        lab.slow(other, 3, rate=2, oneway=True)
    up(n3, 64)
    lab.wait(lambda: n3.status(VOLUME).get('catchup'), 60, 'n3 to catch up')
    refused(n1, 32, 'node 3 is catching up')
    got = n1.raftblk('verify', VOLUME, check=False)
    expect(f'verify: exit code ({got.err.strip()})', got.rc, 1)
    expect(f'verify: {got.err!r} says why',
           'a member is catching up; when it is complete, ask again' in got.err)
    expect('it still catches up', bool(n3.status(VOLUME).get('catchup')))
    for other in (1, 2):
        lab.slow(other, 3)
    lab.wait(lambda: not n3.status(VOLUME).get('catchup'), 120, 'n3 to be complete')
    all_have(lab, 24)


def power_cut(lab, writer):
    """Of all at once, right after it was said to be done."""
    for node in lab:
        node.kill()
    writer.died()
    for node in lab:
        up(node, 64)
    lab.wait(lambda: leader(lab), 60, 'a leader')


def run(lab):
    n1, n2, n3 = lab
    form(lab)
    oracle = Oracle(DEVICE, blocks=512, qd=2)
    writer = oracle.write(n1, pause=10000)
    writer.wait_acks(20)
    too_small(lab, n1, n2, n3)
    away(lab, n1, n3)
    expect('errors', writer.stop().errors, 0)

    lab.say('n1 writes to what is new, and everybody loses power')
    resize_alone(lab, n3, 32)
    end = Oracle(DEVICE, blocks=64, qd=2, offset=32 * MIB - 64 * 4096)
    writer = end.write(n1)
    writer.wait_acks(50)
    resize(n1, 40)
    power_cut(lab, writer)
    oracle.verify(n2)
    end.verify(n2)
    all_have(lab, 40)
    expect('content fetched in this life', fetched(lab), [0, 0, 0])
    for node in lab:
        zeros(node, 32, 40)
    finish(lab)
