# SPDX-License-Identifier: GPL-2.0
"""A member joins while another is away; later only these two can make a majority.

The newcomer must win the election, for it alone has the end of the log, and needs
the vote of a member that has never heard of it.
"""

from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, up, voters

LAB = {'nodes': 4, 'disk': '96M'}
TIMEOUT = 300


def join(lab, node, other):
    token = other.raftblk('token', VOLUME).out.strip()
    node.raftblk('join', other.address, '/dev/vda', '--addr', node.address,
                 '--token', token, timeout=120)


def run(lab):
    n1, n2, n3, n4 = lab
    form(lab, '32M', members=(1, 2, 3))
    caught_up(lab, members=(1, 2, 3))
    n3.kill()
    join(lab, n4, n1)
    lab.wait(lambda: len(voters(n1)) == 4, 60, 'n4 to vote')

    # n1 and n4 get entries that n2 does not; nothing of it can be committed
    oracle = Oracle(DEVICE, blocks=256, qd=8)
    writer = oracle.write(n1)
    writer.wait_acks(50)
    lab.cut(1, 2, oneway=True)
    lab.wait(lambda: n4.status(VOLUME)['last'] > n2.status(VOLUME)['last'], 30,
             'n4 to be ahead of n2')
    n1.kill()
    writer.died()

    lab.heal()
    n3.start()
    up(n3)
    leads = lab.wait(lambda: lab.leader(VOLUME), 60, 'a leader')
    expect('the leader', leads.name, 'n4')
    oracle.verify(n2, timeout=120)
    n1.start()
    up(n1)
    finish(lab)
