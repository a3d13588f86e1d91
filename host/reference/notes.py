"""Notes, their windows and the signed head of a ring: PROTOCOL.md section 7."""

from dataclasses import dataclass, field

from .encoding import Reader, Reject, lv, pad, u32, unpad_asking
from .frames import NOTE, Header, associated, open_sealed, parse_header, seal, sign, verify
from .heard import Marks, pack_heard, read_heard
from .joins import Join
from .names import ChannelKeys
from .primitives import H

WINDOW = 65535
END = 2**31 - 1
"""Numbers of notes are below it."""


@dataclass(frozen=True)
class Note:
    sid: bytes
    seq: int
    time: int
    body: bytes
    asks: bool = False
    heard: Marks = ()


def build_note(keys: ChannelKeys, uid: str, note: Note, nonce: bytes, session_seed: bytes | None) -> bytes:
    """Signed if a seed of the session is given."""
    ad = associated(Header(NOTE, note.sid, note.seq), keys.rp, keys.name(uid))
    body = u32(note.time) + pack_heard(note.heard) + pad(note.body, note.asks)
    return seal(keys.msgkey, ad, nonce, sign(session_seed, ad, body) if session_seed is not None else body)


def parse_note(keys: ChannelKeys, name: bytes, frame: bytes, sessions: dict[bytes, Join], signed: bool = True) -> Note:
    """`sessions` holds the joins of this member by sid; a note of another session is Reject(`unknown`)."""
    header = parse_header("n", frame)
    session = sessions.get(header.epoch)
    if session is None:
        raise Reject("unknown")
    if header.seq >= END:
        raise Reject("window", "the numbers have come to their end")
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    if signed and len(pt) < 5 + 64:
        raise Reject("signature", "too short for one")
    reader = Reader(pt[:-64] if signed else pt)
    time = reader.number(4)
    heard: Marks = ()
    if len(reader.data) % 4:
        heard = read_heard(reader)
    else:
        reader.take(20)
    body, asks = unpad_asking(reader.rest())
    if signed:
        verify(session.S, ad, pt)
    return Note(header.epoch, header.seq, time, body, asks, heard)


def slot_digest(frame: bytes) -> bytes:
    return H(b"", frame, person=b"sc/slot")[:8]


def ring_digest(frames: list[bytes], K: int) -> bytes:
    """The digest of section 7.5; `frames` are all notes of the session below head, oldest first."""
    return H(b"", lv(*(slot_digest(frame) for frame in frames[-K:])), person=b"sc/ring")[:16]


@dataclass
class Window:
    """The receiver's window of one session (7.3, 7.4): which numbers are still to come. When a hole has lasted long
    enough is for who has a clock.
    """

    K: int
    next: int = 0
    held: dict[int, Note] = field(default_factory=dict)
    head: int = 0
    """The highest signed head."""
    first: int | None = None
    """The first signed head that was heard."""
    fresh: bool = True
    handed: bool = False

    def check(self, seq: int) -> None:
        if seq < self.next or seq in self.held:
            raise Reject("duplicate")
        if seq >= END or seq - self.next > WINDOW or len(self.held) >= 2 * self.K:
            raise Reject("window")

    def take(self, note: Note) -> list[Note]:
        """The notes that can be handed over now, in order."""
        self.check(note.seq)
        self.held[note.seq] = note
        return self._ready()

    def hear(self, head: int) -> list[Note]:
        """A signed head of this session: the notes that can be handed over now."""
        if self.first is None:
            self.first = head
        self.head = max(self.head, head)
        ready = self._ready()
        self.fresh = self.fresh and head != self.next
        return ready

    def end(self, notes: int) -> list[Note]:
        """A later session's join says how many notes this one gave: a head, to who is there to miss some."""
        self.head = max(self.head, notes)
        return self._ready()

    @property
    def hole(self) -> tuple[int, int] | None:
        """(first, last) of the missing numbers that are waited for."""
        there = self.handed or self.first is not None
        end = min(self.held, default=self.head if there else 0)
        return (self.next, end - 1) if end > self.next else None

    def skip_gap(self) -> tuple[int, int, list[Note]]:
        """Give up the hole: (first, last) of the missing numbers, and the notes behind it."""
        if self.hole is None:
            raise ValueError("nothing is missing")
        first, last = self.hole
        self.next, self.fresh = last + 1, False
        return first, last, self._ready()

    def _ready(self) -> list[Note]:
        if self.fresh:
            moved = max([self.head, *(seq + 1 for seq in self.held)]) - self.K
            self.next = max(self.next, moved if self.first is None else min(moved, self.first))
            self.held = {seq: note for seq, note in self.held.items() if seq >= self.next}
        ready = []
        while self.next in self.held:
            ready.append(self.held.pop(self.next))
            self.next += 1
        if ready:
            self.fresh, self.handed = False, True
        return ready
