"""scrypt (RFC 7914) on Python integers, over hashlib's SHA-256, which every Python has.

Keeps all N blocks: 128 r N bytes, and several times that as integers. It is here as the specification; a board is
provisioned with the finished key, or has suite_native, which works in bounded memory.
"""

import hashlib

from ..compat import const
from .soft_salsa import M, double_rounds, rows, unrows

_SHA_BLOCK = const(64)


def _sha256(*parts):
    h = hashlib.sha256()
    for part in parts:
        h.update(part)
    return h.digest()


def pbkdf2(password, salt, size):
    """PBKDF2-HMAC-SHA-256 with one iteration. RFC 8018, section 5.2; HMAC: RFC 2104."""
    if len(password) > _SHA_BLOCK:
        password = _sha256(password)
    password = password + bytes(_SHA_BLOCK - len(password))
    inner = bytes([x ^ 0x36 for x in password])
    outer = bytes([x ^ 0x5C for x in password])
    out = []
    for i in range(1, (size + 31) // 32 + 1):
        out.append(_sha256(outer, _sha256(inner, salt, i.to_bytes(4, "big"))))
    return b"".join(out)[:size]


def _block_mix(B):
    """scryptBlockMix, section 4: B and the result are 8 r rows, four a 64-byte block."""
    m = M
    size = len(B)
    a, b, c, d = B[size - 4 :]
    even = []
    odd = []
    for i in range(0, size, 4):
        a_0 = a ^ B[i]
        b_0 = b ^ B[i + 1]
        c_0 = c ^ B[i + 2]
        d_0 = d ^ B[i + 3]
        a, b, c, d = double_rounds(a_0, b_0, c_0, d_0, 4)
        a = a + a_0 & m
        b = b + b_0 & m
        c = c + c_0 & m
        d = d + d_0 & m
        (odd if i & 4 else even).extend((a, b, c, d))
    return even + odd


def _ro_mix(B, n):
    """scryptROMix, section 5: 128 r bytes -> 128 r bytes."""
    X = []
    for i in range(0, len(B), 64):
        X.extend(rows(B[i : i + 64]))
    V = []
    for _ in range(n):
        V.append(X)
        X = _block_mix(X)
    last = len(X) - 4  # Integerify: word 0 of the last block (n is at most 2^30, so no more of it is needed)
    for _ in range(n):
        W = V[X[last] & (n - 1)]
        X = _block_mix([x ^ w for x, w in zip(X, W)])
    return b"".join([unrows(X[i], X[i + 1], X[i + 2], X[i + 3]) for i in range(0, len(X), 4)])


def scrypt(password, salt, n, r, p, size):
    """`size` bytes from a password and a salt, with cost n, block size r and parallelisation p. RFC 7914, section 6."""
    step = 128 * r
    B = pbkdf2(password, salt, p * step)
    B = b"".join([_ro_mix(B[i : i + step], n) for i in range(0, p * step, step)])
    return pbkdf2(password, B, size)
