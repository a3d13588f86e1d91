"""Which epochs a member reads, and how long: PROTOCOL.md sections 9.5, 10.4. Times in milliseconds, by one clock."""

from dataclasses import dataclass

GRACE = 60_000
OTHERS = 2
"""So many are read beside the current, the keyed and the former one (10.4)."""


@dataclass
class Epochs:
    """By their hids; what a member does not have is empty."""

    current: bytes = b""
    """The only one that is sent in."""
    keyed: bytes = b""
    former: tuple[bytes, int] = (b"", 0)
    """With the time until which it is read."""
    others: tuple[tuple[bytes, int], ...] = ()

    def key(self, hid: bytes) -> None:
        """All that an attempt needs is there."""
        self.keyed = hid

    def confirm(self, now: int) -> None:
        """Every party confirmed the one that is keyed."""
        if self.current:
            if self.former[0]:
                self._keep(*self.former)
            self.former = self.current, now + GRACE
        self.current, self.keyed = self.keyed, b""

    def leave(self, now: int) -> None:
        """A higher proposal was accepted, or the attempt ended by name: others may have confirmed what it keyed."""
        if self.keyed:
            self._keep(self.keyed, now + GRACE)
        self.keyed = b""

    def _keep(self, hid: bytes, end: int) -> None:
        self.others = tuple(sorted((*self.others, (hid, end)), key=lambda kept: kept[1])[-OTHERS:])

    def reads(self, hid: bytes, now: int) -> bool:
        graces = (self.former, *self.others)
        return hid in (self.current, self.keyed) or any(hid == of and now < end for of, end in graces)
