"""Sessions in the channel's order: our own join, the others', their frames, fingerprints, and what is refused.
PROTOCOL.md sections 6.1 to 6.5."""

from ..compat import const
from ..crypto.keys import high_order
from ..crypto.signing import JOIN_LABEL, PACKAGE_LABEL, SIG, seal_signed, sign_as, verify_signed
from ..errors import Reject
from ..rare import load
from ..wire import HANDSHAKE, JOIN, LAMPORT_MAX, NOTE, PACKAGE, PRESENCE, U32, Reader, header, u32
from . import places as left
from .epochs import ASK, STALE
from .heard import MARK, Heard
from .identity import Join
from .me import MySession
from .members import GONE, MAX_TOLD, WILL, Member
from .messages import missing, next_note
from .notes import DIGEST, MAX_MISSED, parts

MAX_SLOTS = const(512)  # retained notes a channel may hold: members times ring
MAX_HELD_JOINS = const(128)
LAMPORT_JUMP = const(65536)
ASK_MS = const(2000)  # a join that we do not know is asked for after this time
_SPREAD_MS = const(8)  # and this, times the first byte of our tag: others may ask before us
_SID_STEP = const(4096)
_MAX_DATA = const(64)
_ENDED = const(8)  # bytes that tell of a former session
_MAX_ENDED = const(3)
_JOIN_SLOTS = const(4)  # the joins kept on the broker, so that notes of recent sessions stay verifiable
FINGERPRINT_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"

# --- our own


def begin(me, ring, epochs, now, out):
    """A new session, with numbers and keys that nobody has used; its place in the order comes with `take_place`. It
    tells how far the former ones came: what the last of them wrote may lie in no ring any more."""
    s, waiting, ended = me.session, out.outbox.entries, b""
    if s:
        ended = ((s.sid[:4] + u32(ring.next) if ring.next else b"") + s.ended)[: _ENDED * _MAX_ENDED]
    me.session = MySession(me.suite, 0, me.rng.bytes(16), me.rng.bytes(32), me.data, ended)
    ring.restart()
    for token in waiting:  # it is still sent, but its numbers say nothing about the new session's ring
        waiting[token] = waiting[token][:3] + (None,)
    # With our session ends our place in an epoch: its chain may have been used by whom we no longer remember
    if epochs.attempt:
        epochs.attempt.forget(me.suite)
    epochs.attempt = None
    epochs.talk.pass_over(epochs, now)
    if epochs.current:
        epochs.talk.retire(epochs, None, now, out)
    out.dirty = True


def show_key(me, places, out):
    """Our notice key, in the first connections of each session: a board that sleeps most of the time need not
    say it at each wake."""
    if places.k is None:
        places.k = me.rng.bytes(32)
    if places.shown[:16] != me.session.sid:
        places.shown = me.session.sid + b"\x00"
    if places.shown[16] < left.SHOWS:
        places.shown = me.session.sid + bytes((places.shown[16] + 1,))
        head = header(PACKAGE, me.session.sid, 0)
        K = me.suite.x25519_base(places.k)
        out.publish(me.topic("k", left.KEY_SLOT), seal_signed(me, head, me.tag, PACKAGE_LABEL, K), True)
        out.dirty = True
    if places.collects:
        out.subscribe(me.topics.prefix + "+/k/%d" % left.KEY_SLOT)


def take_place(me, members, own, out):
    """Our session begins: nobody has heard it yet. own: (lamport, sid) of our newest join so far, or None. At the last
    counter the sid's beginning goes on counting: whoever pushed the counter there locks nobody out."""
    members.heard = Heard()
    for m in members.by_tag.values():
        for s in m.sessions:
            for note in s.window.held.values():
                note.since = None
    s = me.session
    s.lamport = min(members.lamport + 1, LAMPORT_MAX)
    if own and own[0] == LAMPORT_MAX:
        s.sid = u32(min(int.from_bytes(own[1][:4], "big") + _SID_STEP, U32)) + s.sid[4:]
    members.lamport = max(members.lamport, s.lamport)
    out.dirty = True


def publish(me, out, shown=None):
    """shown: (lamport, sid) of the newest of ours that the broker has just shown: it keeps that one."""
    s = me.session
    if shown == s.order:
        return
    join = Join(s.lamport, s.sid, me.identity.public, s.S, me.config["ring"], s.data, s.ended)
    out.publish(me.topic("j", s.lamport % _JOIN_SLOTS), seal_join(me.keys, me.rng, me.identity, me.tag, join), True)


