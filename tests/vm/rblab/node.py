# SPDX-License-Identifier: GPL-2.0
"""One machine of a lab."""

import json
import os
import shlex
import signal
import time

from . import agent, qemu
from .agent import Agent, CommandFailed, NodeDown, TimedOut
from .disk import Disk
from .process import Process


class Node:
    """Machine number I of a lab: nI, 10.0.0.I, fd00::I, its disk /dev/vda."""

    def __init__(self, lab, number):
        self.lab = lab
        self.number = number
        self.name = f'n{number}'
        self.address = f'10.0.0.{number}'
        self.address6 = f'fd00::{number}'
        self.folder = os.path.join(lab.state, self.name)
        self.console_path = os.path.join(self.folder, 'console.log')
        self.process = Process(os.path.join(lab.state, 'pids', self.name))
        self.disks = [Disk(lab.state, lab.sockets, number, name,
                           lab.about['sector'], lab.about['bus'])
                      for name in lab.disk_names()]
        self.device = '/dev/vda' if lab.about['bus'] == 'virtio' else '/dev/nvme0n1'
        self._agent = None

    # -- power --

    def alive(self):
        return self.process.pid() is not None

    @property
    def disk_path(self):
        """The image of /dev/vda on the host; complete once powered off."""
        return self.disks[0].image

    def power_on(self):
        """Start the machine without waiting for it."""
        if self.alive():
            raise NodeDown(f'{self.name} is running already')
        about = self.lab.about
        self._forget_agent()
        with open(self.console_path, 'a', encoding='ascii') as console:
            console.write(f'\n=== power on {self.name}\n')
        more = qemu.network(self.number, self.lab.net.port(self.number))
        for disk in self.disks:
            if about['volatile']:
                disk.start()
            more += disk.options(about['volatile'])
        words = qemu.command(
            self.number, self.lab.sockets, self.lab.kernel, self.lab.initrd,
            self.lab.host, about['mem'], about['smp'], self.console_path, more,
            about['append'])
        self.process = Process.start(self.process.record, words,
                                     os.path.join(self.folder, 'qemu.log'))

    def wait_ready(self, timeout=None):
        """Wait until commands can be run, and the disk is there."""
        try:
            self.agent(timeout or self.lab.boot_timeout())
        except NodeDown as error:
            said = self.console().splitlines()[-15:] or ['nothing']
            raise NodeDown('\n'.join([f'{error}; its console ends with:', *said])) from error
        if self.lab.about['bus'] == 'nvme':
            self.run(f'modprobe nvme && until [ -b {self.device} ]; do sleep 0.1; done')

    def start(self, timeout=None):
        """Power on and wait until it answers."""
        self.power_on()
        self.wait_ready(timeout)

    def kill(self, keep=None):
        """Power cut.  keep=SEED: a random half of what was not flushed stays."""
        self._kill_machine()
        self._cut_disks(keep)

    def _kill_machine(self):
        self.process.kill()
        self._forget_agent()

    def _cut_disks(self, keep):
        for disk in self.disks:
            disk.power_cut(keep)

    def poweroff(self, timeout=30):
        """Power off in order; what the disk held in its cache is written."""
        if self.alive():
            try:
                self.resume()
                self.agent(5).poweroff()
            except (NodeDown, qemu.MonitorError):
                pass
            if not self.process.wait(timeout):
                self.process.kill()
                self._forget_agent()
                self._stop_disks()
                raise TimedOut(f'{self.name} did not power off in {timeout} s')
        self.process.forget()
        self._forget_agent()
        self._stop_disks()

    def _stop_disks(self):
        for disk in self.disks:
            disk.stop()

    def pause(self, how='monitor'):
        """Stop it for a while.

        'monitor': its clocks stop too, so the guest cannot tell.  'freeze':
        the process is stopped and the guest's clocks run on, as on a host
        that is out of breath.
        """
        if how == 'freeze':
            self.process.signal(signal.SIGSTOP)
        else:
            self.monitor('stop')

    def resume(self):
        self.process.signal(signal.SIGCONT)
        self.monitor('cont')

    def monitor(self, name, **arguments):
        """A command to QEMU's monitor."""
        return qemu.monitor(f'{self.lab.sockets}/{self.name}.qmp', name, **arguments)

    # -- commands --

    def agent(self, timeout=10):
        """The session with the machine, opened when it is first needed."""
        if self._agent and self._agent.connected():
            return self._agent
        if not self.alive():
            raise NodeDown(f'{self.name} is not running')
        fresh = Agent(self.name, self.lab.sockets, self.number)
        fresh.connect(timeout, self.alive)
        self._agent = fresh
        return fresh

    def _forget_agent(self):
        if self._agent:
            self._agent.close()
        self._agent = None

    def spawn(self, words, flags=0):
        """Start a command (text for sh, or a list) and return it at once."""
        return self.agent().spawn(words, flags)

    def detach(self, words):
        """Start a command that goes on when this client ends."""
        return self.agent().spawn(words, agent.DETACHED)

    def run(self, words, check=True, timeout=60, input=None):
        """Run a command to its end; the result has out, err, raw and rc."""
        # pylint: disable=redefined-builtin
        timeout *= self.lab.patience()
        command = self.spawn(words)
        try:
            if input is not None:
                command.write(input, timeout)
            command.close_stdin()
            return command.wait(timeout, check)
        except TimedOut:
            command.kill()
            raise

    def push(self, source, target, mode=None):
        """Copy a file of the host into the machine."""
        with open(source, 'rb') as file:
            data = file.read()
        mode = mode or os.stat(source).st_mode & 0o777
        where = shlex.quote(target)
        self.run(f'cat >{where} && chmod {mode:o} {where}', input=data, timeout=300)

    def pull(self, source, target):
        """Copy a file of the machine to the host."""
        data = self.run(['cat', source], timeout=300).raw
        with open(target, 'wb') as file:
            file.write(data)

    # -- the kernel's log --

    def console(self):
        try:
            with open(self.console_path, encoding='utf-8', errors='replace') as log:
                return log.read()
        except FileNotFoundError:
            return ''

    def kmsg(self, text):
        """Put a line into the kernel's log."""
        self.run('cat >/dev/kmsg', input=f'<6>{text}\n')

    # -- raftblk --

    def load(self, *parameters):
        """Load raftblk.ko, unless it is."""
        if not os.path.exists(self.lab.initrd) or not self.has_module():
            raise NodeDown(f'{self.name}: no raftblk.ko was built for '
                           f'{self.lab.kernel.release}')
        if not self.loaded():
            self.run(['raftblk-load', *parameters], timeout=120)

    def has_module(self):
        return self.run('test -e /lib/raftblk.ko', check=False).rc == 0

    def loaded(self):
        return self.run('test -d /sys/module/raftblk', check=False).rc == 0

    def unload(self):
        """Bring every volume down and remove the module."""
        if self.loaded():
            for volume in self.status():
                self.raftblk('down', volume['name'])
            self.run('rmmod raftblk', timeout=120)

    def raftblk(self, *words, check=True, timeout=60):
        """Run the tool; with --json among the words, return what it says."""
        command = self.run(['raftblk', *words], check=False, timeout=timeout)
        if check and command.rc:
            raise CommandFailed(command)
        if '--json' in words and command.rc == 0:
            return json.loads(command.out or 'null')
        return command

    def status(self, volume=None):
        """raftblk's status: of all volumes a list, of one its object."""
        words = ['status'] + ([volume] if volume else []) + ['--json']
        volumes = self.raftblk(*words).get('volumes', [])
        if not volume:
            return volumes
        return next((one for one in volumes if one['name'] == volume), None)

    # -- debug kernel --

    def check_kmemleak(self):
        """What kmemleak reports after two scans; '' when all is well."""
        path = '/sys/kernel/debug/kmemleak'
        if self.run(f'test -e {path}', check=False).rc:
            return ''
        self.run(f'echo scan >{path}', timeout=300)
        time.sleep(5)       # younger objects are not looked at
        self.run(f'echo scan >{path}', timeout=300)
        return self.run(['cat', path], timeout=120).out
