"""Notes: sealed for whoever knows the password, kept in a retained ring on the broker. PROTOCOL.md section 7.

The frame, the sender's ring, the receiver's window, and what is known of the rings that are still to be read
(history.py reads them).
"""

from ..compat import const
from ..crypto.keys import derive
from ..crypto.signing import check, received, sign
from ..errors import Reject
from ..wire import NOTE, Reader, header, lv, pad, u32, unpad_asking
from .heard import read

MAX_SEQ = 0x7FFFFFFF  # notes of a session are numbered below this: `next` and heads stay within their four bytes
LAST = 0x7FFF0000  # so many of ours, and another session follows: a number of its own, not one to be worked out
DIGEST = const(8)
NOTE_BYTES = const(200)  # what a held note costs beside its body and its marks
HELD_BYTES = const(8192)  # of notes that are held, a session
ALL_HELD = const(16384)  # and of all sessions together
# How long a hole in a sender's notes may last before the ring is read again, and again before it is reported
GAP_MS = const(3000)
MAX_MISSED = const(32)  # joins that we ask for at once


class Note:
    """One opened note."""

    def __init__(self, session, seq, time, heard, body, digest, item):
        self.session = session
        self.seq = seq
        self.time = time
        self.heard = heard  # marks of presences, joined, see heard.py
        self.since = None  # what follows from them
        self.body = body
        self.digest = digest
        self.item = item  # by which to confirm it; None: its sender asks for no receipt


def frame_digest(suite, frame):
    """8 bytes: enough to notice a swapped slot, small enough to keep a ring of them: one after the other in bytes."""
    return derive(suite, b"", b"sc/slot", frame)[:DIGEST]


def ring_digest(suite, digests):
    """16 bytes over the digests of the ring, oldest first: what the signed head carries."""
    each = [digests[at : at + DIGEST] for at in range(0, len(digests), DIGEST)]
    return derive(suite, b"", b"sc/ring", lv(*each))[:16]


def seal_note(me, seq, time, heard, body, asks=False):
    """-> frame. heard: what it names, see heard.py. body: at most MAX_BODY bytes. asks: for a receipt."""
    head = header(NOTE, me.session.sid, seq)
    pt = u32(time) + heard + pad(body, asks)
    if me.config["sign"]:
        pt += sign(me.suite, me.session, me.keys.ad(head, me.tag), pt)
    return me.seal(head, pt)


def peek(frame, member):
    """(session, seq) a note claims, before any key is used: what we have already is dropped for the price of a
    lookup."""
    if len(frame) < 22:
        raise Reject("length")
    session = member.session(frame[2:18])
    seq = int.from_bytes(frame[18:22], "big")
    w = session.window
    if w.next is not None and seq < w.next or seq in w.held:
        raise Reject("duplicate")
    return session, seq


def parts(pt):
    """An opened note without its signature -> (time, marks, body, asks for a receipt). Raises Reject."""
    r = Reader(pt)
    time, marks = r.uint(4), read(r) if len(pt) & 3 else r.take(20)[:0]  # by version 0.1
    return (time, marks) + unpad_asking(r.rest())


def open_note(keys, frame, member, signed):
    """frame -> Note. Raises Reject."""
    session, seq = peek(frame, member)
    ad, _, _, pt = keys.open(frame, NOTE, member.tag)
    if signed:
        pt = check(keys.suite, session.S, ad, pt)
    time, marks, body, asks = parts(pt)
    item = received(keys.suite, member.tag, frame) if asks else None
    return Note(session, seq, time, marks, body, frame_digest(keys.suite, frame), item)


class Ring:
    """Our own ring: the next sequence number, and the digests that the signed head needs."""

    def __init__(self, size):
        self.size = size
        self.restart()

    def restart(self):
        """A new session: its numbers begin at 0."""
        self.next = 0
        self.unsent = 0  # from this number on nothing was ever given to a connection
        self.digests = b""  # of the last 2 * size notes: the head may lag behind by what the outbox holds

    def wrote(self, seq, digest):
        """Could this be a note of ours? False when this number is still to come, or was given to another note."""
        at = len(self.digests) - (self.next - seq) * DIGEST
        return seq < self.next and (at < 0 or self.digests[at : at + DIGEST] == digest)

    def added(self, digest):
        self.digests = (self.digests + digest)[-2 * self.size * DIGEST :]
        self.next += 1

    def head(self, suite, outbox):
        """(head, digest): all notes below `head` are acknowledged by the broker."""
        head = min([self.next] + [e[3] for e in outbox.entries.values() if e[3] is not None])
        end = len(self.digests) - (self.next - head) * DIGEST
        return head, ring_digest(suite, self.digests[max(0, end - self.size * DIGEST) : max(0, end)])


def ring_matches(suite, window, presence):
    """False when the broker's ring is not what its owner signed; None when we cannot tell."""
    n = min(window.ring, presence.head)
    if window.next != presence.head or len(window.digests) != n * DIGEST:
        return None
    return ring_digest(suite, window.digests) == presence.digest


