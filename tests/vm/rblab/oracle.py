# SPDX-License-Identifier: GPL-2.0
"""Knows what was acknowledged, and so what a device must hold.

A round is one run of guest/ackwriter; rounds may follow each other on any
nodes.  After each, verify() reads every block back and demands for each that
it is whole, not older than its newest acknowledged write, and not newer than
its newest issued one.  What was found is from then on what must stay.
"""

import threading
import time

from .agent import CommandFailed, NodeDown


class Lost(Exception):
    """The device does not hold what it must."""


class Oracle:
    """One device's history."""

    def __init__(self, device, blocks=1024, bs=4096, qd=4, seed=1, offset=0):
        self.device = device
        self.blocks = blocks
        self.geometry = ['--blocks', str(blocks), '--bs', str(bs),
                         '--offset', str(offset)]
        self.qd = qd
        self.seed = seed
        self.run = 0
        self.acked = {}         # block: (run, seq)
        self.issued = {}        # block: (run, seq), at least as new as acked
        self.high = 0           # highest sequence number ever used
        self.writes = 0         # acknowledged, over all rounds
        self.errors = 0
        self.longest_us = 0

    def write(self, node, *more, **options):
        """Begin a round on a node."""
        self.run += 1
        return Round(self, node, more, options)

    def verify(self, node, timeout=120):
        """Read all blocks on this node; return how many were ever written."""
        check = node.run(['ackcheck', self.device, *self.geometry],
                         check=False, timeout=timeout)
        if check.rc not in (0, 1) or not check.out:
            raise CommandFailed(check)
        wrong, seen = [], 0
        for line in check.out.splitlines():
            kind, block, *rest = line.split()
            found = (int(rest[0]), int(rest[1])) if kind == 'w' else (0, 0)
            why = self._judge(kind, int(block), found)
            if why:
                wrong.append(f'block {block}: {why}')
            elif kind == 'w':
                seen += 1
                self.high = max(self.high, found[1])
                self.acked[int(block)] = self.issued[int(block)] = found
            else:
                self.issued.pop(int(block), None)
        if wrong:
            raise Lost(f'{node.name}: {len(wrong)} blocks are wrong: '
                       + '; '.join(wrong[:10]))
        return seen

    def _judge(self, kind, block, found):
        if kind in 'tfe':
            return {'t': 'torn', 'f': 'foreign or damaged', 'e': 'unreadable'}[kind]
        acked = self.acked.get(block, (0, 0))
        issued = self.issued.get(block, (0, 0))
        if found[1] < acked[1]:
            return (f'write {acked[1]} of run {acked[0]} was acknowledged and is '
                    f'lost: there is {found[1]} of run {found[0]}')
        if found == acked or found == issued:
            return None
        if found[0] == self.run and acked[1] < found[1] and self.unheard(found):
            return None
        if acked[1] < found[1] < issued[1] and found[0] == issued[0]:
            return None
        return (f'{found[1]} of run {found[0]} was never issued, or came back: '
                f'acknowledged {acked[1]}, issued {issued[1]}')

    def unheard(self, found):
        """Whether the last writer may have written this unheard of.

        When its machine dies, the news of its last writes die with it.
        """
        return self.last_died and found[1] > self.base_of_run

    last_died = False
    base_of_run = 0


class Round:
    """A writer at work."""

    def __init__(self, oracle, node, more, options):
        self.oracle = oracle
        self.node = node
        self.first_ack = None       # time.monotonic() of the first one heard
        self.last_ack = None
        self.acks = 0
        self.errors = 0
        self.longest_us = 0         # of the writes, once it has ended
        self.longest_gap = 0.0      # between two acks heard
        self.finished = False       # it said its last word
        oracle.last_died = False
        oracle.base_of_run = oracle.high
        words = ['ackwriter', oracle.device, *oracle.geometry,
                 '--qd', str(oracle.qd), '--seed', str(oracle.seed + oracle.run),
                 '--run', str(oracle.run), '--base', str(oracle.high)]
        for name, value in options.items():
            words += [f'--{name.replace("_", "-")}']
            words += [] if value is True else [str(value)]
        self.command = node.spawn(words + list(more))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        for line in self.command.lines():
            self._hear(line.split())

    def _hear(self, words):
        oracle = self.oracle
        if words[0] == 's':
            self.longest_us = int(words[3])
            oracle.longest_us = max(oracle.longest_us, self.longest_us)
            self.finished = True
            return
        if len(words) < 3:          # cut short by the machine's death
            return
        block, write = int(words[1]), (oracle.run, int(words[2]))
        oracle.high = max(oracle.high, write[1])
        if words[0] == 'i':
            oracle.issued[block] = write
        elif words[0] == 'a':
            oracle.acked[block] = write
            oracle.issued.setdefault(block, write)
            self._count_ack()
        else:
            self.errors += 1
            oracle.errors += 1

    def _count_ack(self):
        now = time.monotonic()
        if self.last_ack:
            self.longest_gap = max(self.longest_gap, now - self.last_ack)
        self.first_ack = self.first_ack or now
        self.last_ack = now
        self.acks += 1
        self.oracle.writes += 1

    def wait_acks(self, count, timeout=60):
        """Until that many writes of this round are acknowledged."""
        timeout *= self.node.lab.patience()
        end = time.monotonic() + timeout
        while self.acks < count:
            if self.command.ended() and not self._thread.is_alive():
                raise Lost(f'{self.node.name}: the writer ended after '
                           f'{self.acks} writes: {self.command.err.strip()}')
            if time.monotonic() > end:
                raise Lost(f'{self.node.name}: {self.acks} writes in {timeout} s, '
                           f'{count} expected')
            time.sleep(0.005)

    def stop(self, timeout=60):
        """End it in order (the device must answer); return self."""
        self.command.kill(15)
        return self.wait(timeout)

    def wait(self, timeout=60):
        """Until it ends by itself, or its machine did."""
        try:
            self.command.wait(timeout * self.node.lab.patience())
        except NodeDown:
            self.oracle.last_died = True
        self._thread.join(30)
        return self

    def died(self):
        """After the machine was killed."""
        return self.wait(30)
