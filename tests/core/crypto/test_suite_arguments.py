"""Wrong arguments raise the same error, naming the argument, in every suite; byte strings of every kind are taken."""

from check import raises
from sealcast.crypto import arguments as suite_check
from suites import suites

K = bytes(range(32))
N = K[:24]
BASE = (
    b"\xe2\xf2\xae\x0a\x6a\xbc\x4e\x71\xa8\x84\xa9\x61\xc5\x00\x51\x5f"
    b"\x58\xe3\x0b\x6a\xa5\x82\xdd\x8d\xb6\xa6\x59\x45\xe0\x8d\x2d\x76"
)

# function, good arguments, then for each argument its name and the lengths that are refused
BYTES = (
    ("secretbox", (K, N, b"pt"), (("key", (0, 31, 33)), ("nonce", (0, 23, 25, 32)), ("pt", ()))),
    ("secretbox_open", (K, N, bytes(16)), (("key", (0, 31, 33)), ("nonce", (0, 23, 25)), ("box", (0, 15)))),
    ("xsalsa20_xor", (K, N, b"data"), (("key", (0, 31, 33)), ("nonce", (0, 23, 25)), ("data", ()))),
    ("x25519", (K, K), (("k", (0, 31, 33, 64)), ("u", (0, 31, 33)))),
    ("x25519_base", (K,), (("k", (0, 31, 33)),)),
    ("ed25519_public", (K,), (("seed", (0, 31, 33, 64)),)),
    ("ed25519_sign", (K, K, b"m"), (("seed", (0, 31, 33, 64)), ("public", (0, 31, 33)), ("msg", ()))),
    ("ed25519_verify", (K, K + K, b"m"), (("public", (0, 31, 33)), ("sig", (0, 63, 65)), ("msg", ()))),
    ("ristretto_map", (K + K,), (("uniform", (0, 32, 63, 65)),)),
    ("ristretto_mul", (K, BASE), (("s", (0, 31, 33)), ("P", (0, 31, 33)))),
    ("ristretto_add", (BASE, BASE), (("P", (0, 31, 33)), ("Q", (0, 31, 33)))),
    ("ristretto_sub", (BASE, BASE), (("P", (0, 31, 33)), ("Q", (0, 31, 33)))),
    ("ristretto_valid", (BASE,), (("P", (0, 31, 33)),)),
    ("scalar_reduce", (K + K,), (("b", (0, 32, 63, 65)),)),
    ("bd_key", (BASE, BASE + BASE), (("A", (0, 31, 33)), ("xs", (0, 32, 63, 65, 95)))),
    ("equal", (K, K), (("a", ()), ("b", ()))),
)


def _refused(kind, name, function, *args):
    error = raises(kind, function, *args)
    assert str(error).startswith(name + " "), (str(error), name)


def _with(args, i, value):
    return args[:i] + (value,) + args[i + 1 :]


def test_wrong_lengths():
    for suite in suites():
        for function, good, arguments in BYTES:
            function = getattr(suite, function)
            for i, (name, lengths) in enumerate(arguments):
                for length in lengths:
                    _refused(ValueError, name, function, *_with(good, i, bytes(length)))


def test_wrong_types():
    for suite in suites():
        for function, good, arguments in BYTES:
            function = getattr(suite, function)
            for i, (name, _) in enumerate(arguments):
                for value in (None, 7, "x" * len(good[i]), [0] * len(good[i])):
                    _refused(TypeError, name, function, *_with(good, i, value))


def test_every_kind_of_byte_string():
    for suite in suites():
        for function, good, _ in BYTES:
            function = getattr(suite, function)
            expected = function(*good)
            for kind in (bytearray, memoryview):
                for i in range(len(good)):
                    assert function(*_with(good, i, kind(good[i]))) == expected, (suite.NAME, function)


