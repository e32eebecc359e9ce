# SPDX-License-Identifier: GPL-2.0
"""Away for four times the log, back under load, and interrupted again and again."""

from rblab.oracle import Oracle

from _common import DEVICE, caught_up, expect, finish, form, pause, sysfs_state, up

LAB = {'nodes': 3, 'disk': '224M'}
TIMEOUT = 600
LONG = True

MIB = 1 << 20
LOG = 16
RATE = 24           # Mbit/s towards the member that is behind: time to interrupt it


def fill(node, seed):
    """New content for four times the log."""
    node.run(f'fio --name=fill --filename={DEVICE} --offset=32M --size={4 * LOG}M --rw=write '
             f'--bs=512k --iodepth=4 --ioengine=libaio --direct=1 --refill_buffers '
             f'--randseed={seed} --output-format=terse >/dev/null', timeout=240)


class Receiver:
    """The member that is behind, and what it has received in all its lives."""

    def __init__(self, lab, node):
        self.lab, self.node = lab, node
        self.before = self.now = 0

    def look(self):
        """(still catching up, percent done)"""
        status = self.node.status('vol0')
        self.now = status['stats']['fetch_bytes']
        progress = status.get('catchup')
        if not progress:
            return False, 100
        return True, 100 * progress['done'] // (progress['total'] or 1 << 60)

    def reach(self, percent):
        """Until so much is done; it must not be over before."""
        def there():
            going, done = self.look()
            expect('it still catches up', going)
            return done >= percent
        self.lab.wait(there, 120, f'{percent} % of the catch-up')

    def moves(self):
        """It goes on from where it was."""
        start = self.look()[1]
        self.lab.wait(lambda: self.look()[1] > start, 60, 'the catch-up to go on')

    def new_life(self):
        self.before, self.now = self.before + self.now, 0

    def received(self):
        self.look()
        return self.before + self.now


def narrow(lab):
    for other in (1, 2):
        lab.slow(other, 3, rate=RATE, oneway=True)


def run(lab):
    n1, n2, n3 = lab
    form(lab, f'{LOG}M')
    fill(n1, 1)
    caught_up(lab)
    n3.kill()
    fill(n1, 2)
    oracle = Oracle(DEVICE, blocks=1024, qd=2)
    writer = oracle.write(n1, pause=2000)
    writer.wait_acks(50)

    narrow(lab)
    n3.start()
    up(n3)
    behind = Receiver(lab, n3)
    lab.wait(lambda: behind.look()[0], 60, 'n3 to begin catching up')
    expect('state in sysfs', sysfs_state(n3), 'catching-up')

    behind.reach(15)
    lab.say('leadership is handed to n2, and comes back')
    n1.raftblk('transfer', 'vol0', '2', timeout=60)
    behind.moves()
    writer.wait_acks(writer.acks + 50, 60)

    behind.reach(25)
    lab.say('the receiver is taken down, and up again')
    # udev, or the block layer, may be looking for partitions at that moment
    lab.allow(r'^I/O error, dev raftblk0, sector 0 op 0x0:\(READ\)',
              r'^Buffer I/O error on dev raftblk0',
              r'^ *raftblk0: unable to read partition table')
    n3.raftblk('down', 'vol0', timeout=60)
    behind.new_life()
    up(n3)
    behind.moves()

    behind.reach(20)
    lab.say('the receiver is cut off')
    lab.partition([1, 2], [3])
    pause(4)
    lab.heal()
    narrow(lab)
    behind.moves()
    expect('write errors', writer.errors, 0)

    behind.reach(50)
    lab.say('the receiver loses power')
    behind.look()
    n3.kill(keep=3)
    behind.new_life()
    n3.start()
    up(n3)
    going, done = behind.look()
    expect('its disk says that it is incomplete', going)
    lab.say(f'it is back at {done} %')
    behind.moves()

    behind.reach(75)
    lab.say('the leader, and with it the writer, loses power')
    n1.kill()
    writer.died()
    # n2 alone is no majority: n3 votes, but nothing is acknowledged on the word of a
    # member that is incomplete.
    behind.moves()
    n1.start()
    up(n1)
    lab.heal()
    lab.wait(lambda: not behind.look()[0], 180, 'n3 to be complete')
    lab.say(f'n3 has received {behind.received() / MIB:.1f} MiB in all')
    expect('no more travels than differs, about',
           behind.received() < 1.3 * (4 * LOG + 4) * MIB)
    expect('but that does', behind.received() > 4 * LOG * MIB * 0.8)

    caught_up(lab)
    oracle.verify(n3)
    again = oracle.write(n2)
    again.wait_acks(100)
    again.stop()
    oracle.verify(n1)
    finish(lab)
