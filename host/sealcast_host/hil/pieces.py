"""Pieces of the protocol on the board, one function of the core at a time, byte by byte against the reference.

What goes wrong here is named exactly; in whole runs the same fault may only show as a frame that nobody can open.
"""

import random

from reference.encoding import lv, pad
from reference.frames import Header, associated, seal, signed_hash
from reference.joins import SecretIdentity
from reference.known import expect
from reference.names import ChannelKeys
from reference.primitives import derive
from reference.randomness import Randomness
from reference.storage import pack_slot, slot_key
from sealcast_host.hil.results import Results
from sealcast_host.hil.rig import Rig, decoded, literal

PART = "pieces"
CHANNEL, UID = "greenhouse", "sensor-17"


class _Core:
    """Expressions of the board's core, and what they must give."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def run(self, program: str) -> None:
        self._rig.run(program)

    def must(self, section: str, what: str, expected: bytes, expression: str) -> None:
        found = decoded(self._rig.run(f"print(_t({expression}))").strip())
        expect(section, what, expected, found if isinstance(found, bytes) else str(found).encode())


def check(rig: Rig, results: Results) -> None:
    rig.fresh(calls=True)
    core, r = _Core(rig), random.Random(f"sealcast hil pieces {results.seed}")
    root, secret = r.randbytes(32), r.randbytes(32)
    keys = ChannelKeys(root, CHANNEL)
    with results.check(PART, "channel keys and hidden names", "4.2") as made:
        made.count = 7
        core.run(
            "from sealcast.crypto.keys import Keys, siv, derive\nfrom sealcast.crypto.rng import Rng\n"
            f"_K = Keys(_s, {literal(root)}, {CHANNEL.encode()!r})"
        )
        core.must("4.2", "ckey", keys.ckey, "_K.ckey")
        core.must("4.2", "msgkey", keys.msgkey, "_K.msgkey")
        core.must("4.3", "rp", keys.rp, "_K.rp")
        for uid in ("a", UID, "x" * 48):
            core.must("4.3", f"P_i of {uid}", keys.name(uid), f"_K.name({uid.encode()!r})")
        core.must("2", "the name of the group main", keys.group_name("main"), "siv(_s, _K.ckey, b'group', b'main')")
    with results.check(PART, "lists, padding, topics", "1") as made:
        made.count = 8
        core.run("from sealcast import wire")
        core.must("1", "lv of three items", lv(b"ab", b"", b"c" * 300), "wire.lv(b'ab', b'', b'c' * 300)")
        for size in (0, 1, 31, 32, 99, 2000):
            core.must("3.4", f"pad of {size} bytes", pad(b"z" * size), f"wire.pad(b'z' * {size})")
        topic = keys.topic(keys.name(UID), "n", 3).encode()
        core.must("2", "a topic", topic, f"wire.Topics(_K.rp).make(_K.name({UID.encode()!r}), 'n', 3).encode()")
    with results.check(PART, "hedged randomness", "5") as made:
        made.count = 7
        seed, hardware = r.randbytes(32), r.randbytes(32)
        rng = Randomness(seed, lambda n: hardware[:n])
        core.run(f"_h = {literal(hardware)}\n_r = Rng(_s, {literal(seed)}, lambda n: _h[:n])")
        core.must("5", "the next seed", rng.next_seed, "_r.next_seed")
        for size in (16, 32, 64):
            core.must("5", f"{size} bytes drawn", rng.draw(size), f"_r.bytes({size})")
        core.must("5", "a nonce", rng.nonce(b"ad", b"text"), "_r.nonce(b'ad', b'text')")
        bare = Randomness(seed, lambda n: b"")
        core.must("5", "the next seed without hardware", bare.next_seed, f"Rng(_s, {literal(seed)}, None).next_seed")
        core.run(f"_r = Rng(_s, {literal(seed)}, None)\n_r.heard(b'a frame')")
        bare.heard(b"a frame")
        core.must("5", "a draw without hardware, after a frame", bare.draw(32), "_r.bytes(32)")
    with results.check(PART, "seal, signed hash", "3.2") as made:
        made.count = 3
        header, name = Header(2, r.randbytes(16), 77), keys.name(UID)
        ad, nonce = associated(header, keys.rp, name), r.randbytes(24)
        core.run(f"_h, _a54, _n = [{literal(header.pack())}, {literal(ad)}, {literal(nonce)}]")
        core.must("3.2", "ad", ad, f"_K.ad(_h, _K.name({UID.encode()!r})[:16])")
        core.must(
            "3.2",
            "a sealed frame",
            seal(keys.msgkey, ad, nonce, b"text"),
            "_s.seal_frame(_K.msgkey, _h, _a54[22:], _n, b'text')",
        )
        core.must(
            "3.3", "what a session signs", signed_hash(ad, b"body", b"extra"), "_s.signable(_a54, b'extra', b'body')"
        )
    with results.check(PART, "identity, fingerprint, storage", "6.1") as made:
        made.count = 4
        identity = SecretIdentity(secret)
        core.run("from sealcast.zpinc.identity import Identity\nfrom sealcast.zpinc.joins import fingerprint")
        core.run(f"_i = Identity(_s, {literal(secret)})")
        core.must("6.1", "B || E", identity.public.B + identity.public.E, "_i.public")
        core.must("6.1", "fingerprint", identity.public.fingerprint().encode(), "fingerprint(_s, _i.public).encode()")
        core.run("from sealcast.run import slots")
        key = slot_key(secret, CHANNEL, UID)
        core.must(
            "12",
            "the key of a slot",
            key,
            f"slots.key_for(_s, {literal(secret)}, {CHANNEL.encode()!r}, {UID.encode()!r})",
        )
        core.must("12", "a slot", pack_slot(key, 7, b"state"), f"slots.pack(_s, {literal(key)}, 7, b'state')")
    with results.check(PART, "derive", "1"):
        core.must(
            "1", "derive", derive(root, b"sc/test", b"a", b"b"), f"derive(_s, {literal(root)}, b'sc/test', b'a', b'b')"
        )
