"""The state as bytes, to be stored. PROTOCOL.md section 12. Storage adds generation and checksum (slots.py); stored.py
reads it back.
"""

from struct import pack

from .effects import FORMAT
from .journal import chain_fields, waiting_fields, window_fields
from .wire import lv, prefixed, u32
from .zpinc.notes import DIGEST


def pack_parts(ch, key=b""):
    """Everything a member must not forget, in pieces: on a board's heap, after days, there may be no room for it in
    one. key: of the journal that may follow it, 32 bytes, or empty.

    Presence, running handshakes and held notes are not part of it."""
    me, others, epochs, out = ch.me, ch.others, ch.epochs, ch.out
    s = me.session if me.joined else None
    parts = [bytes((FORMAT,)), me.rng.next_seed, me.place, lv(key)]
    pack_places(parts, me, ch.places)
    parts.append(pack(">III", others.lamport, others.approvals[0], ch.keepalive.conn))
    parts.append(b"\x01" if s else b"\x00")
    if s:
        parts += [u32(s.lamport), s.sid, s.seed, lv(s.data, s.ended)]
    pack_ring(parts, ch.ring)
    pieces = [b"".join(parts)]
    pack_outbox(pieces, out.outbox, ch.ring)
    pieces.append(u32(epochs.rank[0]) + epochs.rank[1] + bytes((1 if epochs.requested else 0,)))
    for epoch in (epochs.current, epochs.previous):
        pack_epoch(pieces, epoch, out.ahead)
    pieces.append(len(others.by_tag).to_bytes(2, "big"))
    for m in others.by_tag.values():
        pieces.append(_pack_member(m, out.ahead))
    pieces.append(bytes((len(out.inbox),)))
    for message in out.inbox:
        pieces.append(message.fields())
    group = ch.ratchet.pieces(ch.group)
    pieces.append(u32(sum([len(piece) for piece in group])))
    return pieces + group


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


def pack_epoch(out, e, ahead):
    if e is None:
        out.append(b"\x00")
        return
    parts = [b"\x01", e.hid, e.hk, pack(">IB", e.messages, len(e.parties))]
    for i in range(len(e.parties)):
        tag, sid, uid = e.parties[i]
        name = uid.encode()
        parts += [tag, sid, pack(">H", len(name)), name, chain_fields(e, i, ahead)]
    out.append(b"".join(parts + [bytes((len(e.skipped),))]))
    some = []
    for i, number in e.skipped:
        some += [pack(">BI", i, number), e.skipped[(i, number)]]
        if len(some) == 32:  # not all of them at once: there may be 64
            out.append(b"".join(some))
            some = []
    out.append(b"".join(some))


def _pack_member(m, ahead):
    parts = prefixed(m.name, m.uid.encode(), m.public or b"", m.data)
    parts.append(pack(">IIIB", m.floor, m.conn, m.counter + 1, len(m.sessions)))
    for s in m.sessions:
        parts += [u32(s.lamport), s.sid, s.S, bytes((s.window.ring,)), window_fields(s, ahead)]
    return b"".join(parts)
