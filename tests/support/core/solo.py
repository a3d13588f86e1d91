"""One real Channel under test, and a peer made of nothing but the channel's key: it can say anything, true or forged.

The broker is played by hand: what `Solo` publishes comes back to it, retained messages are given in again on purpose.
"""

from check import raises
from sealcast.channel import Channel
from sealcast.crypto import best_suite
from sealcast.crypto.keys import Keys
from sealcast.crypto.rng import Rng
from sealcast.crypto.signing import sign
from sealcast.state import pack_parts
from sealcast.wire import HANDSHAKE, Topics, header, pad, u32
from sealcast.zpinc import cpace
from sealcast.zpinc.epochs import CONFIRM, PROPOSE, SHARE, SUM, Proposal
from sealcast.zpinc.identity import Identity, Join
from sealcast.zpinc.joins import seal_join
from sealcast.zpinc.me import MySession
from sealcast.zpinc.members import AWAKE
from sealcast.zpinc.notes import ring_digest, seal_note
from sealcast.zpinc.presence import Presence, seal_presence

suite = best_suite()
KEY = b"k" * 32
_count = [0]


def hardware(n):
    """Different bytes each time, the same in each run of a test."""
    _count[0] += 1
    return suite.h(n, b"hardware", b"", b"", _count[0].to_bytes(4, "big"))


def nothing(n):
    """Hardware without randomness."""


def config(uid, **changes):
    """Checked settings of a member."""
    c = {"uid": uid, "channel": "greenhouse", "key": KEY, "identity": (uid.encode() * 32)[:32], "roster": None,
         "sign": True, "ring": 4, "keepalive": 30, "rekey_seconds": 3600, "rekey_messages": 1000, "history": "all",
         "ratchet": False}  # fmt: skip
    c.update(changes)
    return c


class Solo:
    """A member, online; everything it did is kept: published, events, messages."""

    def __init__(self, uid="solo", blob=None, **changes):
        self.ch = Channel(suite, config(uid, **changes), blob, hardware)
        self.ch.journal.room = 4096
        self.anew = False  # does it want another connection?
        self.stored = [blob or b""]
        self.now = 1000
        self.wake = None
        self.published = []
        self.events = []
        self.messages = []
        self.run(self.ch.start(self.now))

    @property
    def blob(self):
        """The state that was stored last; joined only here, as storage takes it in pieces."""
        return b"".join(self.stored)

    def connect(self, *frames):
        """Connect, and again where it asks for that; `frames` are what the broker retains and delivers before the first
        reading ends."""
        self.anew = False
        self.run(self.ch.connecting(self.now))
        self.hold = True
        self.run(self.ch.connected(self.now))
        for topic, payload in frames:
            self.give(topic, payload)
        self.barrier()
        if self.anew and not self.ch.me.full:
            self.run(self.ch.disconnected(self.now))
            return self.connect(*frames)
        return self

    def run(self, effects):
        for e in effects:
            if e[0] == "store":
                self.stored = list(e[1])
            elif e[0] == "append":
                self.stored.append(e[1])
            elif e[0] == "publish":
                self.published.append((e[1], e[2]))
            elif e[0] == "event":
                self.events.append((e[1], e[2]))
            elif e[0] == "message":
                self.messages.append(e[1])
                self.ch.taken(e[1])
            elif e[0] == "reconnect":
                self.anew = True
            elif e[0] == "wake":
                self.wake = e[1]
        return effects

    def give(self, topic, payload):
        return self.run(self.ch.receive(topic, payload, self.now))

    def barrier(self):
        """Give the sync nonces back until no ring is left to read."""
        while mine := self.barriers():
            for topic, payload in mine:
                self.give(topic, payload)

    def barriers(self):
        """Take out what waits to come back."""
        mine = [f for f in self.published if f[0].endswith("/s")]
        self.published = [f for f in self.published if not f[0].endswith("/s")]
        return mine

    def later(self, ms, barrier=True):
        """Time passes, ticks included. barrier: those that are published meanwhile come back."""
        end = self.now + ms
        while True:
            self.now = min(end, max(self.now, self.wake if self.wake is not None else end))
            self.wake = None
            self.run(self.ch.tick(self.now))
            if barrier:
                self.barrier()
            if self.now >= end:
                return

    def state(self):
        """Everything that matters: what would be stored, and what is only remembered."""
        ch = self.ch
        a, t = ch.epochs, ch.epochs.attempt
        out = [
            pack_parts(ch),
            ch.phase,
            a.rank,
            t and (t.hid, t.state, list(t.Z), list(t.X), sorted(t.confirmed), sorted(t.early)),
        ]
        for m in ch.others.by_tag.values():
            out.append((m.uid, m.public, m.conn, m.counter, m.willed, m.status, m.deadline))
            out.append([(s.sid, s.window.next, sorted(s.window.held)) for s in m.sessions])
        return out

    def refuses(self, topic, payload, *reasons):
        """The frame is counted under one of these reasons, and nothing else happens."""
        before, drops = self.state(), dict(self.ch.out.drops)
        effects = self.give(topic, payload)
        for e in effects:
            assert e[0] in ("event", "wake"), e
            assert e[0] != "event" or e[1] in ("forged", "dropped", "identity_changed", "handshake_failed"), e
        new = [r for r in self.ch.out.drops if self.ch.out.drops[r] != drops.get(r, 0)]
        assert len(new) == 1 and self.ch.out.drops[new[0]] == drops.get(new[0], 0) + 1, (new, reasons)
        assert new[0] in reasons, (new, reasons)
        assert self.state() == before, new

    def event(self, name):
        """The details of the last event of this name; None when there was none."""
        for n, detail in reversed(self.events):
            if n == name:
                return detail