def _not_alone(me, ring, out):
    """A clone goes on from our state, or went on before a backup of it came back: a person has to know, and which
    notes of ours may have been taken for those that the others have under their numbers."""
    detail, first = {"reason": "same_uid", "uid": me.uid, "count": 1}, ring.next - len(ring.digests) // DIGEST
    if first < ring.unsent:
        detail["first"], detail["last"] = first, ring.unsent - 1
    out.lost("dropped", detail)


def stale(me, members, ring, epochs, conn, pt, now, out):
    """A peer's answer: something of ours came with too small a number. Begin anew above it. Raises Reject."""
    r = Reader(pt)
    _, sid, lamport, about = r.uint(1), r.take(16), r.uint(4), r.uint(4)
    notes, epoch, said = r.uint(4), r.take(4), r.uint(4)
    r.end()
    e = epochs.current
    past = about == conn or notes > ring.next or e and e.id[:4] == epoch and said > e.chains[e.index(me.tag)][1]
    if sid != me.session.sid or now < me.renew_at:
        raise Reject("stale")
    if lamport < me.session.lamport and not past:
        raise Reject("duplicate")
    # Ours will be one above
    if lamport >= members.lamport + LAMPORT_JUMP or lamport >= LAMPORT_MAX and members.lamport < LAMPORT_MAX:
        raise Reject("jump")
    me.pause = min(2 * me.pause, 3600000)  # anyone with the channel's key can say so: it must not cost more than this
    me.renew_at = now + me.pause
    if past:
        _not_alone(me, ring, out)
    members.lamport, own = max(members.lamport, lamport), me.session.order
    begin(me, ring, epochs, now, out)
    take_place(me, members, own, out)
    publish(me, out)


def settle(me, members, ring, epochs, reading, places, now, out):
    """The first reading is done: take our place in the order of the joins that came. -> tags of the members
    with a new session."""
    renewed, crowded = [], False
    joins, reading.joins = reading.joins, []
    for join, member in sorted(joins, key=lambda pair: pair[0].order):
        try:
            if member.tag not in members.by_tag:
                _room(me, members)
            renewed.append(admit(me, members, reading, places, member, join, False, now, out))
        except Reject as e:
            crowded = crowded or e.reason == "full"
            if e.reason == "identity" and join.lamport <= members.lamport + LAMPORT_JUMP:  # it was before us
                members.lamport = max(members.lamport, join.lamport)
            out.complain(e.reason, member.uid, now)
    own, unsent = reading.own_order, []
    me.full = crowded and not me.joined and own is None and not reading.former
    if me.full:
        return renewed
    used = own is not None and own > me.session.order or reading.used
    if me.joined and (used or me.session.data != me.data):
        # Our storage was lost or rolled back: numbers of this session may have been used. Begin a new one.
        if used:
            _not_alone(me, ring, out)
        unsent = _unsent(me, ring, out)
        ring.next = ring.unsent  # these get new numbers; what else waits goes out under the old ones
        begin(me, ring, epochs, now, out)
    if not me.joined:
        if me.rng.poor:
            begin(me, ring, epochs, now, out)  # drawn anew with what was heard: the one of before may have been used
        former = reading.former  # to come after it, or we would look like the past, and nobody would approve us
        if own is None and former and former[0] <= members.lamport + LAMPORT_JUMP:
            own = former
        if own:
            members.lamport = max(members.lamport, min(own[0], LAMPORT_MAX))
        take_place(me, members, own, out)
    for token, time, named, body in unsent:  # sealed again in the new session, under the tokens that the driver knows
        out.outbox.entries[token] = next_note(me, ring, body, time, named, False)
    return renewed


