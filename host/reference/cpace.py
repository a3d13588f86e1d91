"""What a handshake computes: PROTOCOL.md section 9.4, in its own
letters. Points travel encoded, scalars are integers.
"""

from dataclasses import dataclass

from . import ristretto
from .encoding import Reject, lv, u32
from .handshake import Propose
from .joins import Join
from .primitives import H64, H, derive
from .ristretto import Point


def handshake_id(msgkey: bytes, parties: list[Join], attempt: int, proposer_tag: bytes, proposal: Propose) -> bytes:
    """hid. `parties` are the current joins of the proposed members, by ascending tag."""
    listed = lv(*(item for p in parties for item in (p.name, p.sid)))
    rest = u32(attempt) + proposer_tag + proposal.nonce + proposal.previous
    return H(derive(msgkey, b"sc/hid"), listed, rest, person=b"sc/hid")


def scalar(random: bytes) -> int:
    """y_i of 64 random bytes; 0 means: draw again."""
    return int.from_bytes(random, "little") % ristretto.L


def element(encoded: bytes) -> Point:
    point = ristretto.decode(encoded)
    if point is None:
        raise Reject("encoding")
    if ristretto.is_neutral(point):
        raise Reject("neutral")
    return point


@dataclass(frozen=True)
class Epoch:
    """What a finished handshake leaves: the keys of an epoch, and what a confirmation needs."""

    hid: bytes
    parties: tuple[Join, ...]
    ISK: bytes
    transcript: bytes

    def proof(self, party: Join) -> bytes:
        kc = derive(self.ISK, b"sc/kckey")
        return derive(kc, b"sc/kc", self.transcript + lv(party.name))


class Computation:
    """One hid among `parties` (ascending tags); `Z` and `X` are the
    values of all parties, in that order, as they become known.
    """

    def __init__(self, msgkey: bytes, parties: list[Join], hid: bytes) -> None:
        self.msgkey, self.parties, self.hid = msgkey, parties, hid
        self.n = len(parties)
        self.sid_latest = max(parties, key=lambda p: p.rank).sid
        names = lv(*(p.name for p in parties))
        g = H64(msgkey, names, self.sid_latest, hid, salt=hid[:16], person=b"sc/cpace")
        self.G = ristretto.one_way_map(g)
        self.Z: list[bytes | None] = [None] * self.n
        self.X: list[bytes | None] = [None] * self.n

    def index(self, name: bytes) -> int:
        for i, party in enumerate(self.parties):
            if party.name == name:
                return i
        raise Reject("members")

    def share(self, y: int) -> bytes:
        """Z_i."""
        return ristretto.encode(ristretto.multiply(y, self.G))

    def put(self, values: list[bytes | None], i: int, value: bytes) -> None:
        """Take down what a party said, in `self.Z` or `self.X`."""
        element(value)
        if values[i] not in (None, value):
            raise Reject("conflict")
        if values is self.Z and any(k != i and other == value for k, other in enumerate(values)):
            raise Reject("duplicate_share")
        values[i] = value

    def _shared(self, i: int) -> Point:
        value = self.Z[i % self.n]
        if value is None:
            raise ValueError("a share is missing")
        return element(value)

    def sum(self, i: int, y: int) -> bytes:
        """X_i = y_i Z_{i+1} - A_i, for n >= 3."""
        A = ristretto.multiply(y, self._shared(i - 1))
        X = ristretto.subtract(ristretto.multiply(y, self._shared(i + 1)), A)
        return ristretto.encode(X)

    def key_point(self, i: int, y: int) -> Point:
        """K, as party i computes it: the defining sum; Reject(`sum`) if the X do not cancel."""
        A = ristretto.multiply(y, self._shared(i - 1))
        if self.n == 2:
            return A
        total, K = ristretto.NEUTRAL, ristretto.multiply(self.n, A)
        for k in range(self.n):
            value = self.X[(i + k) % self.n]
            if value is None:
                raise ValueError("a sum is missing")
            X = element(value)
            total = ristretto.add(total, X)
            K = ristretto.add(K, ristretto.multiply(self.n - 1 - k, X))
        if not ristretto.is_neutral(total):
            raise Reject("sum")
        return K

    def key_point_of_all(self, ys: list[int]) -> Point:
        """K by its meaning, (y_1 y_2 + y_2 y_3 + ... + y_n y_1) G, for who knows every y; n = 2: y_1 y_2 G."""
        pairs = [ys[i] * ys[(i + 1) % self.n] for i in range(self.n)]
        return ristretto.multiply(pairs[0] if self.n == 2 else sum(pairs), self.G)

    def epoch(self, K: Point) -> Epoch:
        """ISK and the transcript from K and all that was said."""
        if ristretto.is_neutral(K):
            raise Reject("neutral")
        said: list[bytes] = []
        for party, Z, X in zip(self.parties, self.Z, self.X, strict=True):
            if Z is None or (X is None and self.n > 2):
                raise ValueError("something is missing")
            said += [party.name, Z, X or b""]
        t = lv(*said)
        key = ristretto.encode(K) + derive(self.msgkey, b"sc/isk")
        ISK = H(key, self.hid, self.sid_latest, t, person=b"sc/isk")
        transcript = H(b"", self.hid, self.sid_latest, t, person=b"sc/tr")
        return Epoch(self.hid, tuple(self.parties), ISK, transcript)
