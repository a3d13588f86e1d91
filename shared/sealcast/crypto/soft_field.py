"""Arithmetic in GF(2^255 - 19) on Python integers: the field under X25519, Ed25519 and ristretto255.

Part of the executable specification (crypto/soft.py). Python's integers do not run in constant time, here or in any
module that builds on this one: the length of an intermediate value shows in the time. What is done is that no branch
depends on a secret and exponents are fixed chains. Where an attacker can time a member closely, use suite_native or
suite_host.

Field elements are ints in 0..P-1 between the functions; inside a formula they may be unreduced or negative.
"""

from ..compat import const

P = (1 << 255) - 19

# a square root of -1 (RFC 7748 and RFC 9496 take this one, not its negative)
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752

_BITS = const(255)


def load(octets):
    """32 bytes, little endian, with the top bit ignored -> int below 2^255, not reduced mod P."""
    return int.from_bytes(octets, "little") & ((1 << _BITS) - 1)


def store(x):
    """The canonical 32 bytes of a field element, reduced or not."""
    return (x % P).to_bytes(32, "little")


def _squarings(x, count):
    p = P
    for _ in range(count):
        x = x * x % p
    return x


def _chain(z):
    """z^(2^250 - 1) and z^11: where the powers for the inverse and for the square root start."""
    z2 = z * z % P
    z9 = _squarings(z2, 2) * z % P
    z11 = z9 * z2 % P
    e5 = z11 * z11 * z9 % P  # z^(2^5 - 1), and so on: eN is z^(2^N - 1)
    e10 = _squarings(e5, 5) * e5 % P
    e20 = _squarings(e10, 10) * e10 % P
    e40 = _squarings(e20, 20) * e20 % P
    e50 = _squarings(e40, 10) * e10 % P
    e100 = _squarings(e50, 50) * e50 % P
    e200 = _squarings(e100, 100) * e100 % P
    return _squarings(e200, 50) * e50 % P, z11


def inverse(z):
    """1/z = z^(P - 2); 0 for 0. The exponent is 2^255 - 21 = (2^250 - 1) 2^5 + 11."""
    e250, z11 = _chain(z)
    return _squarings(e250, 5) * z11 % P


def _power_p58(z):
    """z^((P - 5) / 8), the exponent being 2^252 - 3 = (2^250 - 1) 2^2 + 1."""
    return _squarings(_chain(z)[0], 2) * z % P


def select(a, b, choose_b):
    """a, or b where choose_b is 1: by arithmetic, without a branch."""
    return a ^ ((a ^ b) * choose_b)


def absolute(x):
    """x or -x, whichever is non-negative (an even number below P). RFC 9496, section 3.2.2."""
    x %= P
    return select(x, -x % P, x & 1)


def sqrt_ratio_m1(u, v):
    """(1, sqrt(u/v)) where u/v is a square, else (0, sqrt(SQRT_M1 u/v)); roots are non-negative. RFC 9496, section 4.2.

    (1, 0) for u = 0, whatever v is; (0, 0) for v = 0 and u != 0.
    """
    u %= P
    v3 = v * v * v % P
    v7 = v3 * v3 * v % P
    r = u * v3 * _power_p58(u * v7 % P) % P
    check = v * r * r % P
    correct_sign = int(check == u)
    flipped_sign = int(check == -u % P)
    flipped_sign_i = int(check == -u * SQRT_M1 % P)
    r = select(r, r * SQRT_M1 % P, flipped_sign | flipped_sign_i)
    return correct_sign | flipped_sign, absolute(r)
