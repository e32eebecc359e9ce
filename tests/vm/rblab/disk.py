# SPDX-License-Identifier: GPL-2.0
"""A node's disk: an image file, by default behind a volatile write cache."""

import os
import re
import time

from . import lines, paths
from .process import Process

# QEMU's NVMe does not do what FUA asks for, so there the guest gets no write cache.
DEVICES = {'virtio': 'virtio-blk-pci,write-cache=on', 'nvme': 'nvme,write-cache=off'}
UNITS = {'': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}


def parse_size(text):
    """'64M' and the like, in bytes."""
    found = re.fullmatch(r'(\d+)([KMGT]?)i?B?', str(text).upper())
    if not found:
        raise ValueError(f'{text}: not a size (try 64M)')
    return int(found[1]) * UNITS[found[2]]


class Disk:
    """The image and, in volatile mode, the process that serves it.

    sector: 512 or 4096 bytes; bus: 'virtio', or 'nvme': that one never loses a
    write that has completed.
    """

    def __init__(self, state, sockets, node, name='disk', sector=512, bus='virtio'):
        self.image = os.path.join(state, f'n{node}', f'{name}.img')
        self.log = os.path.join(state, f'n{node}', f'{name}.log')
        self.socket = f'{sockets}/n{node}.{name}'
        self.control = f'{sockets}/n{node}.{name}.ctl'
        self.process = Process(os.path.join(state, 'pids', f'n{node}.{name}'))
        self.serial = name
        self.sector = sector
        self.bus = bus

    def create(self, size):
        """A blank image; an old one is forgotten."""
        with open(self.image, 'wb') as image:
            image.truncate(parse_size(size))

    def start(self):
        for path in (self.socket, self.control):
            if os.path.exists(path):
                os.unlink(path)
        self.process = Process.start(
            self.process.record,
            ['nbdkit', '-f', '-t', '8', '-U', self.socket, paths.tool('disk.so'),
             f'file={self.image}', f'control={self.control}',
             f'sector={self.sector}'], self.log)
        end = time.monotonic() + 10
        while not (os.path.exists(self.socket) and os.path.exists(self.control)):
            if time.monotonic() > end or not self.process.pid():
                raise lines.ControlError(f'the disk does not start: {self.log}')
            time.sleep(0.002)

    def options(self, volatile):
        """QEMU's words.  On virtio the guest sees a write-back cache in both modes."""
        if volatile:
            source = f'driver=nbd,server.type=unix,server.path={self.socket}'
        else:
            source = (f'driver=raw,file.driver=file,file.filename={self.image},'
                      'file.aio=threads')
        return ['-blockdev', f'{source},node-name={self.serial},discard=unmap,'
                             'cache.direct=on,cache.no-flush=off',
                '-device', f'{DEVICES[self.bus]},drive={self.serial},'
                           f'serial={self.serial},logical_block_size={self.sector},'
                           f'physical_block_size={self.sector}']

    def ask(self, command):
        """A command to the disk server, as disk.c describes them."""
        return lines.ask(self.control, command)

    def power_cut(self, keep=None):
        """What is not flushed is lost; keep=SEED keeps a random half."""
        if self.process.pid():
            self.ask('drop' if keep is None else f'cut {keep}')
        self.process.kill()

    def stop(self):
        """In order: everything is written."""
        self.process.end()

    def delay(self, us):
        """Every request takes that much longer."""
        self.ask(f'delay {us}')

    def lose(self, offset, length):
        """These bytes, whole sectors, cannot be read any more until they are written."""
        self.ask(f'lose {offset} {length}')

    def lost(self):
        """How many sectors of 512 bytes cannot be read."""
        return int(self.ask('lost')[0])

    def dirty(self):
        """How many sectors a power cut would lose."""
        return int(self.ask('dirty')[0])
