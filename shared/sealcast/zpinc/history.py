"""Reading what the broker retains, one ring at a time, and noticing what it withholds. PROTOCOL.md sections 6.2
and 7.4.

MQTT 3.1.1 does not say when the retained messages of a subscription have all been sent; a sealed nonce published to
ourselves after subscribing (the barrier) comes back behind them.
"""

from ..compat import const, due
from ..crypto.signing import check
from ..errors import Reject
from ..rare import load
from ..wire import BARRIER, NOTE, PRESENCE, header
from .members import CONN, WILL
from .messages import deliver_notes, missing
from .notes import GAP_MS, drain, frame_digest
from .places import notice_topic
from .presence import presence_conn, verify

BARRIER_MS = const(5000)  # a broker that says nothing in this time is taken to have nothing more
_LIMIT_MS = const(60000)  # for one ring, or the first reading
_LATE_MS = const(12000)  # as GAP_MS, again while a window is fresh: a broker may show what it keeps late

# --- the first reading: joins, and our own ring


def begin(me, members, ring, reading, places, now, out):
    """A new connection. Whoever used our next number wrote to its slot: a sleeper to whose notes the broker has said
    yes reads no more of its ring."""
    reading.stop()
    for m in members.by_tag.values():
        m.epoch = m.place = None  # where it is it has to say anew
        for s in m.sessions:
            s.window.calm()
    out.subscribe(me.topic("s"))
    for stream in ("x", "a") if me.config.get("admin") else "x":  # the notice of where we are
        out.subscribe(notice_topic(me.keys, me.topics, me.channel, stream))
    for old in places.old:  # and what still comes where we were
        out.subscribe(old.topics.everyone("p"))
        out.subscribe(old.topics.everyone("j"))
    one = me.config.get("duty") and ring.unsent == ring.next and not out.outbox.entries
    out.subscribe(me.topic("n", ring.next % ring.size if one else "+"))
    out.subscribe(me.topic("p"))
    out.subscribe(me.topics.everyone("j"))
    _barrier(me, reading, now, out)


def own(me, ring, reading, conn, stream, frame, now, out):
    """What stands under our own name -> True when it is the barrier, come back. conn: number of our connection.
    Raises Reject."""
    if stream == "s":
        _, sid, _, pt = me.keys.open(frame, BARRIER, me.tag)
        if sid != me.session.sid or reading.nonce is None or not me.suite.equal(pt, reading.nonce):
            raise Reject("stale")
        return True
    if stream == "j":
        join = load("zpinc.joins").open_join(me.keys, frame, me.tag)
        if join.public != me.identity.public or not reading.first and join.order > me.session.order:
            out.complain("same_uid", me.uid, now)
            if reading.first:
                reading.former = max(reading.former or join.order, join.order)
        elif reading.first:
            reading.own_order = max(reading.own_order or join.order, join.order)
            if join.ring != me.config["ring"] and join.order == me.session.order:
                me.end_session()
    elif stream == "n" and reading.first:
        ad, sid, seq, pt = me.keys.open(frame, NOTE, me.tag)
        if sid == me.session.sid:
            if ring.wrote(seq, frame_digest(me.suite, frame)):
                ring.unsent = max(ring.unsent, seq + 1)  # an old state may not know that it was out
            else:
                if me.config["sign"]:
                    check(me.suite, me.session.S, ad, pt)
                reading.used = True
    elif stream == "p" and reading.first:
        ad, sid, counter, pt = me.keys.open(frame, PRESENCE, me.tag)
        seen = presence_conn(pt)
        later = counter != WILL if seen == conn else seen // CONN >= conn // CONN  # the broker has this one's will
        if sid == me.session.sid and later:
            verify(me, me.session, ad, pt)
            reading.used = True
    return False


# --- the members' rings


def want(me, reading, member, now, out):
    """Read this member's ring when its turn comes."""
    if not reading.busy(member):
        reading.queue.append(member)
    _next(me, reading, now, out)


def _next(me, reading, now, out):
    if reading.nonce is None and reading.queue:
        reading.member = reading.queue.pop(0)
        out.subscribe(me.topics.make(reading.member.name, "n", "+"))
        _barrier(me, reading, now, out)


def _barrier(me, reading, now, out):
    reading.nonce, reading.limit = me.rng.bytes(16), now + _LIMIT_MS
    _send(me, reading, now, out)


def _send(me, reading, now, out):
    reading.deadline, reading.fed = now + BARRIER_MS, False
    out.publish(me.topic("s"), me.seal(header(BARRIER, me.session.sid, 0), reading.nonce))


def overdue(me, reading, now, out):
    """The barrier's time is over. If anything came meanwhile it may be on its way behind that, or lost: once more."""
    more = reading.fed and now < reading.limit
    if more:
        _send(me, reading, now, out)
    return not more


def done(me, members, reading, now, out):
    """The barrier is back (or overdue): what was being read has been read -> True when it was the first reading."""
    first, member = reading.first, reading.member
    reading.nonce = reading.deadline = reading.member = None
    if first:
        return True
    reading.heard = True
    for s in member.sessions:
        if s.window.next is None:
            s.window.baseline()  # nothing that is stored: see journal.window_fields
    notes = drain(reading, member, now)
    deliver_notes(me, member, notes[-1:] if me.config["history"] == "latest" else notes, now, out)
    out.dirty = out.dirty or bool(notes)
    _next(me, reading, now, out)
    return False


def tick(me, members, reading, now, out):
    """Joins to ask for; holes that have lasted too long: read the ring again, then give them up."""
    if due(reading.ask_at, now):
        load("zpinc.asking").ask(me, members, reading, now, out)
    _next(me, reading, now, out)
    for member in list(members.by_tag.values()):
        for s in member.sessions:
            w = s.window
            if not due(w.gap_at, now) or reading.busy(member):
                continue
            if not w.reread:
                w.reread = True
                w.gap_at = now + (_LATE_MS if w.fresh else GAP_MS)
                want(me, reading, member, now, out)
            else:
                missing(member, w.skip(), "note", out)
                deliver_notes(me, member, drain(reading, member, now), now, out)
