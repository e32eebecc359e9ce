# SPDX-License-Identifier: GPL-2.0
"""The lab itself: links, pauses, power cuts, and a judge that finds things."""

import re
import time

from rblab import NodeDown

LAB = {'nodes': 3, 'disk': '32M', 'extra_disks': {'log': '8M'}}
MODULE = False
TIMEOUT = 600

FILL = 'yes {} | tr -d "\\n" | dd of=/dev/vda bs=64k count={} {} 2>/dev/null'


def reaches(node, other):
    return node.run(f'ping -c 1 -W 1 {other.address}', check=False).rc == 0


def expect(what, got, wanted=True):
    if got != wanted:
        raise AssertionError(f'{what}: {got!r}, expected {wanted!r}')


def commands(lab):
    n1 = lab.node(1)
    expect('exit code', n1.run('exit 7', check=False).rc, 7)
    both = n1.run('echo out; echo err >&2')
    expect('output', (both.out, both.err), ('out\n', 'err\n'))
    data = bytes(range(256)) * 8192
    expect('2 MB both ways', n1.run('cat', input=data).raw == data)
    several = [n1.spawn(f'sleep 0.{i}; echo {i}') for i in range(5)]
    expect('several at once', [p.wait(20).out for p in several],
           [f'{i}\n' for i in range(5)])
    sleeper = n1.spawn('sleep 100 & sleep 100')
    time.sleep(0.2)
    sleeper.kill()
    expect('a killed command', sleeper.wait(10).rc, 137)
    lab.wait(lambda: n1.run('pidof sleep', check=False).rc, 10, 'its children end')
    lines = n1.spawn('for i in 1 2 3; do echo $i; sleep 0.1; done').lines(10)
    expect('lines', list(lines), ['1', '2', '3'])
    n1.run('echo moved >/tmp/a')
    n1.pull('/tmp/a', f'{lab.state}/pulled')
    lab.node(2).push(f'{lab.state}/pulled', '/tmp/b')
    expect('push and pull', lab.node(2).run('cat /tmp/b').out, 'moved\n')
    expect('second disk', n1.run('cat /sys/block/vdb/size').out, '16384\n')


def links(lab):
    n1, n2, n3 = lab
    expect('all reach each other', all(reaches(a, b) for a in lab for b in lab))
    expect('IPv6', n1.run('ping -c 1 -W 2 fd00::2', check=False).rc, 0)
    lab.cut(1, 2)
    expect('1-2 cut', (reaches(n1, n2), reaches(n1, n3), reaches(n2, n3)),
           (False, True, True))
    lab.join(1, 2)
    expect('1-2 joined', reaches(n1, n2))
    n2.run('ip neigh flush all')
    n1.run('ping -c 1 -W 1 10.0.0.2')
    lab.cut(2, 1, oneway=True)
    before = lab.net.stats()
    expect('nothing comes back', reaches(n1, n2), False)
    after = lab.net.stats()
    expect('but it arrives', after[1, 2]['frames'] > before[1, 2]['frames'])
    expect('and the answer is lost', after[2, 1]['lost'] > before[2, 1]['lost'])
    lab.heal()
    lab.partition([1, 2], [3])
    expect('partition', (reaches(n1, n2), reaches(n1, n3), reaches(n3, n2)),
           (True, False, False))
    lab.heal()
    expect('healed', all(reaches(a, b) for a in lab for b in lab))


def slowness(lab):
    n1, n2, _ = lab
    lab.slow(1, 2, delay=100)
    times = re.findall(r'time=([\d.]+)', n1.run(f'ping -c 3 {n2.address}').out)
    expect(f'delay of 200 ms: {times}', all(200 <= float(t) < 400 for t in times))
    lab.slow(1, 2, loss=100)
    expect('all lost', reaches(n1, n2), False)
    lab.slow(1, 2, rate=4)
    n2.detach('nc -l -p 5000 >/dev/null')
    lab.wait(lambda: n2.run('netstat -ltn | grep -q 5000', check=False).rc == 0, 10)
    begun = time.monotonic()
    n1.run(f'dd if=/dev/zero bs=64k count=16 2>/dev/null | nc -w 20 {n2.address} 5000')
    took = time.monotonic() - begun
    expect(f'1 MB at 4 Mbit/s took {took:.1f} s', 1.5 < took < 10)
    lab.heal()


def pauses(lab):
    n1, n2, _ = lab
    for how in ('monitor', 'freeze'):
        n2.pause(how)
        expect(f'{how}: a paused machine answers nothing', reaches(n1, n2), False)
        n2.resume()
        lab.wait(lambda: reaches(n1, n2), 20, 'an answer after the pause')


