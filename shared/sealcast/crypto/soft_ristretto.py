"""ristretto255 (RFC 9496) on Python integers, and the Burmester-Desmedt key sum. See soft_field.py for timing.

Elements inside are points of soft_edwards.py; several points stand for one element, and only the encoding tells.
"""

from .soft_edwards import D, add
from .soft_field import SQRT_M1, P, absolute, load, select, sqrt_ratio_m1

# RFC 9496, section 4.1
_SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
_INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
_ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838
_D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952


def decode(octets):
    """The element of 32 bytes, or None when they are not its canonical encoding. RFC 9496, section 4.3.1."""
    s = int.from_bytes(octets, "little")
    if s >= P or s & 1:
        return None
    ss = s * s % P
    u_1 = 1 - ss
    u_2 = 1 + ss
    u_2_squared = u_2 * u_2 % P
    v = (-(D * u_1 * u_1) - u_2_squared) % P
    was_square, invsqrt = sqrt_ratio_m1(1, v * u_2_squared)
    den_x = invsqrt * u_2 % P
    den_y = invsqrt * den_x * v % P
    x = absolute(2 * s * den_x)
    y = u_1 * den_y % P
    t = x * y % P
    if not was_square or t & 1 or y == 0:
        return None
    return x, y, 1, t


def encode(p):
    """The 32 bytes of an element, the same for every point that stands for it. RFC 9496, section 4.3.2."""
    x_0, y_0, z_0, t_0 = p
    u_1 = (z_0 + y_0) * (z_0 - y_0) % P
    u_2 = x_0 * y_0 % P
    _, invsqrt = sqrt_ratio_m1(1, u_1 * u_2 * u_2)
    den_1 = invsqrt * u_1 % P
    den_2 = invsqrt * u_2 % P
    z_inv = den_1 * den_2 * t_0 % P
    rotate = t_0 * z_inv % P & 1
    x = select(x_0 % P, y_0 * SQRT_M1 % P, rotate)
    y = select(y_0 % P, x_0 * SQRT_M1 % P, rotate)
    den_inv = select(den_2, den_1 * _INVSQRT_A_MINUS_D % P, rotate)
    y = select(y, -y % P, x * z_inv % P & 1)
    return absolute(den_inv * (z_0 - y)).to_bytes(32, "little")


def equal(p, q):
    """Whether two points stand for the same element. RFC 9496, section 4.3.3."""
    X_1, Y_1, _, _ = p
    X_2, Y_2, _, _ = q
    return (X_1 * Y_2 - Y_1 * X_2) % P == 0 or (Y_1 * Y_2 - X_1 * X_2) % P == 0


def _map_half(octets):
    """MAP of RFC 9496, section 4.3.4: 32 bytes, top bit ignored, to a point."""
    t = load(octets)
    r = SQRT_M1 * t * t % P
    u = (r + 1) * _ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    was_square, s = sqrt_ratio_m1(u, v)
    s = select(-absolute(s * t) % P, s, was_square)
    c = select(r, P - 1, was_square)
    N = (c * (r - 1) * _D_MINUS_ONE_SQ - v) % P
    ss = s * s % P
    w_0 = 2 * s * v % P
    w_1 = N * _SQRT_AD_MINUS_ONE % P
    w_2 = 1 - ss
    w_3 = 1 + ss
    return w_0 * w_3 % P, w_2 * w_1 % P, w_1 * w_3 % P, w_0 * w_2 % P


def one_way_map(octets):
    """The element of 64 uniform bytes. RFC 9496, section 4.3.4."""
    return add(_map_half(octets[:32]), _map_half(octets[32:]))


def bd_sum(A, xs):
    """K = A + (A + X_1) + (A + X_1 + X_2) + ... over n elements, or None unless the n X add up to neutral.

    A = y_i Z_(i-1) and xs = X_i, X_(i+1), ..., X_(i-1), decoded.
    Source: Burmester and Desmedt, EUROCRYPT 1994, in the additive form of docs/PROTOCOL.md.
    """
    acc = K = A
    for X in xs[:-1]:
        acc = add(acc, X)
        K = add(K, acc)
    if not equal(add(acc, xs[-1]), A):
        return None
    return K
