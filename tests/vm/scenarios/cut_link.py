# SPDX-License-Identifier: GPL-2.0
"""Each link of three is cut in turn, both ways and one way: writes go on."""

import time

from rblab.oracle import Oracle

from _common import DEVICE, expect, finish, form

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 300


def run(lab):
    form(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    writer = oracle.write(lab.node(1), pause=2000)
    writer.wait_acks(50)
    for a, b, oneway in ((1, 2, False), (2, 3, False), (3, 1, False), (1, 2, True), (3, 1, True)):
        lab.cut(a, b, oneway=oneway)
        time.sleep(4)
        writer.wait_acks(writer.acks + 50, 60)
        lab.join(a, b)
        time.sleep(1)
        print(f'# link {a}-{b}{" one way" if oneway else ""}: {writer.acks} writes', flush=True)
    writer.stop()
    expect('write errors', writer.errors, 0)
    oracle.verify(lab.node(1))
    finish(lab)
