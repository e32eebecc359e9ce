# SPDX-License-Identifier: GPL-2.0
"""A learner for good: it follows, and nobody counts it."""

import time

from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, leader, opens, pause, up

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 300


def member(node, number):
    return next(m for m in node.status(VOLUME)['members'] if m['id'] == number)


def part(node, number):
    return member(node, number)['part']


def run(lab):
    n1, n2, n3 = lab
    lab.form(members=[1, 2], create=['--log-size', '16M'])
    n3.load()
    token = n1.raftblk('token', VOLUME).out.strip()
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    writer = oracle.write(n1)
    writer.wait_acks(200)
    n3.raftblk('join', n1.address, n3.device, '--addr', n3.address, '--role', 'learner',
               '--token', token, timeout=120)
    writer.wait_acks(writer.acks + 200)
    expect('n3 is', part(n1, 3), 'learner')

    # n1 and n3 are two of three machines, and no majority
    n2.kill()
    pause(3)
    before = writer.acks
    pause(3)
    expect('writes completed without the other voter', writer.acks - before, 0)
    n2.start()
    up(n2)
    writer.wait_acks(writer.acks + 100)

    # nobody waits for it, and how far it is behind is told
    n3.pause()
    since = time.monotonic()
    writer.wait_acks(writer.acks + 300)
    pause(3)
    late = member(leader(lab), 3)
    most = time.monotonic() - since
    expect('entries behind', late['lag'] >= 300)
    expect('bytes behind', late['lag_bytes'] >= 300 * 4096)
    expect(f'{late["lag_time"]} ms behind after {most:.1f} s',
           2500 <= late['lag_time'] <= 1000 * most + 500)
    n3.resume()
    writer.stop()
    expect('write errors', writer.errors, 0)
    caught_up(lab)
    expect('n3 still is', part(n1, 3), 'learner')
    level = member(leader(lab), 3)
    expect('behind in the end', (level['lag'], level['lag_time']), (0, 0))
    refused = opens(n3)
    expect('a learner opens the device for writing', refused.rc != 0)
    expect('it does not lead', n3.status(VOLUME)['role'], 'follower')
    n1.raftblk('member', 'set', VOLUME, '3', '--role', 'voter')
    lab.wait(lambda: part(n1, 3) == 'voter', 60, 'n3 to become a voter, as it was told to')
    oracle.verify(n1)
    oracle.verify(n3)
    finish(lab)
