# SPDX-License-Identifier: GPL-2.0
"""Control sockets that take a line and answer with lines."""

import socket


class ControlError(Exception):
    """The other side refused, or is not there."""


def ask(path, command):
    """Send a command; return the lines before the closing 'ok'."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        try:
            sock.connect(path)
            sock.sendall(command.encode() + b'\n')
            with sock.makefile('r', encoding='ascii') as stream:
                lines = []
                for line in stream:
                    line = line.rstrip('\n')
                    if line == 'ok' or line.startswith('ok '):
                        return lines + line.split()[1:]
                    if line.startswith('error'):
                        raise ControlError(f'{command}: {line}')
                    lines.append(line)
        except OSError as error:
            raise ControlError(f'{path}: {error}') from error
    raise ControlError(f'{command}: no answer')
