"""The slot codec: what was packed comes back, everything else is refused, the newer of two valid slots wins."""

from check import raises
from sealcast.crypto import best_suite
from sealcast.errors import BadState
from sealcast.run import slots

S = best_suite()
KEY = bytes(range(32))


def test_round_trip():
    for body in (b"", b"x", bytes(range(256)) * 5):
        for generation in (1, 2, 0xFFFFFFFF):
            data = slots.pack(S, KEY, generation, body)
            assert len(data) == slots.HEADER + len(body) + slots.CHECK == slots.measure(data[: slots.HEADER])
            assert slots.unpack(S, KEY, data) == (generation, body)
            assert slots.unpack(S, KEY, bytearray(data)) == (generation, body)


def test_layout():
    data = slots.pack(S, KEY, 0x01020304, b"body")
    assert data[:13] == b"SCst\x01\x01\x02\x03\x04\x00\x00\x00\x04"
    assert data[13:17] == b"body"
    assert data[17:] == S.h(16, KEY, b"", b"sc/store", data[:17])


def test_the_states_of_other_members_and_channels_have_other_keys():
    keys = [
        slots.key_for(S, KEY, c, u) for c, u in ((b"c", b"u"), (b"c", b"v"), (b"d", b"u"), (b"cu", b""), (b"", b"cu"))
    ]
    keys.append(slots.key_for(S, bytes(32), b"c", b"u"))
    assert len(set(keys)) == 6
    assert [len(k) for k in keys] == [32] * 6


def test_any_changed_byte_is_seen():
    data = slots.pack(S, KEY, 7, b"some state")
    for i in range(len(data)):
        for bit in (1, 128):
            bad = bytearray(data)
            bad[i] ^= bit
            assert slots.unpack(S, KEY, bytes(bad)) is None, i


def test_any_other_length_is_refused():
    data = slots.pack(S, KEY, 7, b"some state")
    for n in range(len(data)):
        assert slots.unpack(S, KEY, data[:n]) is None
    assert slots.unpack(S, KEY, data + b"\x00") is None
    assert slots.unpack(S, KEY, None) is None


def test_another_key_is_refused():
    assert slots.unpack(S, bytes(32), slots.pack(S, KEY, 7, b"state")) is None
    assert slots.unpack(S, b"", slots.pack(S, KEY, 7, b"state")) is None


def test_generation_0_and_lengths_out_of_bounds_are_no_header():
    assert slots.measure(b"SCst\x01\x00\x00\x00\x00\x00\x00\x00\x04") is None
    assert slots.measure(b"SCst\x01\x00\x00\x00\x01\x00\x10\x00\x00") is None
    assert slots.measure(b"SCst\x01\x00\x00\x00\x01\xff\xff\xff\xff") is None
    assert slots.measure(b"SCst\x02\x00\x00\x00\x01\x00\x00\x00\x04") is None
    assert slots.measure(b"SCst\x01\x00\x00\x00\x01\x00\x0f\xff\xff") == 0xFFFFF + 29


def test_packing_refuses_what_cannot_be_read_back():
    raises(BadState, slots.pack, S, KEY, 0x100000000, b"")
    raises(BadState, slots.pack, S, KEY, 0, b"")
    raises(BadState, slots.header, 1, 0x100000)


def test_the_newest_valid_wins():
    old, new = slots.pack(S, KEY, 7, b"old"), slots.pack(S, KEY, 8, b"new")
    torn = new[:-1] + bytes((new[-1] ^ 1,))
    assert slots.newest(S, KEY, old, new) == (1, 8, b"new")
    assert slots.newest(S, KEY, new, old) == (0, 8, b"new")
    assert slots.newest(S, KEY, old, torn) == (0, 7, b"old")
    assert slots.newest(S, KEY, None, new) == (1, 8, b"new")
    assert slots.newest(S, KEY, bytes(40), new) == (1, 8, b"new")
    assert slots.newest(S, KEY, torn, b"") is None
    assert slots.newest(S, KEY, None, None) is None


def test_two_different_states_of_one_generation_are_both_refused():
    a, b = slots.pack(S, KEY, 7, b"a"), slots.pack(S, KEY, 7, b"b")
    assert slots.newest(S, KEY, a, b) is None
    assert slots.newest(S, KEY, a, a) == (0, 7, b"a")


def test_blank():
    assert slots.blank(None)
    assert slots.blank(b"")
    assert slots.blank(bytes(99))
    assert not slots.blank(bytes(99) + b"\x01")
