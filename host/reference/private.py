"""Private messages of two members inside a group: PROTOCOL.md section 20."""

from dataclasses import dataclass, replace

from .encoding import Reject, lv, pad, u32, unpad
from .primitives import ZERO32, H, derive, secretbox, secretbox_open, x25519_base
from .ratchet import refuse_low_order, shared

HINT = 16


@dataclass(frozen=True)
class Pair:
    """What one member keeps for one other: PR, its own secret s once
    it has sent, the other's public S once that has.
    """

    PR: bytes
    s: bytes | None = None
    S: bytes | None = None

    def _z(self) -> bytes:
        return shared(self.s, self.S) if self.s and self.S else ZERO32

    def _hint(self, epoch: int, sender: bytes) -> bytes:
        return derive(self.PR, b"sc/ph", u32(epoch) + sender)[:HINT]

    def _key(self, epoch: int, sender: bytes) -> bytes:
        return H(self.PR, self._z(), u32(epoch), sender, person=b"sc/pm")

    def _next(self, T: bytes) -> bytes:
        return H(self.PR, self._z(), T, person=b"sc/pr")

    def build(self, epoch: int, sender: bytes, nonce: bytes, t: bytes, message: bytes, T: bytes = b"") -> bytes:
        """payload, the text of a private m; `nonce` is that of the
        frame's body. T is t's public half, but for tests.
        """
        return self._hint(epoch, sender) + secretbox(
            self._key(epoch, sender), nonce, (T or x25519_base(t)) + pad(message)
        )

    def open(self, epoch: int, sender: bytes, nonce: bytes, payload: bytes) -> tuple[bytes, bytes] | None:
        """(message, T), at either end of the pair; None if this payload is not for it."""
        if payload[:HINT] != self._hint(epoch, sender):
            return None
        pt = secretbox_open(self._key(epoch, sender), nonce, payload[HINT:])
        if pt is None or len(pt) < 32:
            raise Reject("undecryptable", "private")
        refuse_low_order(pt[:32])
        return unpad(pt[32:]), pt[:32]

    def received(self, T: bytes) -> "Pair":
        """The receiver's end once the frame is accepted."""
        return replace(self, PR=self._next(T), S=T)

    def sent(self, T: bytes, t: bytes) -> "Pair":
        """The sender's end once the frame is accepted."""
        return replace(self, PR=self._next(T), s=t)


def start_pair(group: bytes, own_tag: bytes, peer_tag: bytes, r: bytes, R_peer: bytes, b: bytes, B_peer: bytes) -> Pair:
    """The pair as an agreement starts it, from both members' r and identities."""
    ends = lv(group, min(own_tag, peer_tag), max(own_tag, peer_tag))
    PR = H(shared(r, R_peer) + shared(b, B_peer), ends, person=b"sc/p0")
    return Pair(PR)
