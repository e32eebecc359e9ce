# SPDX-License-Identifier: GPL-2.0
"""All writes hit what is being copied, and the disk it is copied to is slow."""

from rblab.oracle import Oracle

from _common import DEVICE, caught_up, expect, finish, form, up

LAB = {'nodes': 3, 'disk': '96M'}
TIMEOUT = 600
LONG = True

LOG = 8 << 20


def rounds_of_log(node):
    return node.status('vol0')['stats']['log_write_bytes'] / LOG


def run(lab):
    n1, n2, n3 = lab
    form(lab, '8M')
    # four extents of 4 MiB: every one of them changes all the time
    oracle = Oracle(DEVICE, blocks=4096, qd=8)
    writer = oracle.write(n1)
    writer.wait_acks(1000)
    n3.kill()
    start = rounds_of_log(n1)
    lab.wait(lambda: rounds_of_log(n1) > start + 3, 180, 'the log to wrap three times')

    n3.start()
    n3.disks[0].delay(3000)
    up(n3)
    lab.wait(lambda: n3.status('vol0')['stats']['fetches'], 60, 'n3 to catch up by extents')
    began = writer.acks
    lab.wait(lambda: not n3.status('vol0').get('catchup'), 240, 'n3 to be complete')
    expect('the writer was let through meanwhile', writer.acks > began)
    lab.say(f'{writer.acks - began} writes while it caught up')
    n3.disks[0].delay(0)
    writer.stop()
    expect('write errors', writer.errors, 0)
    caught_up(lab)
    oracle.verify(n3)
    oracle.verify(n2)
    finish(lab)
