# SPDX-License-Identifier: GPL-2.0
"""All machines lose power at once under load; what was acknowledged is there."""

import random

from rblab.lab import Together
from rblab.oracle import Oracle

from _common import DEVICE, caught_up, finish, form, up

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 420


def run(lab):
    chance = random.Random(7)
    form(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=16)
    for number in range(4):
        writer = oracle.write(lab.node(number % 3 + 1))
        writer.wait_acks(chance.randrange(50, 500), 120)
        # every other time all that was not flushed is lost, else a random part
        lab.kill(keep=None if number % 2 else chance.randrange(1 << 30))
        writer.died()
        lab.start()
        Together([lambda node=node: up(node) for node in lab]).join()
        seen = oracle.verify(lab.node((number + 1) % 3 + 1), timeout=180)
        print(f'# round {number + 1}: {writer.acks} writes, {seen} blocks are right', flush=True)
        caught_up(lab)
    finish(lab)
