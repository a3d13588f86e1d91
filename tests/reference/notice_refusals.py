"""What is no notice (PROTOCOL.md section 22): a list of wrong frames. Each entry is (what is wrong, reason, frame)."""

from __future__ import annotations

from collections.abc import Iterator

from lost_scenarios import ADMIN
from ref_world import Reference

from reference.encoding import u8
from reference.frames import NOTICE, Header, associated, seal
from reference.notice import build_notice
from reference.primitives import H, ed25519_sign, x25519_base


def cases(reference: Reference) -> Iterator[tuple[str, str, bytes]]:
    keys = reference.keys
    anna, boris = reference.view.by_uid("anna"), reference.view.by_uid("boris")
    assert anna.pinned and boris.pinned
    members = {m.tag: (m.pinned.B, m.notice_key) for m in (anna, boris) if m.pinned}
    lost = keys.name("clara")[:16]
    W = x25519_base(b"w" * 32)
    ad = associated(Header(NOTICE, keys.rp[:16], 9), keys.rp, keys.rp)

    def signed(body: bytes, seed: bytes = ADMIN, label: bytes = b"sc/notice", bound: bytes = ad) -> bytes:
        return seal(keys.msgkey, ad, bytes(24), body + ed25519_sign(seed, H(b"", bound, body, person=label)))

    row = anna.tag + u8(1) + bytes(48)
    yield (
        "signed by nobody",
        "signature",
        build_notice(keys, bytes(32), 9, lost, b"w" * 32, bytes(32), members, bytes(24)),
    )
    yield "signed without its place", "signature", signed(W + lost + u8(1) + row, bound=b"")
    yield "signed as a join", "signature", signed(W + lost + u8(1) + row, label=b"sc/join")
    yield "keyed is 2", "format", signed(W + lost + u8(1) + anna.tag + u8(2) + bytes(48))
    yield "32 shares", "format", signed(W + lost + u8(32) + b"".join(bytes((i,)) * 16 + row[16:] for i in range(32)))
    yield "a share too few", "format", signed(W + lost + u8(2) + row)
    yield "a number for keyed, as it once was", "format", signed(W + lost + u8(1) + anna.tag + bytes(4) + bytes(48))
    yield "one byte more", "format", signed(W + lost + u8(1) + row + b"\0")
    good = signed(W + lost + u8(1) + row)
    yield "another generation", "forged", good[:21] + b"\x0a" + good[22:]
    other = associated(Header(NOTICE, bytes(16), 9), keys.rp, keys.rp)
    body = W + lost + u8(1) + row
    signature = ed25519_sign(ADMIN, H(b"", other, body, person=b"sc/notice"))
    yield "another place's", "stale", seal(keys.msgkey, other, bytes(24), body + signature)