def _unsent(me, ring, out):
    """[(token, time, what it names, body)] of the notes that were written offline and have been in no connection."""
    found, end = [], -SIG if me.config["sign"] else None
    for token in sorted(out.outbox.entries):
        _, frame, _, seq = out.outbox.entries[token]
        if seq is not None and seq >= ring.unsent:
            try:
                time, marks, body, _ = parts(me.keys.open(frame, NOTE, me.tag)[3][:end])
                found.append((token, time, bytes((len(marks) // MARK,)) + marks, body))
            except Reject:
                pass  # sealed before the settings' `sign` was changed: nobody takes it
    return found


# --- the others'


def _forget(member, s, out):
    """This session is one too many: nobody will ask for what it still owes us."""
    lost = s.window.waits()
    if lost:
        missing(member, lost, "note", out)


def pin(me, places, member, public, out):
    """Another identity from here on: what was said before was said by another."""
    named = me.roster.get(member.uid, public)
    if named != public:  # the settings go on naming it at each start
        instead, me.roster = places.pins.get(left.INSTEAD + member.uid, b""), dict(me.roster)
        places.pins[left.INSTEAD + member.uid] = (instead[:64] if instead[64:] == named else named) + public
        me.roster[member.uid] = public
    places.pins.pop(left.WAITS + member.uid, None)
    member.public, member.refused, member.told = public, None, ()
    member.floor = min(member.current.lamport, LAMPORT_MAX - 1) if member.current else member.floor
    for s in member.sessions:
        _forget(member, s, out)
    member.sessions, member.data = [], b""
    member.status = GONE
    out.dirty = True
    out.event("approved", {"uid": member.uid})


def receive(me, members, reading, places, name, frame, online, now, out):
    """A join note -> tag of its member when it begins a new session of it, else None. Raises Reject."""
    member = members.by_tag.get(name[:16])
    join = open_join(me.keys, frame, name[:16], member)
    if member is None:
        reading.first or _room(me, members)  # settle looks when all are there
        member = Member(name, me.keys.uid(name))
        member.public = me.roster.get(member.uid) or places.pins.get(member.uid)
    elif member.name != name:
        raise Reject("name")
    if reading.first:
        if [j for j, m in reading.joins if (j.order, j.public, m.tag) == (join.order, join.public, member.tag)]:
            raise Reject("duplicate")
        if len(reading.joins) >= MAX_HELD_JOINS:
            raise Reject("full")
        reading.joins.append((join, member))  # they are admitted in Lamport order when all are there
        return None
    return admit(me, members, reading, places, member, join, online, now, out)


def _room(me, members):
    if len(members.by_tag) + 1 >= MAX_SLOTS // me.config["ring"]:
        raise Reject("full")


def _arrived(places, member, out):
    """A member began a session where we are. Its storage may be lost, and its notice key with it."""
    places.theirs.pop(member.tag, None)
    for old in places.old:
        if member.uid in old.waiting:
            old.waiting.discard(member.uid)
            out.dirty = True
            out.event("followed", {"uid": member.uid, "waiting": sorted(old.waiting)})
    places.old = [o for o in places.old if o.waiting]


def seek(me, reading, name, stream, frame, now, out):
    """Nobody we know. When a presence shows that it holds the channel's key, its join was lost, or is late: read the
    joins again, and soon ask for it (6.5)."""
    if stream == "p":
        me.keys.uid(name)
        _, sid, counter, _ = me.keys.open(frame, PRESENCE, name[:16])
        if out.may_report("seek", now):
            out.subscribe(me.topics.everyone("j"))
        if len(reading.missed) >= MAX_MISSED and sid not in reading.missed:  # what was asked for gives way
            reading.missed = {old: True for old in reading.missed if reading.missed[old]}
        if counter != WILL and (sid in reading.missed or len(reading.missed) < MAX_MISSED):
            reading.missed[sid] = True
            if reading.ask_at is None:
                reading.ask_at = now + ASK_MS + _SPREAD_MS * me.tag[0]
    elif stream == "h":
        me.keys.uid(name)
        _, _, seq, pt = me.keys.open(frame, HANDSHAKE, name[:16])
        if seq == 0 and pt[:1] == bytes((ASK,)):  # of two that know no join of each other one has to answer
            return load("zpinc.asking").asked(me, reading, pt, now, out)
    raise Reject("unknown")


def admit(me, members, reading, places, member, join, online, now, out):
    """A verified join -> tag of its member when it is its newest session, else None. Raises Reject."""
    member = members.by_tag.get(member.tag, member)
    waits = places.pins.get(left.WAITS + member.uid)  # of another pinned identity: the settings name another one since
    if waits and waits[:64] == member.public and waits[64:] == fingerprint(me.suite, join.public).encode():
        pin(me, places, member, join.public, out)
    if member.public is not None and member.public != join.public:
        newer = join.lamport > member.floor and (member.current is None or join.order > member.current.order)
        # Else it is what the broker still keeps of before an approved change
        if newer:
            member.refused = join.public
            members.by_tag[member.tag] = member
            text = fingerprint(me.suite, join.public)
            if text not in member.told and (len(member.told) < MAX_TOLD or out.may_report("new" + member.uid, now)):
                member.told = member.told[1 - MAX_TOLD :] + (text,)
                out.event("identity_changed", {"uid": member.uid, "fingerprint": text})
        raise Reject("identity")
    reach = int.from_bytes(places.pins.get(left.REACH, b""), "big") or LAMPORT_JUMP
    if join.lamport > LAMPORT_MAX or members.lamport and join.lamport > members.lamport + reach:
        places.pins[left.REACH] = u32(min(2 * reach, LAMPORT_MAX))  # who was away while it was pushed comes after
        out.dirty = out.dirty or reach < LAMPORT_MAX
        raise Reject("jump")
    former, before = list(member.sessions), member.current
    try:
        newest = member.admit(join)
    except Reject as e:
        if e.reason == "stale" and online:
            answer_join(me, members, member, join.sid, now, out)
        raise
    if member.public is None:
        member.public = join.public
        out.event("pinned", {"uid": member.uid})
    members.by_tag[member.tag] = member
    me.topics.remember(member.name)
    members.lamport = max(members.lamport, join.lamport)
    out.dirty = True
    for s in former:
        s.window.head = max([s.window.head] + [end for sid, end in ends(join.ended) if sid == s.sid[:4]])
        if s not in member.sessions:
            _forget(member, s, out)
    if newest:
        _arrived(places, member, out)
        out.event("joined", {"uid": member.uid, "again": before is not None, "data": member.data.decode()})
    elif online:
        answer_join(me, members, member, join.sid, now, out)
    if reading.missed.pop(join.sid, None) is not None:  # what it said of itself was in vain
        out.subscribe(me.topics.make(member.name, "p"))
    if online:
        load("zpinc.history").want(me, reading, member, now, out)
    return member.tag if newest else None


def _answer(me, member, sid, lamport, about, now, out):
    if out.may_report("stale" + member.uid, now):
        body = bytes((STALE,)) + sid + u32(lamport) + about
        out.publish(me.topic("h"), me.seal(header(HANDSHAKE, me.session.sid, 0), body))


def answer_join(me, members, member, sid, now, out):
    """Tell a member that came with a session of the past how far the order has come."""
    _answer(me, member, sid, members.lamport, bytes(16), now, out)


def answer_presence(me, member, conn, now, out):
    """And one that came with a connection of the past which connection that is."""
    _answer(me, member, member.current.sid, 0, u32(conn) + bytes(12), now, out)


def answer_counts(me, epochs, member, p, now, out):
    """A member's first presence in a connection: does it count less than we have from it? Its state came back from a
    backup, or an acknowledgement is still on its way: it knows which."""
    notes, said = member.current.window.next or 0, 0
    for e in epochs.readable():
        if e.id == p.epoch and member.tag in [party[0] for party in e.parties]:
            said = e.chains[e.index(member.tag)][1]
    if notes > p.head or said > p.said[0]:
        _answer(me, member, member.current.sid, 0, bytes(4) + u32(notes) + p.epoch[:4] + u32(said), now, out)


# --- frames and fingerprints


def ends(ended):
    """-> [(beginning of a sid, number of notes)]."""
    return [(ended[i : i + 4], int.from_bytes(ended[i + 4 : i + 8], "big")) for i in range(0, len(ended), _ENDED)]


def seal_join(keys, rng, identity, tag, join):
    """The join note's frame: epoch = sid, seq = lamport, signed by the long-term identity."""
    head = header(JOIN, join.sid, join.lamport)
    ended = bytes((len(join.ended) // _ENDED,)) + join.ended
    body = u32(join.lamport) + join.public + join.S + bytes((join.ring,)) + ended + join.data
    sig = sign_as(keys.suite, JOIN_LABEL, identity.e, identity.E, keys.ad(head, tag), body)
    return keys.seal(rng, head, tag, body + sig)


def open_join(keys, frame, tag, member=None):
    """frame -> Join, its signature checked against the identity it carries. Pinning is the caller's. member: whose it
    may be; of a session that is known of its identity it is Reject("duplicate") before that. Raises Reject."""
    ad, sid, seq, pt = keys.open(frame, JOIN, tag)
    r = Reader(pt)
    lamport, public, S, ring = r.uint(4), r.take(64), r.take(32), r.uint(1)
    if member and member.public == public:
        member.new(sid)
    n = r.uint(1) if len(pt) > r.pos + SIG else 0  # by version 0.1
    ended, data = r.take(n * _ENDED), r.rest()
    if lamport != seq or not 1 <= ring <= 64 or n > _MAX_ENDED or not SIG <= len(data) <= SIG + _MAX_DATA:
        raise Reject("format")
    data = data[:-SIG]
    if [end for _, end in ends(ended) if end > 0x7FFFFFFF]:
        raise Reject("format")
    try:
        data.decode()
    except ValueError:  # not UTF-8
        raise Reject("format")
    verify_signed(keys.suite, public[32:], JOIN_LABEL, ad, pt)
    high_order(public[:32])  # else it could be sealed nothing, and block what is for all
    return Join(lamport, sid, public, S, ring, data, ended)


def fingerprint(suite, public):
    """A short text for people to compare: 100 bits in five groups of four base32 characters. public: B || E."""
    bits = int.from_bytes(suite.h(32, b"", b"", b"sc/fp", public)[:13], "big") >> 4
    text = ""
    for i in range(20):
        text += FINGERPRINT_LETTERS[(bits >> (95 - 5 * i)) & 31]
    return "-".join([text[i : i + 4] for i in range(0, 20, 4)])
