# SPDX-License-Identifier: GPL-2.0
"""Wrong devices, addresses, tokens, requests and bytes: refused with a sentence, nothing changed."""

import json
import os
import subprocess
import tempfile

from rblab.paths import TOP

from _common import expect, finish, voters

LAB = {'nodes': 3, 'disk': '48M', 'extra_disks': {'spare': '24M', 'tiny': '8M', 'small': '16M'}}
TIMEOUT = 300
DEBUG = True

SPARE = '/dev/vdb'
TINY = '/dev/vdc'
SMALL = '/dev/vdd'
BUILT = os.path.join(TOP, 'build', 'userspace')


def digest(node, device):
    return node.run(f'dd if={device} bs=1M 2>/dev/null | md5sum').out


def refused(node, code, sentence, *words, device=None):
    """The tool refuses, says why on stderr, and the device is as it was."""
    before = device and digest(node, device)
    got = node.raftblk(*words, check=False, timeout=120)
    what = f'{node.name}: raftblk {" ".join(words)}'
    expect(f'{what}: exit code ({got.err.strip()})', got.rc, code)
    if sentence not in got.err:
        raise AssertionError(f'{what}: {got.err!r} does not say {sentence!r}')
    if device:
        expect(f'{what}: device unchanged', digest(node, device), before)


def devices(n1):
    create = ('create', 'vol1')
    here = ('--addr', n1.address)
    refused(n1, 1, 'not a block device', *create, '/dev/null', *here)
    refused(n1, 1, 'No such file', *create, '/dev/nothing', *here)
    refused(n1, 1, "volume 'vol0' is up on it", *create, '/dev/vda', *here)
    refused(n1, 1, 'too small', *create, TINY, *here, device=TINY)
    n1.run(f'mkfs.ext4 -q -L precious {SPARE}')
    refused(n1, 1, "ext4 'precious'", *create, SPARE, *here, device=SPARE)
    n1.run(f'mkdir -p /mnt/x && mount {SPARE} /mnt/x')
    refused(n1, 1, 'mounted on /mnt/x', *create, SPARE, *here, '--force')
    refused(n1, 1, 'mounted on /mnt/x', 'wipe', SPARE, '--yes')
    refused(n1, 1, 'mounted on /mnt/x', 'dump', SPARE)
    n1.run('umount /mnt/x')
    refused(n1, 1, 'not a raftblk superblock', 'up', SPARE, device=SPARE)
    n1.run(f'wipefs -qa {SPARE}')


def addresses(n1):
    refused(n1, 1, 'not an address of this machine', 'create', 'vol1', SPARE, '--addr',
            '10.0.0.77', device=SPARE)
    refused(n1, 1, 'is up on this machine already', 'create', 'vol0', SPARE, '--addr',
            n1.address, device=SPARE)
    n1.detach('nc -l -p 7777 >/dev/null')
    n1.lab.wait(lambda: n1.run('netstat -ltn | grep -q :7777', check=False).rc == 0, 10)
    refused(n1, 1, 'in use by another program', 'create', 'vol1', SPARE, '--addr',
            f'{n1.address}:7777')
    refused(n1, 1, 'not a member', 'dump', SPARE)
    n1.run('kill $(pidof nc)')


def joining(n1, n2, n3):
    n2.raftblk('create', 'other', SPARE, '--addr', f'{n2.address}:7000')
    wrong = n2.raftblk('token', 'other').out.strip()
    right = n1.raftblk('token', 'vol0').out.strip()
    n2.raftblk('down', 'other')
    n2.raftblk('wipe', SPARE, '--yes')
    refused(n2, 1, "member of volume 'vol0' already", 'join', n1.address, SPARE,
            '--addr', f'{n2.address}:7000', '--token', right, device=SPARE)
    here = ('--addr', n3.address)
    refused(n3, 1, 'connection refused', 'join', f'{n1.address}:99', SPARE, *here,
            '--token', right, device=SPARE)
    refused(n3, 4, 'no answer from that address', 'join', '10.0.0.99', SPARE, *here,
            '--token', right, device=SPARE)
    refused(n3, 1, 'token', 'join', n1.address, SPARE, *here, '--token', wrong, device=SPARE)
    refused(n3, 1, 'too small', 'join', n1.address, TINY, *here, '--token', right, device=TINY)
    refused(n3, 1, 'no member with the node id', 'join', n1.address, '/dev/vda', *here,
            '--replace', '9', '--token', right, device='/dev/vda')
    expect('members', len(n1.status('vol0')['members']), 2)


