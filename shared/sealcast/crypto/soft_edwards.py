"""The twisted Edwards curve -x^2 + y^2 = 1 + d x^2 y^2 over GF(2^255 - 19), under Ed25519 and ristretto255.

Points are tuples (X, Y, Z, T) of ints: x = X/Z, y = Y/Z, x y = T/Z. The addition law is complete: it holds for every
pair of points, small orders included, so that nothing here branches on what a point is. See soft_field.py for timing.
Source: RFC 8032, section 5.1.4.
"""

from .soft_field import P, inverse, load, sqrt_ratio_m1

D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
L = 27742317777372353535851937790883648493 + (1 << 252)  # the order of the base point
_2D = 2 * D % P

NEUTRAL = (0, 1, 1, 0)
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
    1,
    46827403850823179245072216630277197565144205554125654976674165829533817101731,
)


def add(p, q):
    """p + q."""
    m = P
    X_1, Y_1, Z_1, T_1 = p
    X_2, Y_2, Z_2, T_2 = q
    A = (Y_1 - X_1) * (Y_2 - X_2)
    B = (Y_1 + X_1) * (Y_2 + X_2)
    C = T_1 * T_2 % m * _2D
    D_ = 2 * Z_1 * Z_2
    E = (B - A) % m
    F = (D_ - C) % m
    G = (D_ + C) % m
    H = (B + A) % m
    return E * F % m, G * H % m, F * G % m, E * H % m


def negate(p):
    """-p."""
    X, Y, Z, T = p
    return -X % P, Y, Z, -T % P


def times(s, p):
    """s p for an int s in 0..2^256-1: four bits at a time, 64 steps whatever s is."""
    m = P
    table = [NEUTRAL, p]
    for _ in range(14):
        table.append(add(table[-1], p))
    X, Y, Z, T = NEUTRAL
    for shift in range(252, -4, -4):
        for _ in range(4):  # doubling; T of the sum is not needed to double, but add() below uses it
            A = X * X
            B = Y * Y
            H = A + B
            E = X + Y
            E = (H - E * E) % m
            G = (A - B) % m
            H %= m
            F = (2 * Z * Z + G) % m
            X = E * F % m
            Y = G * H % m
            Z = F * G % m
        X, Y, Z, T = add((X, Y, Z, E * H % m), table[s >> shift & 15])
    return X, Y, Z, T


def is_neutral(p):
    """Whether p is the neutral element of the curve."""
    X, Y, Z, _ = p
    return X % P == 0 and (Y - Z) % P == 0


def is_small_order(p):
    """Whether 8 p is neutral."""
    for _ in range(3):
        p = add(p, p)
    return is_neutral(p)


def encode(p):
    """The 32 bytes of a point: y, and the sign of x in the top bit. RFC 8032, section 5.1.2."""
    X, Y, Z, _ = p
    z_inverse = inverse(Z)
    x = X * z_inverse % P
    return (Y * z_inverse % P | (x & 1) << 255).to_bytes(32, "little")


def decode(octets):
    """The point of 32 bytes, or None when they are no canonical encoding of one. RFC 8032, section 5.1.3.

    x = 0 with the sign bit set is refused as well, as the RFC has it.
    """
    sign = octets[31] >> 7
    y = load(octets)
    yy = y * y % P
    is_square, x = sqrt_ratio_m1(yy - 1, D * yy + 1)
    if y >= P or not is_square or (x == 0 and sign):
        return None
    if sign:  # public: only public keys and signatures are decoded here
        x = P - x
    return x, y, 1, x * y % P
