#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A second implementation of the protocol between members, to test the first.

Speaks Documentation/protocol.md from the outside: handshakes, good and bad ones,
messages, good and bad ones, and noise.  Used by the network tests, and by hand:

    peer.py ADDR[:PORT] CASE [--uuid U --key K] [--id N --to N --incarnation U ...]

Exits 0 if the other side behaved as the protocol says, 1 if it did not.
"""
import argparse
import errno
import hashlib
import hmac
import os
import random
import socket
import struct
import sys
import threading
import time

MAGIC = 0x574B4C42
HEADER = struct.Struct("<IIBBBBHHIIIIQQQQQQQQ")
HELLO_T, CHALLENGE_T, RESPONSE_T, WELCOME_T, REFUSED_T = 64, 65, 66, 67, 68
HEARTBEAT, HEARTBEAT_RESP, APPEND, APPEND_RESP = 5, 6, 7, 8
PREVOTE_REQ, PREVOTE_RESP, VOTE_REQ = 1, 2, 3
JOIN_REQ, JOIN_RESP = 15, 16
CONTROL, DATA, JOIN = 0, 1, 2


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC_TABLE = _crc_table()


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for b in data:
        crc = CRC_TABLE[(crc ^ b) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


class Message:
    """A header, decoded, with its body and payloads."""

    def __init__(self, type=0, body=b"", payload=b"", **fields):
        self.type = type
        self.body = body
        self.payload = payload
        self.version = 1
        self.flags = self.auth = self.nr = 0
        self.src = self.dst = self.status = 0
        self.term = self.index = self.log_term = self.commit = 0
        self.ctx = self.sent_at = 0
        for k, v in fields.items():
            setattr(self, k, v)

    def encode(self):
        def head(crc):
            return HEADER.pack(MAGIC, crc, self.version, self.type, self.flags, self.auth,
                               self.nr, len(self.body), len(self.payload), self.src, self.dst,
                               self.status, self.term, self.index, self.log_term, self.commit,
                               self.ctx, self.sent_at, 0, 0)
        return head(crc32c(head(0) + self.body)) + self.body + self.payload


def descriptor(op=1, bytes=0, sector=0, nsect=0, crc=0, term=0, token=0):
    return struct.pack("<BBHIQIIQQQ", op, 0, 0, bytes, sector, nsect, crc, term, token, 0)


class Closed(Exception):
    pass


class Refused(Exception):
    def __init__(self, status):
        super().__init__(errno.errorcode.get(status, str(status)))
        self.status = status


class Peer:
    def __init__(self, args):
        self.a = args
        self.sock = None

    def connect(self, timeout=5.0):
        bind = (self.a.bind, 0) if self.a.bind else None
        self.sock = socket.create_connection((self.a.host, self.a.port), timeout, bind)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, Message) else data)

    def recv_all(self, n):
        out = b""
        while len(out) < n:
            try:
                got = self.sock.recv(n - len(out))
            except (ConnectionResetError, BrokenPipeError):
                got = b""
            if not got:
                raise Closed()
            out += got
        return out

    def recv(self):
        head = self.recv_all(HEADER.size)
        f = HEADER.unpack(head)
        m = Message(f[3], status=f[11], src=f[9], dst=f[10], term=f[12], index=f[13],
                    log_term=f[14], commit=f[15], ctx=f[16], sent_at=f[17], nr=f[6], flags=f[4])
        m.body = self.recv_all(f[7])
        m.payload = self.recv_all(f[8])
        assert f[0] == MAGIC, "magic"
        assert f[2] == 1, "version"
        assert f[1] == crc32c(head[:4] + bytes(4) + head[8:] + m.body), "header crc"
        return m

    def hello(self, role=CONTROL, **over):
        a = self.a
        v = dict(uuid=a.uuid, incarnation=a.incarnation, id=a.id, to=a.to, role=role,
                 vmin=1, vmax=1, compat=0, incompat=0, nonce=os.urandom(32))
        v.update(over)
        if role == JOIN:
            v["id"] = v["to"] = over.get("id", 0)
        return (v["uuid"] + v["incarnation"] +
                struct.pack("<IIBBBBIQQ", v["id"], v["to"], v["role"], v["vmin"], v["vmax"], 0, 0,
                            v["compat"], v["incompat"]) + v["nonce"])

    def mac(self, label, hello, challenge):
        return hmac.new(self.a.key, label + hello + challenge, hashlib.sha256).digest()

    def challenge(self, hello):
        self.send(Message(HELLO_T, hello))
        m = self.recv()
        if m.type == REFUSED_T:
            raise Refused(m.status)
        assert m.type == CHALLENGE_T and len(m.body) == 96, "no CHALLENGE"
        return m.body

    def handshake(self, role=CONTROL, **over):
        hello = self.hello(role, **over)
        ch = self.challenge(hello)
        assert hmac.compare_digest(ch[64:], self.mac(b"raftblk server", hello, ch[:64])), \
            "the server's proof is wrong"
        self.send(Message(RESPONSE_T, self.mac(b"raftblk client", hello, ch)))
        m = self.recv()
        if m.type == REFUSED_T:
            raise Refused(m.status)
        assert m.type == WELCOME_T, "no WELCOME"
        return ch

    def closed_within(self, seconds):
        """True if the other side closes, whatever it says before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sock.settimeout(max(0.05, end - time.monotonic()))
            try:
                if not self.sock.recv(65536):
                    return True
            except socket.timeout:
                return False
            except (ConnectionResetError, BrokenPipeError):
                return True
        return False


