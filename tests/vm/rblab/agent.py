# SPDX-License-Identifier: GPL-2.0
"""The client of the agent in a machine; guest/agent.h describes the frames."""

import fcntl
import os
import socket
import struct
import threading
import time

MAGIC = 0x316c6272
HEADER = struct.Struct('<IIII')
FRAME_MAX = 65536
PORTS = 8
WINDOW = 256 * 1024

HELLO, RUN, STDIN, KILL, RESIZE, POWEROFF = range(1, 7)
WELCOME, STDOUT, STDERR, EXIT, ACK = range(101, 106)

TERMINAL, DETACHED = 1, 2


class NodeDown(Exception):
    """The machine went away, or is not there."""


class TimedOut(Exception):
    """Something took longer than it was given."""


class CommandFailed(Exception):
    """A command ended with another code than 0."""

    def __init__(self, command):
        self.command = command
        text = (command.err or command.out).strip()
        super().__init__(f'{command.where}: {command.name!r} exited with '
                         f'{command.rc}: {text[-2000:]}')


class Command:
    """A command in a machine, running or ended.

    out and err are what it has written so far, as text; rc is None until it
    has ended.
    """

    def __init__(self, agent, number, name):
        self.agent = agent
        self.number = number
        self.name = name
        self.where = agent.name
        self.rc = None
        self.down = False
        self._out = bytearray()
        self._err = bytearray()
        self._credit = WINDOW
        self._read = 0
        self._change = threading.Condition()

    @property
    def raw(self):
        """What it has written to stdout, as bytes."""
        with self._change:
            return bytes(self._out)

    @property
    def out(self):
        return self.raw.decode(errors='replace')

    @property
    def err(self):
        with self._change:
            return self._err.decode(errors='replace')

    def _deliver(self, kind, data):
        with self._change:
            if kind == STDOUT:
                self._out += data
            elif kind == STDERR:
                self._err += data
            elif kind == ACK:
                self._credit += struct.unpack('<I', data)[0]
            elif kind == EXIT:
                self.rc = struct.unpack('<I', data)[0]
            self._change.notify_all()

    def _lost(self):
        with self._change:
            if self.rc is None:
                self.down = True
            self._change.notify_all()

    def ended(self):
        return self.rc is not None or self.down

    def wait(self, timeout=None, check=False):
        """Wait for the end; return self.  NodeDown when the machine died."""
        with self._change:
            if not self._change.wait_for(self.ended, timeout):
                raise TimedOut(f'{self.where}: {self.name!r} runs for more than '
                               f'{timeout} s: {self._err[-500:].decode(errors="replace")}')
        if self.down:
            raise NodeDown(f'{self.where} went away during {self.name!r}')
        if check and self.rc:
            raise CommandFailed(self)
        return self

    def read(self, timeout=None):
        """Bytes of stdout not read so far; b'' at the end."""
        with self._change:
            if not self._change.wait_for(
                    lambda: len(self._out) > self._read or self.ended(), timeout):
                raise TimedOut(f'{self.where}: {self.name!r} is silent')
            data = bytes(self._out[self._read:])
            self._read = len(self._out)
        return data

    def lines(self, timeout=None):
        """Lines of stdout as they come, to its end or the machine's.

        timeout is how long the command may be silent.
        """
        rest = b''
        while True:
            data = self.read(timeout)
            if not data:
                break
            *whole, rest = (rest + data).split(b'\n')
            for line in whole:
                yield line.decode(errors='replace')
        if rest and not self.down:
            yield rest.decode(errors='replace')

    def write(self, data, timeout=60):
        """Give it input, as much at a time as it takes."""
        data = data.encode() if isinstance(data, str) else data
        for at in range(0, len(data), FRAME_MAX):
            part = data[at:at + FRAME_MAX]
            with self._change:
                if not self._change.wait_for(
                        lambda: self._credit >= len(part) or self.ended(), timeout):
                    raise TimedOut(f'{self.where}: {self.name!r} reads no input')
                if self.ended():
                    return
                self._credit -= len(part)
            self.agent.send(STDIN, self.number, part)

    def close_stdin(self):
        if not self.ended():
            self.agent.send(STDIN, self.number, b'')

    def kill(self, signal=9):
        """Send a signal to the command and all it started."""
        if not self.ended():
            self.agent.send(KILL, self.number, struct.pack('<I', signal))

    def resize(self, rows, columns):
        self.agent.send(RESIZE, self.number, struct.pack('<HH', rows, columns))


