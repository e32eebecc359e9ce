# SPDX-License-Identifier: GPL-2.0
"""Two catch up at once, from a follower, which lets its users' I/O go first."""

import time

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, pause, up, voters

LAB = {'nodes': 4, 'disk': '160M'}
TIMEOUT = 600
LONG = True

MIB = 1 << 20
RATE_MIN = MIB // 4
RATE_MAX = MIB


def progress(node):
    return node.status(VOLUME).get('catchup')


def done(*nodes):
    """Bytes that they have compared and copied so far; all of them have more to do."""
    seen = [progress(node) for node in nodes]
    expect('they still catch up', all(seen))
    return sum(one['done'] for one in seen)


def rate(nodes, seconds):
    begin, start = done(*nodes), time.monotonic()
    pause(seconds)
    return (done(*nodes) - begin) / (time.monotonic() - start)


def set_rates(nodes, *settings):
    for node in nodes:
        node.raftblk('set', VOLUME, *settings)


def join(node, other):
    """Begins it; the command returns once the node has caught up and votes."""
    token = other.raftblk('token', VOLUME).out.strip()
    return node.spawn(['raftblk', 'join', other.address, node.device, '--addr', node.address,
                       '--token', token, '--assume-zero'])


def run(lab):
    n1, n2, n3, n4 = lab
    form(lab, '8M', members=(1, 2, 3))
    n3.kill()
    n1.run(f'fio --name=fill --filename={DEVICE} --size=96M --rw=write --bs=512k --iodepth=4 '
           '--ioengine=libaio --direct=1 --refill_buffers --output-format=terse >/dev/null',
           timeout=240)
    caught_up(lab, members=(1, 2))
    set_rates((n1, n2), f'rate-min={RATE_MIN}', f'rate-max={RATE_MAX}')

    n3.start()
    up(n3)
    joining = join(n4, n1)
    lab.wait(n4.status, 60, 'the volume on n4')
    behind = (n3, n4)
    lab.wait(lambda: all((progress(node) or {}).get('done') for node in behind), 120,
             'both to catch up')
    expect('who is asked', [progress(node)['source'] for node in behind], [2, 2])
    most = rate(behind, 8)
    lab.say(f'{most / MIB:.2f} MiB/s with rate-max')
    expect('rate-max', 0 < most < 1.5 * RATE_MAX)

    set_rates((n1, n2), 'rate-max=none')
    # Disks that take their time: there is always a write under way, however busy the host.
    for node in (n1, n2):
        node.disks[0].delay(20000)
    users = n1.spawn(f'exec fio --name=users --filename={DEVICE} --offset=96M --size=256k '
                     '--rw=randwrite --bs=4k --iodepth=16 --ioengine=libaio --direct=1 '
                     '--thread --time_based --runtime=1h --output-format=terse >/dev/null')
    before = n2.status(VOLUME)['applied']
    lab.wait(lambda: n2.status(VOLUME)['applied'] > before + 100, 60, 'users to write')
    busy = rate(behind, 10)
    expect('I/O of users goes on', not users.ended())
    users.kill()
    users.wait(60)
    pause(1)
    idle = rate(behind, 2)
    lab.say(f'{busy / MIB:.2f} MiB/s with users, {idle / MIB:.2f} without')
    expect('it goes on with users', busy > 0)
    expect('but lets them go first', idle > 3 * busy)

    joining.wait(300, check=True)
    expect('voters', len(voters(n1)), 4)
    lab.wait(lambda: not progress(n3), 120, 'n3 to be complete')
    finish(lab)