class Peer:
    """Whoever holds the channel's key: says what a member would say, under any name. It stands in for zpinc.me.Me."""

    def __init__(self, uid, lamport=1, secret=None, session=0, ring=4, key=KEY):
        self.uid = uid
        self.suite = suite
        self.config = {"sign": True}
        self.keys = Keys(suite, key, b"greenhouse")
        self.rng = Rng(suite, None, hardware)
        self.topics = Topics(self.keys.rp)
        self.name = self.keys.name(uid.encode())
        self.tag = self.name[:16]
        self.identity = Identity(suite, secret or (uid.encode() * 32)[:32])
        self.session = MySession(suite, lamport, suite.h(16, b"sid", b"", b"", uid.encode(), bytes((session,))),
                                 suite.h(32, b"seed", b"", b"", uid.encode(), bytes((session,))))  # fmt: skip
        self.ring = ring
        self.digests = []
        self.counter = 0

    def topic(self, stream, slot=None):
        return self.topics.make(self.name, stream, slot)

    def seal(self, head, pt):
        return self.keys.seal(self.rng, head, self.tag, pt)

    def join(self, data=b"", ended=b""):
        s = self.session
        body = Join(s.lamport, s.sid, self.identity.public, s.S, self.ring, data, ended)
        return self.topic("j", s.lamport % 4), seal_join(self.keys, self.rng, self.identity, self.tag, body)

    def presence(self, status=AWAKE, conn=1, counter=None, head=0, sleep=0, attempt=0, digest=None, parts=3,
                 epoch=bytes(16), place=None, said=(0, bytes(4), 0), marks=b""):  # fmt: skip
        if counter is None:
            self.counter += 1
            counter = self.counter
        digest = ring_digest(suite, b"") if digest is None else digest
        p = Presence(status, conn, 30, sleep, head, digest, attempt, parts, epoch, place, said, marks)
        return self.topic("p"), seal_presence(self, None, None, counter, p)[0]

    def note(self, seq, body=b"hello", heard=b"\x00", signed=True, time=0):
        self.config["sign"] = signed
        return self.topic("n", seq % self.ring), seal_note(self, seq, time, heard, body)

    def handshake(self, attempt, pt, kind=HANDSHAKE):
        return self.topic("h"), self.seal(header(kind, self.session.sid, attempt), pt)

    # --- a handshake with the member under test

    def proposal(self, solo, attempt=1, *others):
        """A proper one: ourselves, the member under test, and these other peers."""
        parties = [(p.tag, p.session.sid) for p in (self, solo.ch.me) + others]
        return Proposal(self.tag, attempt, self.rng.bytes(16), bytes(32), sorted(parties))

    def propose(self, proposal):
        return self.handshake(proposal.attempt, bytes((PROPOSE,)) + cpace.proposal_body(proposal))

    def take_part(self, solo, proposal, *others):
        """Our own honest arithmetic for this proposal."""
        by_tag = {p.tag: p for p in (self, solo.ch.me) + others}
        parties = [by_tag[t] for t, _ in proposal.parties]
        latest = max([p.session.order for p in parties])[1]
        return cpace.begin(self.keys, self.rng, proposal, [p.name for p in parties], self.tag, latest)

    def value(self, attempt, kind, body=None, signer=None):
        """Our message of this kind in the attempt, signed when it is a confirmation."""
        a = attempt
        pt = bytes((kind,)) + (cpace.message(suite, a, kind) if body is None else body)
        if kind == CONFIRM:
            head = header(HANDSHAKE, self.session.sid, a.proposal.attempt)
            pt += sign(suite, signer or self.session, self.keys.ad(head, self.tag), pt, a.transcript)
        return self.handshake(a.proposal.attempt, pt)


def hear(solo, attempt):
    """Feed the member's own handshake messages, published since last
    time, to a peer's Attempt; -> its proof or None.
    """
    proof = None
    for topic, payload in solo.published:
        if topic == solo.ch.me.topic("h"):
            pt = solo.ch.me.keys.open(payload, HANDSHAKE, solo.ch.me.tag)[3]
            i = attempt.tags.index(solo.ch.me.tag)
            if pt[1:33] == attempt.hid:
                if pt[0] in (SHARE, SUM):
                    cpace.take(solo.ch.me.keys, attempt, pt[0], i, pt[33:65])
                elif pt[0] == CONFIRM:
                    proof = pt[33:65]
    return proof


def agree(solo, peer, attempt=1):
    """A whole honest handshake of two. -> (the peer's Attempt, its Epoch, every frame the peer sent)"""
    proposal = peer.proposal(solo, attempt)
    a = peer.take_part(solo, proposal)
    frames = [peer.propose(proposal)]
    solo.give(*frames[-1])
    hear(solo, a)
    epoch = cpace.new_epoch(suite, a, [solo.ch.others.uid_of(t) for t in a.tags])
    for kind in (SHARE, CONFIRM):
        frames.append(peer.value(a, kind))
        solo.give(*frames[-1])
    assert solo.ch.epoch is not None and solo.ch.epochs.current.hid == epoch.hid
    return a, epoch, frames


def talk(peer, epoch, body, signed=True, heard=b"\x00"):
    """A conversation frame of the peer."""
    return peer.topic("c"), epoch.seal(peer, u32(0) + heard + pad(body), signed)


__all__ = ["KEY", "Peer", "Solo", "agree", "config", "hardware", "hear", "raises", "suite", "talk"]
