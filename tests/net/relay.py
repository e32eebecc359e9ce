# SPDX-License-Identifier: GPL-2.0
"""From the host into the lab's network: connections made by a machine of the lab.

Each connection to a local port becomes one that `nc` in the machine makes, so
that the other side sees the machine's address.
"""
import socket
import threading


class Relay:
    """with Relay(node, address, port) as local_port: ..."""

    def __init__(self, node, address, port):
        self.node = node
        self.target = [address, str(port)]
        self.commands = []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=128)

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self.listener.getsockname()[1]

    def __exit__(self, *_):
        self.listener.close()
        for command in self.commands:
            command.kill()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            command = self.node.spawn(['nc', *self.target])
            self.commands.append(command)
            threading.Thread(target=self._out, args=(sock, command), daemon=True).start()
            threading.Thread(target=self._in, args=(sock, command), daemon=True).start()

    @staticmethod
    def _out(sock, command):
        """What we say; when we close, nc is told to go."""
        while True:
            try:
                data = sock.recv(65536)
            except OSError:
                data = b''
            if not data:
                break
            command.write(data)
        command.close_stdin()

    @staticmethod
    def _in(sock, command):
        """What the other side says; when it closes, so do we."""
        try:
            while data := command.read():
                sock.sendall(data)
        except OSError:
            pass
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sock.close()
        command.kill()
