# SPDX-License-Identifier: GPL-2.0
"""A lab: some machines, their network, and what is known of them on disk."""

import fcntl
import json
import os
import shutil
import signal
import sys
import threading
import time

from . import console, host, lines, paths, qemu
from .agent import NodeDown, TimedOut
from .console import Findings
from .kernel import Kernel
from .net import Net
from .node import Node
from .process import Process


class LabError(Exception):
    """The lab cannot do what it was asked."""


DEFAULTS = {'nodes': 3, 'disk': '64M', 'kernel': None, 'debug': False,
            'mem': 0, 'smp': 0, 'volatile': True, 'extra_disks': {},
            'sector': 512, 'bus': 'virtio',
            'bench': False, 'append': '', 'short': False, 'lifetime': 4 * 3600, 'daemon': False}


class Lab:
    """Machines 1 to N.  As a context it is up inside, and judged at the end.

    nodes, disk (size of each /dev/vda), kernel (release), debug (the debug
    kernel), mem (MB), smp, volatile (disks lose what is not flushed),
    extra_disks ({'log': '32M'}: /dev/vdb and on, in this order), sector (of the
    disks: 512 or 4096 bytes), bus ('virtio', or 'nvme': then the disk is
    /dev/nvme0n1 and has no volatile cache), bench (the tools of the benchmark),
    append (more for the kernel's command line), short (repeat less), lifetime
    (seconds after which it is ended), daemon (lives on when the process that
    started it ends).
    """

    def __init__(self, name='default', **options):
        unknown = set(options) - set(DEFAULTS)
        if unknown:
            raise LabError(f'unknown options: {", ".join(sorted(unknown))}')
        self.name = name
        self.state = os.path.join(paths.LABS, name)
        self.sockets = paths.sockets(name)
        self.options = options
        self.about = {**DEFAULTS, **options}
        self.net = Net(self.state, self.sockets)
        self.nodes = []
        self.allowed = []
        self.findings = []
        self.keep = False           # leave it running at the end of a context
        self.kernel = None
        self.initrd = None
        self.host = None
        self._claimed = None
        self._boot_seconds = {}
        self._begun = time.monotonic()

    # -- life --

    @classmethod
    def open(cls, name):
        """A lab that another process has brought up."""
        self = cls(name)
        try:
            with open(f'{self.state}/lab.json', encoding='ascii') as source:
                saved = json.load(source)
        except FileNotFoundError as error:
            raise LabError(f'lab {name} is not up') from error
        self.about = {**DEFAULTS, **saved['about']}
        self.allowed = saved['allowed']
        self.initrd = saved['initrd']
        self.host = saved['host']
        self.kernel = Kernel(saved['kernel'])
        self.nodes = [Node(self, n + 1) for n in range(self.about['nodes'])]
        return self

    def up(self, say=lambda text: None):
        """Start everything; return when all machines answer."""
        sweep()
        self._claim()
        if self.running():
            raise LabError(f'lab {self.name} is up already')
        about = self.about
        self.kernel = (Kernel.debugging() if about['debug']
                       else Kernel.stock(about['kernel']))
        about['mem'] = about['mem'] or (768 if self.kernel.debug else 384)
        about['smp'] = about['smp'] or (2 if self.kernel.debug else 1)
        self.initrd = self.kernel.initramfs(about['bench'])
        self.host = host.facts(self._trial)
        self._fresh_state()
        self.nodes = [Node(self, n + 1) for n in range(about['nodes'])]
        begun = time.monotonic()
        try:
            self.net.start(about['nodes'])
            for node in self.nodes:
                os.makedirs(node.folder)
                for disk, size in zip(node.disks, self._disk_sizes()):
                    disk.create(size)
                node.power_on()
            self._save()
            self._watch()
            for node in self.nodes:
                node.wait_ready()
                self._boot_seconds[node.number] = time.monotonic() - begun
                say(f'{node.name} is up after {time.monotonic() - begun:.1f} s')
        except BaseException:
            self.stop_all()
            raise
        return self

    def _claim(self, patience=1.0):
        """Two processes must not bring up the same lab: ours until we end.

        A moment's patience, since abandoned() looks by claiming.
        """
        os.makedirs(paths.LABS, exist_ok=True)
        # pylint: disable-next=consider-using-with
        self._claimed = open(f'{self.state}.lock', 'w', encoding='ascii')
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if time.monotonic() > end:
                    self._claimed.close()
                    self._claimed = None
                    raise LabError(f'lab {self.name} is in use by another '
                                   'process') from error
            time.sleep(0.02)

    def abandoned(self):
        """Whether no process that brought it up lives any more."""
        if self._claimed:
            return False
        try:
            self._claim(0)
        except LabError:
            return False
        self._claimed.close()
        self._claimed = None
        return True

    def _fresh_state(self):
        self.stop_all()
        shutil.rmtree(self.state, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)
        os.makedirs(f'{self.state}/pids')
        os.makedirs(self.sockets, mode=0o700)

    def _watch(self):
        """Start the keeper, who ends what nobody comes back for."""
        Process.start(f'{self.state}/pids/keeper',
                      ['/usr/bin/python3', os.path.join(paths.VM, 'rblab', 'keeper.py'),
                       self.name, str(self.about['lifetime'])],
                      f'{self.state}/keeper.log')

    def _save(self):
        about = {'about': self.about, 'allowed': self.allowed,
                 'initrd': self.initrd, 'host': self.host,
                 'kernel': self.kernel.folder}
        path = f'{self.state}/lab.json'
        with open(path + '.new', 'w', encoding='ascii') as out:
            json.dump(about, out, indent=1)
        os.rename(path + '.new', path)

    def _trial(self, where, known):
        """A machine that only has to boot, under KVM."""
        return qemu.command(0, where, self.kernel, self.initrd,
                            {**known, 'kvm': True}, 384, 1, f'{where}/console')

    def disk_names(self):
        return ['disk', *self.about['extra_disks']]

    def _disk_sizes(self):
        return [self.about['disk'], *self.about['extra_disks'].values()]

    def boot_timeout(self):
        return 300 if self.kernel.debug else 120

    def patience(self):
        """What time-outs are multiplied with: the debug kernel is slow, a host may be."""
        return 6 if self.kernel.debug else 2

    def times(self, many, few):
        """How often to repeat: few times on the debug kernel and in a short run."""
        return few if self.kernel.debug or self.about['short'] else many

    def boot_seconds(self):
        """Seconds from the start of `up` until each node answered."""
        return dict(self._boot_seconds)

    def processes(self):
        """All that was started and may live still."""
        folder = f'{self.state}/pids'
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return {name: Process(f'{folder}/{name}') for name in names}

    def running(self):
        return any(process.pid() for name, process in self.processes().items()
                   if name != 'keeper')

    def stop_all(self):
        """End every process at once, whatever it is doing."""
        others = [process for process in self.processes().values()
                  if process.pid() != os.getpid()]
        for process in others:
            process.signal(signal.SIGKILL)
        for process in others:
            process.kill()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def down(self):
        """Power everything off and judge the kernels' logs.

        Returns the findings; images and logs stay until the next up.
        """
        problems = []
        for node in self.nodes:
            try:
                problems += self._node_down(node)
            except (NodeDown, TimedOut, lines.ControlError) as error:
                problems.append((node.name, 0, 'down', str(error)))
        self.stop_all()
        self.findings = problems + self.scan()
        return self.findings

    def _node_down(self, node):
        problems = []
        if node.alive() and self.kernel.debug:
            node.resume()
            leaks = node.check_kmemleak()
            if leaks.strip():
                problems.append((node.name, 0, 'kmemleak', leaks[:4000]))
        node.poweroff()
        return problems

    def unload_all(self):
        """Remove the module everywhere; meant for the end of a scenario."""
        running = [node for node in self.nodes if node.alive()]
        threads = Together([node.unload for node in running])
        threads.join()

    def __enter__(self):
        signal.signal(signal.SIGTERM, _terminate)
        return self.up()

    def __exit__(self, kind, error, trace):
        if self.keep:
            return
        if kind is not None:
            self._report()
            self.stop_all()
            return
        try:
            self.unload_all()
            findings = self.down()
        except BaseException:
            self._report()
            self.stop_all()
            raise
        if findings:
            raise Findings(findings)

    def _report(self):
        """After a failure: what the kernels said, and where to look."""
        for name, number, why, text in self.scan()[:20]:
            print(f'# {name}:{number}: {why}: {text}', file=sys.stderr)
        print(f'# logs and images are in {self.state}', file=sys.stderr)

    # -- what it consists of --

    def node(self, number):
        if not 1 <= number <= len(self.nodes):
            raise LabError(f'there is no node {number}')
        return self.nodes[number - 1]

    def __iter__(self):
        return iter(self.nodes)

    def kill(self, *numbers, keep=None):
        """Power cut of several machines in the same moment (default: all)."""
        nodes = [self.node(n) for n in numbers] or self.nodes
        for node in nodes:
            node.process.signal(signal.SIGKILL)
        for node in nodes:
            node.kill(None if keep is None else keep + node.number)

    def start(self, *numbers):
        """Start several machines at once (default: those that are off)."""
        nodes = [self.node(n) for n in numbers] or [
            node for node in self.nodes if not node.alive()]
        for node in nodes:
            node.power_on()
        for node in nodes:
            node.wait_ready()

    # -- network --

    def cut(self, a, b, oneway=False):
        """Cut the link from a to b, and back unless oneway."""
        self.net.cut(a, b)
        if not oneway:
            self.net.cut(b, a)

    def join(self, a, b, oneway=False):
        self.net.join(a, b)
        if not oneway:
            self.net.join(b, a)

    def partition(self, *groups):
        """Only nodes of one group reach each other; a node in none, nobody."""
        side = {n: i for i, group in enumerate(groups) for n in group}
        for a, b in self._links():
            if side.get(a, -a) == side.get(b, -b):
                self.net.join(a, b)
            else:
                self.net.cut(a, b)

    def heal(self):
        """All links whole and fast again."""
        for a, b in self._links():
            self.net.join(a, b)
            self.net.shape(a, b)

    def slow(self, a, b, delay=0, loss=0, rate=0, oneway=False):
        """delay in ms, loss in percent, rate in Mbit/s, on each direction."""
        self.net.shape(a, b, delay, loss, rate)
        if not oneway:
            self.net.shape(b, a, delay, loss, rate)

    def _links(self):
        count = len(self.nodes)
        return [(a, b) for a in range(1, count + 1) for b in range(1, count + 1)
                if a != b]

    # -- waiting and judging --

    def wait(self, condition, timeout=30, what='the condition', every=0.05):
        """Call condition until it gives something true; return that."""
        timeout *= self.patience()
        end = time.monotonic() + timeout
        while True:
            got = condition()
            if got:
                return got
            if time.monotonic() > end:
                raise TimedOut(f'{what} did not come true in {timeout} s')
            time.sleep(every)

    def say(self, text):
        """Tell what the test is about to do."""
        print(f'# [{time.monotonic() - self._begun:5.1f}] {text}', flush=True)

    def allow(self, *patterns):
        """Kernel messages this test provokes: regular expressions."""
        self.allowed += patterns
        if os.path.exists(f'{self.state}/lab.json'):
            self._save()

    def scan(self):
        """Findings in the consoles so far."""
        allowed = console.allow_list() + self.allowed
        return [finding for node in self.nodes
                for finding in console.scan(node.name, node.console(), allowed)]

    # -- raftblk --

    def load(self, *parameters):
        """Load the module on every running machine."""
        Together([lambda node=node: node.load(*parameters)
                  for node in self.nodes if node.alive()]).join()

    def form(self, name='vol0', members=None, create=(), device=None):
        """Make a volume on the first member and join the others to it.

        device: another one than each machine's first disk.
        """
        members = [self.node(n) for n in
                   (members or range(1, len(self.nodes) + 1))]
        self.load()
        first = members[0]
        first.raftblk('create', name, device or first.device, '--addr', first.address, *create,
                      timeout=300)
        token = first.raftblk('token', name).out.strip()
        for node in members[1:]:
            node.raftblk('join', first.address, device or node.device,
                         '--addr', node.address, '--token', token, timeout=300)
        return first

    def compare_data_areas(self):
        """After power off: what differs between the members' data areas."""
        from .compare import compare_data_areas     # it knows the disk format
        return compare_data_areas(self)

    def leader(self, name='vol0'):
        """The node that leads now, or None."""
        for node in self.nodes:
            if not node.alive():
                continue
            try:
                status = node.status(name)
            except Exception:       # pylint: disable=broad-exception-caught
                continue
            if status and status.get('role') == 'leader':
                return node
        return None


class Together:
    """Runs functions at the same time; join() raises the first error."""

    def __init__(self, functions):
        self.errors = []
        self.threads = [threading.Thread(target=self._call, args=(function,))
                        for function in functions]
        for thread in self.threads:
            thread.start()

    def _call(self, function):
        try:
            function()
        except Exception as error:      # pylint: disable=broad-exception-caught
            self.errors.append(error)

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]


def _terminate(number, frame):
    raise KeyboardInterrupt(f'signal {number}')


def names():
    """All labs there is something known of."""
    if not os.path.isdir(paths.LABS):
        return []
    return sorted(name for name in os.listdir(paths.LABS)
                  if os.path.exists(f'{paths.LABS}/{name}/lab.json')
                  or os.path.isdir(f'{paths.LABS}/{name}/pids'))


def sweep():
    """End what labs left behind whose test has died."""
    for name in names():
        lab = Lab(name)
        try:
            with open(f'{lab.state}/lab.json', encoding='ascii') as source:
                about = json.load(source)['about']
        except (FileNotFoundError, ValueError):
            continue
        if about.get('daemon'):
            continue
        if lab.running() and lab.abandoned():
            lab.stop_all()
