"""The stored state as bytes and back. PROTOCOL.md section 12. Storage adds generation and checksum (slots.py)."""

from .compat import const
from .effects import Message
from .errors import BadState, Reject
from .wire import Reader, lv, u32
from .zpinc.conversation import pack_epoch, unpack_epoch
from .zpinc.identity import Join
from .zpinc.me import MySession
from .zpinc.members import UNHEARD, Member

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
    s, a = ch.session if ch.joined else None, ch.agreement
    out = [bytes((FORMAT,)), ch.rng.next_seed, ch.place] + ch.lost.pieces()
    out += [u32(ch.lamport), u32(ch.newest[0]), ch.newest[1], u32(ch.conn)]
    out.append(bytes((1 if s else 0,)))
    if s:
        out.append(u32(s.lamport) + s.sid + s.seed)
    out.append(ch.ring.pack())
    out += ch.outbox.pieces()
    out.append(u32(a.rank[0]) + a.rank[1] + bytes((1 if a.requested else 0,)))
    for epoch in (a.current, a.previous):
        out += [b"\x01"] + pack_epoch(epoch) if epoch else [b"\x00"]
    out.append(len(ch.members_by_tag).to_bytes(2, "big"))
    for m in ch.members_by_tag.values():
        out.append(_pack_member(m))
    out.append(bytes((len(ch.inbox),)))
    for message in ch.inbox:
        out.append(_pack_message(message))
    return _joined(out + ch.group.pieces())


def _joined(parts):
    """Neighbours joined to pieces of some hundred bytes: an object a field would take twice the room."""
    out, some, size = [], [], 0
    for part in parts:
        some.append(part)
        size += len(part)
        if size >= _PIECE:
            out.append(b"".join(some))
            some, size = [], 0
    out.append(b"".join(some))
    return out


def unpack_state(ch, blob):
    """Restore into a fresh Channel; -> the stored seed. Raises BadState; a state holding only a seed is a provisioned one."""
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
    place = r.take(16)
    ch.lost.unpack(r)
    elsewhere = place != ch.place and not ch.lost.knows(ch.config["key"])
    if ch.lost.generation:
        ch.settle_at(ch.lost.root)
    a = ch.agreement
    ch.others.lamport = r.uint(4)
    ch.others.newest = (r.uint(4), r.take(16))
    ch.conn = r.uint(4)
    ch.joined = r.uint(1) == 1
    if ch.joined:
        lamport, sid, signer = r.uint(4), r.take(16), r.take(32)
        ch.me.session = MySession(ch.suite, lamport, sid, signer)
    ch.ring.unpack(r)
    ch.outbox.unpack(r)
    a.rank = (r.uint(4), r.take(16))
    a.requested = r.uint(1) == 1
    a.current = unpack_epoch(r) if r.uint(1) else None
    a.previous = unpack_epoch(r) if r.uint(1) else None
    for _ in range(r.uint(2)):
        m = _unpack_member(ch, r)
        ch.members_by_tag[m.tag] = m
    for _ in range(r.uint(1)):
        ch.inbox.append(_unpack_message(r))
    ch.group.unpack(r.rest())
    if elsewhere:
        ch.lost.restart(ch.config["key"])
    return seed


def _pack_member(m):
    out = [lv(m.name, m.uid.encode(), m.public or b""), u32(m.floor), u32(m.conn), u32(m.counter + 1)]
    out.append(bytes((len(m.sessions),)))
    for s in m.sessions:
        w = s.window
        out.append(u32(s.lamport) + s.sid + s.S + bytes((w.ring, 0 if w.next is None else 1)) + u32(w.next or 0) + u32(w.head))
    return b"".join(out)


def _unpack_member(ch, r):
    name, uid, public = r.lv(), r.lv().decode(), r.lv()
    m = Member(name, uid)
    m.public = (ch.config["roster"] or {}).get(uid) or public or None
    kept = m.public == public  # else the roster names another identity now: what the old one said is forgotten
    m.floor = r.uint(4)
    conn, counter = r.uint(4), r.uint(4)
    for _ in range(r.uint(1)):
        lamport, sid, S, ring, has, upto, head = r.uint(4), r.take(16), r.take(32), r.uint(1), r.uint(1), r.uint(4), r.uint(4)
        if kept:
            m.admit(Join(lamport, sid, public, S, ring))
            window = m.current.window
            window.next, window.head = upto if has else None, head
    if m.current:
        m.status = UNHEARD
        m.conn, m.counter = conn, counter - 1
    return m


def _pack_message(m):
    flags = bytes((_SECRECY.index(m.secrecy), 1 if m.origin == "member" else 2, m.historic + 2 * m.private))
    return lv(m.sender.encode(), m.body, (m.epoch or "").encode()) + flags + u32(m.time) + u32(m.seq)


def _unpack_message(r):
    sender, body, epoch = r.lv().decode(), r.lv(), r.lv().decode()
    secrecy = _SECRECY[r.uint(1) % len(_SECRECY)]
    origin = "member" if r.uint(1) == 1 else "group"
    flags = r.uint(1)
    m = Message(sender, body, secrecy, origin, r.uint(4), r.uint(4), flags & 1 == 1, epoch or None)
    m.private = flags & 2 == 2
    return m
