# SPDX-License-Identifier: GPL-2.0
"""One writer at a time: a second one gets EBUSY, and the device when the first is done."""

from rblab.oracle import Oracle

from _common import DEVICE, expect, finish, form, opens

LAB = {'nodes': 3, 'disk': '96M'}
TIMEOUT = 240
DEBUG = True


def run(lab):
    form(lab, '16M')
    oracle = Oracle(DEVICE, blocks=256, qd=2)
    writer = oracle.write(lab.node(1))
    writer.wait_acks(20)
    for node in (lab.node(2), lab.node(3)):
        refused = opens(node)
        expect(f'{node.name} says busy', 'busy' in refused.out.lower())
        # reading is allowed, and sees what was written
        node.run(f'dd if={DEVICE} of=/dev/null bs=64k count=4 iflag=direct 2>/dev/null')
    expect('a second writer on the same machine', opens(lab.node(1)).rc, 0)
    writer.stop()
    expect('write errors', writer.errors, 0)
    for number in (2, 3, 1):
        expect(f'n{number} opens', opens(lab.node(number)).rc, 0)
    oracle.verify(lab.node(3))
    finish(lab)