def rotten(n1):
    """Superblocks, one and then both."""
    n1.raftblk('create', 'vol1', SPARE, '--addr', f'{n1.address}:7000')
    n1.raftblk('down', 'vol1')
    n1.run(f'dd if=/dev/urandom of={SPARE} bs=512 count=1 conv=notrunc 2>/dev/null')
    n1.lab.allow(r'^raftblk: /dev/vdb: superblock A does not read well, rewritten from B$')
    n1.raftblk('up', SPARE)
    n1.raftblk('down', 'vol1')
    n1.run(f'dd if=/dev/urandom of={SPARE} bs=512 seek=1 count=1 conv=notrunc 2>/dev/null')
    n1.run(f'dd if=/dev/urandom of={SPARE} bs=512 seek=9 count=1 conv=notrunc 2>/dev/null')
    refused(n1, 1, 'checksum mismatch', 'up', SPARE, device=SPARE)
    refused(n1, 1, 'checksum mismatch', 'dump', SPARE, device=SPARE)
    n1.raftblk('wipe', SPARE, '--yes')
    refused(n1, 1, 'not a raftblk superblock', 'up', SPARE, device=SPARE)


def requests(n1):
    """Netlink: malformed and unprivileged."""
    n1.push(os.path.join(BUILT, 'nlbad'), '/tmp/nlbad', 0o755)
    # the kernel itself notes attributes of wrong length, for every family
    n1.lab.allow(r'^netlink: .*attribute', r'^validate_nla: \d+ callbacks suppressed$')
    got = n1.run(['/tmp/nlbad', 'vol0', SPARE], check=False, timeout=120)
    bad = [line for line in got.out.splitlines() if line.startswith(('not ok', '#'))]
    expect('refused requests', (got.rc, bad), (0, []))
    for words in (['down', 'vol0'], ['set', 'vol0', 'io-timeout=1s'], ['token', 'vol0'],
                  ['transfer', 'vol0', '1'], ['up', SPARE]):
        got = n1.run(['setpriv', '--reuid=65534', '--clear-groups', 'raftblk', *words],
                     check=False, timeout=60)
        what = f'raftblk {words[0]} by nobody'
        expect(f'{what}: exit code ({got.err.strip()})', got.rc, 3)
        expect(f'{what} says what to do', 'run this as root' in got.err)


def rubbish(n1, n2):
    """Bytes that are no handshake, on the port."""
    leader = n1.status('vol0')
    for command in ('head -c 100000 /dev/urandom', 'head -c 100000 /dev/zero', 'true',
                    'printf BLKW', 'head -c 20 /dev/urandom'):
        n2.run(f'{command} | nc -w 2 {n1.address} 7450 >/dev/null', check=False, timeout=60)
    after = n1.status('vol0')
    expect('term, leader and members', [after[k] for k in ('term', 'leader', 'config_index')],
           [leader[k] for k in ('term', 'leader', 'config_index')])


def schema(n1):
    top = n1.raftblk('status', '--json')
    with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        json.dump(top, file)
        file.flush()
        got = subprocess.run(
            [os.path.join(TOP, 'tests/tool/check-json'),
             os.path.join(TOP, 'userspace/status.schema.json'), file.name],
            capture_output=True, text=True, check=False)
    expect('status --json fits its schema', (got.returncode, got.stderr), (0, ''))


def too_small_for_the_volume(n1, n3):
    """Known only once the cluster has answered."""
    token = n1.raftblk('token', 'vol0').out.strip()
    refused(n3, 1, 'too small', 'join', n1.address, SMALL, '--addr', n3.address,
            '--token', token, device=SMALL)
    members = n1.status('vol0')['members']
    expect('parts', sorted(m['part'] for m in members), ['voter', 'voter'])
    expect('quorum', n1.status('vol0')['quorum'])
    expect('writes go on', n1.run('dd if=/dev/zero of=/dev/raftblk0 bs=4k count=4 conv=fsync '
                                  '2>/dev/null', check=False).rc, 0)


def run(lab):
    subprocess.run(['make', '-s', '-C', os.path.join(TOP, 'tests/tool')], check=True)
    n1, n2, n3 = lab
    lab.form(members=[1, 2], create=['--log-size', '16M'])
    lab.wait(lambda: len(voters(n1)) == 2, 60, 'both members to vote')
    n1.run('dd if=/dev/urandom of=/dev/raftblk0 bs=64k count=32 conv=fsync 2>/dev/null')
    before = digest(n1, '/dev/raftblk0')
    devices(n1)
    addresses(n1)
    joining(n1, n2, n3)
    rotten(n1)
    requests(n1)
    rubbish(n1, n2)
    schema(n1)
    expect('the volume', digest(n1, '/dev/raftblk0'), before)
    too_small_for_the_volume(n1, n3)
    # a third member joins as if nothing had been
    token = n1.raftblk('token', 'vol0').out.strip()
    n3.raftblk('join', n1.address, '/dev/vda', '--addr', n3.address, '--token', token)
    lab.wait(lambda: len(voters(n1)) == 3, 60, 'all members to vote')
    finish(lab)
