"""Receipts: PROTOCOL.md section 24."""

from dataclasses import dataclass

from .encoding import Reject, u8
from .frames import RECEIPT, Header, associated, open_sealed, parse_header, seal, sign, verify
from .joins import Join
from .names import ChannelKeys
from .primitives import H

SIGNED, PAIRED = 1, 2
MOST = 64


@dataclass(frozen=True)
class Receipt:
    """Of one type; items have 16 bytes."""

    sid: bytes
    type: int
    items: tuple[bytes, ...]


def item_of_frame(sender: bytes, frame: bytes) -> bytes:
    """What confirms a note or conversation message; `sender` is its tag."""
    return H(b"", sender, frame, person=b"sc/received")[:16]


def item_of_pair(static: bytes, v: bytes, head: bytes, confirming: bytes, sender: bytes) -> bytes:
    """What confirms a ratchet message, by its two ends alone. static: X25519 of their identities; v and head: those of
    the state after the frame; both members by their tags.
    """
    return H(static, v, head, confirming, sender, person=b"sc/confirmed")[:16]


def build_receipt(keys: ChannelKeys, uid: str, receipt: Receipt, nonce: bytes, session_seed: bytes) -> bytes:
    ad = associated(Header(RECEIPT, receipt.sid, 0), keys.rp, keys.name(uid))
    pt = u8(receipt.type) + b"".join(receipt.items)
    return seal(keys.msgkey, ad, nonce, sign(session_seed, ad, pt) if receipt.type == SIGNED else pt)


def parse_receipt(keys: ChannelKeys, name: bytes, frame: bytes, current: Join) -> Receipt:
    """As one who waits for an item of it would; `current` is the member's present session."""
    header = parse_header("r", frame)
    ad = associated(header, keys.rp, name)
    pt = open_sealed(keys.msgkey, ad, frame)
    if header.epoch != current.sid:
        raise Reject("stale", "not the present session")
    if header.seq or pt[:1] not in (u8(SIGNED), u8(PAIRED)):
        raise Reject("format", "number or type")
    body = pt[1:-64] if pt[0] == SIGNED else pt[1:]
    if pt[0] == SIGNED and len(pt) < 65 or len(body) % 16 or not 1 <= len(body) // 16 <= MOST:
        raise Reject("format", "items")
    if pt[0] == SIGNED:
        verify(current.S, ad, pt)
    return Receipt(header.epoch, pt[0], tuple(body[i : i + 16] for i in range(0, len(body), 16)))
