# SPDX-License-Identifier: GPL-2.0
"""A new machine takes the place of a dead one while fio verifies; then the dead one comes back."""

from _common import (DEVICE, REMOVED_SAYS, VOLUME, caught_up, expect, finish, form, is_removed,
                     leader, members, pause, up)

LAB = {'nodes': 4, 'disk': '128M', 'mem': 256}
TIMEOUT = 500
LONG = True

FIO = (f'fio --name=verify --filename={DEVICE} --size=24M --rw=randwrite --bs=4k --iodepth=8 '
       '--ioengine=libaio --direct=1 --verify=crc32c --verify_backlog=64 --verify_fatal=1 '
       '--randrepeat=0 --time_based --runtime=3600 --output-format=terse 2>&1')


def run(lab):
    n1, n2, n3, n4 = lab
    lab.allow(*REMOVED_SAYS)
    form(lab, '16M', members=[1, 2, 3])
    fio = n1.spawn(FIO)
    lab.wait(lambda: n1.status(VOLUME)['commit'] > 500, 60, 'some writes')
    lab.say('n3 dies')
    n3.kill()

    # the line it prints is all there is to do, once its blanks are filled in
    line = n2.raftblk('member', 'replace', VOLUME, '3').out.split()
    words = [{'DEVICE': n4.device, 'ADDRESS': n4.address}.get(word, word) for word in line[1:]]
    n4.load()
    n4.raftblk(*words, '--no-wait', timeout=120)
    lab.say('n4 joins to take its place; meanwhile leadership moves, and n4 loses power')
    n4.kill()
    n2.raftblk('transfer', VOLUME, '2', timeout=60)
    lab.wait(lambda: n1.status(VOLUME)['role'] == 'leader', 60, 'the owner to lead again')
    n4.start()
    up(n4)
    lab.wait(lambda: members(n1) == {1: 'voter', 2: 'voter', 4: 'voter'}, 120,
             'n4 to be in the place of n3')

    lab.say('n4 counts: n2 dies, writes go on')
    n2.kill()
    before = n1.status(VOLUME)['commit']
    lab.wait(lambda: n1.status(VOLUME)['commit'] > before + 200, 60, 'writes to go on')
    lab.say('n3 comes back: it is none any more, though n2 is away')
    n3.start()
    up(n3)
    lab.wait(lambda: is_removed(n3), 60, 'n3 to learn that it was removed')
    expect('fio runs', fio.ended(), False)
    n2.start()
    up(n2)
    pause(2)
    fio.kill(2)
    fio.wait(120)
    # 130: it ended because it was told to, and found nothing wrong
    expect(f'fio ({fio.out[-500:]})', (fio.rc, 'verify:' in fio.out), (130, False))
    expect('who is left', sorted(members(leader(lab))), [1, 2, 4])

    lab.say('n3 joins anew')
    n3.raftblk('down', VOLUME)
    n3.raftblk('wipe', n3.device, '--yes')
    token = n1.raftblk('token', VOLUME).out.strip()
    n3.raftblk('join', n1.address, n3.device, '--addr', n3.address, '--token', token, timeout=120)
    lab.wait(lambda: members(n1).get(5) == 'voter', 60, 'it to vote, by another id')
    caught_up(lab)
    finish(lab)
