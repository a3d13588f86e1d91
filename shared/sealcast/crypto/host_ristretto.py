"""ristretto255 (RFC 9496) over libsodium's Ed25519 point operations, for suite_host.

PyNaCl has no ristretto255, and Python's own square roots cost more than a whole scalar multiplication in C. So:

* A point Q is handled as its 32-byte Edwards encoding, and as affine (x, y) where Python computes.
* libsodium finds x: adding T = (i, 0), a point of order 4, turns (x, y) into (i y, i x), and the result's encoding
  shows its y coordinate, i x. libsodium refuses when y is not on the curve, which is the square test of decoding.
* libsodium multiplies only in the prime-order subgroup, and a decoded point may lie a 4-torsion point beside it. So
  4 Q is multiplied, by s/8, and the doubling that is left is what makes the result's encoding cheap: the encoding of
  2 R needs no square root, one inversion (Hamburg, "Decaf"; de Valence et al., ristretto.group). The algebra is at
  _encode_double.

Scalars never meet a branch or a table here but for s = 0, which the caller sees in the result anyway. Python's integer
arithmetic on the points that come out is not constant time.
"""

import nacl.bindings as sodium

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
I = pow(2, (P - 1) // 4, P)  # a square root of -1; RFC 9496 takes this one, the even one

_NEUTRAL = (0, 1)
_ORDER_4 = bytes(32)  # the encoding of (i, 0) with i even
_EIGHTH = pow(8, -1, L)
_C = 54469307008909316920995813868745141605393597292927456921205312896311721017578  # 1/sqrt(-1 - D), RFC 9496, 4.1
_SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
_ONE_MINUS_D_SQ = (1 - D * D) % P
_D_MINUS_ONE_SQ = (D - 1) ** 2 % P
_P58 = (P - 5) // 8


def _x(y):
    """The x, 0..P-1, of one of the two points with this y; None when there are none. Not for y = 1 or y = -1."""
    try:
        turned = sodium.crypto_core_ed25519_add(y.to_bytes(32, "little"), _ORDER_4)
    except RuntimeError:
        return None
    return (int.from_bytes(turned, "little") & (1 << 255) - 1) * -I % P


def decode(octets):
    """Affine (x, y) of 32 bytes, or None when they are no canonical encoding. RFC 9496, section 4.3.1."""
    s = int.from_bytes(octets, "little")
    if s >= P or s & 1:
        return None
    if s == 0:
        return _NEUTRAL
    ss = s * s % P
    if ss == 1 or ss == P - 1:  # y = 0; y infinite
        return None
    y = (1 - ss) * pow(1 + ss, -1, P) % P
    x = _x(y)
    if x is None:
        return None
    if x & 1:
        x = P - x
    return None if x * y % P & 1 else (x, y)


def _sqrt_ratio(u, v):
    """RFC 9496, section 4.2: (whether u/v is a square, the non-negative root of it or of i u/v)."""
    v3 = v * v * v % P
    r = u * v3 * pow(u * v3 * v3 * v, _P58, P) % P
    check = v * r * r % P
    u %= P
    square = check == u or check == P - u or u == 0
    if check != u and check in ((P - u) % P, -u * I % P):
        r = r * I % P
    return square, P - r if r & 1 else r


def _encode(point):
    """32 bytes of extended coordinates (X, Y, Z, T). RFC 9496, section 4.3.2."""
    x, y, z, t = point
    u_1 = (z + y) * (z - y) % P
    u_2 = x * y % P
    _, root = _sqrt_ratio(1, u_1 * u_2 * u_2 % P)
    den_1 = root * u_1 % P
    den = root * u_2 % P
    z_inv = den_1 * den * t % P
    if t * z_inv % P & 1:
        x, y = y * I % P, x * I
        den = den_1 * _C
    if x * z_inv % P & 1:
        y = -y
    s = (z - y) * den % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def _encode_double(x, y):
    """The ristretto255 encoding of 2 (x, y), for a point of prime order.

    With e = 2 x y, f = 1 + d x^2 y^2, g = y^2 + x^2, h = 1 - d x^2 y^2 the doubled point is (e/f, g/h).
    On the curve f = y^2 - x^2, so h^2 - g^2 = -(1 + d) e^2 and f^2 + e^2 = g^2: the square roots in the encoding,
    of 1 - (g/h)^2, or of 1 + (e/f)^2 for the point turned by T, are e/(h c) and g/f with c = 1/sqrt(-1 - d).
    None of e, f, g, h is 0 here: that would be order 1, 2, 4 or 8.
    """
    xx = x * x
    yy = y * y
    t = D * (xx * yy % P)
    e = 2 * x * y % P
    f = (1 + t) % P
    g = (yy + xx) % P
    h = (1 - t) % P
    fh = f * h % P
    eg = e * g % P
    inverse = pow(fh * eg, -1, P)
    if eg * eg % P * inverse % P & 1:  # the product of the coordinates, eg/fh, is negative: turn
        turned = e * I % P
        if g * I % P * f % P * inverse % P * eg % P & 1:  # new x = i g/h
            turned = -turned
        s = (f - turned) * fh % P * e % P * inverse % P  # (f - i e)/g
    else:
        if e * h % P * eg % P * inverse % P & 1:  # x = e/f
            g = -g
        s = (h - g) * _C % P * fh % P * (eg * inverse % P) % P * pow(e, -1, P) % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def multiply(s, point):
    """The encoding of s times an affine point; s is an int in 0..L-1."""
    x, y = point
    if s == 0 or x == 0:  # an element decodes to x = 0 only when it is neutral
        return bytes(32)
    Q = (y | (x & 1) << 255).to_bytes(32, "little")
    Q = sodium.crypto_core_ed25519_add(Q, Q)
    Q = sodium.crypto_core_ed25519_add(Q, Q)
    R = sodium.crypto_scalarmult_ed25519_noclamp((s * _EIGHTH % L).to_bytes(32, "little"), Q)
    turned = sodium.crypto_core_ed25519_add(R, _ORDER_4)
    mask = (1 << 255) - 1
    x = (int.from_bytes(turned, "little") & mask) * -I % P
    return _encode_double(x, int.from_bytes(R, "little") & mask)


def _extended(point):
    x, y = point
    return x, y, 1, x * y % P


def _add(p, q):
    """The sum, in extended coordinates. Hisil et al., "Twisted Edwards Curves Revisited", section 3.1."""
    x_1, y_1, z_1, t_1 = p
    x_2, y_2, z_2, t_2 = q
    a = (y_1 - x_1) * (y_2 - x_2)
    b = (y_1 + x_1) * (y_2 + x_2)
    c = 2 * D * (t_1 * t_2 % P)
    d = 2 * z_1 * z_2
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def add(p, q):
    """The encoding of the sum of two affine points."""
    return _encode(_add(_extended(p), _extended(q)))


def subtract(p, q):
    """The encoding of the difference of two affine points."""
    return add(p, (-q[0] % P, q[1]))


def _map_half(octets):
    """MAP of RFC 9496, section 4.3.4."""
    t = int.from_bytes(octets, "little") & (1 << 255) - 1
    r = I * (t * t % P) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = _sqrt_ratio((r + 1) * _ONE_MINUS_D_SQ % P, v)
    c = -1
    if not square:
        s = s * t % P
        s = s if s & 1 else -s % P
        c = r
    n = (c * (r - 1) * _D_MINUS_ONE_SQ - v) % P
    ss = s * s % P
    w_0, w_1, w_2, w_3 = 2 * s * v % P, n * _SQRT_AD_MINUS_ONE % P, 1 - ss, 1 + ss
    return w_0 * w_3 % P, w_2 * w_1 % P, w_1 * w_3 % P, w_0 * w_2 % P


def one_way_map(octets):
    """The encoding of the element of 64 uniform bytes."""
    return _encode(_add(_map_half(octets[:32]), _map_half(octets[32:])))


def bd_sum(A, xs):
    """The encoding of A + (A + X_1) + (A + X_1 + X_2) + ..., n terms; None unless the n affine X add up to neutral."""
    acc = K = _extended(A)
    for X in xs[:-1]:
        acc = _add(acc, _extended(X))
        K = _add(K, acc)
    x, y, _, _ = _add(acc, _extended(xs[-1]))
    a, b = A
    if (x * b - y * a) % P and (y * b - x * a) % P:  # RFC 9496, section 4.3.3
        return None
    return _encode(K)
