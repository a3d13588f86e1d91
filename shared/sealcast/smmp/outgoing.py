"""Our own messages' way into the group: queued, sealed on the present state, repeated until accepted. PROTOCOL.md
17.4 and 18.1.

One frame is on its way at a time. It moves us on when it comes back; if another's came first, what it said is sealed
anew.
"""

from ..compat import const, due
from ..crypto.keys import derive
from ..errors import NoGroup, OutboxFull, TooLong
from ..rare import load, need
from ..wire import LAMPORT_MAX, RATCHET, TAG, u32
from ..zpinc.heard import MARK, MOST
from . import ratchet
from .group import LIVE, NONE, Pending, statics
from .ratchet import MAX_EPOCH

QUEUE = const(16)
MAX_MESSAGE = const(1150)  # bytes of a message: its frame fits in a group of 20
REPEAT_MS = const(5000)  # our frame has not come back: publish it again
SLOT_MS = const(100)
REFRESH_MS = const(600000)  # a silent member says something after this long, and up to twice that

# First byte of a message; what an agreement is for is its own reason byte
APPLICATION = const(0xFF)
PRIVATE = const(0x01)
ASKING = const(0xFE)  # the same two, asking for a receipt (24)
PRIVATE_ASKING = const(0x02)
REFRESH = const(0x04)
LEAVE = const(0x05)
NUMBERED = const(9)  # that byte and the sender's message number (8); then time, and what was heard


def text_at(m):
    """Where the text of this message begins; None when it is none of our messages."""
    at = NUMBERED + 5
    if len(m) < at or m[at - 1] > MOST:
        return None
    at += m[at - 1] * MARK
    right = m[0] in (PRIVATE, PRIVATE_ASKING, REFRESH, LEAVE)
    right = right or m[0] in (APPLICATION, ASKING) and len(m) <= at + MAX_MESSAGE
    return at if right and len(m) >= at else None


def mark(me, group, frame):
    """All that is the group's carries a tag under the channel's key: what outsiders make is dropped before it means
    anything."""
    return derive(me.suite, me.keys.msgkey, b"sc/gm", group.id, frame)[:TAG]


def wrapped(me, group, frame):
    return frame + mark(me, group, frame)


def publish(me, group, frame, slot, out):
    """slot: a retained one, or None: on the live topic."""
    topic = me.topics.make(group.name, "g" if slot is None else "e", slot)
    out.publish(topic, wrapped(me, group, frame), slot is not None)


def send(me, members, group, kind, text, time, to, now, out):
    """Queue a message -> its lead. kind: its first byte; time: Unix s or 0; to: tag of a private message's receiver.

    Raises NoGroup, TooLong, OutboxFull."""
    o, st = group.outgoing, group.state
    if st is None:
        raise NoGroup("not in a group: an organizer must add this member first (sealcast group)")
    if st.epoch >= MAX_EPOCH:
        raise NoGroup("the group has used up all its numbers: create a new one")
    if to is not None and to not in st.tags:
        raise NoGroup("no such member in the group: private messages go to members of it")
    if len(text) > MAX_MESSAGE:
        raise TooLong("a group message has at most %d bytes, this one has %d: split it" % (MAX_MESSAGE, len(text)))
    if len(o.queue) >= QUEUE:
        raise OutboxFull("%d messages wait for their turn in the group: wait for one to be sent" % QUEUE)
    need_private(group, to)
    o.count += 1
    token = out.outbox.token()
    # What numbers them before `count`: the session. At the end of the Lamport counter sids go on growing
    lamport, sid = me.session.order
    era = lamport if lamport < LAMPORT_MAX else 0x80000000 + (int.from_bytes(sid[:4], "big") >> 1)
    lead = bytes((kind,)) + u32(era) + u32(o.count) + u32(time) + members.heard.named()
    o.queue.append((lead, text, to, token))
    out.queued(token)
    out.dirty = True
    flush(me, members, group, now, out)
    return lead


