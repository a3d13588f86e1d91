"""Notes: sealed for whoever knows the password, kept in a retained ring on the broker. PROTOCOL.md section 7.

The sender's side (its ring and outbox) and the frame; the receiver's window is `members.Window`.
"""

from ..crypto.keys import derive
from ..errors import Reject
from ..wire import NOTE, Reader, header, lv, pad, u32, unpad
from .identity import SIG


class Note:
    """One opened note. `named` is the newest join its sender knew, which decides whether it is historic."""

    def __init__(self, session, seq, time, named, body, digest):
        self.session = session
        self.seq = seq
        self.time = time
        self.named = named
        self.body = body
        self.digest = digest


def frame_digest(suite, frame):
    """8 bytes: enough to notice a swapped slot, small enough to keep a ring of them."""
    return derive(suite, b"", b"sc/slot", frame)[:8]


def ring_digest(suite, digests):
    """16 bytes over the digests of the ring, oldest first: what the signed head carries."""
    return derive(suite, b"", b"sc/ring", lv(*digests))[:16]


def seal_note(keys, rng, tag, session, seq, time, named, body, signed):
    """-> frame. named: (lamport, sid) of the newest join we know. body: at most MAX_BODY bytes."""
    head = header(NOTE, session.sid, seq)
    pt = u32(time) + u32(named[0]) + named[1] + pad(body)
    if signed:
        pt += session.sign(keys, keys.ad(head, tag), pt)
    return keys.seal(rng, head, tag, pt)


def peek(frame, member):
    """(session, seq) a note claims, before any key is used: what we have already is dropped for the price of a lookup."""
    if len(frame) < 22:
        raise Reject("length")
    session = member.session(frame[2:18])
    seq = int.from_bytes(frame[18:22], "big")
    w = session.window
    if w.next is not None and seq < w.next or seq in w.held:
        raise Reject("duplicate")
    return session, seq


def open_note(keys, frame, member, signed):
    """frame -> Note. Raises Reject."""
    session, seq = peek(frame, member)
    ad, _, _, pt = keys.open(frame, NOTE, member.tag)
    pt = check_signed(keys, session.S, ad, pt, b"", signed)
    r = Reader(pt)
    time, named = r.uint(4), (r.uint(4), r.take(16))
    return Note(session, seq, time, named, unpad(r.rest()), frame_digest(keys.suite, frame))


def check_signed(keys, S, ad, pt, extra, signed):
    """Strip and check the session signature that ends `pt` when the channel signs."""
    if not signed:
        return pt
    body = pt[:-SIG]
    if len(pt) <= SIG or not keys.suite.ed25519_verify(S, pt[-SIG:], keys.signable(ad, body, extra)):
        raise Reject("signature")
    return body


class Ring:
    """Our own ring: the next sequence number, and the digests that the signed head needs."""

    def __init__(self, size):
        self.size = size
        self.next = 0
        self.begun = 0  # `next` when this run began
        self.digests = []  # of the last 2 * size notes: the head may lag behind by what the outbox holds

    def wrote(self, seq, digest):
        """Could this be a note of ours? False when this number is still to come, or was given to another note."""
        at = len(self.digests) - (self.next - seq)
        return seq < self.next and (at < 0 or self.digests[at] == digest)

    def added(self, digest):
        self.digests = (self.digests + [digest])[-2 * self.size :]
        self.next += 1

    def head(self, suite, outbox):
        """(head, digest): all notes below `head` are acknowledged by the broker."""
        waiting = [e[3] for e in outbox.entries.values() if e[3] is not None]
        head = min(waiting) if waiting else self.next
        end = len(self.digests) - (self.next - head)
        return head, ring_digest(suite, self.digests[max(0, end - self.size) : max(0, end)])

    def pack(self):
        return u32(self.next) + bytes((len(self.digests),)) + b"".join(self.digests)

    def unpack(self, r):
        self.next = self.begun = r.uint(4)
        self.digests = [r.take(8) for _ in range(r.uint(1))]


def ring_matches(suite, window, presence):
    """False when the broker's ring is not what its owner signed; None when we cannot tell."""
    n = min(window.ring, presence.head)
    if window.next != presence.head or len(window.digests) != n:
        return None
    return ring_digest(suite, window.digests) == presence.digest


