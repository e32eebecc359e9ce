# SPDX-License-Identifier: GPL-2.0
"""A member is cut off together with a newly added blank one: they are no majority.

The two that are left write; what the pair has, a voter and a learner, elects nobody.  Nor
does it once the newcomer votes: then there are two pairs, and neither can do anything.
"""

from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, members, opens, pause

LAB = {'nodes': 4, 'disk': '96M', 'mem': 256}
TIMEOUT = 400

PATIENCE = '/sys/module/raftblk/parameters/open_timeout_ms'
RATE = 4        # Mbit/s to the newcomer: it stays blank for a while


def join_slowly(lab):
    """n4 is let in, and n3 knows; hardly anything of the data has come to n4."""
    n1, _, n3, n4 = lab
    n1.run(f'fio --name=fill --filename={DEVICE} --offset=16M --size=32M --rw=write --bs=512k '
           '--iodepth=4 --ioengine=libaio --direct=1 --refill_buffers --output-format=terse '
           '>/dev/null', timeout=240)
    token = n1.raftblk('token', VOLUME).out.strip()
    for other in (1, 2, 3):
        lab.slow(other, 4, rate=RATE, oneway=True)
    n4.load()
    n4.raftblk('join', n1.address, n4.device, '--addr', n4.address, '--no-wait',
               '--token', token, timeout=120)
    lab.wait(lambda: members(n3).get(4) == 'learner', 30, 'n3 to know the newcomer')


def powerless(pair, since):
    """Neither leads, follows or opens; nothing gets committed, and no term was begun."""
    for node in pair:
        node.run(f'echo 3000 >{PATIENCE}')
        expect(f'{node.name} gets the device', opens(node).rc != 0)
        status = node.status(VOLUME)
        expect(f'{node.name}: quorum', status['quorum'], False)
        # a learner never stands, and believes in the leader that it heard last
        expect(f'{node.name}: one of them leads', status['leader'] in (3, 4), False)
        expect(f'{node.name}: term and commit', (status['term'], status['commit']),
               since[node.name])


def apart(lab):
    """Two pairs from here on; the second one, and what it has once it is alone."""
    pair = [lab.node(3), lab.node(4)]
    lab.partition([1, 2], [3, 4])
    for node in pair:
        lab.wait(lambda n=node: not n.status(VOLUME)['quorum'], 30, f'{node.name} to be alone')
    return pair, {n.name: tuple(n.status(VOLUME)[k] for k in ('term', 'commit')) for n in pair}


def run(lab):
    n1, n2, _, n4 = lab
    form(lab, '16M', members=[1, 2, 3])
    join_slowly(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    writer = oracle.write(n1, pause=2000)
    writer.wait_acks(20)
    pair, since = apart(lab)
    expect('n4 is', members(n1)[4], 'learner')
    writer.wait_acks(writer.acks + 200)
    powerless(pair, since)
    writer.wait_acks(writer.acks + 200)
    term = n1.status(VOLUME)['term']
    lab.heal()
    lab.wait(lambda: members(n1)[4] == 'voter', 120, 'n4 to vote')
    expect('term after they came back', n1.status(VOLUME)['term'], term)

    lab.say('n4 votes: two of four, on both sides')
    writer.wait_acks(writer.acks + 50)
    pair, since = apart(lab)
    pause(2)
    before = writer.acks
    powerless(pair, since)
    expect('writes without a majority', writer.acks - before, 0)
    lab.heal()
    writer.wait_acks(writer.acks + 50)
    writer.stop()
    expect('write errors', writer.errors, 0)
    caught_up(lab)
    oracle.verify(n2)
    oracle.verify(n4)
    finish(lab)
