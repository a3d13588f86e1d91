"""What a channel shows of one member (PROTOCOL.md sections 6 to 8, 16.1)."""

from dataclasses import dataclass, field

from .encoding import Reject
from .joins import Identity, Join
from .known import expect_true
from .packages import Package, Shelf
from .presence import Presence


@dataclass
class Member:
    """What the channel shows of one member."""

    uid: str
    name: bytes
    sessions: dict[bytes, Join] = field(default_factory=dict)
    pinned: Identity | None = None
    ring: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    presence: Presence | None = None
    carried: bytes = b""
    """The epoch that it named first in this connection: a power cut may have taken its confirmation."""
    shelf: Shelf = field(default_factory=Shelf)
    """The packages of its current session."""
    notice_key: bytes | None = None

    def present_packages(self) -> list[Package]:
        """What a receiver keeps of them, by number."""
        return self.shelf.kept()

    def notes_of(self, sid: bytes) -> int:
        """The number after the highest that a session gave to a note."""
        return max((seq + 1 for of, seq in self.ring if of == sid), default=0)

    def package(self, number: int) -> Package:
        """One that no accepted agreement has used."""
        if number not in self.shelf.unused:
            raise Reject("package", f"no number {number}")
        return self.shelf.unused[number]

    @property
    def tag(self) -> bytes:
        return self.name[:16]

    @property
    def current(self) -> Join:
        if not self.sessions:
            raise Reject("unknown")
        return max(self.sessions.values(), key=lambda j: j.rank)

    def before(self, p: Presence) -> Presence | None:
        """The last presence of the session of `p`, which is not a last will; Reject unless `p` is newer (8)."""
        if p.sid != self.current.sid:
            raise Reject("behind", "a former session")
        last = self.presence if self.presence and self.presence.sid == p.sid else None
        if last and p.is_of_a_clone(last):
            raise Reject("same_uid")
        if last and p.order <= last.order:
            raise Reject("stale" if p.conn == last.conn else "behind")
        return last

    def check_ended(self, join: Join) -> None:
        """6.2: a join tells of former sessions of the member, and of no more notes than they gave."""
        former = {s.sid[:4]: s for s in self.sessions.values() if s.rank < join.rank}
        told = [(former.get(sid4), notes) for sid4, notes in join.ended or ()]
        ranks = [session.rank for session, _ in told if session]
        expect_true("6.2", "former sessions, the newest first", ranks == sorted({*ranks}, reverse=True))
        for session, notes in told:
            given = self.notes_of(session.sid) if session else 0
            expect_true("6.2", "what a former session gave", 1 <= notes <= given)
