# SPDX-License-Identifier: GPL-2.0
"""Power cut of the leader in the middle of writes, again and again; go on elsewhere.

Each round writes on one machine, cuts its power at a random moment, checks on
another that everything acknowledged is there and whole, and goes on from that
one, while the dead one comes back and catches up.  Beside the writer that counts
what was acknowledged, fio overwrites a region of its own; each of its blocks,
read on the survivor, must have the checksum it was written with.
"""

import random
import threading

from rblab.oracle import Oracle

from _common import DEVICE, caught_up, finish, form, up

LAB = {'nodes': 3, 'disk': '192M'}
TIMEOUT = 900
DEBUG = True
FIO = (f'fio --name=verify --filename={DEVICE} --offset=32M --size=4M --bs=4k '
       '--ioengine=libaio --direct=1 --verify=crc32c --output-format=terse ')


def run(lab):
    chance = random.Random(20)
    form(lab, '96M')
    oracle = Oracle(DEVICE, blocks=2048, qd=8)
    lab.node(1).run(FIO + '--rw=write --iodepth=16 --do_verify=0', timeout=120)
    at = 1
    for number in range(lab.times(20, 3)):
        lab.node(at).detach(FIO + '--rw=randwrite --iodepth=4 --do_verify=0 '
                            '--time_based --runtime=900 --rate_iops=100')
        writer = oracle.write(lab.node(at))
        writer.wait_acks(chance.randrange(20, 400), 120)
        lab.node(at).kill(keep=chance.randrange(1 << 30) if number % 2 else None)
        writer.died()
        dead, at = at, at % 3 + 1
        back = threading.Thread(target=lambda node=lab.node(dead): (node.start(), up(node)))
        back.start()
        # a write-open first: leadership and ownership come with it
        seen = oracle.verify(lab.node(at), timeout=180)
        lab.node(at).run(FIO + '--rw=read --iodepth=8', timeout=120)
        print(f'# round {number + 1}: n{dead} died after {writer.acks} writes, '
              f'{seen} blocks are right on n{at}', flush=True)
        back.join()
        caught_up(lab)
    finish(lab)
