"""The journal back from its bytes: what its records say happens once more to the state of the snapshot. PROTOCOL.md
section 12.1. journal.py makes them.
"""

from .errors import Reject
from .journal import ACKED, CHAIN, DELIVERED, HEAD, HEARD, MOST, TAKEN, USED, WAITS, WINDOW, header
from .rare import load
from .wire import NOTE, TAG, Reader
from .zpinc.notes import Window, frame_digest


def replay(ch, form, opened):
    """opened: batches of the journal; form: the snapshot's.
    Raises Reject, ValueError or LookupError: they are of no journal of that state."""
    for batch in opened:
        r = Reader(batch)
        while r.pos < len(batch):
            record = Reader(r.lv())
            _again(ch, form, record.uint(1), record)
            record.end()


def batches(suite, key, data):
    """The whole batches of a journal, which may have a torn end, opened, as a list; key: the snapshot's.
    Raises Reject for a fault that no power cut makes."""
    out, at = [], 0
    if not key or len(data) > MOST:
        raise Reject("format")
    while at + HEAD <= len(data):
        head, box = data[at : at + HEAD], data[at + HEAD :]
        n = int.from_bytes(head[:2], "big")
        if head == bytes(HEAD):  # the length was on the disk before the contents
            break
        if head != header(n) or n < TAG:
            raise Reject("format")
        if len(box) < n:
            break
        batch = suite.secretbox_open(key, len(out).to_bytes(24, "big"), box[:n])
        at += HEAD + n
        if batch is None:
            if at < len(data):
                raise Reject("format")
            break
        out.append(batch)
    return out


def _again(ch, form, kind, r):
    """One record."""
    out, ring, stored = ch.out, ch.ring, load("stored")
    waiting = out.outbox.entries
    if kind == WINDOW:
        sid = r.take(16)
        found = [s.window for m in ch.others.by_tag.values() for s in m.sessions if s.sid == sid]
        for window in found or [Window(0)]:  # else the roster names another identity since
            stored.unpack_window(r, window, form)
    elif kind in (CHAIN, USED):
        name, i = r.take(4), r.uint(1)
        epoch = [e for e in (ch.epochs.current, ch.epochs.previous) if e and e.id[:4] == name][0]
        if kind == CHAIN:
            (key, at), skipped = stored.unpack_chain(r, epoch, i, form), []
            epoch.messages = r.uint(4)
            while r.pos < len(r.data):
                skipped.append(((i, r.uint(4)), r.take(32)))
            epoch.move(i, key, at, skipped)
        else:
            epoch.skipped.pop((i, r.uint(4)))
            epoch.messages = r.uint(4)
    elif kind == DELIVERED:
        out.keep(stored.unpack_message(r))
    elif kind == TAKEN:
        del out.inbox[r.uint(1)]
    elif kind == WAITS:
        entry, unsent = stored.unpack_waiting(r)
        out.outbox.add(*entry)
        if entry[3] is not None and entry[1][1] == NOTE:
            ring.added(frame_digest(ch.me.suite, entry[1]))
            ring.unsent = ring.unsent if unsent else ring.next
    elif kind == HEARD:
        tag, conn, counter = r.take(16), r.uint(4), r.uint(4)
        member = ch.others.by_tag.get(tag)
        if member:
            member.conn, member.counter = conn, counter - 1
    elif kind == ACKED:
        del waiting[sorted(waiting)[r.uint(1)]]
    else:
        raise Reject("format")
