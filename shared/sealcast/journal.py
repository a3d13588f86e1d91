"""What changed since the last snapshot, as small records appended to it. PROTOCOL.md section 12.1.

Here are the records that every message makes, and the batches; replay.py reads both, at a start.
"""

from struct import pack

from .compat import const, due
from .wire import TAG, lv, u32

# Kinds of records
WINDOW = const(1)
CHAIN = const(2)
USED = const(3)
DELIVERED = const(4)
TAKEN = const(5)
WAITS = const(6)
ACKED = const(7)
HEARD = const(8)

HEAD = const(4)  # bytes before a batch's box
MOST = const(0xFFFF)  # of a batch's box
FLUSH_MS = const(5000)  # what was taken, or acknowledged, leaves the stored state within this time
LIFE_MS = const(3600000)  # from the first batch to the next snapshot


class Journal:
    """How far the journal of the last snapshot has come."""

    def __init__(self):
        self.room = 0  # bytes that may follow a snapshot: the driver's storage says it; 0: every change is a snapshot
        self.ahead = 0  # so many messages does a record say ahead in a burst: the driver's storage says it, too
        self.key = b""  # 32 bytes, of this snapshot; empty: it has no journal
        self.drawn = b""  # that of the next one
        self.count = self.size = 0
        self.until = None  # ms, when the next snapshot is due
        self.flush_at = None  # ms, when what may wait is written

    def next_key(self, rng):
        """Of the next snapshot: 32 bytes, the same until it is made, however often that fails; empty without room."""
        if self.room and not self.drawn:
            self.drawn = rng.bytes(32)
        return self.drawn

    def begin(self):
        """A snapshot is made, with the next key in it."""
        self.key, self.drawn, self.count, self.size, self.until = self.drawn, b"", 0, 0, None

    def plan(self, now, out):
        if self.size and self.until is None:
            self.until = now + LIFE_MS
        if out.burst:
            out.burst, out.block, self.flush_at = False, self.ahead, None
        if not (out.records or out.block):
            self.flush_at = None
        elif self.flush_at is None:
            self.flush_at = now + FLUSH_MS

    def tick(self, now, out):
        if due(self.flush_at, now):
            self.flush_at = None
            if out.moves:
                out.urgent = True
            else:
                out.calm()
        if due(self.until, now):
            out.dirty = True

    def seal(self, suite, records):
        """Records -> the next batch as bytes; None when it would exceed the room: make a snapshot. None for None."""
        if records is None or not self.key:
            return None
        size = sum([len(r) + 2 for r in records]) + HEAD + TAG
        if self.size + size > min(self.room, MOST):
            return None
        box = suite.secretbox(self.key, self.count.to_bytes(24, "big"), lv(*records))
        self.count += 1
        self.size += size
        return header(len(box)) + box


def header(n):
    """The 4 bytes before a box of n bytes."""
    return n.to_bytes(2, "big") + (MOST - n).to_bytes(2, "big")


# --- records; a snapshot has the same fields


def window_fields(session, ahead):
    w = session.window
    has = 1 if not w.fresh else 0 if w.first is None else 2
    upto = ahead and ahead.get((session,), (0,))[0] or 0
    return pack(">BIII", has, (w.first or 0) if w.fresh else w.next, w.head, max(upto, w.doubt))


def chain_fields(epoch, i, ahead):
    key, at = epoch.chains[i]
    upto, ours = ahead and ahead.get((epoch, i)) or (0, b"")
    return ours + pack(">II", upto, 0) if ours else key + pack(">II", at, max(upto, epoch.doubt.get(i, 0)))


def heard(member):
    return bytes((HEARD,)) + member.tag + u32(member.conn) + u32(member.counter + 1)


def moved(where, ahead, skipped=()):
    """where: (session,), its window, or (epoch, index), its chain. ahead: see Out.
    skipped: [((i, number), key)] that joined the skipped keys with this move."""
    if len(where) == 1:
        return bytes((WINDOW,)) + where[0].sid + window_fields(where[0], ahead)
    epoch, i = where
    out = bytes((CHAIN,)) + epoch.id[:4] + bytes((i,)) + chain_fields(epoch, i, ahead) + u32(epoch.messages)
    for (_, number), mk in skipped:
        out += u32(number) + mk
    return out


def used(epoch, i, number):
    return bytes((USED,)) + epoch.id[:4] + bytes((i,)) + u32(number) + u32(epoch.messages)


def waiting_fields(entry, unsent):
    """entry: of the outbox; unsent: the number from which on our notes were never given to a connection."""
    topic, frame, retain, seq = entry
    flag = bytes((1 if retain else 0, 0 if seq is None else 2 if seq >= unsent else 1))
    return lv(topic.encode(), frame) + flag + u32(seq or 0)
