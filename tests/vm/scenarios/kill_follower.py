# SPDX-License-Identifier: GPL-2.0
"""Power cut of a follower under load: the writer does not notice."""

from rblab.oracle import Oracle

from _common import DEVICE, expect, finish, form, up

LAB = {'nodes': 3, 'disk': '192M'}
TIMEOUT = 420


def run(lab):
    form(lab, '96M')
    fio = lab.node(1).spawn(
        f'fio --name=verify --filename={DEVICE} --offset=32M --size=16M --rw=randwrite '
        '--bs=4k --ioengine=libaio --iodepth=8 --direct=1 --verify=crc32c '
        '--do_verify=1 --rate_iops=150 --output-format=terse')
    oracle = Oracle(DEVICE, blocks=2048, qd=2)
    writer = oracle.write(lab.node(1), pause=10000)
    for number in (2, 3):
        writer.wait_acks(writer.acks + 50, 120)
        lab.node(number).kill()
        writer.wait_acks(writer.acks + 100, 120)
        lab.node(number).start()
        up(lab.node(number))
        caught_up_once(lab, number)
    fio.wait(240, check=True)
    writer.stop()
    expect('write errors', writer.errors, 0)
    oracle.verify(lab.node(1))
    finish(lab)


def caught_up_once(lab, number):
    """A writer is at work, so nobody stands still: level means close behind."""
    def close():
        status = lab.node(1).status('vol0')
        one = next(m for m in status['members'] if m['id'] == number)
        return one.get('match', 0) + 64 >= status['last']
    lab.wait(close, 120, f'n{number} to catch up')
