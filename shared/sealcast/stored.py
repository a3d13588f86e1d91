"""The stored state back from its bytes, once at a start: a snapshot, and the journal behind it. PROTOCOL.md section 12.
state.py and journal.py make them."""

from .effects import FORMAT, MODES, Message
from .errors import BadState, Reject
from .rare import load
from .wire import LAMPORT_MAX, Reader
from .zpinc.identity import Join
from .zpinc.me import MySession
from .zpinc.members import UNHEARD, Member
from .zpinc.notes import DIGEST, Window
from .zpinc.places import INSTEAD, Old


def unpack_state(ch, blob):
    """Restore into a fresh Channel; -> the stored seed. Raises BadState; a state holding only a seed is a
    provisioned one."""
    try:
        return _unpack(ch, Reader(blob))
    except (Reject, ValueError, LookupError):
        raise BadState("the stored state cannot be read: remove the state files to join anew")


def _unpack(ch, r):
    form = r.uint(1)
    if not 1 <= form <= FORMAT:
        raise Reject("format")
    seed = r.take(32)
    if r.pos == len(r.data):
        return seed
    me, places = ch.me, ch.places
    place = r.take(16)
    key = r.lv() if form > 3 else b""
    root = unpack_places(r, me, places)
    given = me.config["key"]
    elsewhere = place != me.place and given != root and given not in [old.root for old in places.old]
    if places.generation:
        ch.settle_at(root)
    others, epochs = ch.others, ch.epochs
    others.lamport = r.uint(4)
    if form > 1:
        others.approvals = (r.uint(4), ())
    else:
        r.take(20)  # its newest join
    ch.keepalive.conn = r.uint(4)
    if r.uint(1) == 1:
        lamport, sid, signer = r.uint(4), r.take(16), r.take(32)
        me.session = MySession(me.suite, lamport, sid, signer, r.lv() if form > 1 else b"", r.lv() if form > 2 else b"")
    unpack_ring(r, ch.ring)
    unpack_outbox(r, ch.out.outbox, ch.ring)
    epochs.rank = (r.uint(4), r.take(16))
    epochs.requested = r.uint(1) == 1
    epochs.current = unpack_epoch(r, form)
    epochs.previous = unpack_epoch(r, form)
    if epochs.current or epochs.previous:  # of a time when the settings had conversations
        from .zpinc import epochs as talk

        epochs.talk = talk
    for _ in range(r.uint(2)):
        m = _unpack_member(r, me.roster, form)
        others.by_tag[m.tag] = m
        me.topics.remember(m.name)
    for _ in range(r.uint(1)):
        ch.out.inbox.append(unpack_message(r))
    ch.ratchet.unpack(me, others, ch.group, r.take(r.uint(4)) if form > 3 else r.rest())
    if r.pos < len(r.data):
        journal = load("replay")
        journal.replay(ch, form, journal.batches(me.suite, key, r.rest()))
    if elsewhere:
        # The settings give a key that our state knows nothing of: begin there. Only whom we have pinned is taken along.
        revocation = load("zpinc.revocation")
        revocation.pin(others, places)
        places.old = []
        revocation.settle(places, 0)
        ch.settle_at(given)
    return seed


def unpack_places(r, me, places):
    """-> the root key of the place where the state was stored."""
    places.generation, root = r.uint(4), r.take(32)
    places.k, places.shown = r.lv() or None, r.lv()
    for _ in range(r.uint(1)):
        old, notice = r.take(32), r.lv()
        waiting = set([r.lv().decode() for _ in range(r.uint(1))])
        places.old.append(Old(me.suite, old, me.channel, notice, waiting))
    for _ in range(r.uint(2)):
        uid, public = r.lv().decode(), r.lv()
        places.pins[uid] = public
    for uid in me.roster:
        instead = places.pins.get(INSTEAD + uid, b"")
        if instead[:64] == me.roster[uid]:
            me.roster = dict(me.roster)
            me.roster[uid] = instead[64:]
    return root


def unpack_ring(r, ring):
    ring.next = ring.unsent = r.uint(4)
    ring.digests = r.take(DIGEST * r.uint(1))


def unpack_outbox(r, outbox, ring):
    for _ in range(r.uint(1)):
        entry, unsent = unpack_waiting(r)
        outbox.add(*entry)
        if unsent:
            ring.unsent = min(ring.unsent, entry[3])


def unpack_waiting(r):
    """-> (entry of the outbox, is it a note that was never given to a connection?)."""
    topic, frame = r.lv().decode(), r.lv()
    retain, has, seq = r.uint(1), r.uint(1), r.uint(4)
    return (topic, frame, retain == 1, seq if has else None), has == 2


def unpack_epoch(r, form):
    if not r.uint(1):
        return None
    from .zpinc.conversation import Epoch

    hid, hk, messages = r.take(32), r.take(32), r.uint(4)
    e = Epoch(hid, hk, [], [])
    e.messages = messages
    for i in range(r.uint(1)):
        e.parties.append((r.take(16), r.take(16), r.lv().decode()))
        e.chains.append(unpack_chain(r, e, i, form))
    for _ in range(r.uint(1)):
        where = (r.uint(1), r.uint(4))
        e.skipped[where] = r.take(32)
    return e


def unpack_chain(r, e, i, form):
    """-> [key, next number]."""
    key, at, upto = r.take(32), r.uint(4), r.uint(4) if form > 4 else 0
    e.doubt.pop(i, None)
    if upto:
        e.doubt[i] = upto
    return [key, at]


def _unpack_member(r, roster, form):
    name, uid, public, data = r.lv(), r.lv().decode(), r.lv(), r.lv() if form > 1 else b""
    m = Member(name, uid)
    m.public = roster.get(uid) or public or None
    kept = m.public == public  # else the roster names another identity now: what the old one said is forgotten
    floor, conn, counter = r.uint(4), r.uint(4), r.uint(4)
    for _ in range(r.uint(1)):
        lamport, sid, S = r.uint(4), r.take(16), r.take(32)
        ring = r.uint(1)
        window = Window(ring)
        unpack_window(r, window, form)
        if kept:
            m.admit(Join(lamport, sid, public, S, ring, data))
            m.current.window = window
        floor = floor if kept else max(floor, min(lamport, LAMPORT_MAX - 1))  # what the broker keeps of it is no news
    if floor:
        m.floor = floor  # at last: a kept session may have the number of a forgotten one
    if m.current:
        m.status = UNHEARD
        m.conn, m.counter = conn, counter - 1
    return m


def unpack_window(r, window, form):
    has, upto, window.head = r.uint(1), r.uint(4), r.uint(4)
    window.doubt = r.uint(4) if form > 4 else 0
    if has == 1:
        window.next, window.fresh = upto, False
    elif has:
        window.first = upto


def unpack_message(r):
    sender, body, epoch = r.lv().decode(), r.lv(), r.lv().decode()
    secrecy = MODES[r.uint(1) % len(MODES)]
    origin = "member" if r.uint(1) == 1 else "group"
    flags = r.uint(1)
    m = Message(sender, body, secrecy, origin, r.uint(4), r.uint(4), True, epoch or None)  # who knows how long ago
    m.private = flags & 2 == 2
    return m
