"""The admin's list of approved identities: PROTOCOL.md section 6.6."""

from dataclasses import dataclass

from .encoding import Reader, Reject, u8
from .frames import APPROVALS, Header, associated, open_sealed, parse_header, seal
from .names import ChannelKeys
from .primitives import H, ed25519_sign, ed25519_verify

MOST = 31
LETTERS = 24


@dataclass(frozen=True)
class Approvals:
    """`listed`: (tag, fingerprint), the one approved last at the end."""

    number: int
    listed: tuple[tuple[bytes, str], ...]


def _hash(ad: bytes, body: bytes) -> bytes:
    return H(b"", ad, body, person=b"sc/approvals")


def build_approvals(keys: ChannelKeys, admin_seed: bytes, approvals: Approvals, nonce: bytes) -> bytes:
    ad = associated(Header(APPROVALS, keys.rp[:16], approvals.number), keys.rp, keys.rp)
    body = u8(len(approvals.listed)) + b"".join(tag + text.encode() for tag, text in approvals.listed)
    return seal(keys.msgkey, ad, nonce, body + ed25519_sign(admin_seed, _hash(ad, body)))


def parse_approvals(keys: ChannelKeys, admin: bytes, frame: bytes, taken: int) -> Approvals:
    """`taken`: the highest number that was taken."""
    header = parse_header("a", frame)
    ad = associated(header, keys.rp, keys.rp)
    pt = open_sealed(keys.msgkey, ad, frame)
    if header.epoch != keys.rp[:16] or header.seq < taken:
        raise Reject("stale")
    reader = Reader(pt)
    listed = [(reader.take(16), reader.take(LETTERS)) for _ in range(reader.number(1))]
    signature = reader.take(64)
    reader.end()
    if not 1 <= len(listed) <= MOST:
        raise Reject("format", "entries")
    try:
        texts = [text.decode() for _, text in listed]
    except UnicodeDecodeError:
        raise Reject("format", "no text") from None
    if not ed25519_verify(admin, signature, _hash(ad, pt[:-64])):
        raise Reject("signature")
    return Approvals(header.seq, tuple((tag, text) for (tag, _), text in zip(listed, texts, strict=True)))
