"""The list of mutants: one constant, index or order of the core
changed at a time. test_mutations.py says what becomes of them.

A mutant is a copy of the core in which a text is replaced wherever it stands, so that its members still agree with each
other, and only the independent implementation can tell. What can be found by rule is (orders.py); the rest is listed
here, by the text of the core, and must be mended here when that text changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orders

# label: the scenario in which it must be missed. Every personalisation of PROTOCOL.md section 14 is here.
LABELS = {
    "pieces": "mhf fp store store-key",
    "conversations": "ckey msgkey siv siv-mac siv-enc aead sign join rng random nonce bind id-x25519 id-ed25519 slot "
    "mark ring hid cpace isk tr kckey kc hk chain msg hmac",
    "unsigned_small_rings": "next",
    "ratchet": "package position kdf L G mk body bh hdr m cd rk ck fm gm frame p0 ph pm pr",
    "declared": "notice share",
    "receipts": "received confirmed",
}

# (what, scenario, text, its replacement)
TEXTS = [
    ("a handshake's kind", "conversations", "HANDSHAKE = const(4)", "HANDSHAKE = const(12)"),
    ("a note's kind", "conversations", "NOTE = const(2)", "NOTE = const(12)"),
    ("the version", "conversations", "VERSION = const(1)", "VERSION = const(3)"),
    ("bytes of a topic's prefix", "conversations", '"zp/1/"', '"zp/2/"'),
    ("the floor of the padding", "conversations", "FLOOR = 32", "FLOOR = 48"),
    ("lists with little endian lengths", "conversations",
     'len(item).to_bytes(2, "big")', 'len(item).to_bytes(2, "little")'),
    ("a package's kind", "ratchet", "PACKAGE = const(10)", "PACKAGE = const(13)"),
    ("an agreement's kind", "ratchet", "AGREEMENT = const(7)", "AGREEMENT = const(13)"),
    ("a message's kind", "ratchet", "RATCHET = const(8)", "RATCHET = const(13)"),
    ("a control frame's kind", "interruptions", "CONTROL = const(9)", "CONTROL = const(13)"),
    ("a notice's kind", "declared", "NOTICE = const(11)", "NOTICE = const(13)"),
    ("a receipt's kind", "receipts", "RECEIPT = const(12)", "RECEIPT = const(13)"),
    ("the mark of who asks for one", "receipts", 'b"\\x81"', 'b"\\x82"'),
    ("the byte of a group's message that asks", "receipts", "= const(0xFE)", "= const(0xFD)"),
    ("the byte of a private one that asks", "receipts", "PRIVATE_ASKING = const(0x02)", "PRIVATE_ASKING = const(0x03)"),
    ("the frame before its sender in an item", "receipts",
     'b"sc/received", tag, frame)', 'b"sc/received", frame, tag)'),
    ("an item with the asking member first", "receipts", "after.head, tag, sender)", "after.head, sender, tag)"),
    ("an item with the head before v", "receipts", "after.v, after.head", "after.head, after.v"),
    ("receipts of the other type", "receipts", "SIGNED = const(1)", "SIGNED = const(3)"),
    ("sender before channel in ad", "conversations", "self._rp16 + tag", "tag + self._rp16"),
    ("pt before ad in a signature", "conversations",
     'b"sc/sign", lv(short("ad", ad), short("extra", extra)), data("pt", pt))',
     'b"sc/sign", data("pt", pt), lv(short("ad", ad), short("extra", extra)))'),
    ("scrypt's N", "pieces", "1 << stretch", "1 << 15"),
    ("the letters of a fingerprint", "pieces", "abcdefghijkmnpqrstuvwxyz23456789", "abcdefghjkmnopqrstuvwxyz23456789"),
    ("hid before sid_latest in g", "conversations", "lv(*names), latest, a.hid)", "lv(*names), a.hid, latest)"),
    ("Z_{i+1} for Z_{i-1} in A_i", "conversations", "a.Z[i - 1]", "a.Z[(i + 1) % n]"),
    ("X_i of the other sign", "conversations", "ristretto_sub(B, a.A)", "ristretto_sub(a.A, B)"),
    ("the second factor first in ISK", "conversations", "K + outer", "outer + K"),
    ("the transcript without sid_latest", "conversations", 'b"sc/tr", a.hid, a.latest, t)', 'b"sc/tr", a.hid, t)'),
    ("eight bytes of a mark", "conversations", 'b"sc/mark", signed)[:MARK]', 'b"sc/mark", signed)[8 : 8 + MARK]'),
    ("a mark over more than is signed", "conversations", "frame[HEADER : HEADER + NONCE] + sig", "frame"),
    ("a digest signed where nothing else is", "unsigned_small_rings",
     'body if me.config["sign"] else', "body if True else"),
    ("eight bytes of a slot's digest", "conversations", 'b"sc/slot", frame)[:DIGEST]', 'b"sc/slot", frame)[8:16]'),
    ("the ring's digest from its tail", "unsigned_small_rings", "lv(*each))[:16]", "lv(*each[1:]))[:16]"),
    ("tag and W swapped in L", "ratchet", "lv(group, W, organizer, party_tag, ", "lv(group, W, party_tag, organizer, "),
    ("the number after R in T", "ratchet", "tag + B + u32(number) + R", "tag + B + R + u32(number)"),
    ("i before j in a header's key", "ratchet", "bytes((frame[54], i))", "bytes((i, frame[54]))"),
    ("HK from another step of the paper", "ratchet", "in (2, 3, 4)]", "in (1, 3, 4)]"),
    ("digest before R in RK", "ratchet", 'b"sc/rk", z, R, digest)', 'b"sc/rk", z, digest, R)'),
    ("the digest without the epoch", "ratchet", 'b"sc/cd", epoch, bytes((j,))', 'b"sc/cd", bytes((j,))'),
    ("nonce after the body in its hash", "ratchet", 'b"sc/bh", nonce, box)', 'b"sc/bh", box, nonce)'),
    ("the larger tag first in PR", "ratchet", "min(my_tag, peer_tag), max(my_tag, peer_tag)",
     "max(my_tag, peer_tag), min(my_tag, peer_tag)"),
    ("identities before one-time keys in PR", "ratchet", "dh(suite, r, R_peer) + static",
     "static + dh(suite, r, R_peer)"),
    ("a private key without its epoch", "ratchet", 'b"sc/pm", z, u32(epoch), sender)', 'b"sc/pm", z, sender)'),
    ("generation and keys swapped in a share", "declared", "u32(generation), z1, z2)", "z1, z2, u32(generation))"),
    ("no identities in a header's key", "ratchet", 'b"sc/hdr", z, common, digest', 'b"sc/hdr", z, digest'),
    ("mk from another step of the paper", "ratchet", "in (2, 3, 4)]", "in (2, 1, 4)]"),
    ("v from another step of the paper", "ratchet", "in (2, 3, 4)]", "in (2, 3, 0)]"),
    ("K and R swapped in the signed package", "ratchet",
     "LABEL, base(k) + base(r))", "LABEL, base(r) + base(k))"),
    ("bit 30 for who enters", "ratchet", "ENTERS = 0x80000000", "ENTERS = 0x40000000"),
    ("an add called a removal", "ratchet", "ADD = const(0x02)", "ADD = const(0x03)"),
    ("another byte for private messages", "ratchet", "PRIVATE = const(0x01)", "PRIVATE = const(0x07)"),
    ("another byte for messages", "ratchet", "APPLICATION = const(0xFF)", "APPLICATION = const(0xFD)"),
    ("another byte for leaving", "ratchet", "LEAVE = const(0x05)", "LEAVE = const(0x06)"),
    ("another byte for a refresh", "silence", "REFRESH = const(0x04)", "REFRESH = const(0x06)"),
    ("a hint of 12 bytes", "ratchet", "HINT = const(16)", "HINT = const(12)"),
    ("a signature without its place", "ratchet",
     'suite.h(32, b"", b"", label, ad, body)', 'suite.h(32, b"", b"", label, body)'),
    ("pt before ad in a package's signature", "ratchet", 'suite.h(32, b"", b"", label, ad, body)',
     'suite.h(32, b"", b"", label, body, ad)'),
    ("pt before ad in a join's signature", "conversations", 'suite.h(32, b"", b"", label, ad, body)',
     'suite.h(32, b"", b"", label, *((body, ad) if label == JOIN_LABEL else (ad, body)))'),
    ("pt before ad in a notice's signature", "declared", 'suite.h(32, b"", b"", label, ad, body)',
     'suite.h(32, b"", b"", label, *((body, ad) if label == NOTICE_LABEL else (ad, body)))'),
    ("control frames with seq 0", "interruptions",
     "header(CONTROL, me.tag, me.session.lamport)", "header(CONTROL, me.tag, 0)"),
    ("a control frame with its type last", "interruptions", "bytes((kind,)) + body\n", "body + bytes((kind,))\n"),
    ("a MAC without its receiver", "interruptions",
     'b"sc/position", ad, group, sender, tag,', 'b"sc/position", ad, group, sender,'),
    ("a MAC without its maker", "interruptions",
     'b"sc/position", ad, group, sender, tag,', 'b"sc/position", ad, group, tag,'),
    ("a place vouched for without itself", "ratchet", "group.tags(), ad, pt)", "group.tags(), ad, body)"),
    ("a position vouched to one of the set alone", "interruptions",
     "tags = sorted(st.tags if st", "tags = sorted([st.tags[0]] if st"),
    ("the hash before the epoch in a need", "interruptions",
     "NEED, u32(epoch) + wanted,", "NEED, wanted + u32(epoch),"),
    ("the head before the epoch in a head", "interruptions",
     "u32(st.epoch) + st.head if st", "st.head + u32(st.epoch) if st"),
    ("live before the nonce in a head", "interruptions", "body = nonce + bytes((group.phase == LIVE,))",
     "body = bytes((group.phase == LIVE,)) + nonce"),
    ("another byte for a sync", "interruptions", "ASK = const(1)", "ASK = const(5)"),
    ("another byte for a head", "interruptions", "HEAD = const(2)", "HEAD = const(6)"),
    ("another byte for a need", "interruptions", "NEED = const(3)", "NEED = const(5)"),
    ("another byte for a rejoin", "taken_in_again", "WANT = const(4)", "WANT = const(5)"),
    ("the notice key in slot 3", "ratchet", "_SLOT = const(2)", "_SLOT = const(3)"),
    ("keyed is 2", "declared", "bytes((keyed,)) + suite.secretbox(key", "bytes((2 * keyed,)) + suite.secretbox(key"),
]  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """`changed` has the new text of every file that differs, by its name; `scenario` must fail on it."""

    what: str
    scenario: str
    changed: dict[str, str]


SCENARIO_OF = {label: scenario for scenario, labels in LABELS.items() for label in labels.split()}


def _replaced(core: dict[str, str], text: str, replacement: str) -> dict[str, str]:
    changed = {name: source.replace(text, replacement) for name, source in core.items() if text in source}
    if not changed:
        raise ValueError(f"{text} does not stand in the core any more: mend the list of mutants")
    return changed


def listed(core: Path) -> Iterator[Mutant]:
    """Every label, and every text of the list."""
    sources = {path.relative_to(core).as_posix(): path.read_text() for path in core.rglob("*.py")}
    for label, scenario in SCENARIO_OF.items():
        yield Mutant(
            f"another label than sc/{label}", scenario, _replaced(sources, f'b"sc/{label}"', f'b"sc/{label}!"')
        )
    for what, scenario, text, replacement in TEXTS:
        yield Mutant(what, scenario, _replaced(sources, text, replacement))


def by_rule(core: Path) -> Iterator[Mutant]:
    """Whatever is hashed under a label, in another order; whatever is cut from a hash, another part of it."""
    for change in (*orders.exchanges(core), *orders.cuts(core)):
        if change.label in SCENARIO_OF:
            yield Mutant(change.what, SCENARIO_OF[change.label], change.changed)
