# SPDX-License-Identifier: GPL-2.0
"""The kernels the machines boot, and the initramfs that goes with each."""

import json
import os
import subprocess

from . import paths


class Kernel:
    """A folder below build/kernels: image, modules, kernel.json."""

    def __init__(self, folder):
        self.folder = folder
        with open(f'{folder}/kernel.json', encoding='ascii') as source:
            about = json.load(source)
        self.release = about['release']
        self.machine = about['machine']
        self.debug = about['debug']
        self.image = f'{folder}/{about["image"]}'

    @classmethod
    def stock(cls, release=None):
        """Debian's: of this release, or what the module is built for."""
        words = [f'{paths.VM}/fetch-kernel', '--print']
        if release:
            words += ['--kernel', release]
        got = subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE)
        return cls(got.stdout.strip())

    @classmethod
    def debugging(cls):
        """The one that tests/kernel/build-debug makes."""
        subprocess.run([f'{paths.TOP}/tests/kernel/build-debug'], check=True)
        return cls(os.path.join(paths.KERNELS, 'debug'))

    def initramfs(self, bench=False):
        got = subprocess.run(
            [f'{paths.VM}/guest/mkinitramfs', self.folder]
            + (['--bench'] if bench else []),
            check=True, text=True, stdout=subprocess.PIPE)
        return got.stdout.strip()
