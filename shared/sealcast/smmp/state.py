"""The group's part of the stored state as bytes and back. PROTOCOL.md section 12."""

from struct import pack

from ..compat import const
from ..crypto.keys import ZERO
from ..wire import AGREEMENT, TAG, Reader, lv, prefixed, u32
from .group import FORKED, NONE, REJOIN, SYNC, Entry, Pending, Undo, own_tag
from .outgoing import NUMBERED
from .ratchet import Column, State

_ENTRY = const(0x80)  # added to the phase: an Entry follows
_LEAVING = const(0x40)
_FAILED = const(0x20)  # a list of tags follows
_TOGETHER = const(0x10)  # a list of uids follows


def pieces(group):
    """Keys, position, what is on its way, packages -> bytes in pieces: after days a heap has small holes only.

    Held frames and asks belong to a connection and are not stored."""
    g, p, o = group, group.packages, group.outgoing
    phase = g.phase if g.phase in (REJOIN, FORKED) else SYNC if g.state else NONE
    failed, together = g.change.failed, g.change.together
    phase |= _ENTRY * (g.entry is not None) | _LEAVING * g.leaving | _FAILED * (failed is not None)
    out = [bytes((phase | _TOGETHER * (together != []),))]
    if together:
        out.append(_count(together) + lv(*[uid.encode() for uid in together]))
    if failed is not None:
        out.append(_count(failed) + b"".join(failed))
    if g.entry:
        epoch, tags = g.entry.before or (0, [])
        out.append(g.entry.organizer + u32(g.entry.epoch) + u32(epoch) + _count(tags) + b"".join(tags))
    _optional(out, g.state, _pack_state)
    _pack_pairs(out, g.pairs)
    pieces, out = [b"".join(out), lv(g.last, g.last_by or b"")], []
    _optional(out, g.undo, _pack_undo)
    out.append(pack(">IB", o.count, len(o.queue)))
    for lead, text, to, _ in o.queue:
        out += prefixed(lead, text, to or b"")
        pieces, out = pieces + [b"".join(out)], []
    _optional(out, o.pending, _pack_pending)
    pieces, out = pieces + [b"".join(out)], [_count(g.heard)]
    for tag in sorted(g.heard):
        out += [tag, g.heard[tag]]
    out.append(u32(p.counter))
    _pack_packages(out, p.mine)
    tags = sorted(set(p.theirs) | set(p.floor))
    out.append(_count(tags))
    for tag in tags:
        known = p.theirs.get(tag, b"")
        out += [tag, pack(">IH", p.floor.get(tag, 0), len(known)), known]
        if len(out) > 20:
            pieces, out = pieces + [b"".join(out)], []
    _optional(out, g.change.job, _pack_job)
    return pieces + [b"".join(out)]


def unpack(members, group, data):
    """Into a group that knows nothing yet. Raises Reject."""
    r, g, p, o = Reader(data), group, group.packages, group.outgoing
    phase = r.uint(1)
    g.phase, g.leaving = phase & (_TOGETHER - 1), bool(phase & _LEAVING)
    if phase & _TOGETHER:
        g.change.together = [r.lv().decode() for _ in range(r.uint(2))]
        g.change.at = 0
    if phase & _FAILED:
        g.change.failed = _tags(r)
    if phase & _ENTRY:
        g.entry = Entry(own_tag(members, r.take(16)), r.uint(4), None)
        before = (r.uint(4), _tags(r))
        g.entry.before = before if before[1] else None
    g.state = _unpack_state(r) if r.uint(1) else None
    g.pairs = _unpack_pairs(members, r)
    g.last, g.last_by = r.lv(), r.lv() or None
    if r.uint(1):
        g.undo = _unpack_undo(members, g, r)
    if g.last:
        g.recent = {g.state.epoch - 1: (g.last, g.last_by)}
    o.count = r.uint(4)
    for _ in range(r.uint(1)):
        lead, text, to = _lead(r.lv()), r.lv(), r.lv() or None
        o.queue.append((lead, text, to, 0))
    o.pending = _unpack_pending(r) if r.uint(1) else None
    for _ in range(r.uint(2)):
        tag = own_tag(members, r.take(16))
        g.heard[tag] = r.take(8)
    p.counter = r.uint(4)
    p.mine = _unpack_packages(r)
    for _ in range(r.uint(2)):
        tag, floor, theirs = own_tag(members, r.take(16)), r.uint(4), r.lv()
        if floor:
            p.floor[tag] = floor
        if theirs:
            p.theirs[tag] = theirs
    if r.uint(1):
        g.change.job = _unpack_job(r)
        g.change.at = 0
    r.end()


