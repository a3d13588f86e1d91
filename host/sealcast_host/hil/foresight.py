"""Nothing is random here: with the hardware's bytes and the stored seed known, section 5 foretells all that a
board can draw.

A `Foreseen` is what the reference is told of the board's secrets. It finds the draw behind every scalar, key and
nonce that the board shows, or says what the next one would have been.
"""

from reference import ristretto
from reference.encoding import Reject
from reference.joins import SecretIdentity
from reference.known import Deviation, Known
from reference.randomness import Randomness, drawn, drawn_nonce
from sealcast.crypto import host as suite_host

DRAWS = 900  # foretold for one start
_AHEAD = 200  # draws that may stand between two that are shown


class Start:
    """One start of the board."""

    def __init__(self, seed: bytes, hardware: bytes) -> None:
        def bytes_of(n: int) -> bytes:
            return (hardware * (n // len(hardware) + 1))[:n]

        self.randomness = Randomness(seed, bytes_of)
        self.hardware = bytes_of(16)
        self.working = self.randomness.working
        self.draws = [drawn(self.working, count, self.hardware) for count in range(1, DRAWS + 1)]
        self.nonces_at = 0  # the count of the last nonce that was recognised
        self.scalars_at = 0

    def nonce(self, count: int, ad: bytes, pt: bytes) -> bytes:
        return drawn_nonce(self.working, count, self.hardware, ad, pt)


class Foreseen(Known):
    """The board's secrets, of all its starts."""

    def __init__(self, uid: str, identity: bytes) -> None:
        super().__init__()
        self.identities[uid] = SecretIdentity(identity)
        self.starts: list[Start] = []
        self._found: dict[tuple[bytes, bytes], int | None] = {}
        self.nonces = 0  # how many were foretold

    def start(self, seed: bytes, hardware: bytes) -> Start:
        """The board begins with this stored seed (b"" for none); its `randomness.next_seed` is what it must store."""
        start = Start(seed, hardware)
        self.starts.append(start)
        for draw in start.draws:
            self.add_x25519(draw[:32])
            self.add_seed(draw[:32])
        return start

    def scalar_of(self, Z: bytes, G: ristretto.Point) -> int | None:
        """The y with y G = Z. Draws are used in their order, so it is looked for behind the last one that was found."""
        at = (Z, ristretto.encode(G))
        if at not in self._found:
            if ristretto.decode(Z) is None:
                raise Reject("encoding")
            self._found[at] = self._search(*at)
        return self._found[at]

    def _search(self, Z: bytes, G: bytes) -> int | None:
        """libsodium looks, because the reference's plain integers take long; it is not what judges: y G is
        computed there again."""
        for start in reversed(self.starts[-2:]):
            for count in range(start.scalars_at + 1, min(start.scalars_at + _AHEAD, DRAWS) + 1):
                y = int.from_bytes(start.draws[count - 1], "little") % ristretto.L
                if suite_host.ristretto_mul(y.to_bytes(32, "little"), G) == Z:
                    start.scalars_at = count
                    return y
        return None

    def expect_share(self, Z: bytes, G: ristretto.Point) -> None:
        """Raises Deviation when the board's share was not made of what it can have drawn."""
        if self.scalar_of(Z, G) is None:
            start = self.starts[-1]
            y = int.from_bytes(start.draws[max(start.scalars_at, start.nonces_at)], "little") % ristretto.L
            raise Deviation(
                "9.4", "Z_i of a scalar that section 5 foretells", ristretto.encode(ristretto.multiply(y, G)), Z
            )

    def expect_drawn(self, section: str, what: str, found: bytes) -> None:
        """A value of 16 or 32 bytes that must be a draw (a session's id, a proposal's nonce)."""
        for start in self.starts:
            if any(draw[: len(found)] == found for draw in start.draws):
                return
        raise Deviation(section, what, self.starts[-1].draws[0][: len(found)], found)

    def expect_nonce(self, ad: bytes, pt: bytes, nonce: bytes) -> None:
        for start in self.starts:
            # Most are ahead; a last will was sealed before all else, what is sent again long ago.
            for count in (
                *range(start.nonces_at + 1, min(start.nonces_at + _AHEAD, DRAWS) + 1),
                *range(1, start.nonces_at + 1),
            ):
                if start.nonce(count, ad, pt) == nonce:
                    start.nonces_at = max(start.nonces_at, count)
                    self.nonces += 1
                    return
        last = self.starts[-1]
        raise Deviation("5", "a nonce that section 5 foretells", last.nonce(last.nonces_at + 1, ad, pt), nonce)
