# SPDX-License-Identifier: GPL-2.0
"""From one member to five and back to three under load, interrupted at each step."""

import threading

from rblab.oracle import Oracle

from _common import (DEVICE, REMOVED_SAYS, VOLUME, caught_up, expect, finish, is_removed, leader,
                     members, pause, up)

LAB = {'nodes': 5, 'disk': '96M', 'mem': 256}
TIMEOUT = 600
LONG = True


def all_vote(lab, node, ids):
    lab.wait(lambda: members(node) == {i: 'voter' for i in ids}, 90, f'{ids} to vote')


def join(lab, node, token):
    """Begin to join; whoever interrupts does so while it catches up."""
    node.load()
    node.raftblk('join', lab.node(1).address, node.device, '--addr', node.address,
                 '--no-wait', '--token', token, timeout=120)


def refused(node, sentence, *words):
    got = node.raftblk(*words, check=False, timeout=120)
    expect(f'{words}: exit code ({got.err.strip()})', got.rc != 0)
    if sentence not in got.err:
        raise AssertionError(f'{words}: {got.err!r} does not say {sentence!r}')


def grow(lab, writer):
    n1, n2, n3, n4, n5 = lab
    token = n1.raftblk('token', VOLUME).out.strip()
    lab.say('n2 joins, and loses power')
    join(lab, n2, token)
    n2.kill()
    pause(1)
    n2.start()
    up(n2)
    all_vote(lab, n1, [1, 2])
    lab.say('n3 joins, and is cut off')
    join(lab, n3, token)
    lab.partition([1, 2], [3])
    pause(3)
    lab.heal()
    all_vote(lab, n1, [1, 2, 3])
    lab.say('n4 joins, and leadership is handed to n2')
    join(lab, n4, token)
    n4.raftblk('transfer', VOLUME, '2', timeout=60)     # not asked of the leader
    all_vote(lab, n1, [1, 2, 3, 4])
    lab.say('n5 joins, and n3 is paused')
    join(lab, n5, token)
    n3.pause()
    pause(2)
    n3.resume()
    all_vote(lab, n1, [1, 2, 3, 4, 5])
    writer.wait_acks(writer.acks + 100)


def wrong(lab):
    n1, n2 = lab.node(1), lab.node(2)
    refused(n2, 'no member has this node id', 'member', 'remove', VOLUME, '9')
    refused(n2, 'open for writing', 'member', 'remove', VOLUME, '1')
    refused(n2, 'open for writing', 'member', 'set', VOLUME, '1', '--role', 'learner')
    refused(n1, 'another member has that address', 'member', 'set', VOLUME, '3', '--addr',
            n2.address)
    refused(n1, 'no member has the node id', 'member', 'replace', VOLUME, '9')
    expect('members', members(n1), {i: 'voter' for i in range(1, 6)})


def struck(node, command, victim):
    """A power cut while it is under way: enough are left in both majorities, so it is done."""
    asked = node.spawn(command)
    victim.kill()
    asked.wait(120)
    expect(f'what {command!r} said ({asked.err.strip()})', asked.rc, 0)


def caught_up_but_for_writes(lab, node, other):
    """Writes go on, so it is as far as the other was when it was asked."""
    goal = other.status(VOLUME)['applied']
    lab.wait(lambda: node.status(VOLUME)['applied'] >= goal, 60, f'{node.name} to catch up')


def shrink(lab, writer):
    n1, n2, n3, n4, n5 = lab
    lab.say('n2 is removed while it is cut off')
    lab.partition([1, 3, 4, 5], [2])
    n1.raftblk('member', 'remove', VOLUME, '2', timeout=60)
    writer.wait_acks(writer.acks + 50)
    term = n1.status(VOLUME)['term']
    expect('n2 believes to be a member', is_removed(n2), False)
    lab.heal()
    # it has the lower node id: nobody dials it, it has to ask
    lab.wait(lambda: is_removed(n2), 60, 'n2 to learn that it was removed')
    expect('term', n1.status(VOLUME)['term'], term)
    refused(n2, 'removed from the volume', 'member', 'remove', VOLUME, '3')
    expect('it does not open', n2.run(f'dd if=/dev/null of={DEVICE} conv=notrunc 2>&1',
                                      check=False, timeout=90).rc != 0)

    lab.say('n5 becomes a learner, and n3 loses power meanwhile')
    struck(n4, f'raftblk member set {VOLUME} 5 --role learner', n3)
    expect('parts', members(n1), {1: 'voter', 3: 'voter', 4: 'voter', 5: 'learner'})
    n3.start()
    up(n3)
    lab.say('n5 is a voter again, is removed, and loses power meanwhile')
    n5.raftblk('member', 'set', VOLUME, '5', '--role', 'voter', timeout=60)
    all_vote(lab, n1, [1, 3, 4, 5])
    caught_up_but_for_writes(lab, n3, n1)
    struck(n4, f'raftblk member remove {VOLUME} 5', n5)
    all_vote(lab, n1, [1, 3, 4])
    n5.start()
    up(n5)
    lab.wait(lambda: is_removed(n5), 60, 'n5 to learn that it was removed')
    writer.wait_acks(writer.acks + 100)

    lab.say('with n3 gone neither of the others can be spared')
    n3.kill()
    pause(3)
    refused(n1, 'too few can be reached', 'member', 'remove', VOLUME, '4')
    n3.start()
    up(n3)
    writer.wait_acks(writer.acks + 100)


