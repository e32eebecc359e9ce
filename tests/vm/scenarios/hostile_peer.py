# SPDX-License-Identifier: GPL-2.0
"""Noise, forgeries and violations of the protocol on the port, under load: nothing changes."""

import argparse
import os
import sys

from rblab.oracle import Oracle
from rblab.paths import TOP

sys.path.insert(0, os.path.join(TOP, 'tests', 'net'))

import peer                                     # noqa: E402
from relay import Relay                         # noqa: E402

from _common import DEVICE, expect, finish

LAB = {'nodes': 3, 'disk': '128M'}
TIMEOUT = 400
DEBUG = True

# what anybody can do, and what a machine at a member's address can
STRANGER = ('garbage', 'almost', 'unknown', 'wrong-key', 'reflect', 'replay', 'silent', 'slow',
            'hold', 'flood')
MEMBER = ('identity', 'versions', 'good-join', 'good', 'messages', 'fuzz')
COUNT = {'hold': 40, 'flood': 160, 'fuzz': 40}


def attack(lab, frm, case, token, claim):
    """Run a case of peer.py from one machine against the first member."""
    n1 = lab.node(1)
    uuid, key = peer.read_token(token)
    with Relay(frm, n1.address, 7450) as port:
        args = argparse.Namespace(host='127.0.0.1', port=port, uuid=uuid, key=key, bind='',
                                  id=claim['id'], to=1, seed=1, count=COUNT.get(case, 0),
                                  incarnation=bytes.fromhex(claim['incarnation'].replace('-', '')))
        peer.CASES[case](args)
    print(f'# {case}: ok', flush=True)


def run(lab):
    n1, n2, n3 = lab
    lab.allow(r'somebody with another key tried to connect as node \d+$',
              r'node \d+ has come back on another disk; refused$')
    lab.form(members=[1, 2], create=['--log-size', '32M'])
    lab.wait(lambda: len(n1.status('vol0')['members']) == 2, 60, 'both members')
    token = n1.raftblk('token', 'vol0').out.strip()
    two = next(m for m in n1.status('vol0')['members'] if m['id'] == 2)

    # strangers must not even be noticed: the same leader in the same term; nor must
    # one that could be a member nobody here has heard of yet
    oracle = Oracle(DEVICE, blocks=512, qd=2)
    writer = oracle.write(n1, pause=2000)
    writer.wait_acks(50)
    before = n1.status('vol0')
    for case in STRANGER:
        attack(lab, n3, case, token, two)
    attack(lab, n2, 'newcomer', token, two)
    writer.wait_acks(writer.acks + 20, 60)
    after = n1.status('vol0')
    expect('leader, term, members', [after[k] for k in ('leader', 'term', 'config_index')],
           [before[k] for k in ('leader', 'term', 'config_index')])
    lost = [m['reconnects'] for m in after['members'] if not m['self']]
    expect('connections lost to strangers', lost,
           [m['reconnects'] for m in before['members'] if not m['self']])

    # who has the key and a member's identity can break connections, no more
    for case in MEMBER:
        attack(lab, n2, case, token, two)
    writer.wait_acks(writer.acks + 20, 120)
    writer.stop()
    expect('write errors', writer.errors, 0)
    oracle.verify(n1)

    n3.raftblk('join', n1.address, '/dev/vda', '--addr', n3.address, '--token', token, timeout=120)
    finish(lab)
