"""The state as bytes, to be stored. PROTOCOL.md section 12. Storage adds generation and checksum (slots.py); stored.py
reads it back.
"""

from .compat import const
from .effects import FORMAT
from .journal import waiting_fields, window_fields
from .wire import lv, u32
from .zpinc.notes import DIGEST

_PIECE = const(256)


def pack_state(ch):
    """Everything a member must not forget, as bytes."""
    return b"".join(pack_parts(ch, ch.journal.key))


def pack_parts(ch, key=b""):
    """The same in pieces: on a board's heap, after days, there may be no room for the whole in one. key: of the journal
    that may follow it, 32 bytes, or empty.

    Presence, running handshakes and held notes are not part of it.
    """
    me, others, epochs = ch.me, ch.others, ch.epochs
    s = me.session if me.joined else None
    out = [bytes((FORMAT,)), me.rng.next_seed, me.place, lv(key)]
    pack_places(out, me, ch.places)
    out += [u32(others.lamport), u32(others.approvals[0]), u32(ch.keepalive.conn)]
    out.append(bytes((1 if s else 0,)))
    if s:
        out.append(u32(s.lamport) + s.sid + s.seed + lv(s.data, s.ended))
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
        out.append(message.fields())
    group = ch.ratchet.pieces(ch.group)
    out.append(u32(sum([len(piece) for piece in group])))
    out += group
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


# --- the parts


def pack_places(out, me, places):
    out += [u32(places.generation), me.root, lv(places.k or b"", places.shown), bytes((len(places.old),))]
    for old in places.old:
        waiting = [uid.encode() for uid in sorted(old.waiting)]
        out.append(old.root + lv(old.notice) + bytes((len(waiting),)) + lv(*waiting))
    out.append(len(places.pins).to_bytes(2, "big"))
    for uid in places.pins:
        out.append(lv(uid.encode(), places.pins[uid]))


def pack_ring(out, ring):
    out.append(u32(ring.next) + bytes((len(ring.digests) // DIGEST,)) + ring.digests)


def pack_outbox(out, outbox, ring):
    out.append(bytes((len(outbox.entries),)))
    for token in sorted(outbox.entries):
        out.append(waiting_fields(outbox.entries[token], ring.unsent))


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


def _pack_member(m):
    out = [lv(m.name, m.uid.encode(), m.public or b"", m.data), u32(m.floor), u32(m.conn), u32(m.counter + 1)]
    out.append(bytes((len(m.sessions),)))
    for s in m.sessions:
        out.append(u32(s.lamport) + s.sid + s.S + bytes((s.window.ring,)) + window_fields(s.window))
    return b"".join(out)