def _lead(lead):
    """0.1 knew neither time nor what was heard."""
    return lead + bytes(5) if len(lead) == NUMBERED else lead


def _count(items):
    return len(items).to_bytes(2, "big")


def _optional(out, value, packed):
    out.append(b"\x01" if value else b"\x00")
    if value:
        packed(out, value)


def _pack_state(out, s):
    tags, R = s.tags.data, s.R.data
    out += [s.group, bytes((s.N, s.index)), s.r, u32(s.epoch), s.head, s.RK, s.HK, s.NHK, s.mk, s.v, s.digest]
    for i in range(s.N):
        out += [tags[i * TAG : i * TAG + TAG], R[32 * i : 32 * i + 32]]


def _unpack_state(r, known=None):
    group, n, index = r.take(16), r.uint(1), r.uint(1)
    secret, epoch, head, keys = r.take(32), r.uint(4), r.take(32), [r.take(32) for _ in range(6)]
    tags, R = [], []
    for _ in range(n):
        tags.append(r.take(16))
        R.append(r.take(32))
    tags = Column(tags, TAG)
    return State(group, known if tags == known else tags, R, index, secret, epoch, head, *keys)


def _pack_pairs(out, pairs):
    out.append(bytes((len(pairs),)))
    for tag in sorted(pairs):
        pair = pairs[tag]
        out += [tag, pair[32:], pair[:32]] if pair[32:] else [tag, ZERO, ZERO, pair]


def _unpack_pairs(members, r):
    pairs = {}
    for _ in range(r.uint(1)):
        tag, ends, root = own_tag(members, r.take(16)), r.take(64), r.take(32)
        pairs[tag] = root + ends if any(ends) else root
    return pairs


def _pack_packages(out, packages):
    out.append(bytes((len(packages),)))
    for number in sorted(packages):
        out.append(u32(number) + b"".join(packages[number]))


def _unpack_packages(r):
    out = {}
    for _ in range(r.uint(1)):
        number = r.uint(4)
        out[number] = (r.take(32), r.take(32))
    return out


def _pack_undo(out, u):
    out.append(bytes((255 if u.outside is None else u.outside,)))
    _optional(out, u.state, _pack_state)
    _pack_pairs(out, u.pairs)
    _optional(out, u.own, _pack_pending)
    _pack_packages(out, u.spent)
    _optional(out, u.job, _pack_job)


def _unpack_undo(members, g, r):
    u = Undo(g, None)
    outside = r.uint(1)
    u.outside = None if outside == 255 else outside
    # What did not change is one object again
    u.state = _unpack_state(r, g.state.tags) if r.uint(1) else None
    u.pairs = _unpack_pairs(members, r)
    for tag in u.pairs:
        if u.pairs[tag] == g.pairs.get(tag):
            u.pairs[tag] = g.pairs[tag]
    u.own = _unpack_pending(r) if r.uint(1) else None
    u.spent = _unpack_packages(r)
    u.job = _unpack_job(r) if r.uint(1) else None
    return u


def _pack_pending(out, p):
    lead, text, to, _ = p.entry or (b"", b"", None, 0)
    out.append(bytes((p.kind,)))
    out += prefixed(p.frame, p.secret or b"", lead, text, to or b"", p.t or b"")
    _optional(out, p.after if p.kind == AGREEMENT else None, _pack_state)


def _unpack_pending(r):
    kind, frame, secret, lead, text, to, t = r.uint(1), r.lv(), r.lv(), _lead(r.lv()), r.lv(), r.lv(), r.lv()
    after = _unpack_state(r) if r.uint(1) else None
    return Pending(kind, frame, secret or None, (lead, text, to or None, 0) if lead else None, t or None, after)


def _pack_job(out, job):
    reason, add, remove = job
    out.append(bytes((reason,)))
    for tags in (add, remove):
        out.append(_count(tags) + b"".join(tags))


def _unpack_job(r):
    return r.uint(1), _tags(r), _tags(r)


def _tags(r):
    return [r.take(16) for _ in range(r.uint(2))]
