# SPDX-License-Identifier: GPL-2.0
"""The leader is cut off: its side freezes; it resumes, or is fenced if another wrote."""

import time

from rblab.oracle import Oracle

from _common import DEVICE, caught_up, expect, finish, form, leader, opens

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 300
DEBUG = True


def frozen(writer):
    """No write completes on the cut-off side once its leader has stepped down."""
    time.sleep(3)
    before = writer.acks
    time.sleep(3)
    expect('writes completed without a majority', writer.acks - before, 0)
    expect('errors while frozen', writer.errors, 0)


def run(lab):
    n1, n2, n3 = lab
    form(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=4)

    # nobody else writes: after the heal the writer goes on, without an error
    writer = oracle.write(n1)
    writer.wait_acks(100)
    lab.partition([1], [2, 3])
    frozen(writer)
    lab.heal()
    writer.wait_acks(writer.acks + 100, 60)
    writer.stop()
    expect('errors after the heal', writer.errors, 0)
    oracle.verify(n1)

    # another writes meanwhile: the cut-off writer gets EIO, nothing is mixed
    fenced = oracle.write(n1, stop_on_error=True)
    fenced.wait_acks(100)
    lab.partition([1], [2, 3])
    frozen(fenced)
    other = Oracle(DEVICE, blocks=1024, qd=4, seed=7, offset=16 << 20)
    writer = other.write(n2)
    writer.wait_acks(100, 60)
    lab.allow(r'node 2 owns the device now; I/O fails here until it is closed',
              r'(I/O|critical target) error, dev raftblk0', r'Buffer I/O error on dev')
    lab.heal()
    fenced.wait(60)
    expect('the cut-off writer got errors', fenced.errors > 0)
    writer.wait_acks(writer.acks + 50, 60)
    # while n2 holds the device n1 does not get it, whoever it asks
    expect('n1 opens while n2 holds', opens(n1).rc != 0)
    writer.stop()
    expect('errors of the new owner', writer.errors, 0)
    caught_up(lab)
    other.verify(n2)
    oracle.verify(n2)
    # closed by everybody: n1 may have it again
    expect('n1 opens again', opens(n1).rc, 0)
    leader(lab)
    other.verify(n1)
    oracle.verify(n3)
    finish(lab)
