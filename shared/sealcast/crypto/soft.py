"""The crypto suite in plain Python: the executable specification, and the fallback where nothing faster fits.

The same file runs on CPython and MicroPython. It is NOT constant time: Python's integers are not (soft_field.py says
what that means). It checks arguments; the algorithms are in the soft_*.py beside it, one idea a file. docs/PROTOCOL.md
names the primitives; the functions and their errors are the same in suite_host and suite_native.
"""

import sys

from . import soft_ed25519, soft_edwards, soft_frames, soft_ristretto, soft_salsa
from .arguments import chunks32, data, exact, hash_arguments, not_canonical, number, octets, scrypt_cost, writable
from .soft_blake2b import blake2b
from .soft_edwards import L
from .soft_x25519 import x25519 as _x25519

NAME = "soft"


def h(size, key, salt, person, *parts):
    """BLAKE2b (RFC 7693) of the concatenated parts: size 1..64, key
    0..64, salt and person 0..16 bytes (zero padded).
    """
    key, salt, person = hash_arguments(size, key, salt, person, parts)
    return blake2b(size, key, salt, person, bytes(parts[0]) if len(parts) == 1 else b"".join([bytes(p) for p in parts]))


def scrypt(password, salt, n, r, p, size):
    """RFC 7914: `size` bytes."""
    from .soft_scrypt import scrypt as derive  # rare, and a board has better uses for the memory

    password = data("password", password)
    salt = data("salt", salt)
    scrypt_cost(n, r, p)
    number("size", size, 1, (1 << 30) - 1)
    return derive(password, salt, n, r, p, size)


def secretbox(key, nonce, pt):
    """XSalsa20-Poly1305 (NaCl): key 32, nonce 24 -> tag (16) || ciphertext."""
    return soft_salsa.seal(exact("key", key, 32), exact("nonce", nonce, 24), data("pt", pt))


def secretbox_open(key, nonce, box):
    """The plaintext of a box of at least 16 bytes, or None when it is not authentic."""
    return soft_salsa.open_box(exact("key", key, 32), exact("nonce", nonce, 24), octets("box", box, 16, None))


def xsalsa20_xor(key, nonce, data_):
    """data xor the XSalsa20 key stream: key 32, nonce 24."""
    return soft_salsa.xsalsa20_xor(exact("key", key, 32), exact("nonce", nonce, 24), data("data", data_))


def x25519(k, u):
    """X25519 (RFC 7748): k 32, u 32 -> 32. All-zero results are returned as they are: callers check."""
    return _x25519(exact("k", k, 32), exact("u", u, 32))


def x25519_base(k):
    """X25519 of the base point 9."""
    return _x25519(exact("k", k, 32), b"\x09" + bytes(31))


def ed25519_public(seed):
    """The public key (32) of a secret seed (32)."""
    return soft_ed25519.public_key(exact("seed", seed, 32))


def ed25519_sign(seed, public, msg):
    """The signature (64). public must be ed25519_public(seed): the caller keeps it, which halves the cost."""
    return soft_ed25519.sign(exact("seed", seed, 32), exact("public", public, 32), data("msg", msg))


def ed25519_verify(public, sig, msg):
    """Whether the signature is valid: cofactorless, S < l, canonical encodings, no small-order points."""
    return soft_ed25519.verify(exact("public", public, 32), exact("sig", sig, 64), data("msg", msg))


def _element(name, octets_):
    """The argument's element; ValueError when it is not 32 bytes that decode."""
    point = soft_ristretto.decode(exact(name, octets_, 32))
    if point is None:
        raise not_canonical(name)
    return point


def ristretto_map(uniform):
    """The one-way map of RFC 9496 from 64 bytes, encoded (32)."""
    return soft_ristretto.encode(soft_ristretto.one_way_map(exact("uniform", uniform, 64)))


def ristretto_mul(s, P):
    """s P: s 32 bytes, little endian, reduced mod l first; P must decode. The neutral element is 32 zero bytes."""
    s = int.from_bytes(exact("s", s, 32), "little") % L
    return soft_ristretto.encode(soft_edwards.times(s, _element("P", P)))


def ristretto_add(P, Q):
    """P + Q."""
    return soft_ristretto.encode(soft_edwards.add(_element("P", P), _element("Q", Q)))


def ristretto_sub(P, Q):
    """P - Q."""
    return soft_ristretto.encode(soft_edwards.add(_element("P", P), soft_edwards.negate(_element("Q", Q))))


def ristretto_valid(P):
    """Whether P is a canonical encoding, and not the neutral element."""
    P = exact("P", P, 32)
    return P != bytes(32) and soft_ristretto.decode(P) is not None


def scalar_reduce(b):
    """64 bytes, little endian, mod l -> 32. May be zero: the caller tries again."""
    return (int.from_bytes(exact("b", b, 64), "little") % L).to_bytes(32, "little")


def bd_key(A, xs):
    """Burmester-Desmedt: K (32) from A and xs = X_i, X_(i+1), ..., X_(i-1) (n * 32 bytes, n >= 2).

    K is the sum of A, A + X_i, A + X_i + X_(i+1), ... (n terms); None when the X do not add up to neutral.
    """
    A = exact("A", A, 32)
    xs = chunks32("xs", xs)
    A = _element("A", A)
    K = soft_ristretto.bd_sum(A, [_element("xs", xs[i : i + 32]) for i in range(0, len(xs), 32)])
    return None if K is None else soft_ristretto.encode(K)


def equal(a, b):
    """Whether two byte strings are the same, in time that depends on their lengths alone."""
    a = data("a", a)
    b = data("b", b)
    if len(a) != len(b):
        return False
    difference = 0
    for x, y in zip(a, b):
        difference |= x ^ y
    return difference == 0


def wipe(b):
    """Zeroes a bytearray in place."""
    writable("b", b)
    for i in range(len(b)):
        b[i] = 0


soft_frames.install(sys.modules[__name__])  # what every frame does: seal_frame and the others of soft_frames.CALLS
