"""Hedged randomness: PROTOCOL.md section 5. With the seed and the
hardware's bytes known, every draw can be foretold.
"""

from collections.abc import Callable

from .encoding import lv, u64
from .primitives import H64, H

Hardware = Callable[[int], bytes]


class Randomness:
    """One run of a member. `hardware` gives n bytes; `seed` is the
    stored one. `next_seed` is what must be stored first.
    """

    def __init__(self, seed: bytes, hardware: Hardware) -> None:
        both = H64(seed, hardware(32), person=b"sc/rng")
        self.working, self.next_seed = both[:32], both[32:]
        self.hardware, self.count = hardware, 0

    def heard(self, frame: bytes) -> None:
        """A frame under msgkey has opened, at a member without hardware randomness."""
        self.working = H(self.working, frame, person=b"sc/heard")

    def draw(self, n: int) -> bytes:
        self.count += 1
        return drawn(self.working, self.count, self.hardware(16))[:n]

    def nonce(self, ad: bytes, pt: bytes) -> bytes:
        self.count += 1
        return drawn_nonce(self.working, self.count, self.hardware(16), ad, pt)


def drawn(working: bytes, count: int, hardware: bytes) -> bytes:
    return H64(working, u64(count), lv(hardware), person=b"sc/random")


def drawn_nonce(working: bytes, count: int, hardware: bytes, ad: bytes, pt: bytes) -> bytes:
    bind = H(b"", lv(ad), pt, person=b"sc/bind")
    return H64(working, u64(count), lv(hardware), bind, person=b"sc/nonce")[:24]
