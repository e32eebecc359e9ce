# SPDX-License-Identifier: GPL-2.0
"""What is measured: each system has a lower device of its own on every machine.

All are made at the beginning.  Then only one at a time is up, so that the
heartbeats of the others cost nobody anything.
"""

import time

from rblab.lab import Together

DRBD_CONF = '''global {{ usage-count no; }}
resource bench {{
	net {{ protocol C; }}
	device /dev/drbd0;
	disk {lower};
	meta-disk internal;
	on n1 {{ address 10.0.0.1:7789; }}
	on n2 {{ address 10.0.0.2:7789; }}
}}
'''


class System:
    """A block device on n1, under a name, made of the members' lower devices."""

    name = title = ''
    nodes = 1               # how many machines take part
    log = False             # its lower device has room for a log

    def __init__(self, sizes):
        self.sizes = sizes
        self.lab = self.lower = self.holder = None

    def use(self, lab, lower):
        self.lab, self.lower = lab, lower

    @property
    def members(self):
        return [self.lab.node(number) for number in range(1, self.nodes + 1)]

    @property
    def front(self):
        """The machine fio runs on."""
        return self.lab.node(1)

    def everywhere(self, function):
        """Call function(node) on all members at the same time."""
        Together([lambda node=node: function(node) for node in self.members]).join()

    def make(self):
        """Format the lower devices; leaves the system up."""

    def up(self):
        """Bring it up again."""

    def down(self):
        """Take it down."""

    def device(self):
        """The path of the device on n1."""
        return self.lower

    def level(self):
        """Whether all members have all that was written."""
        return True

    def version(self):
        return ''

    def start(self, make=False):
        """Up, and held open as by a mounted filesystem; return the device."""
        if make:
            self.make()
        else:
            self.up()
        device = self.device()
        self.holder = self.front.spawn(f'exec 9<>{device} && echo open && cat')
        if not self.holder.read(90):
            raise OSError(f'{device} cannot be opened: {self.holder.wait(5, False).err.strip()}')
        self.settle()
        return device

    def settle(self):
        """Until nothing is left to do from what came before."""
        time.sleep(1)
        self.lab.wait(self.level, 120, f'{self.name}: all members to be level', 0.5)

    def stop(self):
        if self.holder:
            self.holder.close_stdin()
            self.holder.wait(60)
            self.holder = None
        self.settle()
        self.down()


class Bare(System):
    """The lower device itself, on one machine: the roof."""

    name, title = 'bare', 'bare device'


class Drbd(System):
    """DRBD 8.4 as the kernel has it: two nodes, protocol C, all else default."""

    name, title, nodes = 'drbd', 'DRBD 8.4, 2 nodes', 2

    def adm(self, node, *words):
        return node.run(['drbdadm', *words, 'bench'], timeout=60).out

    def make(self):
        self.everywhere(self.make_node)
        self.connected()
        # Both are blank, and so the same: no first resync.
        self.front.run('drbdadm new-current-uuid --clear-bitmap bench/0')
        self.primary()

    def make_node(self, node):
        node.run('cat >/etc/drbd.conf', input=DRBD_CONF.format(lower=self.lower))
        node.run('modprobe drbd')
        self.adm(node, '--', '--force', 'create-md')
        self.adm(node, 'up')

    def up(self):
        self.everywhere(lambda node: self.adm(node, 'up'))
        self.connected()
        self.primary()

    def connected(self):
        self.lab.wait(lambda: self.adm(self.front, 'cstate').strip() == 'Connected', 60,
                      'DRBD to connect')

    def primary(self):
        self.lab.wait(self.level, 60, 'DRBD to be UpToDate on both nodes')
        self.adm(self.front, 'primary')

    def down(self):
        self.adm(self.front, 'secondary')
        self.everywhere(lambda node: self.adm(node, 'down'))

    def device(self):
        return '/dev/drbd0'

    def level(self):
        return self.adm(self.front, 'dstate').strip() == 'UpToDate/UpToDate'

    def version(self):
        line = self.front.run('head -n 1 /proc/drbd').out.split()
        return line[1] if len(line) > 1 else ''


class Raftblk(System):
    """raftblk with all settings as they come."""

    log = True

    def make(self):
        self.lab.form(self.name, range(1, self.nodes + 1), device=self.lower, create=[
            '--size', self.sizes['size'], '--log-size', self.sizes['log'], '--assume-zero'])
        self.lab.wait(self.all_vote, 60, f'{self.name}: all members to vote')

    def up(self):
        self.everywhere(lambda node: node.raftblk('up', self.lower, timeout=120))

    def down(self):
        """The leader last, so that nobody holds an election in between."""
        for node in reversed(self.members):
            node.raftblk('down', self.name, timeout=120)

    def device(self):
        return f'/dev/raftblk{self.status()["minor"]}'

    def status(self, node=None):
        return (node or self.front).status(self.name)

    def all_vote(self):
        return [m['part'] for m in self.status()['members']] == ['voter'] * self.nodes

    def level(self):
        """n1 leads, and everybody has applied the last entry."""
        states = [self.status(node) for node in self.members]
        return (states[0]['role'] == 'leader'
                and {state['applied'] for state in states} == {states[0]['last']})

    def version(self):
        return self.front.run('cat /sys/module/raftblk/srcversion', check=False).out.strip()


class Raftblk3(Raftblk):
    """Three members: two of three logs make a write durable."""

    name, title, nodes = 'raftblk3', 'raftblk, 3 members', 3


class Raftblk2(Raftblk):
    """Two members: both logs have to have it, as with DRBD."""

    name, title, nodes = 'raftblk2', 'raftblk, 2 members', 2


SYSTEMS = [Raftblk3, Raftblk2, Drbd, Bare]
