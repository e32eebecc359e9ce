# SPDX-License-Identifier: GPL-2.0
"""What this machine can do: found out once, kept in build/lab/host.json."""

import fcntl
import json
import os
import subprocess
import tempfile

from . import paths
from .agent import Agent, NodeDown
from .process import Process


def identity():
    """Another processor or another boot: ask again."""
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as source:
        return source.read().strip()


def measure_tsc():
    got = subprocess.run([paths.tool('tsckhz')], check=True, text=True,
                         stdout=subprocess.PIPE)
    return int(got.stdout)


def kvm_boots(command, timeout=8):
    """Whether a guest kernel comes up under KVM: opening it proves nothing."""
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return False
    with tempfile.TemporaryDirectory(prefix='rblab-kvm-') as where:
        process = Process.start(f'{where}/pid', command(where), f'{where}/log')
        agent = Agent('kvm', where, 0)
        try:
            agent.connect(timeout, process.pid)
            return True
        except NodeDown:
            return False
        finally:
            agent.close()
            process.kill()


def facts(trial):
    """{'kvm': bool, 'tsc_khz': int}; trial(folder) is QEMU's command line."""
    path = os.path.join(paths.LABS, 'host.json')
    os.makedirs(paths.LABS, exist_ok=True)
    with open(path + '.lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            with open(path, encoding='ascii') as source:
                known = json.load(source)
            if known.get('identity') == identity():
                return known
        except (FileNotFoundError, ValueError):
            pass
        known = {'identity': identity(), 'kvm': False, 'tsc_khz': measure_tsc()}
        known['kvm'] = kvm_boots(lambda where: trial(where, known))
        with open(path, 'w', encoding='ascii') as out:
            json.dump(known, out, indent=1)
        return known
