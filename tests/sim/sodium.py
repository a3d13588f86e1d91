"""A crypto suite for the simulator: libsodium throughout, its own ristretto255 included (rbcl). Real keys, real
algebra, fast enough for thousands of schedules. Same interface as the suites of shared/sealcast; checked against them
in core tests.
"""

import hashlib
import hmac
import sys
from functools import lru_cache

import nacl.bindings as na
import rbcl
from nacl.exceptions import CryptoError

from sealcast.crypto import soft_frames

NAME = "sodium"


def h(size, key, salt, person, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key, salt=salt, person=person).digest()


def scrypt(password, salt, n, r, p, size):
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=size, maxmem=1 << 27)


def secretbox(key, nonce, pt):
    return na.crypto_secretbox(bytes(pt), nonce, key)


def secretbox_open(key, nonce, box):
    try:
        return na.crypto_secretbox_open(bytes(box), nonce, key)
    except CryptoError:
        return None


def xsalsa20_xor(key, nonce, data):
    # secretbox puts the Poly1305 key in the first 32 bytes of the stream
    stream = b""
    box = na.crypto_secretbox(bytes(32) + bytes(len(data)), nonce, key)
    del stream
    first = _first32(key, nonce)
    return bytes(a ^ b for a, b in zip(data, first + box[16:], strict=False))


def _first32(key, nonce):
    # HSalsa20 is not exposed; the first 32 stream bytes come from the executable specification
    from sealcast.crypto import soft as suite_soft

    return suite_soft.xsalsa20_xor(key, nonce, bytes(32))


def x25519(k, u):
    return _multiple(bytes(k), bytes(u))


@lru_cache(16384)  # a part of each step of the ratchet is the same for all
def _multiple(k, u):
    try:
        return na.crypto_scalarmult(k, u)
    except Exception:
        return bytes(32)


@lru_cache(4096)
def x25519_base(k):
    return na.crypto_scalarmult_base(k)


def ed25519_public(seed):
    return na.crypto_sign_seed_keypair(seed)[0]


def ed25519_sign(seed, public, msg):
    return na.crypto_sign(bytes(msg), seed + public)[:64]


def ed25519_verify(public, sig, msg):
    return _verified(bytes(public), bytes(sig) + bytes(msg))


@lru_cache(8192)  # every member checks the same frames
def _verified(public, signed):
    try:
        na.crypto_sign_open(signed, public)
        return True
    except CryptoError:
        return False


@lru_cache(1024)
def ristretto_map(uniform):
    return rbcl.crypto_core_ristretto255_from_hash(uniform)


def ristretto_mul(s, P):
    if not rbcl.crypto_core_ristretto255_is_valid_point(bytes(P)):
        raise ValueError("P is not a canonical ristretto255 encoding")
    s = rbcl.crypto_core_ristretto255_scalar_reduce(bytes(s) + bytes(32))
    return bytes(rbcl.crypto_scalarmult_ristretto255_allow_scalar_zero(s, bytes(P)))


def ristretto_add(P, Q):
    return bytes(rbcl.crypto_core_ristretto255_add(bytes(P), bytes(Q)))


def ristretto_sub(P, Q):
    return bytes(rbcl.crypto_core_ristretto255_sub(bytes(P), bytes(Q)))


@lru_cache(8192)
def ristretto_valid(P):
    return any(P) and not P[31] & 0x80 and bool(rbcl.crypto_core_ristretto255_is_valid_point(bytes(P)))


def scalar_reduce(b):
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(b))


def bd_key(A, xs):
    n = len(xs) // 32
    acc = K = bytes(A)
    for i in range(n - 1):
        acc = ristretto_add(acc, xs[32 * i : 32 * i + 32])
        K = ristretto_add(K, acc)
    if ristretto_add(acc, xs[32 * (n - 1) :]) != A:
        return None
    return K


def equal(a, b):
    return hmac.compare_digest(bytes(a), bytes(b))


def wipe(buf):
    for i in range(len(buf)):
        buf[i] = 0


soft_frames.install(sys.modules[__name__])  # the higher calls, composed of these
