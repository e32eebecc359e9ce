# SPDX-License-Identifier: GPL-2.0
"""Where things are, and the small programs that are compiled on first use."""

import fcntl
import hashlib
import os
import subprocess

VM = os.path.abspath(os.path.join(os.path.dirname(__file__), '..'))
TOP = os.path.abspath(os.path.join(VM, '..', '..'))
BUILD = os.path.join(TOP, 'build')
LABS = os.path.join(BUILD, 'lab')
KERNELS = os.path.join(BUILD, 'kernels')
TOOLS = os.path.join(LABS, 'tools')

FLAGS = {'switch': [], 'tsckhz': [],
         'disk.so': ['-fPIC', '-shared', '-pthread']}


def sockets(name):
    """A folder with a short path: that of a unix socket ends at 108 bytes."""
    mark = hashlib.sha256(os.path.join(LABS, name).encode()).hexdigest()[:10]
    base = '/run' if os.access('/run', os.W_OK) else '/tmp'
    return f'{base}/rblab-{mark}'


def tool(name):
    """The path of one of the lab's own programs, compiled if it is old."""
    source = os.path.join(VM, name.split('.', maxsplit=1)[0] + '.c')
    target = os.path.join(TOOLS, name)
    os.makedirs(TOOLS, exist_ok=True)
    with open(os.path.join(TOOLS, '.lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (not os.path.exists(target)
                or os.path.getmtime(target) < os.path.getmtime(source)):
            subprocess.run(['gcc', '-O2', '-Wall', '-Wextra', '-Werror',
                            *FLAGS[name], '-o', target + '.new', source],
                           check=True)
            os.rename(target + '.new', target)
    return target
