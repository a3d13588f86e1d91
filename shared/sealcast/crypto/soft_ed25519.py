"""Ed25519 (RFC 8032) on Python integers, with libsodium's rules for
what a valid signature is. See soft_field.py for timing.
"""

from .soft_edwards import BASE, L, add, decode, encode, is_small_order, negate, times
from .soft_sha512 import sha512


def _expand(seed):
    """The secret scalar and the prefix of a seed. RFC 8032, section 5.1.5."""
    h = sha512(seed)
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return a, h[32:]


def _hash_to_scalar(*parts):
    return int.from_bytes(sha512(*parts), "little") % L


def public_key(seed):
    """The public key (32 bytes) of a secret seed (32)."""
    return encode(times(_expand(seed)[0], BASE))


def sign(seed, public, msg):
    """The signature (64 bytes). RFC 8032, section 5.1.6; `public` must be the seed's own public key."""
    a, prefix = _expand(seed)
    r = _hash_to_scalar(prefix, msg)
    R = encode(times(r, BASE))
    S = (r + _hash_to_scalar(R, public, msg) * a) % L
    return R + S.to_bytes(32, "little")


def verify(public, sig, msg):
    """Whether sig is valid: S < L, canonical public key, neither it nor R of small order, and R = S B - h A exactly.

    That is RFC 8032, section 5.1.7, without the cofactor, plus the refusal of small orders that libsodium adds.
    Everything here is public, so it may return early.
    """
    R = sig[:32]
    S = int.from_bytes(sig[32:], "little")
    if S >= L:
        return False
    A = decode(public)
    if A is None or is_small_order(A):
        return False
    R_point = decode(R)
    if R_point is None or is_small_order(R_point):
        return False
    h = _hash_to_scalar(R, public, msg)
    return encode(add(times(S, BASE), times(h, negate(A)))) == R
