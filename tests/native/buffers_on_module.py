"""Runs under MicroPython: what the native modules do with the caller's buffers. Prints one line a test, "ok" last.

Documented and tested here: `out` is optional, has exactly the result's length, and is returned; it may overlap every
argument in every way; when a call raises (or a box is not genuine) nothing was written.
"""

import scrypt
import symcrypto

import curve25519


def raises(error, text, function, *arguments):
    try:
        function(*arguments)
    except error as e:
        assert str(e) == text, str(e)
        return
    raise AssertionError("%s not raised: %s" % (error.__name__, text))


def pattern(size, start=1):
    return bytes((start + 7 * i) & 255 for i in range(size))


POINT = curve25519.ristretto_map(pattern(64))
OTHER = curve25519.ristretto_map(pattern(64, 9))
SEED = pattern(32)
KEY, NONCE = pattern(32, 3), pattern(24, 5)

# Every function with `out`, with arguments that succeed.
CALLS = (
    (curve25519.x25519, (SEED, pattern(32, 2))),
    (curve25519.x25519_base, (SEED,)),
    (curve25519.ed25519_public, (SEED,)),
    (curve25519.ed25519_sign, (SEED, curve25519.ed25519_public(SEED), pattern(50))),
    (curve25519.ristretto_map, (pattern(64),)),
    (curve25519.ristretto_mul, (SEED, POINT)),
    (curve25519.ristretto_add, (POINT, OTHER)),
    (curve25519.ristretto_sub, (POINT, OTHER)),
    (curve25519.scalar_reduce, (pattern(64),)),
    (curve25519.bd_key, (POINT, OTHER + curve25519.ristretto_sub(bytes(32), OTHER))),
    (symcrypto.secretbox, (KEY, NONCE, pattern(100))),
    (symcrypto.secretbox_open, (KEY, NONCE, symcrypto.secretbox(KEY, NONCE, pattern(100)))),
    (symcrypto.xsalsa20_xor, (KEY, NONCE, pattern(100))),
)


def test_out_is_returned_and_equals_the_result():
    for function, arguments in CALLS:
        result = function(*arguments)
        assert type(result) is bytes
        out = bytearray(len(result))
        assert function(*arguments + (out,)) is out
        assert out == result
        assert function(*arguments + (None,)) == result
        big = bytearray(len(result) + 9)
        view = memoryview(big)[5 : 5 + len(result)]  # an odd address
        assert function(*arguments + (view,)) is view
        assert bytes(big) == bytes(5) + result + bytes(4)


def test_out_of_a_wrong_length_or_kind_is_refused_and_untouched():
    for function, arguments in CALLS:
        size = len(function(*arguments))
        for wrong in (size - 1, size + 1, 0):
            out = bytearray(pattern(wrong))
            raises(ValueError, "out must be %d bytes" % size, function, *arguments + (out,))
            assert out == pattern(wrong)
        raises(TypeError, "out must be a writable buffer", function, *arguments + (bytes(size),))
        raises(TypeError, "out must be a writable buffer", function, *arguments + (size,))


def test_nothing_is_written_when_another_argument_is_wrong():
    for function, arguments in CALLS:
        out = bytearray(pattern(len(function(*arguments))))
        before = bytes(out)
        for i in range(len(arguments)):
            for wrong in (7, "x" * len(arguments[i])):
                try:
                    function(*arguments[:i] + (wrong,) + arguments[i + 1 :] + (out,))
                except TypeError:
                    assert out == before
                else:
                    raise AssertionError(i)


def test_out_is_untouched_when_an_encoding_is_not_canonical_or_a_sum_not_zero():
    out = bytearray(pattern(32))
    bad = b"\xff" * 32
    for function, arguments, name in (
        (curve25519.ristretto_mul, (SEED, bad), "P"),
        (curve25519.ristretto_add, (bad, POINT), "P"),
        (curve25519.ristretto_add, (POINT, bad), "Q"),
        (curve25519.ristretto_sub, (POINT, bad), "Q"),
        (curve25519.bd_key, (bad, POINT + POINT), "A"),
        (curve25519.bd_key, (POINT, POINT + bad), "xs"),
    ):
        raises(ValueError, name + " is not a canonical ristretto255 encoding", function, *arguments + (out,))
        assert out == pattern(32)
    assert curve25519.bd_key(POINT, POINT + POINT, out) is None
    assert out == pattern(32)


