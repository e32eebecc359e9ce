# SPDX-License-Identifier: GPL-2.0
"""Daemons that outlive the command which started them.

A process is remembered in a file as pid and start time, so that no other that
got the same pid later is ever taken for it.
"""

import os
import signal
import subprocess
import time


def start_time(pid):
    """Of a living process, in clock ticks; None when there is none."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as stat:
            fields = stat.read().rpartition(')')[2].split()
        # A dead leader's other threads hold its files open a little longer.
        if fields[0] in 'ZX' and len(os.listdir(f'/proc/{pid}/task')) < 2:
            return None
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[19])


class Process:
    """One daemon, known by the file that remembers it."""

    def __init__(self, record):
        self.record = record
        self.child = None

    @classmethod
    def start(cls, record, words, log):
        """Run words in the background, output to the file log."""
        self = cls(record)
        with open(log, 'ab') as out:
            # pylint: disable-next=consider-using-with
            self.child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)
        os.makedirs(os.path.dirname(record), exist_ok=True)
        with open(record, 'w', encoding='ascii') as out:
            out.write(f'{self.child.pid} {start_time(self.child.pid) or 0}\n')
        return self

    def pid(self):
        """The pid while it lives, else None."""
        if self.child:
            self.child.poll()
        try:
            with open(self.record, encoding='ascii') as source:
                pid, born = (int(word) for word in source.read().split())
        except (FileNotFoundError, ValueError):
            return None
        return pid if born and start_time(pid) == born else None

    def signal(self, number):
        pid = self.pid()
        if pid:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def wait(self, timeout):
        """True once it has ended."""
        end = time.monotonic() + timeout
        while self.pid():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait(10)
        self.forget()

    def end(self, timeout=10):
        """Ask it to end; kill it if it does not."""
        self.signal(signal.SIGTERM)
        if not self.wait(timeout):
            self.signal(signal.SIGKILL)
            self.wait(10)
        self.forget()

    def forget(self):
        try:
            os.unlink(self.record)
        except FileNotFoundError:
            pass
