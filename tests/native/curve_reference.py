"""Curve25519 in plain big integers, from the RFCs: what the C is
compared with in edge cases. Not constant time, not fast.
"""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578
BASE_Y = 4 * pow(5, -1, P) % P


def le(n, size=32):
    return n.to_bytes(size, "little")


def num(b):
    return int.from_bytes(b, "little")


# --- RFC 7748 ---

def x25519(k, u):
    k = num(k) & ~7 & (2**255 - 1) | 2**254
    x1 = num(u) % 2**255 % P
    x2, z2, x3, z3 = 1, 0, x1, 1
    for t in reversed(range(255)):
        bit = k >> t & 1
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        x3, z3 = (da + cb)**2 % P, x1 * (da - cb)**2 % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if bit:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return le(x2 * pow(z2, P - 2, P) % P)


# --- the Edwards curve, affine ---

def add(p, q):
    (x1, y1), (x2, y2) = p, q
    k = D * x1 * x2 * y1 * y2 % P
    inverse = pow((1 + k) * (1 - k), -1, P)
    return (x1 * y2 + x2 * y1) * (1 - k) * inverse % P, (y1 * y2 + x1 * x2) * (1 + k) * inverse % P


def neg(p):
    return -p[0] % P, p[1]


def mul(n, p):
    r = (0, 1)
    for bit in bin(n)[2:]:
        r = add(r, r)
        if bit == "1":
            r = add(r, p)
    return r


def recover_x(y, sign):
    """RFC 8032 5.1.3; None if there is none."""
    ok, x = sqrt_ratio(y * y - 1, D * y * y + 1)
    if not ok or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def sqrt_ratio(u, v):
    """RFC 9496 4.2."""
    u, v = u % P, v % P
    r = u * v**3 * pow(u * v**7, (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * SQRT_M1 % P):
        r = r * SQRT_M1 % P
    return check in (u, -u % P), P - r if r & 1 else r


BASE = (recover_x(BASE_Y, 0), BASE_Y)


# --- RFC 9496 ---

def absolute(x):
    x %= P
    return P - x if x & 1 else x


def ristretto_decode(b):
    """The affine point, or None."""
    s = num(b)
    if s >= P or s & 1:
        return None
    u1, u2 = 1 - s * s, 1 + s * s
    v = -(D * u1 * u1) - u2 * u2
    ok, i = sqrt_ratio(1, v * u2 * u2)
    x = absolute(2 * s * i * u2)
    y = u1 * i * i * u2 * v % P
    if not ok or x * y % P & 1 or y == 0:
        return None
    return x, y


def ristretto_encode(p):
    x0, y0 = p
    t0 = x0 * y0
    u1, u2 = (1 + y0) * (1 - y0), x0 * y0
    _, inv = sqrt_ratio(1, u1 * u2 * u2)
    den1, den2 = inv * u1, inv * u2
    z_inv = den1 * den2 * t0 % P
    if t0 * z_inv % P & 1:
        x, y, den_inv = y0 * SQRT_M1, x0 * SQRT_M1, den1 * INVSQRT_A_MINUS_D
    else:
        x, y, den_inv = x0, y0, den2
    if x * z_inv % P & 1:
        y = -y
    return le(absolute(den_inv * (1 - y)))


def elligator(t):
    r = SQRT_M1 * t * t % P
    u, v = (r + 1) * (1 - D * D), (-1 - r * D) * (r + D)
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s, c = -absolute(s * t), r
    n = c * (r - 1) * (D - 1)**2 - v
    w0, w1, w2, w3 = 2 * s * v, n * SQRT_AD_MINUS_ONE, 1 - s * s, 1 + s * s
    z = pow(w1 * w3, -1, P)
    return w0 * w3 * z % P, w2 * w1 * z % P


def ristretto_map(b):
    return ristretto_encode(add(elligator(num(b[:32]) % 2**255), elligator(num(b[32:]) % 2**255)))


# --- RFC 8032 ---

def ed_encode(p):
    return le(p[1] | (p[0] & 1) << 255)


def ed_decode(b):
    y, sign = num(b) % 2**255, b[31] >> 7
    x = recover_x(y, sign) if y < P else None
    return None if x is None else (x, y)


def ed_expand(seed):
    h = hashlib.sha512(seed).digest()
    return num(h[:32]) & ~7 & (2**255 - 1) | 2**254, h[32:]


def ed25519_public(seed):
    return ed_encode(mul(ed_expand(seed)[0] % L, BASE))


def hash_scalar(*parts):
    return num(hashlib.sha512(b"".join(parts)).digest()) % L


def ed25519_sign(seed, public, msg):
    a, prefix = ed_expand(seed)
    r = hash_scalar(prefix, msg)
    R = ed_encode(mul(r, BASE))
    return R + le((r + hash_scalar(R, public, msg) * a) % L)


def ed25519_verify(public, sig, msg):
    """Cofactorless; S < l, canonical, no point of small order."""
    A, S = ed_decode(public), num(sig[32:])
    if A is None or S >= L or mul(8, A) == (0, 1):
        return False
    R = add(mul(S, BASE), neg(mul(hash_scalar(sig[:32], public, msg), A)))
    return mul(8, R) != (0, 1) and ed_encode(R) == sig[:32]
