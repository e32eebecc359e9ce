# SPDX-License-Identifier: GPL-2.0
"""The judge of the kernels' logs.

Every line a guest's kernel prints ends up in its console file, and nothing
else does.  A line that matches BAD is always a finding; after boot, so is
every line that no pattern of console-allow.txt allows.
"""

import os
import re

from . import paths

POWER_ON = '=== power on'
BOOTED = 'lab: boot finished'

BAD = re.compile('|'.join([
    r'\bWARNING: ', r'\bBUG\b', r'\bOops\b', r'\bINFO: .*', r'Call Trace:',
    r'Kernel panic', r'general protection', r'unable to handle', r'KASAN:',
    r'UBSAN:', r'KCSAN:', r'kmemleak: (?!Kernel memory leak detector)',
    r'blocked for more than', r'soft lockup', r'hard LOCKUP', r'workqueue lockup',
    r'\brcu: .*(stall|starved)', r'self-detected stall', r'locking dependency',
    r'inconsistent lock state', r'recursive locking', r'suspicious RCU usage',
    r'lock held when returning', r'bad unlock balance', r'still has locks held',
    r'sleeping function called', r'scheduling while atomic', r'ODEBUG:',
    r'DEBUG_LOCKS_WARN', r'refcount_t:', r'list_(add|del) corruption',
    r'page allocation failure', r'Out of memory', r'oom-kill', r'Redzone',
    r'[Pp]oison overwritten', r'slab .* objects remaining', r'double free',
    r'unregister_netdevice: waiting', r'stack-protector', r'segfault at',
    r'trap .* ip:', r'Modules linked in:', r'---\[ ', r'RIP: 0010:']))


class Findings(Exception):
    """The kernels said what they must not say."""

    def __init__(self, findings):
        self.findings = findings
        super().__init__('kernel log:\n' + '\n'.join(
            f'  {name}:{number}: {why}: {text}'
            for name, number, why, text in findings[:40]))


def allow_list(path=None):
    """The patterns of console-allow.txt, one a line, '#' begins a comment."""
    with open(path or os.path.join(paths.VM, 'console-allow.txt'),
              encoding='utf-8') as source:
        lines = [line.strip() for line in source]
    return [line for line in lines if line and not line.startswith('#')]


def message(line):
    """A line without its time stamp."""
    return re.sub(r'^\[ *\d+\.\d+\] ?(\[ *[TC]\d+\] ?)?', '', line)


def scan(name, text, allowed):
    """Findings in one node's console: (name, line number, why, text)."""
    allow = re.compile('|'.join(f'(?:{pattern})' for pattern in allowed)
                       or r'(?!)')
    findings = []
    booting = True
    lines = text.split('\n')
    for number, line in enumerate(lines, 1):
        line = line.rstrip('\r')
        said = message(line)
        if line.startswith(POWER_ON):
            booting = True
        elif BOOTED in said:
            booting = False
        elif not said.strip():
            continue
        elif allow.search(said) and not said.startswith('lab: cannot'):
            continue
        elif BAD.search(said):
            findings.append((name, number, 'bad', said))
        elif not booting and not cut_short(lines, number):
            findings.append((name, number, 'stray', said))
    return findings


def cut_short(lines, number):
    """Whether this line is not whole, and so says nothing.

    The power was cut within it, or it is the last and still being printed.
    """
    return number == len(lines) or lines[number].startswith(POWER_ON)


def tail(path, count=30):
    """The last lines of a console file."""
    try:
        with open(path, encoding='utf-8', errors='replace') as source:
            return source.read().splitlines()[-count:]
    except FileNotFoundError:
        return []