def test_a_box_that_is_not_genuine_writes_nothing():
    box = bytearray(symcrypto.secretbox(KEY, NONCE, pattern(100)))
    out = bytearray(pattern(100, 8))
    for i in range(len(box)):
        box[i] ^= 0x10
        assert symcrypto.secretbox_open(KEY, NONCE, box, out) is None
        assert out == pattern(100, 8)
        box[i] ^= 0x10
    # In place: a refused box stays as it is.
    box[3] ^= 1
    before = bytes(box)
    assert symcrypto.secretbox_open(KEY, NONCE, box, memoryview(box)[16:]) is None
    assert box == before


def test_out_may_overlap_any_argument_in_any_way():
    for function, arguments in CALLS:
        result = function(*arguments)
        for i in range(len(arguments)):
            size = len(arguments[i])
            for shift in (-17, -16, -4, -1, 0, 1, 4, 16, 17):
                at, out_at = 64, 64 + shift
                memory = bytearray(64 + max(size, len(result)) + 64)
                memory[at : at + size] = arguments[i]
                argument = memoryview(memory)[at : at + size]
                out = memoryview(memory)[out_at : out_at + len(result)]
                function(*arguments[:i] + (argument,) + arguments[i + 1 :] + (out,))
                assert bytes(out) == result, (function, i, shift)


def test_blake2b_into():
    for size in (1, 31, 32, 64):
        want = symcrypto.blake2b(size, KEY, b"salt", b"person", b"a", pattern(200))
        out = bytearray(size)
        assert symcrypto.blake2b_into(out, KEY, b"salt", b"person", b"a", pattern(200)) is out
        assert out == want
    memory = bytearray(pattern(64))  # out over the key and a part
    want = symcrypto.blake2b(64, pattern(64), b"", b"", pattern(64))
    symcrypto.blake2b_into(memory, memory, b"", b"", memory)
    assert memory == want
    for wrong in (0, 65):
        raises(ValueError, "out must be 1 to 64 bytes", symcrypto.blake2b_into, bytearray(wrong), b"", b"", b"")
    raises(TypeError, "out must be a writable buffer", symcrypto.blake2b_into, bytes(32), b"", b"", b"")
    out = bytearray(pattern(32))
    raises(TypeError, "parts must be bytes-like", symcrypto.blake2b_into, out, b"", b"", b"", b"", 1)
    assert out == pattern(32)


def test_equal_and_wipe():
    assert symcrypto.equal(b"", b"") is True
    assert symcrypto.equal(b"a", b"") is False
    for size in (1, 2, 31, 32, 33):
        a, b = bytearray(pattern(size)), bytearray(pattern(size))
        assert symcrypto.equal(a, b) is True
        for i in range(size):
            for bit in (1, 0x80):
                b[i] ^= bit
                assert symcrypto.equal(a, b) is False
                b[i] ^= bit
    for size in range(40):
        memory = bytearray(b"\xff" * 60)
        for start in range(4):
            symcrypto.wipe(memoryview(memory)[start + 8 : start + 8 + size])
            assert memory == b"\xff" * 8 + bytes(start + size) + b"\xff" * (52 - start - size) if size else True
    raises(TypeError, "b must be a writable buffer", symcrypto.wipe, bytes(3))


# --- frames: nothing but a result comes out of them, from inputs that lie anywhere and overlap each other


def within(*arguments):
    """The arguments as views of one piece of memory, at odd places, one behind the other."""
    out, at = [], 3
    memory = bytearray(3 + sum(len(a) + 1 for a in arguments))
    for a in arguments:
        memory[at : at + len(a)] = a
        out.append(memoryview(memory)[at : at + len(a)])
        at += len(a) + 1
    return memory, out


