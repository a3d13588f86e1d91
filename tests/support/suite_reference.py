"""The primitives from implementations that are not ours: libsodium
through PyNaCl, its ristretto255 through rbcl, hashlib.

Functions of the crypto suite's names and arguments, to compare suites and test vectors with. xsalsa20_xor is missing:
neither package shows libsodium's. What is checked instead is said where it is checked.
"""

import hashlib

import nacl.bindings as sodium
import rbcl
from nacl.exceptions import CryptoError

from frame_reference import (  # noqa: F401
    chain,
    frame_nonce,
    genuine_frame,
    open_frame,
    pad,
    ratchet_body,
    ratchet_frame,
    ratchet_header,
    ratchet_keys,
    seal_frame,
    signable,
    unpad,
    x25519_column,
    x25519_xor,
)

L = 2**252 + 27742317777372353535851937790883648493
NEUTRAL = bytes(32)


def h(size, key, salt, person, *parts):
    return hashlib.blake2b(b"".join(parts), digest_size=size, key=key, salt=salt, person=person).digest()


def scrypt(password, salt, n, r, p, size):
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=size, maxmem=1 << 28)


def secretbox(key, nonce, pt):
    return sodium.crypto_secretbox(pt, nonce, key)


def secretbox_open(key, nonce, box):
    try:
        return sodium.crypto_secretbox_open(box, nonce, key)
    except CryptoError:
        return None


def x25519(k, u):
    try:
        return sodium.crypto_scalarmult(k, u)
    except RuntimeError:  # libsodium refuses points of small order
        return bytes(32)


def x25519_base(k):
    return sodium.crypto_scalarmult_base(k)


def ed25519_public(seed):
    return sodium.crypto_sign_seed_keypair(seed)[0]


def ed25519_sign(seed, public, msg):
    return sodium.crypto_sign(msg, seed + public)[:64]


def ed25519_verify(public, sig, msg):
    try:
        sodium.crypto_sign_open(sig + msg, public)
    except CryptoError:
        return False
    return True


def _canonical(encoding):
    """Whether it decodes. rbcl's libsodium ignores the top bit, against RFC 9496 (a later release mended it)."""
    return encoding[31] < 128 and bool(rbcl.crypto_core_ristretto255_is_valid_point(encoding))


def _decodes(name, encoding):
    if not _canonical(encoding):
        raise ValueError(f"{name} is not a canonical ristretto255 encoding")
    return encoding


def ristretto_map(uniform):
    return bytes(rbcl.crypto_core_ristretto255_from_hash(uniform))


def ristretto_mul(s, P):
    s = bytes(rbcl.crypto_core_ristretto255_scalar_reduce(s + bytes(32)))
    return bytes(rbcl.crypto_scalarmult_ristretto255_allow_scalar_zero(s, _decodes("P", P)))


def ristretto_add(P, Q):
    return bytes(rbcl.crypto_core_ristretto255_add(_decodes("P", P), _decodes("Q", Q)))


def ristretto_sub(P, Q):
    return bytes(rbcl.crypto_core_ristretto255_sub(_decodes("P", P), _decodes("Q", Q)))


def ristretto_valid(P):
    return P != NEUTRAL and _canonical(P)


def scalar_reduce(b):
    return bytes(rbcl.crypto_core_ristretto255_scalar_reduce(b))


def bd_key(A, xs):
    """K = n A + (n - 1) X_1 + (n - 2) X_2 + ... + X_(n-1): not the running sums of the suites."""
    _decodes("A", A)
    X = [_decodes("xs", xs[i : i + 32]) for i in range(0, len(xs), 32)]
    n = len(X)
    total = NEUTRAL
    K = ristretto_mul(n.to_bytes(32, "little"), A)
    for i, x in enumerate(X):
        total = ristretto_add(total, x)
        K = ristretto_add(K, ristretto_mul((n - 1 - i).to_bytes(32, "little"), x))
    return K if total == NEUTRAL else None


def equal(a, b):
    return a == b
