# SPDX-License-Identifier: GPL-2.0
"""Compare the data areas of members that are powered off, byte by byte."""

import json
import os
import subprocess

from . import paths

CHUNK = 1 << 20


def _super(image):
    """What the superblock of an image says, through the tool."""
    tool = os.path.join(paths.BUILD, 'userspace', 'raftblk')
    result = subprocess.run([tool, 'dump', image, '--json'], check=True, timeout=120,
                            env={**os.environ, 'RAFTBLK_ALLOW_FILE': '1'},
                            stdout=subprocess.PIPE)
    return json.loads(result.stdout)['super']


def _ranges(first, second, count):
    """Byte ranges in which two open data areas differ, at most a few."""
    found = []
    at = 0
    while at < count and len(found) < 8:
        size = min(CHUNK, count - at)
        a, b = first.read(size), second.read(size)
        if a != b:
            offset = next(i for i in range(min(len(a), len(b))) if a[i] != b[i])
            found.append(at + offset)
        at += size
    return found


def compare_data_areas(lab, members=None):
    """Sentences about what differs; [] if all are the same."""
    nodes = [lab.node(n) for n in members] if members else list(lab)
    supers = [_super(node.disk_path) for node in nodes]
    size = min(s['volume_sectors'] for s in supers) * 512
    problems = []
    for node, about in list(zip(nodes, supers))[1:]:
        with open(nodes[0].disk_path, 'rb') as first, open(node.disk_path, 'rb') as second:
            first.seek(supers[0]['data_start'] * 512)
            second.seek(about['data_start'] * 512)
            problems += [f'{nodes[0].name} and {node.name} differ at byte {at}'
                         for at in _ranges(first, second, size)]
    return problems
