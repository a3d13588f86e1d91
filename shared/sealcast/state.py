"""The stored state as bytes and back. PROTOCOL.md section 12. Storage adds generation and checksum (slots.py)."""

from .compat import const
from .effects import Message
from .errors import BadState, Reject
from .rare import load
from .wire import Reader, lv, u32
from .zpinc.conversation import Epoch
from .zpinc.identity import Join
from .zpinc.me import MySession
from .zpinc.members import UNHEARD, Member
from .zpinc.places import Old

FORMAT = const(1)
_PIECE = const(256)
_SECRECY = ("note", "conversation", "ratchet")


def pack_state(ch):
    """Everything a member must not forget, as bytes."""
    return b"".join(pack_parts(ch))


def pack_parts(ch):
    """The same in pieces: on a board's heap, after days, there may be no room for the whole in one.

    Presence, running handshakes and held notes are not part of it.
    """
    me, others, epochs = ch.me, ch.others, ch.epochs
    s = me.session if me.joined else None
    out = [bytes((FORMAT,)), me.rng.next_seed, me.place]
    pack_places(out, me, ch.places)
    out += [u32(others.lamport), bytes(20), u32(ch.keepalive.conn)]  # once the newest join stood there
    out.append(bytes((1 if s else 0,)))
    if s:
        out.append(u32(s.lamport) + s.sid + s.seed)
    pack_ring(out, ch.ring)
    pack_outbox(out, ch.out.outbox, ch.ring)
    out.append(u32(epochs.rank[0]) + epochs.rank[1] + bytes((1 if epochs.requested else 0,)))
    for epoch in (epochs.current, epochs.previous):
        pack_epoch(out, epoch)
    out.append(len(others.by_tag).to_bytes(2, "big"))
    for m in others.by_tag.values():
        out.append(_pack_member(m))
    out.append(bytes((len(ch.out.inbox),)))
    for message in ch.out.inbox:
        out.append(_pack_message(message))
    out += ch.ratchet.pieces(ch.group)
    return _joined(out)


def _joined(parts):
    """Neighbours joined to pieces of some hundred bytes: an object a field would take twice the room. Each part
    is let go with that."""
    out, some, size = [], [], 0
    parts.reverse()
    while parts:
        some.append(parts.pop())
        size += len(some[-1])
        if size >= _PIECE:
            out.append(b"".join(some))
            some, size = [], 0
    out.append(b"".join(some))
    return out


def unpack_state(ch, blob):
    """Restore into a fresh Channel; -> the stored seed. Raises BadState; a state holding only a seed is a
    provisioned one."""
    try:
        return _unpack(ch, Reader(blob))
    except (Reject, ValueError):
        raise BadState("the stored state cannot be read: remove the state files to join anew")


def _unpack(ch, r):
    if r.uint(1) != FORMAT:
        raise Reject("format")
    seed = r.take(32)
    if r.pos == len(r.data):
        return seed
    me, places = ch.me, ch.places
    place = r.take(16)
    root = unpack_places(r, me, places)
    given = me.config["key"]
    elsewhere = place != me.place and given != root and given not in [old.root for old in places.old]
    if places.generation:
        ch.settle_at(root)
    others, epochs = ch.others, ch.epochs
    others.lamport = r.uint(4)
    r.take(20)
    ch.keepalive.conn = r.uint(4)
    if r.uint(1) == 1:
        lamport, sid, signer = r.uint(4), r.take(16), r.take(32)
        me.session = MySession(me.suite, lamport, sid, signer)
    unpack_ring(r, ch.ring)
    unpack_outbox(r, ch.out.outbox, ch.ring)
    epochs.rank = (r.uint(4), r.take(16))
    epochs.requested = r.uint(1) == 1
    epochs.current = unpack_epoch(r)
    epochs.previous = unpack_epoch(r)
    for _ in range(r.uint(2)):
        m = _unpack_member(r, me.config["roster"] or {})
        others.by_tag[m.tag] = m
    for _ in range(r.uint(1)):
        ch.out.inbox.append(_unpack_message(r))
    ch.ratchet.unpack(me, others, ch.group, r.rest())
    if elsewhere:
        # The settings give a key that our state knows nothing of: begin there. Only whom we have pinned is taken along.
        revocation = load("zpinc.revocation")
        revocation.pin(others, places)
        places.old = []
        revocation.settle(places, 0)
        ch.settle_at(given)
    return seed


# --- the parts


def pack_places(out, me, places):
    out += [u32(places.generation), me.root, lv(places.k or b"", places.shown), bytes((len(places.old),))]
    for old in places.old:
        waiting = [uid.encode() for uid in sorted(old.waiting)]
        out.append(old.root + lv(old.notice) + bytes((len(waiting),)) + lv(*waiting))
    out.append(len(places.pins).to_bytes(2, "big"))
    for uid in places.pins:
        out.append(lv(uid.encode(), places.pins[uid]))


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
    return root


