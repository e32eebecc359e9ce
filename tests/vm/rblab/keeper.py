#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Ends a lab that nobody comes back for: keeper.py NAME LIFETIME

A lab's machines are daemons.  They go when the process that brought them up
has died without a word, or, if they were meant to outlive it, when their
lifetime is over.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..'))

# pylint: disable-next=wrong-import-position
from rblab.lab import Lab       # noqa: E402


def main():
    name, lifetime = sys.argv[1], int(sys.argv[2])
    end = time.monotonic() + lifetime
    lab = Lab.open(name)
    while lab.running() and time.monotonic() < end:
        if not lab.about['daemon'] and lab.abandoned():
            break
        time.sleep(3)
    lab.stop_all()


if __name__ == '__main__':
    main()