RATCHET = (
    pattern(64, 4), pattern(96, 5), KEY, pattern(32, 6), pattern(32, 7), pattern(54, 8), NONCE, SEED, pattern(40, 11)
)  # fmt: skip
FRAME = symcrypto.seal_frame(KEY, pattern(22), pattern(32, 9), NONCE, pattern(100))
CLOSED = symcrypto.seal_frame(KEY, pattern(22), pattern(32, 9), NONCE, pattern(100), SEED)
WHOLE = symcrypto.ratchet_frame(*RATCHET + (1,)) + bytes(32)
# Every call, its arguments that are bytes, and its numbers.
FRAMES = (
    (symcrypto.seal_frame, (KEY, pattern(22), pattern(32, 9), NONCE, pattern(100)), ()),
    (symcrypto.seal_frame, (KEY, pattern(22), pattern(32, 9), NONCE, pattern(100), SEED), ()),
    (symcrypto.open_frame, (KEY, FRAME, pattern(32, 9)), ()),
    (symcrypto.genuine_frame, (SEED, CLOSED, pattern(32, 9)), ()),
    (symcrypto.frame_nonce, (SEED, pattern(8), pattern(16), pattern(54), pattern(100)), ()),
    (symcrypto.signable, (pattern(54), pattern(32), pattern(100)), ()),
    (symcrypto.chain, (KEY,), (3, 2)),
    (symcrypto.pad, (pattern(24), pattern(100)), ()),
    (symcrypto.unpad, (symcrypto.pad(b"", pattern(100)),), (200,)),
    (symcrypto.ratchet_frame, RATCHET, (1,)),
    (symcrypto.ratchet_header, (RATCHET[0][:32], RATCHET[1][:32], KEY, RATCHET[3], WHOLE), (0,)),
    (symcrypto.ratchet_body, (RATCHET[4], WHOLE), ()),
    (symcrypto.ratchet_keys, (KEY, SEED, pattern(32, 2), pattern(96), pattern(4), pattern(50)), (2,)),
    (curve25519.x25519_column, (SEED, pattern(96, 2)), (1,)),
)


def test_frames_take_views_and_leave_their_inputs_alone():
    for function, arguments, numbers in FRAMES:
        result = function(*arguments + numbers)
        assert result is not None and result is not False and result != -1, function
        memory, views = within(*arguments)
        before = bytes(memory)
        assert function(*tuple(views) + numbers) == result, function
        assert memory == before, function


def test_frames_that_are_not_genuine_give_none():
    place = pattern(32, 9)
    for damaged in range(0, len(FRAME), 7):
        frame = bytearray(FRAME)
        frame[damaged] ^= 4
        assert symcrypto.open_frame(KEY, frame, place) is None
    for damaged in range(0, len(CLOSED), 7):
        frame = bytearray(CLOSED)
        frame[damaged] ^= 4
        assert symcrypto.genuine_frame(SEED, frame, place) is False
    assert symcrypto.open_frame(KEY, FRAME, pattern(32, 10)) is None
    assert symcrypto.ratchet_body(KEY, WHOLE) is None
    assert symcrypto.ratchet_header(KEY, RATCHET[1][:32], KEY, RATCHET[3], WHOLE, 0) is None
    assert curve25519.x25519_column(SEED, pattern(64) + bytes(32), 0) is None
    assert curve25519.x25519_column(SEED, pattern(64) + bytes(32), 2) is not None


def test_a_ratchet_frame_whose_lengths_lie_is_refused():
    for at in (54, 55, 56 + 96 + 24, 56 + 96 + 25):
        for value in (0, 1, 2, 4, 21, 255):
            frame = bytearray(WHOLE)
            frame[at] = value
            if frame == WHOLE or at == 54 and value in (0, 2):
                continue
            raises(ValueError, "frame is no ratchet frame", symcrypto.ratchet_body, KEY, frame)
            raises(ValueError, "frame is no ratchet frame", symcrypto.ratchet_header, KEY, KEY, KEY, KEY, frame, 0)
    for size in range(len(WHOLE)):
        raises(ValueError, "frame is no ratchet frame", symcrypto.ratchet_body, KEY, WHOLE[:size])


# RFC 7914, section 12: N = 16, r = 1, p = 1, empty password and salt.
RFC_KEY = (
    b"\x77\xd6\x57\x62\x38\x65\x7b\x20\x3b\x19\xca\x42\xc1\x8a\x04\x97"
    b"\xf1\x6b\x48\x44\xe3\x07\x4a\xe8\xdf\xdf\xfa\x3f\xed\xe2\x14\x42"
    b"\xfc\xd0\x06\x9d\xed\x09\x48\xf8\x32\x6a\x75\x3a\x0f\xc8\x1f\x17"
    b"\xe8\xd3\xe0\xfb\x2e\x0d\x36\x28\xcf\x35\xe2\x0c\x38\xd1\x89\x06"
)


