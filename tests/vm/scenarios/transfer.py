# SPDX-License-Identifier: GPL-2.0
"""Leadership is handed around under load: the writer sees pauses, no error."""

from rblab.oracle import Oracle

from _common import DEVICE, expect, finish, form

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 300


def run(lab):
    form(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=8)
    writer = oracle.write(lab.node(1))
    writer.wait_acks(50)
    for number in range(lab.times(6, 3)):
        term = lab.node(1).status('vol0')['term']
        lab.node(1).raftblk('transfer', 'vol0', str(2 + number % 2), timeout=60)
        lab.wait(lambda: lab.node(1).status('vol0')['term'] > term, 30, 'a new term')
        # a leader that is not the owner hands leadership back
        lab.wait(lambda: lab.node(1).status('vol0')['role'] == 'leader', 30,
                 'the owner to lead again')
        writer.wait_acks(writer.acks + 50, 60)
    writer.stop()
    print(f'# {writer.acks} writes, the longest took {writer.longest_us / 1e6:.2f} s', flush=True)
    expect('write errors', writer.errors, 0)
    oracle.verify(lab.node(1))
    finish(lab)