def need_private(group, to=None):
    """Have what a message of ours to one member is sealed with, before anything changes. Raises NoRoom."""
    o = group.outgoing
    waiting = o.queue + ([o.pending.entry] if o.pending and o.pending.entry else [])
    if to is not None or [entry for entry in waiting if entry[2] is not None]:
        need("smmp.private")


def flush(me, members, group, now, out):
    """Seal the next message on the present state: store, then publish; accepted when it comes back."""
    o, st = group.outgoing, group.state
    if group.phase != LIVE or st.epoch >= MAX_EPOCH or o.pending or not o.queue:
        return
    if o.reseal_at is not None and now < o.reseal_at:
        return
    o.reseal_at = None
    entry = o.queue.pop(0)
    lead, text, to, token = entry
    nonce, t = me.rng.nonce(st.head, lead + text), None
    if to is not None:
        if to not in group.pairs:
            out.lost("undeliverable", {"uid": members.uid_of(to), "number": int.from_bytes(lead[5:NUMBERED], "big")})
            out.settled(token, NoGroup("its receiver left the group"))
            flush(me, members, group, now, out)
            return
        t = me.rng.bytes(32)
        text = load("smmp.private").seal(me.suite, group.pairs[to], st.epoch, me.tag, nonce, t, text)
    r_new = me.rng.bytes(32)
    R_new = me.suite.x25519_base(r_new)
    frame, after = ratchet.seal(me.suite, st, statics(me, members, group), nonce, r_new, lead + text, R_new)
    submit(me, group, Pending(RATCHET, frame, r_new, entry, t, after), now, out)


def submit(me, group, pending, now, out):
    """Publish; also the same bytes again."""
    group.outgoing.pending = pending
    group.outgoing.repeat_at = now + REPEAT_MS
    out.dirty = True
    publish(me, group, pending.frame, None, out)


def accepted(me, group, now, out):
    """Our message came back as the next one."""
    o = group.outgoing
    lead, text, to, token = o.pending.entry
    out.settled(token)
    o.pending.entry = (lead, text, to, 0)  # should it be rolled back it waits again, and nobody for it
    o.pending.after = o.pending = None
    o.refresh_at = some_day(me, now)


def lost_race(group, now, winner, out):
    """Another frame came first: ours is sealed anew on the new state, after a wait that our distance from the winner
    decides.

    winner: its index; None: unknown."""
    o, st = group.outgoing, group.state
    if o.pending.entry:
        out.event("collision", {"epoch": st.epoch})
        behind = 0 if winner is None else (st.index - winner) % st.N
        o.reseal_at = now + behind * SLOT_MS
    requeue(group, now, out)


def requeue(group, now, out):
    """Our frame is no longer on its way; what it said goes back to the front."""
    o = group.outgoing
    p, o.pending = o.pending, None
    if p and p.entry:
        p.after = None
        o.queue.insert(0, p.entry)
    elif p:
        group.change.again(now)
    out.dirty = True


def some_day(me, now):
    return now + REFRESH_MS + jitter(me, REFRESH_MS)


def jitter(me, ms):
    return int.from_bytes(me.rng.bytes(3), "big") % ms


def tick(me, members, group, now, out):
    o = group.outgoing
    if due(o.reseal_at, now):
        o.reseal_at = None
        flush(me, members, group, now, out)
    if o.pending and due(o.repeat_at, now) and group.phase in (LIVE, NONE):
        submit(me, group, o.pending, now, out)
    if due(o.refresh_at, now) and group.phase == LIVE:
        o.refresh_at = some_day(me, now)
        load("smmp.packages").renew(me, group, out)
        if not o.queue and not o.pending and group.state.epoch < MAX_EPOCH:
            send(me, members, group, REFRESH, b"", 0, None, now, out)


def times(group):
    o = group.outgoing
    waits = [o.reseal_at]
    if group.phase == LIVE:
        waits.append(o.refresh_at)
    if o.pending and group.phase in (LIVE, NONE):
        waits.append(o.repeat_at)
    return waits
