"""Keepalives, goodbyes and last wills: who is there. PROTOCOL.md section 8.

A member's state (members.Member) says what is known of it; here are the frames, and what our own say and the others' do.
"""

from ..errors import Reject
from ..wire import PRESENCE, Reader, header, u32
from .identity import SIG
from .members import ASLEEP, AWAKE, LEFT, MAX_SEQ, PRESENT, STATUS, WILL
from .notes import ring_matches


class Presence:
    """One keepalive, goodbye or last will. 35 bytes and a signature."""

    def __init__(self, status, conn, keepalive, sleep, head, digest, attempt):
        self.status = status
        self.conn = conn
        self.keepalive = keepalive  # seconds
        self.sleep = sleep  # seconds, for ASLEEP
        self.head = head  # notes acknowledged by the broker: the ring holds up to head - 1
        self.digest = digest
        self.attempt = attempt  # the highest handshake attempt it knows


def seal_presence(keys, rng, tag, session, counter, p):
    """Presence -> frame: epoch = sid, seq = counter, signed by the session key."""
    head = header(PRESENCE, session.sid, counter)
    body = (
        bytes((p.status,)) + u32(p.conn) + p.keepalive.to_bytes(2, "big") + u32(p.sleep)
        + u32(p.head) + p.digest + u32(p.attempt)
    )  # fmt: skip
    return keys.seal(rng, head, tag, body + session.sign(keys, keys.ad(head, tag), body))


def open_presence(keys, frame, member):
    """frame -> (session, counter, Presence). Cheap checks first; the signature is checked last. Raises Reject."""
    ad, sid, counter, pt = keys.open(frame, PRESENCE, member.tag)
    session = member.session(sid)
    if session is not member.current:
        raise Reject("behind")
    r = Reader(pt)
    p = Presence(r.uint(1), r.uint(4), r.uint(2), r.uint(4), r.uint(4), r.take(16), r.uint(4))
    body, sig = pt[: r.pos], r.take(SIG)
    r.end()
    if p.status not in (AWAKE, ASLEEP, LEFT) or counter == WILL and p.status != LEFT or not 5 <= p.keepalive <= 3600 or p.head > MAX_SEQ:
        raise Reject("format")
    if not member.fresh(p, counter):
        raise Reject("behind" if p.conn < member.conn and counter != WILL else "stale")
    if not keys.suite.ed25519_verify(session.S, sig, keys.signable(ad, body)):
        raise Reject("signature")
    return session, counter, p


def presence_conn(pt):
    """The connection number in an opened presence."""
    return int.from_bytes(pt[1:5], "big")


class Keepalives:
    """Ours and theirs. `ch` gives members, keys, ring and effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch
        self.counter = 0  # of this connection
        self.due = None  # when the next of ours is; None while offline

    def will(self):
        """A new connection begins: the frame that the broker publishes when it ends without a goodbye."""
        self.counter = 0
        return self._seal(WILL, LEFT, 0)

    def announce(self, status, sleep, now):
        """Publish how we are. sleep: seconds, for ASLEEP."""
        self.counter += 1
        frame = self._seal(self.counter, status, sleep)
        self.due = now + self.ch.config["keepalive"] * 1000
        self.ch.publish("p", frame, True)

    def _seal(self, counter, status, sleep):
        ch = self.ch
        head, digest = ch.ring.head(ch.suite, ch.outbox)
        p = Presence(status, ch.conn, ch.config["keepalive"], sleep, head, digest, ch.agreement.rank[0])
        return seal_presence(ch.keys, ch.rng, ch.tag, ch.session, counter, p)

    def receive(self, member, frame, now):
        """A known member's frame. Raises Reject; who comes with numbers of the past is told so."""
        ch = self.ch
        if frame[2:18] not in [s.sid for s in member.sessions]:
            ch.joins.seek(member.name, "p", frame, now)
        before, conn = member.status, member.conn
        try:
            _, counter, p = open_presence(ch.keys, frame, member)
        except Reject as e:
            if e.reason == "behind":
                sid = frame[2:18]
                old = sid != member.current.sid
                ch.joins.answer_stale(member, sid, ch.lamport if old else 0, 0 if old else conn, now)
            raise
        member.see(p, counter, now)
        if member.conn != conn:
            member.silent_until = 0
        ch.agreement.learn(p.attempt)
        if member.status != before:
            if member.status not in PRESENT:
                ch.group.departed(member.tag)
            ch.event(STATUS[member.status], {"uid": member.uid})
        if counter != WILL:
            if ring_matches(ch.suite, member.current.window, p) is False:
                ch.complain("ring", member.uid, now)
            ch.catchup.drain(member, now)
