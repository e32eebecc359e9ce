# SPDX-License-Identifier: GPL-2.0
"""Large writes fill slow links to the brim: that is no reason for an election.

Heartbeats and votes have a connection of their own.  On one with the data they would stand
in line behind more than a second of it, which is longer than an election takes.
"""

from _common import DEVICE, caught_up, expect, finish, form

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 300
MBIT = 16
FIO = (f'fio --name=fill --filename={DEVICE} --rw=write --bs=512k --iodepth=16 --direct=1 '
       '--ioengine=libaio --size=32M --time_based --runtime=20 --output-format=terse')


def run(lab):
    n1 = form(lab)
    n1.run(f'dd if=/dev/zero of={DEVICE} bs=4k count=1 oflag=direct 2>/dev/null')
    for a, b in ((1, 2), (1, 3), (2, 3)):
        lab.slow(a, b, delay=20, rate=MBIT)
    before = n1.status('vol0')
    n1.run(FIO, timeout=200)
    after = n1.status('vol0')
    expect('role', after['role'], 'leader')
    expect('term', after['term'], before['term'])
    moved = after['stats']['write_bytes'] - before['stats']['write_bytes']
    print(f'# {moved >> 20} MiB written over links of {MBIT} Mbit/s', flush=True)
    expect('the links were full', moved > 16 << 20)
    lab.heal()
    caught_up(lab)
    finish(lab)
