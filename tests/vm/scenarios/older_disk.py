# SPDX-License-Identifier: GPL-2.0
"""A member's disk is set back to an older copy: the others remember, and nothing is lost."""

import shutil

from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, pause, up

LAB = {'nodes': 3, 'disk': '96M'}
TIMEOUT = 600

SAYS = (r'^raftblk0 \(vol0\): the disk is an older copy: node \d+ remembers term \d+ and entries up to \d+',
        r'^raftblk0 \(vol0\): lost entries were fetched again, may vote$')


def copy_disk(node):
    """Of a machine that is off."""
    kept = f'{node.disk_path}.kept'
    shutil.copyfile(node.disk_path, kept)
    return kept


def told(node):
    """How often the kernel has said it in this life."""
    return int(node.run("dmesg | grep -c 'the disk is an older copy: node [0-9]' || true").out)


def needed(lab, oracle):
    """n3 is needed for what is written, since n2 is cut off; then its disk is set back."""
    n1, n2, n3 = lab
    n3.raftblk('down', VOLUME)
    n3.poweroff(60)
    kept = copy_disk(n3)
    n3.start()
    up(n3)
    caught_up(lab)
    lab.partition([1, 3], [2])
    writer = oracle.write(n1, pause=2000)
    writer.wait_acks(200)
    expect('write errors', writer.stop().errors, 0)
    n3.kill()
    shutil.copyfile(kept, n3.disk_path)
    return kept


def run(lab):
    n1, n2, n3 = lab
    lab.allow(*SAYS)
    form(lab, '16M')
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    writer = oracle.write(n1)
    writer.wait_acks(100)
    expect('write errors', writer.stop().errors, 0)

    kept = needed(lab, oracle)
    lab.say('n3 comes back with an older disk, is told, and then n1 is gone')
    n3.start()
    up(n3)
    lab.wait(lambda: told(n3), 60, 'n3 to be told')
    lab.partition([1], [2, 3])
    # Two of three, and at most n3 has what was acknowledged: whoever leads has it.
    pause(8)
    lab.say(f'n2 is {n2.status(VOLUME)["role"]}, n3 is {n3.status(VOLUME)["role"]}')
    lab.heal()
    oracle.verify(n2)
    caught_up(lab)
    lab.wait(lambda: not n3.status(VOLUME)['proof'], 60, 'n3 to be as good as any')
    expect('n3 was told', told(n3), 1)
    expect('others were not', [told(n1), told(n2)], [0, 0])

    lab.say('all are taken down, and n3 is set back once more')
    for node in lab:
        node.raftblk('down', VOLUME)
    n3.poweroff(60)
    shutil.copyfile(kept, n3.disk_path)
    n3.start()
    for node in (n3, n2, n1):
        node.load()
        node.raftblk('up', node.device, timeout=120)
    lab.wait(lambda: told(n3), 60, 'n3 to be told by who was down itself')
    oracle.verify(n3)
    caught_up(lab)
    lab.wait(lambda: not n3.status(VOLUME)['proof'], 60, 'n3 to be as good as any')
    finish(lab)
