# SPDX-License-Identifier: GPL-2.0
"""Compare members that are powered off: data areas byte by byte, and version maps."""

import json
import os
import subprocess

from . import paths

CHUNK = 1 << 20


def dump(image, *options):
    """What is on an image, through the tool."""
    tool = os.path.join(paths.BUILD, 'userspace', 'raftblk')
    result = subprocess.run([tool, 'dump', image, '--json', *options], check=True, timeout=120,
                            env={**os.environ, 'RAFTBLK_ALLOW_FILE': '1'},
                            stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def superblock(image):
    """What the superblock of an image says."""
    return dump(image)['super']


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


def _newest(about):
    """The checkpoint that counts."""
    return max((c for c in about['checkpoints'] if c), key=lambda c: c['generation'])


def _not_comparable(about, applied):
    """Why the version map is not that of entry @applied; '' if it is and can be compared."""
    table = about.get('version_map')
    newest = _newest(about)
    if not table:
        return 'has none'
    if table['vague_extents'] or not newest['vmap']:
        return f'{table["vague_extents"]} extents are not known'
    if 'catchup' in newest:
        return 'was catching up'
    if newest['applied_index'] != applied:
        return f'its checkpoint is of entry {newest["applied_index"]}, not of {applied}'
    return ''


def _extents(about):
    """{extent: version}"""
    return {first + i: version for first, count, version in about['version_map']['versions']
            for i in range(count)}


def compare_maps(lab, members=None):
    """(what differs, which members could not be compared and why, how many were)

    The map follows from the log alone, so that of members which have applied the same
    must be the same.  After a crash one may say more than that: it is left out.
    """
    nodes = [lab.node(n) for n in members] if members else list(lab)
    left_out, maps = [], []
    found = [dump(node.disk_path, '--map') for node in nodes]
    applied = max(_newest(about)['applied_index'] for about in found)
    for node, about in zip(nodes, found):
        why = _not_comparable(about, applied)
        if why:
            left_out.append(f'{node.name}: {why}')
        else:
            maps.append((node.name, about['super']['extent_sectors'], _extents(about)))
    problems = []
    for name, size, extents in maps[1:]:
        first, first_size, known = maps[0]
        if size != first_size:
            left_out.append(f'{name}: its extents have another size than those of {first}')
            continue
        differ = sorted(x for x in {*known, *extents} if known.get(x, 0) != extents.get(x, 0))
        problems += [f'{first} and {name}: version of extent {x} is {known.get(x, 0)} '
                     f'and {extents.get(x, 0)}' for x in differ[:8]]
    compared = len(maps) - sum('another size' in text for text in left_out)
    return problems, left_out, compared
