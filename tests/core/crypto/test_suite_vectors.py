"""Known answers for every crypto suite: tests/vectors/primitives_*.json, whose `rule` says how each section is checked.

On CPython: soft and host. On MicroPython: soft, and native where the module is installed.
"""

import gc
import sys
from binascii import hexlify, unhexlify

from check import raises, vectors
from sealcast.crypto import soft_edwards, soft_field, soft_sha512
from suites import suites

# The soft suite whole, which no board with native modules has, and a file of vectors beside it.
HEAP = "heapsize=176k"
BOARD = sys.implementation.name == "micropython"


def cases(part, section):
    """(suite, case) for each suite and each case of a section, hexadecimal strings decoded."""
    found = vectors("primitives_" + part)[section]["cases"]
    gc.collect()
    for suite in suites():
        for case in found:
            yield suite, [unhexlify(x) if isinstance(x, str) else x for x in case]


def plain(part, section):
    """The same for sections that hold text, or lists within lists: as it stands in the file."""
    found = vectors("primitives_" + part)[section]["cases"]
    gc.collect()
    for suite in suites():
        for case in found:
            yield suite, case


def arguments(part, section, name):
    """Every case is the arguments of a suite function, then its result."""
    count = 0
    for suite, case in cases(part, section):
        got = getattr(suite, name)(*case[:-1])
        assert got == case[-1], (suite.NAME, name, case, got)
        count += 1
    assert count >= len(suites())


def test_h():
    arguments("symmetric", "h", "h")


def test_h_key_salt_person():
    arguments("symmetric", "h_parameters", "h")


def test_h_takes_parts():
    for suite, (size, key, salt, person, data, result) in cases("symmetric", "h_parameters"):
        for cut in (0, 1, 64, 128, len(data)):
            assert suite.h(size, key, salt, person, data[:cut], b"", memoryview(data)[cut:]) == result
        assert suite.h(size, key, salt, person, bytearray(data)) == result
        if not data:
            assert suite.h(size, key, salt, person) == result


def _selftest_seq(size, seed):
    """RFC 7693, appendix E: a Fibonacci generator, the top bytes of its values."""
    a = 0xDEAD4BAD * seed & 0xFFFFFFFF
    b = 1
    out = bytearray(size)
    for i in range(size):
        a, b = b, a + b & 0xFFFFFFFF
        out[i] = b >> 24
    return bytes(out)


def test_h_selftest():
    v = vectors("primitives_symmetric")["h_selftest"]
    gc.collect()
    for suite in suites():
        all_hashes = b""
        for size in v["sizes"]:
            for length in v["lengths"]:
                data = _selftest_seq(length, length)
                all_hashes += suite.h(size, b"", b"", b"", data)
                all_hashes += suite.h(size, _selftest_seq(size, size), b"", b"", data)
        assert hexlify(suite.h(32, b"", b"", b"", all_hashes)).decode() == v["result"], suite.NAME


