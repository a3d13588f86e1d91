"""Which epochs a member reads, and how long: PROTOCOL.md section 9.5. Times are in milliseconds, by one clock."""

from dataclasses import dataclass

GRACE = 60_000
PASSED_OVER = 2
"""So many keyed epochs that were passed over are read still."""


@dataclass
class Epochs:
    """By their hids; what a member does not have is empty."""

    current: bytes = b""
    """The only one that is sent in."""
    keyed: bytes = b""
    former: tuple[bytes, int] = (b"", 0)
    """With the time until which it is read."""
    passed: tuple[tuple[bytes, int], ...] = ()

    def key(self, hid: bytes) -> None:
        """All that an attempt needs is there."""
        self.keyed = hid

    def confirm(self, now: int) -> None:
        """Every party confirmed the one that is keyed."""
        if self.current:
            self.former = self.current, now + GRACE
        self.current, self.keyed = self.keyed, b""

    def leave(self, now: int) -> None:
        """A higher proposal was accepted, or the attempt ended by name: others may have confirmed what it keyed."""
        if self.keyed:
            self.passed = (*self.passed, (self.keyed, now + GRACE))[-PASSED_OVER:]
        self.keyed = b""

    def reads(self, hid: bytes, now: int) -> bool:
        graces = (self.former, *self.passed)
        return hid in (self.current, self.keyed) or any(hid == of and now < end for of, end in graces)