CASES = {}


def case(f):
    CASES[f.__name__.replace("_", "-")] = f
    return f


def refused(peer, status, **over):
    try:
        peer.connect().handshake(**over)
    except Refused as r:
        assert r.status in status, f"refused with {r}"
        return
    finally:
        peer.close()
    raise AssertionError("not refused")


@case
def good(args):
    """A handshake as a member, control and data."""
    for role in (CONTROL, DATA):
        p = Peer(args).connect()
        p.handshake(role)
        p.close()


@case
def good_join(args):
    p = Peer(args).connect()
    p.handshake(JOIN)
    p.close()


@case
def garbage(args):
    """Noise of many lengths: closed, nothing but that."""
    for n in [1, 4, 95, 96, 97, 192, 1000, 5000, 100000]:
        p = Peer(args).connect()
        try:
            p.send(os.urandom(n))
            if n < 96:
                p.sock.shutdown(socket.SHUT_WR)
        except OSError:     # closed before we were through
            pass
        assert p.closed_within(2), f"{n} bytes of noise: still open"
        p.close()


@case
def almost(args):
    """HELLO with each of its header's bytes changed."""
    p = Peer(args)
    good_hello = Message(HELLO_T, p.hello()).encode()
    for i in range(96):
        bad = bytearray(good_hello)
        bad[i] ^= 1 << random.randrange(8)
        p.connect()
        try:
            p.send(bytes(bad))
            p.sock.shutdown(socket.SHUT_WR)
        except OSError:     # closed before we were through
            pass
        assert p.closed_within(2), f"byte {i} changed: still open"
        p.close()


@case
def silent(args):
    """Says nothing, or half a HELLO: closed after the time-out, not before 3 s."""
    peers = [Peer(args).connect(), Peer(args).connect()]
    peers[1].send(Message(HELLO_T, peers[1].hello()).encode()[:100])
    start = time.monotonic()
    for p in peers:
        assert p.closed_within(8), "still open"
        p.close()
    assert 3 < time.monotonic() - start < 8, "time-out is off"


@case
def slow(args):
    """One byte at a time: does not get more time by that."""
    p = Peer(args).connect()
    hello = Message(HELLO_T, p.hello()).encode()
    start = time.monotonic()
    try:
        for b in hello:
            p.send(bytes([b]))
            time.sleep(0.1)
    except OSError:
        pass
    p.closed_within(3)
    assert time.monotonic() - start < 9, "slow sender was waited for"
    p.close()


@case
def unknown(args):
    refused(Peer(args), [errno.ENOENT], uuid=os.urandom(16))


@case
def wrong_key(args):
    p = Peer(args).connect()
    hello = p.hello()
    ch = p.challenge(hello)
    p.send(Message(RESPONSE_T, os.urandom(32)))
    m = p.recv()
    assert m.type == REFUSED_T and m.status == errno.EACCES, "wrong response not refused"
    assert p.closed_within(2)
    p.close()
    del ch