def stretch(memory, password, salt, n, r, p, size, slice_mixes):
    scrypt.begin(memory, password, salt, n, r, p)
    steps = 1
    while not scrypt.step(memory, slice_mixes):
        steps += 1
    out = bytearray(size)
    assert scrypt.end(memory, out) is out
    return bytes(out), steps


def test_scrypt_does_not_depend_on_memory_or_slices():
    results = set()
    for mem in (128 * 5 + 256, 128 * 6 + 256, 128 * 8 + 300, 128 * 20 + 256, 5000):
        for slice_mixes in (1, 3, 1000):
            memory = bytearray(mem)
            key, steps = stretch(memory, b"", b"", 16, 1, 1, 64, slice_mixes)
            results.add(key)
            assert not any(memory)  # nothing stays behind
            if slice_mixes == 1000:
                assert steps == 1
    assert results == {RFC_KEY}


def test_scrypt_cost_is_what_it_takes():
    for n, r, p, mem in ((64, 1, 1, 10000), (64, 2, 3, 3000), (256, 1, 1, 2000)):
        memory = bytearray(mem)
        steps = 0
        for i in range(8):
            steps += stretch(memory, b"p%d" % i, b"salt", n, r, p, 8, 1)[1]
        expected = 8 * scrypt.cost(n, r, p, mem)
        assert expected * 0.7 < steps < expected * 1.3, (n, r, p, mem, steps, expected)
    assert scrypt.cost(1024, 8, 1, 1100000) == 2048
    assert scrypt.cost(1 << 20, 8, 1, 1100000) == (1 << 19) * (1024 + 3)


def test_scrypt_arguments():
    begin, memory = scrypt.begin, bytearray(2000)
    for n in (1, 3, 12):
        raises(ValueError, "n must be a power of two above 1", begin, memory, b"", b"", n, 1, 1)
    raises(ValueError, "memory is too small for r and p", begin, memory, b"", b"", 2, 8, 1)
    raises(ValueError, "password must not overlap memory", begin, memory, memoryview(memory)[100:101], b"", 2, 1, 1)
    raises(ValueError, "salt must not overlap memory", begin, memory, b"", memoryview(memory)[1999:], 2, 1, 1)
    raises(ValueError, "memory must start at a multiple of 4 bytes", begin, memoryview(memory)[1:], b"", b"", 2, 1, 1)
    raises(TypeError, "memory must be a writable buffer", begin, bytes(2000), b"", b"", 2, 1, 1)
    raises(ValueError, "mem is too small for r and p", scrypt.cost, 2, 8, 1, 1000)
    raises(ValueError, "r and p ask for 2 GB or more", begin, memory, b"", b"", 2, 1 << 20, 1 << 20)
    assert not any(memory)
    stage = "memory holds no scrypt computation at this stage"
    raises(ValueError, stage, scrypt.step, memory, 1)
    raises(ValueError, stage, scrypt.end, memory, bytearray(8))
    begin(memory, b"", b"", 16, 1, 1)
    raises(ValueError, stage, scrypt.end, memory, bytearray(8))
    raises(ValueError, stage, scrypt.step, memoryview(memory)[:400], 1)
    raises(ValueError, "out must not overlap memory", scrypt.end, memory, memoryview(memory)[8:16])


def test_scribbling_over_scrypt_memory_does_no_harm():
    """Whatever stands in the header, a step stays inside the buffer or says no."""
    fence = bytearray(2048 + 64)
    memory = memoryview(fence)[32 : 32 + 2048]
    refused = 0
    for at in range(48):
        for value in (0, 1, 0x7F, 0xFF):
            scrypt.begin(memory, b"", b"", 16, 1, 1)
            scrypt.step(memory, 20)
            memory[at] = value
            try:
                scrypt.step(memory, 50)
            except ValueError:
                refused += 1
            assert not any(fence[:32]) and not any(fence[-32:])
    assert refused > 40


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
        print(name)
print("ok")
