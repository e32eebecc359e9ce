# SPDX-License-Identifier: GPL-2.0
"""QEMU's command line, and its monitor."""

import json
import socket

from .agent import PORTS

COMMAND_LINE = ('console=ttyS0 loglevel=5 panic=-1 no_timer_check tsc=reliable '
                'no5lvl init_on_alloc=0 cryptomgr.notests random.trust_cpu=on '
                'nowatchdog mitigations=off')


class MonitorError(Exception):
    """QEMU refused a command, or is gone."""


def command(node, sockets, kernel, initrd, host, mem, smp, console, more=(),
            append=''):
    """Without disks and network: these come as words in more."""
    if host['kvm']:
        speed = ['-accel', 'kvm', '-cpu', 'host']
        words = COMMAND_LINE
    else:
        speed = ['-accel', 'tcg,thread=multi', '-cpu', 'max']
        words = f'{COMMAND_LINE} tsc_early_khz={host["tsc_khz"]}'
    ports = []
    for port in range(PORTS):
        ports += ['-chardev', f'socket,id=lab{port},server=on,wait=off,'
                              f'path={sockets}/n{node}.lab{port}',
                  '-device', f'virtserialport,chardev=lab{port},name=lab{port}']
    return ['qemu-system-x86_64', '-nodefaults', '-no-user-config',
            '-display', 'none', '-no-reboot', '-name', f'n{node}',
            '-M', kernel.machine, *speed, '-m', str(mem), '-smp', str(smp),
            '-kernel', kernel.image, '-initrd', initrd,
            '-append', f'{words} lab.node={node} {append}'.strip(),
            '-chardev', f'file,id=console,path={console},append=on',
            '-serial', 'chardev:console',
            '-qmp', f'unix:{sockets}/n{node}.qmp,server=on,wait=off',
            '-device', 'virtio-serial-pci,max_ports=16', *ports, *more]


def network(node, switch):
    """A card whose MAC address ends in the node's number."""
    return ['-netdev', f'stream,id=net0,server=off,addr.type=unix,'
                       f'addr.path={switch}',
            '-device', f'virtio-net-pci,netdev=net0,romfile=,'
                       f'mac=52:54:00:00:00:{node:02x}']


def monitor(path, name, **arguments):
    """Run one QMP command; return its result."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        try:
            sock.connect(path)
            stream = sock.makefile('rw', encoding='utf-8')
            json.loads(stream.readline())
            for request in ({'execute': 'qmp_capabilities'},
                            {'execute': name, 'arguments': arguments}):
                stream.write(json.dumps(request) + '\n')
                stream.flush()
                answer = {}
                while 'return' not in answer and 'error' not in answer:
                    answer = json.loads(stream.readline() or '{"error": "closed"}')
        except (OSError, ValueError) as error:
            raise MonitorError(f'{name}: {error}') from error
    if 'error' in answer:
        raise MonitorError(f'{name}: {answer["error"]}')
    return answer['return']
