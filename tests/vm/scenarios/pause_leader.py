# SPDX-License-Identifier: GPL-2.0
"""The leader stands still for ten seconds and resumes: no error, nothing lost."""

import time

from rblab.oracle import Oracle

from _common import DEVICE, expect, finish, form

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 300


def run(lab):
    form(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    for how in ('monitor', 'freeze'):
        writer = oracle.write(lab.node(1))
        writer.wait_acks(100)
        lab.node(1).pause(how)
        until = time.monotonic() + 10
        lab.wait(lambda: lab.node(2).status('vol0')['leader'] in (2, 3), 30,
                 'another leader')
        time.sleep(max(0, until - time.monotonic()))
        lab.node(1).resume()
        writer.wait_acks(writer.acks + 100, 60)
        writer.stop()
        expect(f'errors after {how}', writer.errors, 0)
        oracle.verify(lab.node(2))
    finish(lab)
