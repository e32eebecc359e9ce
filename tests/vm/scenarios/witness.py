# SPDX-License-Identifier: GPL-2.0
"""Two members with data and a witness: every failure, and every second one after it.

A is n1, which writes; B is n2, the other one with data; W is n3, the witness.  A machine
that fails loses power, or its member is taken down by force; a link (AB, AW, BW) that fails
is cut.
"""

from rblab.oracle import Oracle

from _common import (DEVICE, REMOVED_SAYS, VOLUME, caught_up, expect, finish, is_removed, members,
                     opens, pause, up, wait_gone)

LAB = {'nodes': 4, 'disk': '40M', 'mem': 256, 'extra_disks': {'small': '17M', 'tiny': '6M'}}
TIMEOUT = 900

# A: A's writes go on.  B: B takes over, with all that was acknowledged.
# -: nothing is acknowledged to anybody until a failure is over, and then it goes on.
PROMISED = """
only    A   B   W   AB  AW  BW
        B   A   A   A   A   A
then    A   B   W   AB  AW  BW
A       .   -   -   B   B   -
B       -   .   -   A   -   A
W       -   -   .   -   A   A
AB      B   A   -   .   B   A
AW      B   -   A   B   .   A
BW      -   A   A   A   A   .
"""

WITNESS_DISK = '/dev/vdb'
TINY = '/dev/vdc'
PATIENCE = '/sys/module/raftblk/parameters/open_timeout_ms'
NO_DATA = 'this member is a witness and has no data; open the device on another member'
ALLOWED = (*REMOVED_SAYS, f'{NO_DATA}$',
           r'node \d owns the device now; I/O fails here until it is closed$',
           r'node \d, a witness, leads and has forgotten what .* lack; I/O waits for another one$',
           r'(I/O|critical target) error, dev raftblk0', r'Buffer I/O error on dev raftblk0',
           r'^ *raftblk0: unable to read partition table')


def promises():
    """[(failures, what is promised after each of them)]"""
    _, single, head, *rows = [line.split() for line in PROMISED.strip().splitlines()]
    names = head[1:]
    alone = dict(zip(names, single))
    found = [((name,), (alone[name],)) for name in names]
    found += [((first, second), (alone[first], promised)) for first, *row in rows
              for second, promised in zip(names, row) if promised != '.']
    expect('failures in the table', len(found), 36)
    return found


class Case:
    """Some failures, one after the other, and what becomes of the writes."""

    def __init__(self, lab, oracle, failures):
        self.lab, self.oracle, self.failures = lab, oracle, failures
        self.node = {'A': lab.node(1), 'B': lab.node(2), 'W': lab.node(3)}
        self.off = []
        self.at = 'A'
        self.cut_off = None     # A's writer, after B has taken over from it
        self.writer = oracle.write(self.node['A'], stop_on_error=True)
        self.writer.wait_acks(10)

    def run(self, promised):
        for failure, outcome in zip(self.failures, promised):
            self.fail(failure)
            if outcome == '-':
                self.waits()
            else:
                self.goes_on(outcome)
        self.repair()

    def fail(self, failure):
        ends = [self.node[name] for name in failure]
        if len(ends) == 2:
            self.lab.cut(*(node.number for node in ends))
            return
        self.off.append(failure)
        if failure == self.at or len(self.failures) == 1:
            ends[0].kill()
        else:
            ends[0].raftblk('down', VOLUME, '--force')
        if failure == self.at:
            self.writer.died()

    def goes_on(self, who):
        if who != self.at:
            self.cut_off = None if self.at in self.off else self.writer
            self.at = who
            self.oracle.verify(self.node[who])
            self.writer = self.oracle.write(self.node[who], stop_on_error=True)
        self.writer.wait_acks(self.writer.acks + 20)

    def waits(self):
        """Neither does a write complete, nor does the other one get the device."""
        for name in {'A', 'B'} - {self.at, *self.off}:
            self.node[name].run(f'echo 2000 >{PATIENCE}')
            expect(f'{name} gets the device', opens(self.node[name]).rc != 0)
            self.node[name].run(f'echo 10000 >{PATIENCE}')
        pause(1.5)
        before = self.writer.acks
        pause(1.5)
        expect('writes without a majority', self.writer.acks - before, 0)

    def repair(self):
        self.lab.heal()
        for name in self.off:
            if not self.node[name].alive():
                self.node[name].start()
            self.node[name].load()
            self.node[name].raftblk('up', WITNESS_DISK if name == 'W' else '/dev/vda')
        if self.at not in self.off:
            self.writer.wait_acks(self.writer.acks + 10)
            self.writer.stop()
            expect('write errors', self.writer.errors, 0)
        if self.cut_off:
            self.cut_off.wait(60)
            expect('the writer that was cut off got errors', self.cut_off.errors > 0)
        caught_up(self.lab, members=[1, 2, 3])
        self.oracle.verify(self.node['A'])


def refused(node, code, sentence, *words):
    got = node.raftblk(*words, check=False, timeout=120)
    expect(f'{words}: exit code ({got.err.strip()})', got.rc, code)
    if sentence not in got.err:
        raise AssertionError(f'{words}: {got.err!r} does not say {sentence!r}')