class Agent:
    """A session with a machine, over one of its ports."""

    def __init__(self, name, sockets, node):
        self.name = name
        self._paths = [f'{sockets}/n{node}.lab{port}' for port in range(PORTS)]
        self._sock = None
        self._lock = None
        self._commands = {}
        self._next = 1
        self._guard = threading.Lock()      # the four above
        self._sending = threading.Lock()
        self._ended = threading.Event()

    def connect(self, timeout, alive=lambda: True):
        """Wait for the machine to answer."""
        end = time.monotonic() + timeout
        rest = None
        while rest is None:
            if self._take_port():
                rest = self._greet(end, alive)
                continue
            if not alive():
                raise NodeDown(f'{self.name} is not running')
            if time.monotonic() > end:
                raise NodeDown(f'{self.name}: no free port to the agent')
            time.sleep(0.01)
        threading.Thread(target=self._receive, args=(self._sock, rest),
                         daemon=True).start()

    def _take_port(self):
        """Ports are shared between clients by locks on files beside them."""
        for path in self._paths:
            if not os.path.exists(path):
                continue
            # pylint: disable-next=consider-using-with
            lock = open(path + '.lock', 'w', encoding='ascii')
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(path)
            except OSError:
                sock.close()
                lock.close()
                continue
            self._sock, self._lock = sock, lock
            return True
        return False

    def _greet(self, end, alive):
        """Say hello until the answer is to this hello; return what follows.

        None when the other side hung up, as a machine does that is being
        replaced by its next start.
        """
        nonce = os.urandom(8)
        answer = HEADER.pack(MAGIC, WELCOME, 0, 8) + nonce
        hello = HEADER.pack(MAGIC, HELLO, 0, 8) + nonce
        data = b''
        waited = 0
        self._sock.settimeout(0.5)
        try:
            self._sock.sendall(hello)
            while answer not in data:
                try:
                    got = self._sock.recv(65536)
                    if not got:
                        raise OSError('closed')
                    data = data[-FRAME_MAX:] + got
                except TimeoutError:
                    waited += 1
                    self._still_waiting(end, alive)
                    if waited % 20 == 0:
                        # A client may have died within a frame: fill it.
                        self._nudge(bytes(FRAME_MAX + 16) + hello)
        except OSError:
            self._drop()
            self._still_waiting(end, alive)
            return None
        self._sock.settimeout(None)
        return data.partition(answer)[2]

    def _still_waiting(self, end, alive):
        """Raise when there is no point in waiting any longer."""
        if not alive():
            self._drop()
            raise NodeDown(f'{self.name} ended at boot')
        if time.monotonic() > end:
            self._drop()
            raise NodeDown(f'{self.name} does not answer')

    def _nudge(self, data):
        try:
            self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass

    def connected(self):
        return self._sock is not None and not self._ended.is_set()

    def close(self):
        """End the session; what it runs in the machine is killed there."""
        self._ended.set()
        self._drop()

    def _drop(self):
        sock, lock = self._sock, self._lock
        self._sock = self._lock = None
        if sock:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        if lock:
            lock.close()

    def send(self, kind, number, data):
        sock = self._sock
        if not sock:
            raise NodeDown(f'{self.name} is not connected')
        try:
            with self._sending:
                sock.sendall(HEADER.pack(MAGIC, kind, number, len(data)) + data)
        except OSError as error:
            raise NodeDown(f'{self.name} went away') from error

    def _receive(self, sock, data):
        data = bytearray(data)
        try:
            while True:
                data = self._dispatch(data)
                got = sock.recv(262144)
                if not got:
                    break
                data += got
        except OSError:
            pass
        self._ended.set()
        with self._guard:
            commands = list(self._commands.values())
            self._commands.clear()
        for command in commands:
            command._lost()     # pylint: disable=protected-access

    def _dispatch(self, data):
        at = 0
        while len(data) - at >= HEADER.size:
            magic, kind, number, size = HEADER.unpack_from(data, at)
            if magic != MAGIC:
                at += 1
                continue
            if len(data) - at < HEADER.size + size:
                break
            body = bytes(data[at + HEADER.size:at + HEADER.size + size])
            at += HEADER.size + size
            with self._guard:
                command = self._commands.get(number)
                if kind == EXIT:
                    self._commands.pop(number, None)
            if command:
                command._deliver(kind, body)    # pylint: disable=protected-access
        return data[at:]

    def spawn(self, words, flags=0):
        """Start a command: a string for the shell, or a list of words."""
        name = words if isinstance(words, str) else ' '.join(words)
        if isinstance(words, str):
            words = ['sh', '-c', words]
        body = struct.pack('<I', flags) + b''.join(
            word.encode() + b'\0' for word in words)
        if len(body) > FRAME_MAX:
            raise ValueError('the command is too long')
        with self._guard:
            number = self._next
            self._next += 1
            command = Command(self, number, name)
            self._commands[number] = command
        self.send(RUN, number, body)
        if self._ended.is_set():
            command._lost()     # pylint: disable=protected-access
        return command

    def poweroff(self):
        self.send(POWEROFF, 0, b'')
