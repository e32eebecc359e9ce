# SPDX-License-Identifier: GPL-2.0
"""Power cut of the leader in the middle of writes, again and again; go on elsewhere.

Each round writes on one machine, cuts its power at a random moment, checks on
another that everything acknowledged is there and whole, and goes on from that
one, while the dead one comes back and catches up.
"""

import random
import threading

from rblab.oracle import Oracle

from _common import DEVICE, caught_up, finish, form, up

LAB = {'nodes': 3, 'disk': '192M'}
TIMEOUT = 900
DEBUG = True


def run(lab):
    rounds = 3 if lab.kernel.debug else 20
    chance = random.Random(20)
    form(lab, '96M')
    oracle = Oracle(DEVICE, blocks=2048, qd=8)
    at = 1
    for number in range(rounds):
        writer = oracle.write(lab.node(at))
        writer.wait_acks(chance.randrange(20, 400), 120)
        lab.node(at).kill(keep=chance.randrange(1 << 30) if number % 2 else None)
        writer.died()
        dead, at = at, at % 3 + 1
        back = threading.Thread(target=lambda node=lab.node(dead): (node.start(), up(node)))
        back.start()
        # a write-open first: leadership and ownership come with it
        seen = oracle.verify(lab.node(at), timeout=180)
        print(f'# round {number + 1}: n{dead} died after {writer.acks} writes, '
              f'{seen} blocks are right on n{at}', flush=True)
        back.join()
        caught_up(lab)
    finish(lab)