def count_letter(node, letter):
    """Sectors of the first 1 MB of the disk image that are full of a letter."""
    with open(node.disk_path, 'rb') as image:
        data = image.read(1 << 20)
    return sum(data[at:at + 512] == letter * 512 for at in range(0, 1 << 20, 512))


def power_cuts(lab):
    n1 = lab.node(1)
    n1.run(FILL.format('A', 16, 'oflag=direct conv=fsync iflag=fullblock'))
    expect('nothing dirty after fsync', n1.disks[0].dirty(), 0)
    n1.run(FILL.format('B', 16, 'oflag=direct iflag=fullblock'))
    expect('1 MB is dirty', n1.disks[0].dirty(), 2048)
    expect('and read back', n1.run('dd if=/dev/vda bs=1 count=4 iflag=direct bs=512 '
                                   '2>/dev/null | head -c 2').out, 'BB')
    running = n1.spawn('sleep 100')
    n1.kill()
    try:
        running.wait(5)
        raise AssertionError('a command survived the power cut')
    except NodeDown:
        pass
    expect('the flushed data is there', count_letter(n1, b'A'), 2048)
    n1.start()
    torn = []
    for _ in range(2):
        n1.run(FILL.format('A', 16, 'oflag=direct conv=fsync iflag=fullblock'))
        n1.run(FILL.format('B', 16, 'oflag=direct iflag=fullblock'))
        n1.kill(keep=7)
        with open(n1.disk_path, 'rb') as image:
            torn.append(image.read(1 << 20))
        kept = count_letter(n1, b'B')
        expect(f'{kept} of 2048 sectors kept', 700 < kept < 1350)
        expect('the rest is old', kept + count_letter(n1, b'A'), 2048)
        n1.start()
    expect('a seed gives the same again', torn[0] == torn[1])
    n1.run(FILL.format('C', 16, 'oflag=direct iflag=fullblock'))
    n1.poweroff()
    expect('powered off in order, all is written', count_letter(n1, b'C'), 2048)
    n1.start()


def disk_faults(lab):
    n1 = lab.node(1)
    lab.allow(r'^(blk_update_request: )?I/O error, dev vda, ', r'^Buffer I/O error on dev vda')
    n1.disks[0].ask('fail 8192 4096 r')
    read = 'dd if=/dev/vda bs=4096 count=1 skip={} iflag=direct of=/dev/null'
    expect('a bad block', n1.run(read.format(2), check=False).rc, 1)
    expect('a good block', n1.run(read.format(3), check=False).rc, 0)
    n1.disks[0].ask('good')
    expect('mended', n1.run(read.format(2), check=False).rc, 0)


def file_systems(lab):
    n3 = lab.node(3)
    n3.run('mkfs.ext4 -q /dev/vda && mkdir -p /mnt/a && mount /dev/vda /mnt/a && '
           'echo kept >/mnt/a/file && sync')
    lab.kill()
    lab.start()
    n3.run('mkdir -p /mnt/a && mount /dev/vda /mnt/a')
    expect('the file', n3.run('cat /mnt/a/file').out, 'kept\n')
    n3.run('umount /mnt/a')


def oracle(lab):
    """The oracle accepts a disk that keeps its word, and not one that lies."""
    from rblab.oracle import Lost, Oracle
    n2 = lab.node(2)
    history = Oracle('/dev/vda', blocks=64, qd=4)
    history.write(n2, count=200).wait()
    expect('all there', history.verify(n2) > 30)
    n2.run('sync; blockdev --flushbufs /dev/vda; dd if=/dev/zero of=/dev/vda bs=512 '
           'seek=64000 count=1 conv=fsync 2>/dev/null')
    history.write(n2).wait_acks(300)
    n2.kill()       # the disk had acknowledged, not flushed
    n2.start()
    try:
        history.verify(n2)
    except Lost:
        return
    raise AssertionError('lost writes went unnoticed')


def judge(lab):
    n1 = lab.node(1)
    expect('clean so far', lab.scan(), [])
    n1.kmsg('WARNING: CPU: 0 PID: 1 at planted/by_the_selftest.c:1 planted()')
    n1.kmsg('a stray line, planted by the selftest')
    lab.wait(lambda: 'stray line' in n1.console(), 5)
    expect('findings', [(name, why) for name, _, why, _ in lab.scan()],
           [('n1', 'bad'), ('n1', 'stray')])
    lab.allow('planted[/ ]by')


def run(lab):
    for part in (commands, links, slowness, pauses, power_cuts, disk_faults,
                 file_systems, oracle, judge):
        lab.say(part.__name__)
        part(lab)
