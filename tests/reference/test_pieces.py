"""The reference's pieces against published figures, and against themselves: what one end builds the other reads."""

import random

import nacl.bindings
import pytest

from reference.cpace import Computation, scalar
from reference.encoding import Reject, lv, pad, padded_length, unpad
from reference.joins import Identity, Join, SecretIdentity
from reference.names import ChannelKeys
from reference.notes import Note, Window
from reference.primitives import H, x25519, xsalsa20_xor
from reference.storage import pack_slot, parse_slot

KEYS = ChannelKeys(b"k" * 32, "greenhouse")


def test_lv():
    assert lv(b"ab", b"") == b"\x00\x02ab\x00\x00"


def test_xsalsa20_is_that_of_secretbox():
    """NaCl's box uses the stream from its 32nd byte on."""
    key, nonce, text = bytes(range(32)), bytes(range(24)), bytes(200)
    assert xsalsa20_xor(key, nonce, bytes(32) + text)[32:] == nacl.bindings.crypto_secretbox(text, nonce, key)[16:]


def test_x25519_of_small_order_is_zero():
    assert x25519(b"k" * 32, bytes(32)) == bytes(32)


@pytest.mark.parametrize(("length", "padded"), [(0, 32), (31, 32), (32, 36), (99, 104), (1000, 1024), (2000, 2048)])
def test_padme(length, padded):
    assert padded_length(length) == padded
    assert unpad(pad(b"\x80" * length)) == b"\x80" * length


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        bytes(32),
        b"x" * 32,
        b"x\x80",
        pad(b"x") + b"\0",
        pad(b"x")[:-1],
        (b"y" * 2001 + b"\x80").ljust(2048, b"\0"),
    ],
)
def test_wrong_padding(wrong):
    with pytest.raises(Reject, match="padding"):
        unpad(wrong)


@pytest.mark.parametrize("uid", ["a", "sensor-17", "x" * 16, "y" * 48, "k\u00fcche"])
def test_names(uid):
    name = KEYS.name(uid)
    assert len(name) in (32, 48, 64) and ChannelKeys(b"k" * 32, "greenhouse").uid(name) == uid
    for at in range(len(name)):
        with pytest.raises(Reject):
            ChannelKeys(b"k" * 32, "greenhouse").uid(name[:at] + bytes((name[at] ^ 1,)) + name[at + 1 :])


def test_slot():
    slot = pack_slot(b"s" * 32, 7, b"state")
    assert parse_slot(b"s" * 32, slot) == (7, b"state")
    for wrong in (slot[:-1], slot + b"\0", b"X" + slot[1:], slot[:14] + b"S" + slot[15:]):
        with pytest.raises(Reject):
            parse_slot(b"s" * 32, wrong)


def test_fingerprint_form():
    groups = SecretIdentity(b"s" * 32).public.fingerprint().split("-")
    assert [len(g) for g in groups] == [4] * 5 and "l" not in "".join(groups)


def test_window():
    window = Window(4)
    notes = [Note(b"", seq, 0, (0, b""), b"") for seq in range(12)]
    assert window.take(notes[0]) == notes[:1] and window.take(notes[2]) == [] and window.take(notes[1]) == notes[1:3]
    assert window.take(notes[5]) == [] and window.skip_gap() == (3, 4, notes[5:6])
    for seq, reason in ((5, "duplicate"), (3, "duplicate"), (6 + 65536, "window")):
        with pytest.raises(Reject, match=reason):
            window.check(seq)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_all_parties_compute_one_key(n):
    rng = random.Random(n)
    parties = [Join(str(i), b"%02d" % i * 16, bytes((i,)) * 16, i, Identity(b"", b""), b"", 16) for i in range(n)]
    c = Computation(b"m" * 32, parties, b"h" * 32)
    ys = [scalar(rng.randbytes(64)) for _ in range(n)]
    for i, y in enumerate(ys):
        c.put(c.Z, i, c.share(y))
    for i, y in enumerate(ys if n > 2 else []):
        c.put(c.X, i, c.sum(i, y))
    keys = {c.epoch(c.key_point(i, y)).ISK for i, y in enumerate(ys)} | {c.epoch(c.key_point_of_all(ys)).ISK}
    assert len(keys) == 1
    if n > 2:
        c.X[0] = c.Z[1]
        with pytest.raises(Reject, match="sum"):
            c.key_point(1, ys[1])


def test_nothing_is_imported_from_the_core():
    from pathlib import Path

    import reference

    for path in Path(reference.__file__).parent.glob("*.py"):
        assert "sealcast" not in path.read_text(), path.name
    assert H(b"") == H(b"", b"")
