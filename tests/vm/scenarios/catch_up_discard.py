# SPDX-License-Identifier: GPL-2.0
"""What was discarded while a member was away does not travel, and its disk gets thin."""

import os

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, up

LAB = {'nodes': 3, 'disk': '160M'}
TIMEOUT = 480

MIB = 1 << 20
LOG = 8             # MiB, as what follows
GONE = 48           # is discarded, from 16 on
WRITTEN = 24        # is written anew twice, behind that: six times the log


def write(node, offset, size, loops=1):
    node.run(f'fio --name=write --filename={DEVICE} --offset={offset}M --size={size}M '
             f'--loops={loops} --rw=write --bs=512k --iodepth=4 --ioengine=libaio --direct=1 '
             '--refill_buffers --output-format=terse >/dev/null', timeout=240)


def taken(node):
    """Bytes of its disk on the host."""
    return os.stat(node.disk_path).st_blocks * 512


def passed(lab, node):
    """Bytes that were sent to it."""
    return sum(link['bytes'] for (_, to), link in lab.net.stats().items() if to == node.number)


def run(lab):
    n1, n2, n3 = lab
    form(lab, f'{LOG}M')
    write(n1, 16, GONE)
    write(n1, 80, WRITTEN)
    caught_up(lab)
    n3.unload()
    n3.poweroff()
    before = taken(n3)
    n1.run(f'blkdiscard -o {16 * MIB} -l {GONE * MIB} {DEVICE}', timeout=120)
    write(n1, 80, WRITTEN, loops=2)
    caught_up(lab)

    sent = passed(lab, n3)
    n3.start()
    up(n3)
    lab.wait(lambda: n3.status(VOLUME)['stats']['fetches'], 60, 'n3 to catch up by extents')
    lab.wait(lambda: not n3.status(VOLUME).get('catchup'), 120, 'n3 to be complete')
    caught_up(lab)
    stats = n3.status(VOLUME)['stats']
    sent = passed(lab, n3) - sent
    lab.say(f'{stats["fetches"]} chunks, {stats["fetch_bytes"] / MIB:.2f} MiB of content, '
            f'{sent / MIB:.1f} MiB on the wire')
    expect('it could not be the log: more than that came',
           stats['fetch_bytes'] > (WRITTEN - LOG) * MIB)
    expect('content of what was written, and nothing else',
           stats['fetch_bytes'] <= WRITTEN * MIB)
    # and what of the log comes besides, and headers
    expect('nothing else on the wire', sent < 1.25 * (WRITTEN + LOG) * MIB)
    rest = n3.run(f"dd if={DEVICE} bs=1M skip=16 count={GONE} 2>/dev/null | tr -d '\\000' | "
                  'wc -c', timeout=60).out
    expect('bytes that are not 0 where it was discarded', int(rest), 0)

    finish(lab)
    now = {node.name: taken(node) for node in lab}
    lab.say(f'n3 took {before / MIB:.1f} MiB on the host, and now all: '
            + ', '.join(f'{name} {size / MIB:.1f}' for name, size in now.items()))
    expect('its disk got thinner by what was discarded', now['n3'] < before - 0.95 * GONE * MIB)
    expect('as thin as those that were there', now['n3'] < max(now['n1'], now['n2']) + 2 * MIB)