def form(lab):
    """The witness joins before the second member with data."""
    n1, n2, n3, _ = lab
    lab.load()
    n1.raftblk('create', VOLUME, n1.device, '--addr', n1.address, '--log-size', '16M')
    line = n1.raftblk('member', 'add', VOLUME, '--role', 'witness').out.split()
    words = [{'ADDRESS': n3.address}.get(word, word) for word in line[1:]]
    refused(n3, 1, 'a witness needs half of what the volume\'s log has, 8 MiB',
            *(TINY if word == 'DEVICE' else word for word in words))
    refused(n3, 1, 'is not a member', 'dump', TINY)
    expect('members', members(n1), {1: 'voter'})
    n3.raftblk(*(WITNESS_DISK if word == 'DEVICE' else word for word in words), timeout=120)
    lab.wait(lambda: members(n1) == {1: 'voter', 2: 'witness'}, 60, 'the witness to vote')
    refused(n3, 1, 'last voter with data', 'member', 'remove', VOLUME, '1')
    refused(n3, 1, 'last voter with data', 'member', 'set', VOLUME, '1', '--role', 'learner')
    refused(n1, 1, 'is a witness', 'transfer', VOLUME, '2')
    token = n1.raftblk('token', VOLUME).out.strip()
    n2.raftblk('join', n1.address, n2.device, '--addr', n2.address, '--token', token, timeout=120)
    lab.wait(lambda: members(n1).get(3) == 'voter', 60, 'n2 to vote')


def no_device(n3):
    """Nobody opens the device of a witness, and is told why."""
    for how in (f'dd if=/dev/null of={DEVICE} conv=notrunc', f'dd if={DEVICE} of=/dev/null'):
        got = n3.run(f'{how} 2>&1', check=False)
        expect(f'{how}: {got.out.strip()}', (got.rc != 0, 'not permitted' in got.out),
               (True, True))
    expect('the kernel says why', NO_DATA in n3.console())
    expect('so does status', 'a witness: it votes' in n3.raftblk('status', VOLUME).out)


def fill(node):
    """More than the witness's log holds."""
    node.run(f'dd if=/dev/urandom of={DEVICE} bs=1M seek=2 count=18 oflag=direct conv=notrunc '
             '2>/dev/null', timeout=120)


def wrapped(lab):
    """What the witness has forgotten exists once: it is waited for, and not lost."""
    n1, n2, n3, _ = lab
    n2.raftblk('down', VOLUME)
    fill(n1)
    fill(n1)
    n1.kill()
    events = n2.spawn(['raftblk', 'events', VOLUME])
    n2.raftblk('up', n2.device)
    for node in (n2, n3):
        lab.wait(lambda n=node: n.status(VOLUME)['waits_for_data'], 60,
                 f'{node.name} to wait for data')
        lab.wait(lambda n=node: 'is back: node 1 (10.0.0.1' in n.raftblk('status', VOLUME).out,
                 10, f'{node.name} to say for whom')
    expect('the witness leads', n3.status(VOLUME)['role'], 'leader')
    expect('n2 gets the device', opens(n2).rc != 0)
    n1.start()
    up(n1)
    caught_up(lab, members=[1, 2, 3])
    expect('nobody waits', [n.status(VOLUME)['waits_for_data'] for n in (n1, n2, n3)], [False] * 3)
    lab.wait(lambda: not n2.status(VOLUME).get('catchup'), 60, 'n2 to be complete')
    pause(1)
    events.kill()
    events.wait(30, check=False)
    # by extents: n1's log does not reach back that far
    expect('n2 has caught up', '"type":"catchup-end"' in events.out)
    expect('an event told', '"type":"waits-for-data"' in events.out and
           '"node_id":2' in events.out)


def behind(lab):
    """A witness that was away begins anew, with nothing to fetch, and counts."""
    n1, n2, n3, _ = lab
    n3.raftblk('down', VOLUME)
    n3.raftblk('dump', WITNESS_DISK)
    fill(n1)
    fill(n1)
    n3.raftblk('up', WITNESS_DISK)
    caught_up(lab, members=[1, 2, 3])
    status = n3.status(VOLUME)
    expect('what it fetched', (status['stats']['fetches'], status['stats']['applies']), (0, 0))
    n1.kill()
    wait_gone(lab, n1)
    expect('n2 opens', opens(n2).rc, 0)
    n1.start()
    up(n1)
    caught_up(lab, members=[1, 2, 3])


def replace(lab):
    """A witness takes the place of the witness, without being told that it is to be one."""
    n1, n2, n3, n4 = lab
    line = n2.raftblk('member', 'replace', VOLUME, '2').out.split()
    words = [{'DEVICE': WITNESS_DISK, 'ADDRESS': n4.address}.get(word, word) for word in line[1:]]
    n4.raftblk(*words, timeout=120)
    lab.wait(lambda: members(n1) == {1: 'voter', 3: 'voter', 4: 'witness'}, 60,
             'n4 to be in the place of n3')
    lab.wait(lambda: is_removed(n3), 60, 'n3 to learn that it was removed')
    n3.raftblk('down', VOLUME)
    n3.raftblk('wipe', WITNESS_DISK, '--yes')
    caught_up(lab, members=[1, 2, 4])


def run(lab):
    n1, _, n3, _ = lab
    lab.allow(*ALLOWED)
    form(lab)
    no_device(n3)
    oracle = Oracle(DEVICE, blocks=256, qd=4)
    for failures, promised in promises()[:lab.times(36, 6)]:
        lab.say(f'{" then ".join(failures)}: {", ".join(promised)}')
        Case(lab, oracle, failures).run(promised)
    lab.say('the witness has forgotten what B lacks')
    wrapped(lab)
    lab.say('the witness is behind')
    behind(lab)
    oracle.verify(n1)
    lab.say('the witness is replaced')
    replace(lab)
    finish(lab, members=[1, 2])
