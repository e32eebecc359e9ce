# SPDX-License-Identifier: GPL-2.0
"""A member goes down and comes up, and the module with it, fifty times under load."""

from rblab.oracle import Oracle

from _common import DEVICE, expect, finish, form, up

LAB = {'nodes': 3, 'disk': '256M'}
TIMEOUT = 600
DEBUG = True


def run(lab):
    form(lab, '128M')
    oracle = Oracle(DEVICE, blocks=2048, qd=4)
    writer = oracle.write(lab.node(1), pause=5000)
    writer.wait_acks(50, 120)
    for number in range(lab.times(50, 5)):
        node = lab.node(2 + number % 2)
        node.raftblk('down', 'vol0', timeout=60)
        if number % 4 < 2:
            node.run('rmmod raftblk', timeout=60)
        up(node)
    writer.wait_acks(writer.acks + 50, 120)
    writer.stop(120)
    expect('write errors', writer.errors, 0)
    oracle.verify(lab.node(1))
    down_while_open(lab)
    finish(lab)


def down_while_open(lab):
    """Refused while open; by force, I/O ends and everything is taken down."""
    oracle = Oracle(DEVICE, blocks=64, qd=4, seed=3, offset=32 << 20)
    writer = oracle.write(lab.node(1), stop_on_error=True)
    writer.wait_acks(20, 60)
    refused = lab.node(1).raftblk('down', 'vol0', check=False)
    expect('down while it is open', refused.rc != 0)
    lab.allow(r'(I/O|critical target) error, dev raftblk0', r'Buffer I/O error on dev')
    lab.node(1).raftblk('down', 'vol0', '--force', timeout=60)
    writer.wait(60)
    expect('the writer got an error', writer.errors > 0)
    up(lab.node(1))
    oracle.verify(lab.node(2))