def _scrypt(section):
    for suite, (password, salt, n, r, p, result) in plain("symmetric", section):
        if suite.NAME == "host" or n * r * p <= 256:  # what fits a board's heap and a test's time
            got = suite.scrypt(password.encode(), salt.encode(), n, r, p, len(result) // 2)
            assert hexlify(got).decode() == result, suite.NAME


def test_scrypt():
    _scrypt("scrypt")


def test_scrypt_small():
    _scrypt("scrypt_small")


def test_xsalsa20():
    arguments("symmetric", "xsalsa20_xor", "xsalsa20_xor")


def test_xsalsa20_every_length():
    """A shorter message's stream is the beginning of the longer one's."""
    for suite, (key, nonce, data, result) in cases("symmetric", "xsalsa20_xor"):
        for size in (0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129):
            assert suite.xsalsa20_xor(key, nonce, data[:size]) == result[:size], (suite.NAME, size)
        assert suite.xsalsa20_xor(key, nonce, result) == data


def test_secretbox():
    arguments("symmetric", "secretbox", "secretbox")


def test_secretbox_open():
    for suite, (key, nonce, pt, box) in cases("symmetric", "secretbox"):
        assert suite.secretbox_open(key, nonce, box) == pt
        for i in range(0, len(box), 11):
            forged = bytearray(box)
            forged[i] ^= 1 << i % 8
            assert suite.secretbox_open(key, nonce, forged) is None
        assert suite.secretbox_open(key, nonce, box + b"\x00") is None
        if len(box) > 16:
            assert suite.secretbox_open(key, nonce, box[:-1]) is None


def test_x25519():
    arguments("x25519", "x25519", "x25519")


def test_x25519_base():
    arguments("x25519", "x25519_base", "x25519_base")


def test_x25519_edges():
    arguments("x25519", "x25519_edges", "x25519")


def test_x25519_zero():
    found = vectors("primitives_x25519")["x25519_zero"]["cases"]
    for suite in suites():
        for u in found:
            assert suite.x25519(bytes(range(32)), unhexlify(u)) == bytes(32), (suite.NAME, u)


def test_x25519_iterated():
    for suite, (count, result) in plain("x25519", "x25519_iterated"):
        if count > 1 and suite.NAME == "soft" and BOARD:
            continue  # 1,000 of them take ten seconds there; CPython runs the same file
        k = u = b"\x09" + bytes(31)
        for _ in range(count):
            k, u = suite.x25519(k, u), k
        assert hexlify(k).decode() == result, suite.NAME


def test_frames():
    for name in ("seal_frame", "open_frame", "genuine_frame", "frame_nonce", "signable", "chain", "pad", "unpad"):
        arguments("frames", name, name)


def test_ratchet():
    for name in ("x25519_xor", "x25519_column", "ratchet_frame", "ratchet_header", "ratchet_body", "ratchet_keys"):
        arguments("frames", name, name)


def test_ed25519():
    for suite, (seed, public, msg, sig) in cases("ed25519", "ed25519"):
        assert suite.ed25519_public(seed) == public
        assert suite.ed25519_sign(seed, public, msg) == sig
        assert suite.ed25519_verify(public, sig, msg) is True
        assert suite.ed25519_verify(public, sig, msg + b"\x00") is False


def test_ed25519_verify():
    """Which signatures count as valid: libsodium's verdicts on malformed, non-canonical, small and mixed order ones."""
    for suite, (why, public, sig, msg, valid) in plain("ed25519", "ed25519_verify"):
        got = suite.ed25519_verify(unhexlify(public), unhexlify(sig), unhexlify(msg))
        assert got is valid, (suite.NAME, why)


def test_ristretto_multiples():
    found = [unhexlify(x) for x in vectors("primitives_ristretto")["ristretto_multiples"]["cases"]]
    base = found[1]
    gc.collect()
    for suite in suites():
        for i, encoding in enumerate(found):
            assert suite.ristretto_mul(bytes([i]) + bytes(31), base) == encoding, (suite.NAME, i)
            assert suite.ristretto_valid(encoding) is (i != 0)
            if i:
                assert suite.ristretto_add(found[i - 1], base) == encoding
                assert suite.ristretto_sub(encoding, base) == found[i - 1]


def test_ristretto_bad_encodings():
    good = unhexlify(vectors("primitives_ristretto")["ristretto_multiples"]["cases"][1])
    for suite, (why, encodings) in plain("ristretto", "ristretto_bad"):
        for encoding in encodings:
            bad = unhexlify(encoding)
            assert suite.ristretto_valid(bad) is False, (suite.NAME, why)
            for name, function, args in (
                ("P", suite.ristretto_mul, (good, bad)),
                ("P", suite.ristretto_add, (bad, good)),
                ("Q", suite.ristretto_add, (good, bad)),
                ("P", suite.ristretto_sub, (bad, good)),
                ("Q", suite.ristretto_sub, (good, bad)),
                ("A", suite.bd_key, (bad, good + good)),
                ("xs", suite.bd_key, (good, good + bad)),
            ):
                error = raises(ValueError, function, *args)
                assert str(error) == name + " is not a canonical ristretto255 encoding", (suite.NAME, why, str(error))


def test_ristretto_map():
    for suite, (label, uniform, result) in plain("ristretto", "ristretto_map"):
        uniform = unhexlify(uniform)
        assert hexlify(suite.ristretto_map(uniform)).decode() == result, suite.NAME
        assert soft_sha512.sha512(label.encode()) == uniform


def test_ristretto_map_same():
    v = vectors("primitives_ristretto")["ristretto_map_same"]
    gc.collect()
    for suite in suites():
        for uniform in v["cases"]:
            assert hexlify(suite.ristretto_map(unhexlify(uniform))).decode() == v["result"], suite.NAME


def test_ristretto_mul():
    arguments("ristretto", "ristretto_mul", "ristretto_mul")


def test_scalar_reduce():
    arguments("ristretto", "scalar_reduce", "scalar_reduce")


def test_bd_key():
    arguments("ristretto", "bd_key", "bd_key")


def test_sqrt_ratio_m1():
    for u, v, was_square, r in vectors("primitives_ristretto")["sqrt_ratio_m1"]["cases"]:
        u, v, r = [int.from_bytes(unhexlify(x), "little") for x in (u, v, r)]
        assert soft_field.sqrt_ratio_m1(u, v) == (was_square, r)


def test_sha512():
    for text, digest in vectors("primitives_symmetric")["sha512"]["cases"]:
        assert hexlify(soft_sha512.sha512(text.encode())).decode() == digest
        assert hexlify(soft_sha512.sha512(b"", text[:5].encode(), text[5:].encode())).decode() == digest


def test_edwards_decode_is_canonical():
    """No signature can show this: nobody can sign for the few points that have a second encoding."""
    twice = 0
    for y in range(19):
        for sign in (0, 1 << 255):
            twice += soft_edwards.decode((y | sign).to_bytes(32, "little")) is not None
            assert soft_edwards.decode((y + soft_field.P | sign).to_bytes(32, "little")) is None
    assert twice > 10
    for y in (1, soft_field.P - 1):  # x = 0
        assert soft_edwards.decode(y.to_bytes(32, "little")) == (0, y, 1, 0)
        assert soft_edwards.decode((y | 1 << 255).to_bytes(32, "little")) is None
