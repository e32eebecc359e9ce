# SPDX-License-Identifier: GPL-2.0
"""Compare the data areas of members that are powered off, byte by byte."""

import json
import os
import subprocess

from . import paths

CHUNK = 1 << 20


def superblock(image):
    """What the superblock of an image says, through the tool."""
    tool = os.path.join(paths.BUILD, 'userspace', 'raftblk')
    result = subprocess.run([tool, 'dump', image, '--json'], check=True, timeout=120,
                            env={**os.environ, 'RAFTBLK_ALLOW_FILE': '1'},
                            stdout=subprocess.PIPE)
    return json.loads(result.stdout)['super']


def _segments(file, start, count):
    """(from, to) relative to start: where a sparse file has data."""
    at, end = start, start + count
    while at < end:
        try:
            begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError:         # nothing but a hole
            return
        if begin >= end:
            return
        at = min(os.lseek(file.fileno(), begin, os.SEEK_HOLE), end)
        yield begin - start, at - start


def _united(segments):
    """In order and without overlaps."""
    last = None
    for begin, end in sorted(segments):
        if last and begin <= last[1]:
            last = (last[0], max(last[1], end))
            continue
        if last:
            yield last
        last = (begin, end)
    if last:
        yield last


def _ranges(first, second, starts, count):
    """Offsets at which two open data areas differ, at most a few.

    Holes read as zeros in both, so only what is data in one of them is read.
    """
    found = []
    data = [*_segments(first, starts[0], count), *_segments(second, starts[1], count)]
    for begin, end in _united(data):
        for at in range(begin, end, CHUNK):
            size = min(CHUNK, end - at)
            a = os.pread(first.fileno(), size, starts[0] + at)
            b = os.pread(second.fileno(), size, starts[1] + at)
            if a != b:
                offset = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), 0)
                found.append(at + offset)
                if len(found) == 8:
                    return found
    return found


def compare_data_areas(lab, members=None):
    """Sentences about what differs; [] if all are the same."""
    nodes = [lab.node(n) for n in members] if members else list(lab)
    supers = [superblock(node.disk_path) for node in nodes]
    size = min(s['data_sectors'] or s['volume_sectors'] for s in supers) * 512
    problems = []
    for node, about in list(zip(nodes, supers))[1:]:
        with open(nodes[0].disk_path, 'rb') as first, open(node.disk_path, 'rb') as second:
            starts = (supers[0]['data_start'] * 512, about['data_start'] * 512)
            problems += [f'{nodes[0].name} and {node.name} differ at byte {at}'
                         for at in _ranges(first, second, starts, size)]
    return problems
