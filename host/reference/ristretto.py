"""ristretto255 as RFC 9496 writes it, on Python's integers: decode, encode, the one-way map, and the group.

Nothing here is constant time. The names are the RFC's.
"""

from typing import NamedTuple

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493

# RFC 9496, section 4.1.
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


class Point(NamedTuple):
    """A point of the twisted Edwards curve, in extended coordinates: x = X/Z, y = Y/Z, T = XY/Z."""

    X: int
    Y: int
    Z: int
    T: int


NEUTRAL = Point(0, 1, 1, 0)


def is_negative(e: int) -> bool:
    return e % P % 2 == 1


def absolute(e: int) -> int:
    return -e % P if is_negative(e) else e % P


def sqrt_ratio_m1(u: int, v: int) -> tuple[bool, int]:
    """Section 4.2: (was_square, the non-negative root of u/v, or of SQRT_M1 * u/v)."""
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    correct = check == u % P
    flipped = check == -u % P
    if flipped or check == -u * SQRT_M1 % P:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


def decode(encoded: bytes) -> Point | None:
    """Section 4.3.1; None for anything but the one encoding of an element."""
    s = int.from_bytes(encoded, "little")
    if len(encoded) != 32 or s >= P or is_negative(s):
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    v = (-D * u1 * u1 - u2 * u2) % P
    was_square, invsqrt = sqrt_ratio_m1(1, v * u2 * u2 % P)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x = absolute(2 * s * den_x)
    y = u1 * den_y % P
    t = x * y % P
    if not was_square or is_negative(t) or y == 0:
        return None
    return Point(x, y, 1, t)


def encode(point: Point) -> bytes:
    """Section 4.3.2."""
    X, Y, Z, T = point
    u1 = (Z + Y) * (Z - Y) % P
    u2 = X * Y % P
    _, invsqrt = sqrt_ratio_m1(1, u1 * u2 * u2 % P)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * T % P
    if is_negative(T * z_inv):
        x, y = Y * SQRT_M1 % P, X * SQRT_M1 % P
        den_inv = den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den_inv = X, Y, den2
    if is_negative(x * z_inv):
        y = -y % P
    return absolute(den_inv * (Z - y)).to_bytes(32, "little")


def _map(t: int) -> Point:
    """MAP of section 4.3.4."""
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio_m1(u, v)
    if was_square:
        c = -1
    else:
        s, c = -absolute(s * t), r
    N = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v, N * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    return Point(w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def one_way_map(uniform: bytes) -> Point:
    """Section 4.3.4: an element from 64 uniform bytes."""
    if len(uniform) != 64:
        raise ValueError("the one-way map takes 64 bytes")
    halves = (int.from_bytes(half, "little") % 2**255 % P for half in (uniform[:32], uniform[32:]))
    return add(*(_map(t) for t in halves))


def add(p: Point, q: Point) -> Point:
    """The complete addition of the curve with a = -1 (Hisil, Wong, Carter, Dawson 2008)."""
    A = (p.Y - p.X) * (q.Y - q.X)
    B = (p.Y + p.X) * (q.Y + q.X)
    C = 2 * D * p.T * q.T
    E = 2 * p.Z * q.Z
    return Point((B - A) * (E - C) % P, (E + C) * (B + A) % P, (E - C) * (E + C) % P, (B - A) * (B + A) % P)


def negate(p: Point) -> Point:
    return Point(-p.X % P, p.Y, p.Z, -p.T % P)


def subtract(p: Point, q: Point) -> Point:
    return add(p, negate(q))


def multiply(scalar: int, p: Point) -> Point:
    result = NEUTRAL
    for bit in bin(scalar % L)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, p)
    return result


def equal(p: Point, q: Point) -> bool:
    """Section 4.3.3."""
    return (p.X * q.Y - p.Y * q.X) % P == 0 or (p.Y * q.Y - p.X * q.X) % P == 0


def is_neutral(p: Point) -> bool:
    return equal(p, NEUTRAL)