@case
def reflect(args):
    """The server's own proof sent back as ours."""
    p = Peer(args).connect()
    hello = p.hello()
    ch = p.challenge(hello)
    p.send(Message(RESPONSE_T, ch[64:]))
    m = p.recv()
    assert m.type == REFUSED_T and m.status == errno.EACCES, "reflected proof not refused"
    p.close()


@case
def replay(args):
    """A good HELLO and RESPONSE, used a second time."""
    p = Peer(args).connect()
    hello = p.hello()
    ch = p.challenge(hello)
    resp = p.mac(b"raftblk client", hello, ch)
    p.close()
    p.connect()
    p.challenge(hello)
    p.send(Message(RESPONSE_T, resp))
    m = p.recv()
    assert m.type == REFUSED_T and m.status == errno.EACCES, "replay not refused"
    p.close()


@case
def identity(args):
    """Authenticated, but not whom it says, or not whom it means."""
    refused(Peer(args), [errno.ESTALE], incarnation=os.urandom(16))
    refused(Peer(args), [errno.EREMCHG], to=args.to + 100)
    refused(Peer(args), [errno.EINVAL], id=args.to)


@case
def newcomer(args):
    """Has the key and an id not given out yet: let in, but a working leader stays."""
    p = Peer(args).connect()
    p.handshake(id=args.id + 1000)
    p.send(Message(VOTE_REQ, term=1 << 40, index=1 << 40, log_term=1 << 39))
    assert not p.closed_within(1), "a newcomer's request for votes is none of its business"
    p.send(os.urandom(96))
    assert p.closed_within(3), "noise from a newcomer: still open"
    p.close()


@case
def versions(args):
    refused(Peer(args), [errno.EPROTONOSUPPORT], vmin=2, vmax=9)
    refused(Peer(args), [errno.EPROTONOSUPPORT], vmin=0, vmax=0)
    refused(Peer(args), [errno.EPROTONOSUPPORT], incompat=1 << 63)
    p = Peer(args).connect()
    p.handshake(vmin=0, vmax=200, compat=(1 << 64) - 1)
    p.close()


def bad_message(args, role, m, what):
    p = Peer(args).connect()
    p.handshake(role)
    try:
        p.send(m)
    except OSError:
        pass
    assert p.closed_within(3), f"{what}: still open"
    p.close()


@case
def messages(args):
    """Authenticated, then violations: each ends the connection."""
    data = os.urandom(4096)
    desc = descriptor(1, 4096, 0, 8, crc32c(data), 1)
    bad = {
        "noise on control": (CONTROL, os.urandom(96)),
        "noise on data": (DATA, os.urandom(500)),
        "unknown type": (CONTROL, Message(31)),
        "type 0": (CONTROL, Message(0)),
        "handshake type": (CONTROL, Message(HELLO_T, bytes(96))),
        "join on control": (CONTROL, Message(JOIN_REQ, bytes(64))),
        "append on control": (CONTROL, Message(APPEND)),
        "heartbeat on data": (DATA, Message(HEARTBEAT)),
        "unknown flag": (CONTROL, Message(HEARTBEAT, flags=0x80)),
        "body on heartbeat": (CONTROL, Message(HEARTBEAT, bytes(48))),
        "payload on heartbeat": (CONTROL, Message(HEARTBEAT, payload=bytes(512))),
        "auth bytes": (CONTROL, Message(HEARTBEAT, auth=16)),
        "payload crc": (DATA, Message(APPEND, descriptor(1, 4096, 0, 8, 12345, 1), data, nr=1)),
        "nr without body": (DATA, Message(APPEND, nr=3)),
        "too many": (DATA, Message(APPEND, desc * 65, data * 65, nr=65)),
        "length of a descriptor": (DATA, Message(APPEND, descriptor(1, 4095, 0, 8, 0, 1),
                                                 data[:4095], nr=1)),
        "huge descriptor": (DATA, Message(APPEND, descriptor(1, 2 << 20, 0, 4096, 0, 1),
                                          bytes(2 << 20), nr=1)),
        "unknown op": (DATA, Message(APPEND, descriptor(99, 4096, 0, 8, crc32c(data), 1),
                                     data, nr=1)),
        "behind the end": (DATA, Message(APPEND, descriptor(1, 4096, 1 << 60, 8, crc32c(data), 1),
                                         data, nr=1)),
        "noop with payload": (DATA, Message(APPEND, descriptor(0, 4096, 0, 8, crc32c(data), 1),
                                            data, nr=1)),
    }
    for what, (role, m) in bad.items():
        bad_message(args, role, m, what)