class Window:
    """Which notes of one session have been delivered: all below `next`, which only grows. PROTOCOL.md 7.3."""

    # What many windows never change stands here, once for all of them.
    next = None  # None until the ring has been read once
    fresh = True  # nothing was handed over yet: `next` is what the ring could still hold
    first = None  # the first signed head heard while it was, if any: what came since is owed
    head = 0  # the highest signed head heard of
    digests = b""  # of the last `ring` notes delivered without a hole
    doubt = 0  # notes below this number may have been delivered before a power cut
    gap_at = None
    reread = False
    held = {}  # seq -> note: arrived ahead of a hole, or while the ring is being read; this one stays empty

    def __init__(self, ring):
        self.ring = ring

    def add(self, seq, note):
        """Take a note in. Reject("duplicate") for one we have; Reject("window") beyond any ring."""
        if self.next is not None and seq < self.next or seq in self.held:
            raise Reject("duplicate")
        low = self.next if self.next is not None else (min(self.held) if self.held else seq)
        if len(self.held) >= 2 * self.ring or seq > low + 0xFFFF or seq >= MAX_SEQ:
            raise Reject("window")
        self.held = self.held or {}
        self.held[seq] = note
        while len(self.held) > 1 and self.size() > HELD_BYTES:
            self.let_go()

    def size(self):
        """Bytes that are held."""
        return sum([NOTE_BYTES + len(n.body) + len(n.heard) for n in self.held.values()])

    def let_go(self):
        """A board holds no whole ring of large notes: the last one is read again when the first are delivered."""
        last = max(self.held)
        self.head = max(self.head, last + 1)
        del self.held[last]

    def baseline(self):
        """From the first reading until something is handed over: what the ring can still hold is expected, and what
        came after a note that is in hand."""
        if self.fresh:
            top = max(self.held) + 1 if self.held else 0
            low = min([max(self.head, top) - self.ring] + list(self.held))
            self.next = max(self.next or 0, low if self.first is None else min(low, self.first))

    def confirmed(self, head):
        """Its owner has signed this head: is there nothing more to come from before? -> is this to be stored?"""
        before = self.first, self.fresh
        if self.fresh and self.first is None:
            self.first = head
        if self.next == head:
            self.fresh = False
        return before != (self.first, self.fresh)

    def ready(self):
        """Notes that can be delivered now, in order."""
        out = []
        while self.next in self.held:
            note = self.held.pop(self.next)
            out.append(note)
            self.digests = (self.digests + note.digest)[-self.ring * DIGEST :]
            self.next += 1
            self.fresh = False
        if out:
            self.calm()  # what is missing now is another hole
        self.held = self.held or Window.held  # a table that was filled once does not shrink by itself
        return out

    def hole(self, now):
        """Start, keep or stop the clock of a hole."""
        if self.next is None or not self.waits():
            self.calm()
        elif self.gap_at is None:
            self.gap_at = now + GAP_MS

    def waits(self):
        """(first, last) of the notes that we know of and have not handed over; None: none. As long as we have not heard
        its owner in this session, only what is held counts."""
        first = [n for n in (self.next, self.first) if n is not None] or sorted(self.held)
        there = not self.fresh or self.first is not None
        end = max([self.head if there else 0] + [seq + 1 for seq in self.held])
        return (first[0], end - 1) if first and first[0] < end else None

    def calm(self):
        """No hole that we know of, or a new connection: the ring is read before anything is missed."""
        if self.gap_at is not None or self.reread:
            self.gap_at = None
            self.reread = False

    def skip(self):
        """Give a hole up: -> (first, last) missing. `next` moves past it."""
        first = self.next
        self.next = min(self.held) if self.held else self.head
        self.digests = b""
        self.fresh = False
        self.calm()
        return first, self.next - 1


def bound(members):
    """However many sessions hold notes ahead of a hole: all of them together stay within what a board has."""
    windows = [s.window for m in members.by_tag.values() for s in m.sessions if s.window.held]
    sizes = [w.size() for w in windows]
    while sum(sizes) > ALL_HELD:
        most = sizes.index(max(sizes))
        windows[most].let_go()
        sizes[most] = windows[most].size()


class Reading:
    """Which rings are still to be read: one at a time, so a board holds one ring, not all. See history.py."""

    def __init__(self):
        self.stop()

    def stop(self):
        """The connection is gone."""
        self.queue = []  # members, in their turn
        self.member = None  # whose ring is being read
        self.nonce = None  # of the barrier that ends the present reading
        self.deadline = None
        self.limit = None  # ms; then it ends, whatever else comes
        self.fed = False  # has anything come since the deadline was set?
        self.joins = []  # [(Join, Member)] that came during the first reading
        self.missed = {}  # sid of a presence whose join we do not know -> are we to ask for it?
        self.ask_at = None  # when we ask for them
        self.own_order = None  # of our own newest join on the broker
        self.former = None  # of the newest there by another identity: whom we replace
        self.used = False  # did somebody use our next numbers?
        self.heard = False  # has what the broker keeps of the others' presence come?

    @property
    def first(self):
        """Is this the connection's first reading: joins, and our own ring?"""
        return self.nonce is not None and self.member is None

    def busy(self, member):
        return member is self.member or member in self.queue

    def times(self, members):
        """When history.tick has something to do."""
        out = [0 if self.queue and self.nonce is None else None, self.deadline, self.ask_at]
        for member in members.by_tag.values():
            if not self.busy(member):
                out += [s.window.gap_at for s in member.sessions]
        return out


def drain(reading, member, now):
    """The notes of one member that can be delivered, in order. Watches over what is missing; nothing while its
    ring is to be read."""
    if reading.busy(member):
        return []
    if [s for s in member.sessions if s.window.next is None]:
        reading.queue.append(member)
        return []
    notes = []
    for s in member.sessions:
        s.window.baseline()
        notes += s.window.ready()
        s.window.hole(now)
    return notes