def test_results_are_new_bytes():
    for suite in suites():
        for name in (
            "secretbox",
            "xsalsa20_xor",
            "x25519",
            "ed25519_sign",
            "ristretto_map",
            "ristretto_mul",
            "scalar_reduce",
        ):
            good = [args for function, args, _ in BYTES if function == name][0]
            assert type(getattr(suite, name)(*[bytearray(x) for x in good])) is bytes
        assert type(suite.secretbox_open(K, N, bytearray(suite.secretbox(K, N, b"pt")))) is bytes


def test_h_arguments():
    for suite in suites():
        h = suite.h
        for size in (0, 65, -1):
            _refused(ValueError, "size", h, size, b"", b"", b"", b"x")
        for size in (None, b"2", "2"):
            _refused(TypeError, "size", h, size, b"", b"", b"", b"x")
        _refused(ValueError, "key", h, 32, bytes(65), b"", b"", b"x")
        _refused(ValueError, "salt", h, 32, b"", bytes(17), b"", b"x")
        _refused(ValueError, "person", h, 32, b"", b"", bytes(17), b"x")
        for value in (None, 7, "text"):
            _refused(TypeError, "key", h, 32, value, b"", b"", b"x")
            _refused(TypeError, "salt", h, 32, b"", value, b"", b"x")
            _refused(TypeError, "person", h, 32, b"", b"", value, b"x")
            _refused(TypeError, "parts", h, 32, b"", b"", b"", b"x", value)
        expected = h(32, K, K[:16], b"sc/x", b"data")
        assert h(32, bytearray(K), memoryview(K)[:16], bytearray(b"sc/x"), memoryview(b"data")) == expected


def test_scrypt_arguments():
    for suite in suites():
        scrypt = suite.scrypt
        _refused(TypeError, "password", scrypt, "text", b"", 2, 1, 1, 1)
        _refused(TypeError, "salt", scrypt, b"", "text", 2, 1, 1, 1)
        for n in (0, 1, 3, 6, -2, (1 << 30) + 1):
            _refused(ValueError, "n", scrypt, b"", b"", n, 1, 1, 1)
        for zero in (0, -1):
            _refused(ValueError, "r", scrypt, b"", b"", 2, zero, 1, 1)
            _refused(ValueError, "p", scrypt, b"", b"", 2, 1, zero, 1)
            _refused(ValueError, "size", scrypt, b"", b"", 2, 1, 1, zero)
        _refused(TypeError, "n", scrypt, b"", b"", b"2", 1, 1, 1)
        _refused(TypeError, "r", scrypt, b"", b"", 2, None, 1, 1)
        _refused(TypeError, "p", scrypt, b"", b"", 2, 1, "1", 1)
        _refused(TypeError, "size", scrypt, b"", b"", 2, 1, 1, None)
        _refused(ValueError, "r", scrypt, b"", b"", 2, 1 << 16, 1 << 16, 1)
        assert scrypt(bytearray(b"p"), memoryview(b"s"), 2, 1, 1, 5) == scrypt(b"p", b"s", 2, 1, 1, 5)


def test_equal():
    for suite in suites():
        assert suite.equal(b"", b"") is True
        assert suite.equal(K, bytearray(K)) is True
        assert suite.equal(K, memoryview(K)[:31]) is False
        for i in range(32):
            other = bytearray(K)
            other[i] ^= 0x80
            assert suite.equal(K, other) is False


def test_wipe():
    for suite in suites():
        secret = bytearray(K)
        view = memoryview(secret)
        assert suite.wipe(view[8:16]) is None
        assert secret == K[:8] + bytes(8) + K[16:]
        assert suite.wipe(secret) is None
        assert secret == bytes(32) and len(secret) == 32
        suite.wipe(bytearray())
        for value in (K, "text", None):
            _refused(TypeError, "b", suite.wipe, value)


def test_errors_hold_no_secrets():
    """The message is made of the name and of constants alone."""
    for least, most, text in (
        (32, 32, "32 bytes"),
        (0, 5, "at most 5 bytes"),
        (8, 32, "8 to 32 bytes"),
        (40, None, "40 or more bytes"),
    ):
        error = raises(ValueError, suite_check.octets, "key", b"secret", least, most)
        assert str(error) == "key must be " + text