def gone(node, number):
    """Ask again if it is still there."""
    if int(number) in members(node):
        node.raftblk('member', 'remove', VOLUME, number, check=False, timeout=60)
    return int(number) not in members(node)


class Reader:
    """Reads all blocks on a member again and again, and judges each time what came."""

    def __init__(self, oracle, node):
        self.oracle, self.node = oracle, node
        self.rounds, self.error = 0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            while not self.over.is_set():
                self.oracle.verify(self.node)
                self.rounds += 1
        except Exception as error:      # pylint: disable=broad-exception-caught
            self.error = error

    def another(self, lab):
        """A round that begins after now."""
        def done():
            if self.error:
                raise self.error
            return self.rounds >= goal
        goal = self.rounds + 2
        lab.wait(done, 120, 'all blocks to be read once more')

    def stop(self):
        self.over.set()
        self.thread.join()
        if self.error:
            raise self.error


def remove_leader(lab, oracle):
    """Under reads from another member.

    Not under writes: they lead to where they are made, and a member that has the device
    open for writing is not removed (see wrong()), because its writer could no longer
    finish.
    """
    n3, n4 = lab.node(3), lab.node(4)
    lab.wait(lambda: not n3.status(VOLUME)['owner'], 30, 'the device to be given back')
    leads = leader(lab)
    number = str(leads.status(VOLUME)['node_id'])
    other = n3 if leads is n4 else n4
    reader = Reader(oracle, other)
    reader.another(lab)
    lab.say(f'n{number} leads, is removed, and loses power meanwhile')
    asked = other.spawn(f'raftblk member remove {VOLUME} {number}')
    leads.kill()
    asked.wait(60)
    # Either way is right: another leader was asked, or it is not known whether it was done.
    expect(f'what it said ({asked.err.strip()})',
           asked.rc == 0 or 'come about' in asked.err)
    if asked.rc:
        lab.wait(lambda: gone(other, number), 60, 'it to be removed, asked once more')
    reader.another(lab)
    leads.start()
    up(leads)
    lab.wait(lambda: is_removed(leads), 60, 'the former leader to know')
    expect('who is left', sorted(members(other)), sorted({1, 3, 4} - {int(number)}))
    leads.raftblk('down', VOLUME)
    leads.raftblk('wipe', leads.device, '--yes')
    lab.say('and joins again, as another member')
    join_back = other.raftblk('member', 'add', VOLUME).out.split()
    words = [leads.device if w == 'DEVICE' else leads.address if w == 'ADDRESS' else w
             for w in join_back[1:]]
    leads.raftblk(*words, timeout=120)
    lab.wait(lambda: members(other).get(6) == 'voter', 60, 'the new member to vote')
    reader.another(lab)
    reader.stop()
    lab.say(f'all blocks were read {reader.rounds} times')


def run(lab):
    n1 = lab.node(1)
    lab.allow(*REMOVED_SAYS)
    lab.form(members=[1], create=['--log-size', '16M'])
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    writer = oracle.write(n1, pause=2000)
    writer.wait_acks(50)
    grow(lab, writer)
    wrong(lab)
    shrink(lab, writer)
    writer.stop()
    expect('write errors', writer.errors, 0)
    caught_up(lab, members=[1, 3, 4])
    oracle.verify(n1)
    remove_leader(lab, oracle)
    oracle.verify(lab.node(3))
    for other in (lab.node(2), lab.node(5)):
        other.raftblk('down', VOLUME)
        other.raftblk('wipe', other.device, '--yes')
    finish(lab, members=[1, 3, 4])