def pack_ring(out, ring):
    out.append(u32(ring.next) + bytes((len(ring.digests),)) + b"".join(ring.digests))


def unpack_ring(r, ring):
    ring.next = ring.unsent = r.uint(4)
    ring.digests = [r.take(8) for _ in range(r.uint(1))]


def pack_outbox(out, outbox, ring):
    out.append(bytes((len(outbox.entries),)))
    for token in sorted(outbox.entries):
        topic, frame, retain, seq = outbox.entries[token]
        flag = bytes((1 if retain else 0, 0 if seq is None else 2 if seq >= ring.unsent else 1))
        out.append(lv(topic.encode(), frame) + flag + u32(seq or 0))


def unpack_outbox(r, outbox, ring):
    for _ in range(r.uint(1)):
        topic, frame = r.lv().decode(), r.lv()
        retain, has, seq = r.uint(1), r.uint(1), r.uint(4)
        outbox.add(topic, frame, retain == 1, seq if has else None)
        if has == 2:
            ring.unsent = min(ring.unsent, seq)


def pack_epoch(out, e):
    if e is None:
        out.append(b"\x00")
        return
    out += [b"\x01", e.hid, e.hk, u32(e.messages), bytes((len(e.parties),))]
    for i in range(len(e.parties)):
        tag, sid, uid = e.parties[i]
        key, at = e.chains[i]
        out.append(tag + sid + lv(uid.encode()) + key + u32(at))
    out.append(bytes((len(e.skipped),)))
    some = []
    for i, number in e.skipped:
        some.append(bytes((i,)) + u32(number) + e.skipped[(i, number)])
        if len(some) == 16:  # not all of them at once: there may be 64
            out.append(b"".join(some))
            some = []
    out += some


def unpack_epoch(r):
    if not r.uint(1):
        return None
    hid, hk, messages = r.take(32), r.take(32), r.uint(4)
    parties, chains, skipped = [], [], {}
    for _ in range(r.uint(1)):
        parties.append((r.take(16), r.take(16), r.lv().decode()))
        chains.append([r.take(32), r.uint(4)])
    for _ in range(r.uint(1)):
        where = (r.uint(1), r.uint(4))
        skipped[where] = r.take(32)
    e = Epoch(hid, hk, parties, chains, skipped)
    e.messages = messages
    return e


def _pack_member(m):
    out = [lv(m.name, m.uid.encode(), m.public or b""), u32(m.floor), u32(m.conn), u32(m.counter + 1)]
    out.append(bytes((len(m.sessions),)))
    for s in m.sessions:
        w = s.window
        known = bytes((w.ring, 0 if w.fresh else 1)) + u32(0 if w.fresh else w.next) + u32(w.head)
        out.append(u32(s.lamport) + s.sid + s.S + known)
    return b"".join(out)


def _unpack_member(r, roster):
    name, uid, public = r.lv(), r.lv().decode(), r.lv()
    m = Member(name, uid)
    m.public = roster.get(uid) or public or None
    kept = m.public == public  # else the roster names another identity now: what the old one said is forgotten
    floor = r.uint(4)
    conn, counter = r.uint(4), r.uint(4)
    for _ in range(r.uint(1)):
        lamport, sid, S = r.uint(4), r.take(16), r.take(32)
        ring, has, upto, head = r.uint(1), r.uint(1), r.uint(4), r.uint(4)
        if kept:
            m.admit(Join(lamport, sid, public, S, ring))
            window = m.current.window
            window.next, window.head, window.fresh = upto if has else None, head, not has
    m.floor = floor  # a kept session may have the number of a forgotten one
    if m.current:
        m.status = UNHEARD
        m.conn, m.counter = conn, counter - 1
    return m


def _pack_message(m):
    flags = bytes((_SECRECY.index(m.secrecy), 1 if m.origin == "member" else 2, 1 + 2 * m.private))
    return lv(m.sender.encode(), m.body, (m.epoch or "").encode()) + flags + u32(m.time) + u32(m.seq)


def _unpack_message(r):
    sender, body, epoch = r.lv().decode(), r.lv(), r.lv().decode()
    secrecy = _SECRECY[r.uint(1) % len(_SECRECY)]
    origin = "member" if r.uint(1) == 1 else "group"
    flags = r.uint(1)
    m = Message(sender, body, secrecy, origin, r.uint(4), r.uint(4), True, epoch or None)  # nobody knows how long ago
    m.private = flags & 2 == 2
    return m
