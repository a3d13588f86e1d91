"""Headers, sealing and session signatures: PROTOCOL.md section 3."""

from dataclasses import dataclass

from .encoding import Reject, lv, u8, u32
from .primitives import H, ed25519_sign, ed25519_verify, secretbox, secretbox_open

VERSION = 1
JOIN, NOTE, PRESENCE, HANDSHAKE, CONVERSATION, BARRIER = range(1, 7)
AGREEMENT, RATCHET, CONTROL, PACKAGE, NOTICE, RECEIPT, APPROVALS = range(7, 14)
# The kinds that a stream carries (section 2).
KINDS = {
    "j": (JOIN,),
    "n": (NOTE,),
    "p": (PRESENCE,),
    "h": (HANDSHAKE,),
    "c": (CONVERSATION,),
    "s": (BARRIER,),
    "k": (PACKAGE,),
    "g": (AGREEMENT, RATCHET, CONTROL),
    "e": (AGREEMENT, RATCHET),
    "x": (NOTICE,),
    "r": (RECEIPT,),
    "a": (APPROVALS,),
}
HEADER = 22
MIN_FRAME, MAX_FRAME = 62, 2400


@dataclass(frozen=True)
class Header:
    """Section 3.1; `epoch` is 16 bytes."""

    kind: int
    epoch: bytes
    seq: int

    def pack(self) -> bytes:
        if len(self.epoch) != 16:
            raise ValueError("the epoch has 16 bytes")
        return u8(VERSION) + u8(self.kind) + self.epoch + u32(self.seq)


def parse_header(stream: str, frame: bytes) -> Header:
    """The header of a frame that came on a stream, with the checks of section 3.1."""
    if not MIN_FRAME <= len(frame) <= MAX_FRAME:
        raise Reject("length")
    if frame[0] != VERSION:
        raise Reject("version")
    if frame[1] not in KINDS[stream]:
        raise Reject("kind")
    return Header(frame[1], frame[2:18], int.from_bytes(frame[18:22], "big"))


def associated(header: Header, rp: bytes, sender: bytes) -> bytes:
    """ad of section 3.2, 54 bytes; `sender` is P_i (or its first 16 bytes)."""
    return header.pack() + rp[:16] + sender[:16]


def seal(key: bytes, ad: bytes, nonce: bytes, pt: bytes) -> bytes:
    """header || nonce || box; the header is the front of ad."""
    mk = H(key, ad, salt=nonce[:16], person=b"sc/aead")
    return ad[:HEADER] + nonce + secretbox(mk, nonce, pt)


def open_sealed(key: bytes, ad: bytes, frame: bytes) -> bytes:
    """The plaintext of a frame whose header is the front of ad; Reject(`forged`) if it does not open."""
    nonce, box = frame[HEADER : HEADER + 24], frame[HEADER + 24 :]
    mk = H(key, ad, salt=nonce[:16], person=b"sc/aead")
    pt = secretbox_open(mk, nonce, box)
    if pt is None:
        raise Reject("forged")
    return pt


def nonce_of(frame: bytes) -> bytes:
    return frame[HEADER : HEADER + 24]


def signed_hash(ad: bytes, body: bytes, extra: bytes = b"") -> bytes:
    """The 32 bytes that a session signs (3.3)."""
    return H(b"", lv(ad, extra), body, person=b"sc/sign")


def sign(session_seed: bytes, ad: bytes, body: bytes, extra: bytes = b"") -> bytes:
    """body || sig(64)."""
    return body + ed25519_sign(session_seed, signed_hash(ad, body, extra))


def verify(session_public: bytes, ad: bytes, signed: bytes, extra: bytes = b"") -> bytes:
    """The body under a signature; Reject(`signature`)."""
    body, signature = signed[:-64], signed[-64:]
    if len(signature) != 64 or not ed25519_verify(session_public, signature, signed_hash(ad, body, extra)):
        raise Reject("signature")
    return body
