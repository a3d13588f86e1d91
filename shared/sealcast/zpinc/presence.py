"""Keepalives, goodbyes and last wills: who is there. PROTOCOL.md section 8.

A member's state (members.Member) says what is known of it; here are the frames, and what our own say and the
others' do.
"""

from ..compat import const
from ..crypto.signing import SIG, check, sign
from ..errors import Reject
from ..journal import heard, moved
from ..rare import need
from ..wire import HEADER, NONCE, PRESENCE, TAG, U32, Reader, header, u32
from .heard import ALL, MANY, MARK, read
from .members import ASLEEP, AWAKE, CONN, LEFT, PRESENT, STATUS, WILL
from .messages import deliver_notes
from .notes import MAX_SEQ, drain, ring_matches

_DIGEST = const(15)  # where it stands
_SAID = const(64)  # bytes before the marks
_MAX_MACS = const(19)
CHANGED_MS = const(500)  # a new epoch, or place in the group, is told within this time


class Presence:
    """One keepalive, goodbye or last will. 65 bytes, marks, a signature, and the place with MACs."""

    def __init__(self, status, conn, keepalive, sleep, head, digest, attempt, parts, epoch, place, said, heard):
        self.status = status
        self.conn = conn
        self.keepalive = keepalive  # seconds
        self.sleep = sleep  # seconds, for ASLEEP
        self.head = head  # notes acknowledged by the broker: the ring holds up to head - 1
        self.digest = digest
        self.attempt = attempt  # the highest handshake attempt it knows
        self.parts = parts  # what it takes part in, see me.py
        self.epoch = epoch  # id of the one it sends in; zeros: none
        self.place = place  # (epoch, head[:16]) of its group; None: not live in one
        self.said = said  # (count, id[:4] of the epoch before, count there): conversation messages, all acknowledged
        self.heard = heard  # marks of presences, joined, see heard.py


