# SPDX-License-Identifier: GPL-2.0
"""A byte that changed on one member's disk is found under load, and mended."""

from rblab.compare import superblock
from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, up

LAB = {'nodes': 3, 'disk': '96M'}
TIMEOUT = 480
DEBUG = True

SAYS = (r'^raftblk0 \(vol0\): all members were compared: \d+ blocks differed, \d+ were mended$',
        r'^raftblk0 \(vol0\): node \d has sectors \d+ to \d+ of the volume otherwise than the '
        r'others$',
        r'^raftblk0 \(vol0\): sectors \d+ to \d+ of /dev/vda were other than on a majority, and '
        r'were written anew$')
PLACES = {2: 20 << 20, 3: (24 << 20) + 12345}   # node: byte of the volume


def verify(node, *words, code=0):
    """What the tool says."""
    said = node.raftblk('verify', VOLUME, *words, check=False, timeout=240)
    expect(f'exit code of verify, which says {said.out!r} {said.err!r}', said.rc, code)
    return said.out


def flip(node, at):
    """Behind the back of the member, which is down."""
    where = superblock(node.disk_path)['data_start'] * 512 + at
    node.run(f'dd if=/dev/vda of=/tmp/byte bs=1 skip={where} count=1 2>/dev/null')
    old = node.run('od -An -tu1 /tmp/byte').out.strip()
    node.run(f"printf '\\{int(old) ^ 0x10:03o}' | dd of=/dev/vda bs=1 seek={where} count=1 "
             'conv=notrunc,fsync 2>/dev/null')


def run(lab):
    n1, n2, n3 = lab
    form(lab, '16M')
    lab.allow(*SAYS)
    n1.run(f'dd if=/dev/urandom of={DEVICE} bs=1M seek=16 count=16 oflag=direct 2>/dev/null')
    caught_up(lab)
    expect('nothing differs', '0 blocks of 4 KiB differ' in verify(n1))
    refused = n2.raftblk('verify', VOLUME, check=False)
    expect('only the leader does it', refused.rc == 1 and 'does not lead' in refused.err)
    verify(n2, '--if-leader')

    lab.say('a byte changes on n2 and on n3')
    for node in (n2, n3):
        node.raftblk('down', VOLUME, timeout=60)
        flip(node, PLACES[node.number])
        up(node)
        caught_up(lab)
    oracle = Oracle(DEVICE, blocks=1024, qd=4)
    writer = oracle.write(n1, pause=5000)
    writer.wait_acks(50)
    said = verify(n1, code=1)
    for node, at in PLACES.items():
        block = at // 4096 * 4096
        expect(f'what is said of n{node}, in {said!r}',
               f'bytes {block} to {block + 4095}: node {node} has something else\n' in said)
    expect('two blocks', '\n2 blocks of 4 KiB differ\n' in '\n' + said)

    lab.say('it is mended')
    said = verify(n1, '--repair')
    expect(f'mended, in {said!r}', said.count('; mended\n') == 2 and '2 of them' in said)
    state = n1.status(VOLUME)['verify']
    expect('counters', (state['differ'], state['mended'], state['skipped'], state['running']),
           (2, 2, 0, False))
    expect('nothing differs any more', '0 blocks of 4 KiB differ' in verify(n1))
    writer.stop()
    expect('write errors', writer.errors, 0)
    oracle.verify(n3)
    finish(lab)
