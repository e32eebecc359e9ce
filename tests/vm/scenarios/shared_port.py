# SPDX-License-Identifier: GPL-2.0
"""Two volumes on one port and a third on IPv6: each comes and goes without harm to the others."""

import os
import sys
import time

from rblab.oracle import Oracle
from rblab.paths import TOP

sys.path.insert(0, os.path.join(TOP, 'tests', 'net'))

import peer                                     # noqa: E402
from relay import Relay                         # noqa: E402

from _common import expect

LAB = {'nodes': 2, 'disk': '48M', 'extra_disks': {'b': '48M', 'c': '48M'}}
TIMEOUT = 400
DEBUG = True
ROUNDS = 8


def form_on(lab, name, device, addresses):
    n1, n2 = lab
    n1.raftblk('create', name, device, '--addr', addresses[0], '--log-size', '8M')
    token = n1.raftblk('token', name).out.strip()
    n2.raftblk('join', addresses[0], device, '--addr', addresses[1], '--token', token, timeout=120)


def connected(node, name):
    """Both connections to the other member are there."""
    state = node.status(name)
    return state and all(m['connected_control'] and m['connected_data']
                         for m in state['members'] if not m['self'])


def silent_connections(n2, n1, count):
    """Handshakes that have begun on n1's port and do not go on."""
    relay = Relay(n2, n1.address, 7450)
    port = relay.__enter__()
    hello = peer.Message(peer.HELLO_T, bytes(96)).encode()
    held = []
    for i in range(count):
        held.append(peer.socket.create_connection(('127.0.0.1', port)))
        held[-1].sendall(hello[:40 * (i % 3)])
    return relay, held


def run(lab):
    n1, n2 = lab
    # down may come while the partition table of a volume just up is looked for
    lab.allow(r'I/O error, dev raftblk1, sector 0 op 0x0:\(READ\)')
    lab.load()
    plain = [n.address for n in lab]
    form_on(lab, 'vola', '/dev/vda', plain)
    form_on(lab, 'volb', '/dev/vdb', plain)
    form_on(lab, 'volc', '/dev/vdc', [f'[{n.address6}]:7450' for n in lab])
    for name in ('vola', 'volb', 'volc'):
        lab.wait(lambda name=name: connected(n1, name), 60, f'{name} to be connected')

    # vola works on while volb goes and comes, on the same port, on either side,
    # with handshakes on the port that hang
    minor = next(v['minor'] for v in n1.status() if v['name'] == 'vola')
    oracle = Oracle(f'/dev/raftblk{minor}', blocks=512, qd=2)
    writer = oracle.write(n1, pause=2000)
    writer.wait_acks(20)
    before = n1.status('vola')
    for i in range(ROUNDS):
        node = (n1, n2)[i % 2]
        relay, held = silent_connections(n2, n1, 6)
        begun = time.monotonic()
        node.raftblk('down', 'volb')
        took = time.monotonic() - begun
        node.raftblk('up', '/dev/vdb')
        lab.wait(lambda: connected(n1, 'volb'), 60, 'volb to be connected')
        for sock in held:
            sock.close()
        relay.__exit__()
        # nobody waits for somebody else's time-out
        expect(f'round {i}: down took {took:.1f} s, at once', took < (20 if lab.kernel.debug else 4))
    writer.wait_acks(writer.acks + 20, 60)
    writer.stop()
    expect('write errors', writer.errors, 0)
    oracle.verify(n1)
    after = n1.status('vola')
    expect('vola: leader, term', [after['leader'], after['term']],
           [before['leader'], before['term']])
    expect('vola: reconnects', [m.get('reconnects') for m in after['members']],
           [m.get('reconnects') for m in before['members']])
    expect('volc is connected', connected(n1, 'volc'))

    # the last one on the port closes it, whatever hangs there
    relay, held = silent_connections(n2, n1, 6)
    for name in ('vola', 'volb'):
        n1.raftblk('down', name)
    expect('listeners left', n1.run("netstat -ltn | grep -c ' 10.0.0.*:7450 '",
                                    check=False).out.strip(), '0')
    for sock in held:
        sock.close()
    relay.__exit__()
    lab.unload_all()
    for node in lab:
        expect(f'{node.name}: leaks', node.check_kmemleak().strip(), '')