@case
def flood(args):
    """Many connections at once and in a row; the last handshake still works."""
    def run():
        for _ in range(args.count // 8):
            try:
                p = Peer(args).connect(10)
                p.send(os.urandom(random.randrange(200)))
                p.close()
            except OSError:
                pass
    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    time.sleep(1)


@case
def hold(args):
    """Silent connections held; those beyond the bound are closed, none for long."""
    peers = []
    for _ in range(args.count):
        try:
            peers.append(Peer(args).connect(10))
        except OSError:
            pass
    # On a busy host it takes the listener a while to come to all of them.  Without a
    # bound they would be kept until the handshake's time-out, 5 seconds.
    end = time.monotonic() + 3
    still = peers
    while True:
        still = [p for p in still if not p.closed_within(0.02)]
        if len(still) <= 16 + 1 or time.monotonic() > end:
            break
    print(f"{len(still)} of {len(peers)} silent connections kept")
    assert len(still) <= 16 + 1, "more kept than the bound for strangers"
    for p in still:
        assert p.closed_within(7), "kept for longer than the time-out"


@case
def fuzz(args):
    """Mutated messages behind a good handshake, for --count rounds."""
    rng = random.Random(args.seed)
    data = os.urandom(4096)
    for _ in range(args.count):
        role = rng.choice((CONTROL, DATA))
        if role == DATA:
            nr = rng.randrange(1, 4)
            m = Message(APPEND, descriptor(1, 4096, 0, 8, crc32c(data), 0) * nr, data * nr, nr=nr,
                        term=0)
        else:
            m = Message(rng.randrange(1, 15), term=0)
        raw = bytearray(m.encode())
        for _ in range(rng.randrange(1, 6)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        if rng.random() < 0.5:      # a header whose CRC is right, with wrong content
            raw[4:8] = bytes(4)
            n = 96 + len(m.body)
            raw[4:8] = struct.pack("<I", crc32c(raw[:n]))
        p = Peer(args).connect()
        p.handshake(role)
        try:
            p.send(bytes(raw)[:rng.randrange(1, len(raw) + 1)])
            p.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert p.closed_within(5), "still open"
        p.close()


def read_token(text):
    """UUID and key in a token as the tool prints it."""
    acc = 0
    digits = text.strip()[3:]
    for c in digits:
        acc = acc << 5 | "abcdefghijklmnopqrstuvwxyz234567".index(c)
    bits = 5 * len(digits)
    raw = (acc >> bits % 8).to_bytes(bits // 8, "big")
    assert raw[48:52] == struct.pack("<I", crc32c(raw[:48])), "token is damaged"
    return raw[:16], raw[16:48]


def main():
    def uuid(s):
        return bytes.fromhex(s.replace("-", ""))

    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("addr")
    ap.add_argument("case", choices=sorted(CASES))
    ap.add_argument("--uuid", type=uuid, default=bytes(16))
    ap.add_argument("--key", type=bytes.fromhex, default=bytes(32))
    ap.add_argument("--token", type=read_token, help="instead of --uuid and --key")
    ap.add_argument("--incarnation", type=uuid, default=bytes(16))
    ap.add_argument("--id", type=int, default=2)
    ap.add_argument("--to", type=int, default=1)
    ap.add_argument("--bind", default="")
    ap.add_argument("--count", type=int, default=1000)
    ap.add_argument("--seed", type=int, default=1)
    args = ap.parse_args()
    if args.token:
        args.uuid, args.key = args.token
    args.host, _, port = args.addr.partition(":")
    args.port = int(port or 7450)
    try:
        CASES[args.case](args)
    except (AssertionError, Closed, Refused, OSError) as e:
        print(f"{args.case}: {type(e).__name__}: {e}", file=sys.stderr)
        return 1
    print(f"{args.case}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
