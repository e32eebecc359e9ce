# SPDX-License-Identifier: GPL-2.0
"""What the scenarios have in common."""

import os
import time

from rblab.compare import compare_data_areas, compare_maps

VOLUME = 'vol0'
DEVICE = '/dev/raftblk0'


def expect(what, got, wanted=True):
    if got != wanted:
        raise AssertionError(f'{what}: {got!r}, expected {wanted!r}')


def form(lab, log='64M', create=(), members=None):
    """A volume on all machines (or those), every member a voter."""
    first = lab.form(create=['--log-size', log, *create], members=members)
    count = len(members or list(lab))
    lab.wait(lambda: len(voters(first)) == count, 60, 'all members to vote')
    return first


# What the kernel says when a member was removed; udev may be reading its device just then.
REMOVED_SAYS = (r'^raftblk0 \(vol0\): node \d+, which was removed, tried to connect$',
                r'^raftblk0 \(vol0\): this member was removed from the volume$',
                r'^I/O error, dev raftblk0, sector \d+ op 0x0:\(READ\)',
                r'^Buffer I/O error on dev raftblk0',
                r'^ *raftblk0: unable to read partition table')


def members(node):
    """{node id: part}"""
    return {m['id']: m['part'] for m in node.status(VOLUME)['members']}


def is_removed(node):
    return node.status(VOLUME)['removed']


def sysfs_state(node):
    return node.run('cat /sys/block/raftblk0/raftblk/state').out.strip()


def voters(node):
    return [m for m in node.status(VOLUME)['members'] if m['part'] == 'voter']


def up(node):
    """Bring the member up on a machine that was just started."""
    node.load()
    node.raftblk('up', node.device, timeout=120)


def leader(lab, timeout=60):
    """The machine that leads, once there is one."""
    return lab.wait(lambda: lab.leader(VOLUME), timeout, 'a leader')


def level(lab, members=None):
    """Every member (or those) has applied what the leader has committed."""
    states = [node.status(VOLUME) for node in lab
              if node.alive() and (not members or node.number in members)]
    leads = [s for s in states if s and s['role'] == 'leader']
    return (len(leads) == 1 and all(states)
            and {s['applied'] for s in states} == {leads[0]['last']})


def caught_up(lab, timeout=120, members=None):
    lab.wait(lambda: level(lab, members), timeout, 'all members to catch up')


def finish(lab, members=None):
    """All members (or those) level; take everything down; their data must be the same."""
    caught_up(lab, members=members)
    if os.environ.get('MAPS'):
        pause(2)        # they are as of the checkpoint, which comes when it has been quiet
    lab.unload_all()
    for node in lab:
        leaks = node.check_kmemleak()
        expect(f'{node.name}: leaks', leaks.strip(), '')
        node.poweroff(60)
    expect('data areas that differ', compare_data_areas(lab, members), [])
    if os.environ.get('MAPS'):
        check_maps(lab, members)


def check_maps(lab, members=None):
    """The version maps are the same, of those that can be compared; which ones is said."""
    problems, left_out, compared = compare_maps(lab, members)
    for text in left_out:
        print(f'# version map not compared: {text}', flush=True)
    print(f'# version maps compared: {compared}', flush=True)
    expect('version maps that differ', problems, [])


def opens(node, timeout=90):
    """Open the device for writing, once; the exit code says how it went."""
    return node.run(f'dd if=/dev/null of={DEVICE} conv=notrunc 2>&1', check=False,
                    timeout=timeout)


def wait_gone(lab, node):
    """Until the others take over from a machine that has died."""
    lab.wait(lambda: (lambda one: one and one is not node)(lab.leader(VOLUME)), 60,
             f'another leader than {node.name}')


def pause(seconds):
    time.sleep(seconds)
