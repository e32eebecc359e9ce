# SPDX-License-Identifier: GPL-2.0
"""The network between the nodes: one switch process, directed links."""

import os
import time

from . import lines, paths
from .process import Process


class Net:
    """Talks to the switch of a lab."""

    def __init__(self, state, sockets):
        self.sockets = sockets
        self.log = os.path.join(state, 'switch.log')
        self.process = Process(os.path.join(state, 'pids', 'switch'))

    def start(self, nodes):
        self.process = Process.start(
            self.process.record,
            [paths.tool('switch'), self.sockets, str(nodes)], self.log)
        end = time.monotonic() + 10
        while not os.path.exists(f'{self.sockets}/ctl'):
            if time.monotonic() > end or not self.process.pid():
                raise lines.ControlError(f'the switch does not start: {self.log}')
            time.sleep(0.002)

    def stop(self):
        self.process.kill()

    def port(self, node):
        """The socket QEMU plugs into."""
        return f'{self.sockets}/p{node}'

    def ask(self, command):
        return lines.ask(f'{self.sockets}/ctl', command)

    def cut(self, a, b):
        self.ask(f'cut {a} {b}')

    def join(self, a, b):
        self.ask(f'join {a} {b}')

    def shape(self, a, b, delay_ms=0, loss_pct=0, rate_mbit=0):
        self.ask(f'shape {a} {b} {int(delay_ms * 1000)} '
                 f'{int(loss_pct * 10000)} {int(rate_mbit * 1000)}')

    def seed(self, seed):
        """Makes the losses repeat themselves."""
        self.ask(f'seed {seed}')

    def stats(self):
        """{(a, b): {'frames', 'bytes', 'lost'}} of the links that were used."""
        rows = [[int(word) for word in line.split()] for line in self.ask('stats')]
        return {(a, b): {'frames': frames, 'bytes': size, 'lost': lost}
                for a, b, frames, size, lost in rows}
