"""What a message's maker had heard, and whom it therefore knew: PROTOCOL.md section 7.6."""

from dataclasses import dataclass, field

from .encoding import Reader, Reject, u8
from .primitives import H

MOST, ALL = 8, 32
"""Marks that a message names, and a presence."""

Marks = tuple[bytes, ...]


def mark_of(nonce: bytes, signature: bytes) -> bytes:
    """Of a presence: of the frame's nonce and of what its session signed."""
    return H(b"", nonce, signature, person=b"sc/mark")[:8]


def pack_heard(marks: Marks) -> bytes:
    if len(marks) > ALL:
        raise ValueError("at most 32 marks")
    return u8(len(marks)) + b"".join(marks)


def read_heard(reader: Reader, most: int = MOST) -> Marks:
    n = reader.number(1)
    if n > most:
        raise Reject("format", f"more than {most} marks")
    return tuple(reader.take(8) for _ in range(n))


@dataclass
class Heard:
    """The list of one who hears every presence in order, and which sessions each presence comes after."""

    marks: Marks = ()
    _after: dict[bytes, frozenset[bytes]] = field(default_factory=dict)
    _last: dict[bytes, bytes] = field(default_factory=dict)
    """The mark of each session's last presence, which the next one names without saying so."""

    def presence(self, sid: bytes, mark: bytes, marks: Marks) -> None:
        """One that was accepted or published, and is no last will."""
        if sid in self._last and self._last[sid] != mark:
            marks = (*marks, self._last[sid])
        self._last[sid] = mark
        self.marks = (*(m for m in self.marks if m not in (mark, *marks)), mark)[-ALL:]
        self._after[mark] = self.sessions(marks) | {sid}

    def named(self, sid: bytes) -> Marks:
        """What a message of this session names."""
        marks, own = self.marks[-MOST:], self._last.get(sid)
        return marks if not own or own in marks else (own, *marks[1 - MOST :])

    def sessions(self, marks: Marks) -> frozenset[bytes]:
        """The sids of which a presence stands behind these marks: who names them knew those sessions."""
        return frozenset[bytes]().union(*(self._after.get(m, frozenset()) for m in marks))

    def knows(self, marks: Marks) -> bool:
        """Are they all marks of presences that were published?"""
        return all(m in self._after for m in marks)