def seal_presence(me, members, group, counter, p):
    """Presence -> (frame, its nonce and signature): epoch = sid, seq = counter, signed by the session key."""
    head = header(PRESENCE, me.session.sid, counter)
    body = (
        bytes((p.status,)) + u32(p.conn) + p.keepalive.to_bytes(2, "big") + u32(p.sleep)
        + u32(p.head) + p.digest + u32(p.attempt)
        + bytes((p.parts,)) + p.epoch + u32(p.said[0]) + p.said[1] + u32(p.said[2])
        + bytes((len(p.heard) // MARK,)) + p.heard
    )  # fmt: skip
    ad = me.keys.ad(head, me.tag)
    sig = sign(me.suite, me.session, ad, signable(me, body))
    pt = body + sig
    if p.place:
        pt += u32(p.place[0]) + p.place[1]
        pt += group.vouch(me, members, group.tags(), ad, pt)
    frame = me.seal(head, pt)
    return frame, frame[HEADER : HEADER + NONCE] + sig


def signable(me, body):
    """In a channel that does not sign nobody proves what notes it wrote either."""
    return body if me.config["sign"] else body[:_DIGEST] + bytes(16) + body[_DIGEST + 16 :]


def verify(me, session, ad, pt):
    """The signature of an opened presence. Raises Reject("signature")."""
    end = _SAID + 1 + MARK * int.from_bytes(pt[_SAID : _SAID + 1], "big") + SIG
    check(me.suite, session.S, ad, signable(me, pt[:end]))


def open_presence(me, members, group, frame, member):
    """frame -> (counter, Presence, its nonce and signature). Cheap checks first; the signature is checked last, and
    then who vouches for the place: without a MAC for us it is none. Raises Reject."""
    ad, sid, counter, pt = me.keys.open(frame, PRESENCE, member.tag)
    session = member.session(sid)
    if session is not member.current:
        raise Reject("behind")
    r = Reader(pt)
    p = Presence(r.uint(1), r.uint(4), r.uint(2), r.uint(4), r.uint(4), r.take(16), r.uint(4),
                 r.uint(1), r.take(16), None, (r.uint(4), r.take(4), r.uint(4)), read(r, ALL))  # fmt: skip
    sig = r.take(SIG)
    if r.pos < len(pt):
        p.place = (r.uint(4), r.take(16))
        if not 1 <= p.place[0] <= MAX_SEQ:
            raise Reject("format")
    said, macs = pt[: r.pos], r.rest()
    right = p.status in (AWAKE, ASLEEP, LEFT) and (counter != WILL or p.status == LEFT)
    if not right or not 5 <= p.keepalive <= 3600 or p.head > MAX_SEQ or len(macs) % TAG or len(macs) > TAG * _MAX_MACS:
        raise Reject("format")
    beside = counter != WILL and member.beside(p)
    if not beside and not member.fresh(p, counter):
        raise Reject("behind" if p.conn < member.conn and counter != WILL else "stale")
    verify(me, session, ad, pt)
    if beside:
        raise Reject("same_uid")
    if not macs or not group.vouched(me, members, member.tag, ad, said, macs):
        p.place = None
    return counter, p, frame[HEADER : HEADER + NONCE] + sig


def presence_conn(pt):
    """The connection number in an opened presence."""
    return int.from_bytes(pt[1:5], "big")


class Keepalive:
    """Our own presence."""

    def __init__(self):
        self.conn = 0  # number of the connection, over all sessions
        self.counter = 0  # of this connection's keepalives
        self.due = None  # when the next is; None while offline
        self.said = (bytes(16), None)  # in the last one: epoch's id; tags, joined, of the group that we are live in


def will(me, ring, epochs, keepalive, out):
    """A new connection begins: the frame that the broker publishes when it ends without a goodbye."""
    step = keepalive.conn // CONN % (U32 // CONN - 1) + 1  # at their end the session ends, too: see Channel.connecting
    keepalive.conn = step * CONN + int.from_bytes(me.rng.bytes(2), "big")
    keepalive.counter = 0
    out.dirty = True
    p = _own(me, ring, epochs, keepalive, LEFT, 0, b"", out)
    keepalive.said = (p.epoch, None)
    return seal_presence(me, None, None, WILL, p)[0]


def announce(me, members, ring, epochs, keepalive, ratchet, group, status, sleep, now, out):
    """Publish how we are. ratchet: smmp.order or smmp.absent; sleep: seconds, for ASLEEP."""
    keepalive.counter += 1
    keepalive.due = now + me.config["keepalive"] * 1000
    marks = b"".join(members.heard.marks)
    p = _own(me, ring, epochs, keepalive, status, sleep, marks, out)
    p.place = ratchet.place(group)
    keepalive.said = (p.epoch, p.place and group.state.tags.data)
    frame, signed = seal_presence(me, members, group, keepalive.counter, p)
    members.heard.add(me.suite, me.tag, signed, marks, now)
    out.publish(me.topic("p"), frame, True)


def soon(me, members, epochs, keepalive, place, group, now):
    """Others send by what they believe of us: what changed is said before it does harm. Who still sends in the epoch
    that we named is read for a while more; when not, we say so at once."""
    e, said = epochs.current, keepalive.said
    if (e.id if e else bytes(16), place and group.state.tags.data) != said:
        read = said[0] in [known.id for known in epochs.readable()]
        keepalive.due = min(keepalive.due, now + CHANGED_MS * (read or not any(said[0])))
    if len(members.heard.marks) > MANY and members.rank(members.by_tag) == 0:  # one names them all
        keepalive.due = min(keepalive.due, now + CHANGED_MS)


def _own(me, ring, epochs, keepalive, status, sleep, marks, out):
    """Our Presence, of no group."""
    head, digest = ring.head(me.suite, out.outbox)
    e, before, outbox = epochs.current, epochs.previous, out.outbox
    epoch = e.id if e else bytes(16)
    said = (e.said(me.tag, outbox) if e else 0,)
    said += (before.id[:4], before.said(me.tag, outbox)) if before else (bytes(4), 0)
    return Presence(
        status, keepalive.conn, me.config["keepalive"], sleep, head, digest, epochs.rank[0],
        me.parts, epoch, None, said, marks
    )  # fmt: skip


def receive(me, members, epochs, reading, group, member, frame, now, out):
    """A known member's frame -> True when the member has gone with it. Raises Reject; who comes with numbers of
    the past is told so."""
    if frame[2:18] not in [s.sid for s in member.sessions]:
        need("zpinc.joins").seek(me, reading, member.name, "p", frame, now, out)
    before, conn = member.status, member.conn
    try:
        counter, p, signed = open_presence(me, members, group, frame, member)
    except Reject as e:
        if e.reason in ("behind", "same_uid"):
            joins, sid = need("zpinc.joins"), frame[2:18]
            if sid != member.current.sid:
                joins.answer_join(me, members, member, sid, now, out)
            else:
                joins.answer_presence(me, member, presence_conn(me.keys.open(frame, PRESENCE, member.tag)[3]), now, out)
        raise
    if counter != WILL and conn != p.conn:
        need("zpinc.joins").answer_counts(me, epochs, member, p, now, out)
    if counter != WILL and ring_matches(me.suite, member.current.window, p) is False:
        need("zpinc.joins").answer_presence(me, member, p.conn, now, out)
        out.complain("ring", member.uid, now)
    for m in members.by_tag.values():  # one object for all who say the same
        if m.epoch == p.epoch:
            p.epoch = m.epoch
        if m.place == p.place:
            p.place = m.place
    member.see(p, counter, now)
    if (member.status, member.conn) != (before, conn):
        out.records.append(heard(member))
    if member.silent_until and member.conn != conn and member.strikes < 2:
        member.silent_until = 0  # strikes: else numbers that rise would keep the others from re-keying
    epochs.learn(p.attempt, out)
    if member.status != before:
        out.event("gone" if counter == WILL else STATUS[member.status], {"uid": member.uid})
    if counter != WILL:
        member.mark = members.heard.add(me.suite, member.tag, signed, p.heard + member.mark, None)
        if member.current.window.confirmed(p.head):
            out.record(moved((member.current,), out.ahead))
        epochs.talk.missed(me, epochs, member, ((p.epoch, p.said[0]), p.said[1:]), out)
        deliver_notes(me, member, drain(reading, member, now), now, out)
    return member.status != before and member.status not in PRESENT
