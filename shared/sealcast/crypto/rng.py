"""Hedged randomness. PROTOCOL.md section 5."""

from ..errors import NoRandomness
from ..wire import lv


class Rng:
    """Hedged randomness: a stored seed and the hardware's bytes; either alone is enough. PROTOCOL.md section 5.

    The stored seed is replaced before first use, so a seed never
    serves two runs. `hardware(n)` returns n bytes or None."""

    def __init__(self, suite, stored, hardware):
        self._suite = suite
        self._hardware = hardware
        fresh = hardware(32) if hardware else None
        if stored is None and not fresh:
            raise NoRandomness("no stored seed and no hardware randomness: provision the board again")
        self.poor = not fresh
        both = suite.h(64, stored or b"", b"", b"sc/rng", fresh or b"")
        self._seed = both[:32]
        self.next_seed = both[32:]  # to be stored before anything drawn here is used
        self._count = 0

    def heard(self, frame):
        """Without hardware randomness what others say is what is fresh: storage that is put back to an older state
        does not draw the same again once anything was said since."""
        self._seed = self._suite.h(32, self._seed, b"", b"sc/heard", frame)

    def bytes(self, n):
        """n (1..64) fresh bytes."""
        count, hw = self._next()
        drawn = self._suite.h(64, self._seed, b"", b"sc/random", count, lv(hw))
        return drawn[:n]

    def nonce(self, ad, pt):
        """24 bytes, bound to what they will encrypt: a broken
        generator alone cannot repeat a nonce for two plaintexts."""
        count, hw = self._next()
        return self._suite.frame_nonce(self._seed, count, hw, ad, pt)

    def _next(self):
        self._count += 1
        return self._count.to_bytes(8, "big"), (self._hardware(16) if self._hardware else None) or b""
