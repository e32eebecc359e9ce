# SPDX-License-Identifier: GPL-2.0
"""Sectors that a disk has lost are read from the other members, and written anew."""

from rblab.compare import superblock
from rblab.oracle import Oracle

from _common import DEVICE, VOLUME, caught_up, expect, finish, form, up

LAB = {'nodes': 3, 'disk': '96M'}
TIMEOUT = 480
DEBUG = True

BLOCK = 4096
BLOCKS = 1024           # what the oracle writes: the first 4 MiB
ALONE = 6 << 20         # where nobody writes meanwhile

SAYS = (r'^(raftblk_lower_ended|tell_repair|tell_event): \d+ callbacks suppressed$',
        r'^(blk_update_request: )?I/O error, dev (vda|raftblk0), sector \d+ op 0x0:\(READ\)',
        r'^Buffer I/O error on dev raftblk0',
        r'^raftblk0 \(vol0\): (read|chunk_serve) on /dev/vda failed: error 5$',
        r'^raftblk0 \(vol0\): sectors \d+ to \d+ of /dev/vda could not be read, '
        r'and were written anew from another member$')


class Medium:
    """A member's disk, by the bytes of the volume."""

    def __init__(self, node):
        self.node, self.disk = node, node.disks[0]
        self.start = superblock(node.disk_path)['data_start'] * 512

    def lose(self, offset, length=512):
        self.disk.lose(self.start + offset, length)

    def stats(self):
        return self.node.status(VOLUME)['stats']


def read(node, offset, length, check=True):
    """Through the device, past the page cache."""
    return node.run(f'dd if={DEVICE} of=/dev/null bs=64k iflag=direct,skip_bytes,count_bytes '
                    f'skip={offset} count={length} 2>&1', check=check)


def run(lab):
    n1, n2, n3 = lab
    form(lab, '16M')
    lab.allow(*SAYS)
    n1.run(f'dd if=/dev/urandom of={DEVICE} bs=1M seek=4 count=8 oflag=direct 2>/dev/null')
    caught_up(lab)
    medium = [Medium(node) for node in lab]
    n1.detach('raftblk events > /tmp/events & echo $! > /tmp/events.pid; wait')

    lab.say('the leader loses sectors under load')
    oracle = Oracle(DEVICE, blocks=BLOCKS, qd=4)
    writer = oracle.write(n1)
    for turn in range(4):
        writer.wait_acks(writer.acks + 50)
        for block in range(turn, BLOCKS, 37):
            medium[0].lose(block * BLOCK + block % 8 * 512)
        read(n1, 0, BLOCKS * BLOCK)
    writer.stop()
    expect('write errors', writer.errors, 0)
    oracle.verify(n1)
    expect('sectors that n1 cannot read', medium[0].disk.lost(), 0)
    stats = medium[0].stats()
    lab.say(f'{stats["repaired"]} blocks were repaired')
    expect('blocks are repaired', stats['repaired'] > 0)
    expect('blocks that could not be', stats['repair_failed'], 0)
    expect('the events tell', n1.run('grep -c read-repaired /tmp/events').out.strip() != '0')

    lab.say('a follower loses a megabyte')
    medium[1].lose(ALONE, 1 << 20)
    read(n2, ALONE, 1 << 20)
    expect('sectors that n2 cannot read', medium[1].disk.lost(), 0)

    lab.say('two are left, and each has lost something else of the same chunk')
    n3.kill()
    medium[0].lose(ALONE)
    medium[1].lose(ALONE + BLOCK)
    read(n1, ALONE, 1 << 16)
    read(n2, ALONE, 1 << 16)
    expect('sectors that cannot be read', [m.disk.lost() for m in medium[:2]], [0, 0])
    n3.start()
    up(n3)
    caught_up(lab)

    lab.say('all have lost a block: an error, at once and for that block alone')
    lab.allow(r'^raftblk0 \(vol0\): sectors \d+ to \d+ of /dev/vda cannot be read, '
              r'and could not be repaired$')
    for each in medium:
        each.lose(ALONE + 16 * BLOCK)
    failed = read(n1, ALONE + 16 * BLOCK, BLOCK, check=False)
    expect('the read fails', failed.rc != 0 and 'error' in failed.out)
    expect('blocks that could not be repaired', medium[0].stats()['repair_failed'], 1)
    read(n1, ALONE, 16 * BLOCK)
    read(n1, ALONE + 17 * BLOCK, 16 * BLOCK)
    expect('the event tells', n1.run('grep -c repair-failed /tmp/events').out.strip(), '1')

    lab.say('written, it is whole again')
    n1.run(f'dd if=/dev/urandom of={DEVICE} bs=4k seek={ALONE // BLOCK + 16} count=1 '
           'oflag=direct 2>/dev/null')
    caught_up(lab)
    read(n1, ALONE, 1 << 20)
    expect('sectors that cannot be read', [m.disk.lost() for m in medium], [0, 0, 0])
    oracle.verify(n2)
    n1.run('kill $(cat /tmp/events.pid)')
    finish(lab)
