# SPDX-License-Identifier: GPL-2.0
"""Disks of 4096-byte sectors: power cut right after a join, then of the leader; go on elsewhere."""

import random

from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, up, voters, wait_gone

LAB = {'nodes': 3, 'disk': '128M', 'sector': 4096}
TIMEOUT = 420
FIO = (f'fio --name=verify --filename={DEVICE} --offset=16M --size=8M --bsrange=4k-256k '
       '--ioengine=libaio --direct=1 --verify=crc32c --output-format=terse ')


def run(lab, rounds=3):
    chance = random.Random(4096)
    first = lab.form(members=[1, 2], create=['--log-size', '64M', '--block-size', '4096'])
    for node in lab:
        expect(f'{node.name}: sectors of the disk', sector(node, node.device), 4096)
    join_and_die(lab, first, lab.node(3), chance)
    for node in lab:
        expect(f'{node.name}: sectors of the volume', sector(node, DEVICE), 4096)
    oracle = Oracle(DEVICE, blocks=2048, qd=8)
    at = 1
    for number in range(rounds):
        lab.node(at).run(FIO + '--rw=randwrite --iodepth=4 --do_verify=0', timeout=120)
        writer = oracle.write(lab.node(at))
        writer.wait_acks(chance.randrange(20, 300), 120)
        lab.node(at).kill(keep=chance.randrange(1 << 30) if number % 2 else None)
        writer.died()
        dead, at = lab.node(at), at % 3 + 1
        wait_gone(lab, dead)
        seen = oracle.verify(lab.node(at), timeout=180)
        lab.node(at).run(FIO + '--rw=randwrite --iodepth=4 --verify_only', timeout=120)
        print(f'# round {number + 1}: {dead.name} died after {writer.acks} writes, '
              f'{seen} blocks are right on n{at}', flush=True)
        dead.start()
        up(dead)
        caught_up(lab)
    finish(lab)


def sector(node, device):
    return int(node.run(['blockdev', '--getss', device]).out)


def join_and_die(lab, first, node, chance):
    """The power goes when it is let in, before it votes; it comes back and does."""
    token = first.raftblk('token', VOLUME).out.strip()
    node.load()
    node.raftblk('join', first.address, node.device, '--addr', node.address,
                 '--token', token, '--no-wait', timeout=300)
    node.kill(keep=chance.randrange(1 << 30))
    node.start()
    up(node)
    lab.wait(lambda: len(voters(first)) == 3, 60, 'all members to vote')
