"""The crypto suite of computers: libsodium through PyNaCl, its ristretto255 through rbcl, BLAKE2b from hashlib.

Same functions, same results and same errors as suite_soft, whose docstrings describe them.
"""

import hashlib
import os
import sys
from importlib.util import find_spec

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from . import soft_frames
from .arguments import chunks32, data, exact, hash_arguments, not_canonical, number, octets, scrypt_cost, writable
from .soft_salsa import xsalsa20_xor as _xsalsa20_xor

NAME = "host"

# only looked for: most commands send without a new key, and loading it is a seventh of their time
if find_spec("rbcl") is None:
    raise ImportError("rbcl")
_loaded = None

_blake2b = hashlib.blake2b


def h(size, key, salt, person, *parts):
    try:
        state = _blake2b(digest_size=size, key=key, salt=salt, person=person)
        for part in parts:
            state.update(part)
    except (TypeError, ValueError):  # checked only now because this is by far the most called function
        hash_arguments(size, key, salt, person, parts)
        raise
    return state.digest()


def scrypt(password, salt, n, r, p, size):
    password = data("password", password)
    salt = data("salt", salt)
    scrypt_cost(n, r, p)
    number("size", size, 1, (1 << 30) - 1)
    return sodium.crypto_pwhash_scryptsalsa208sha256_ll(
        password, salt, n, r, p, dklen=size, maxmem=256 * r * (n + p) + (1 << 20)
    )


def secretbox(key, nonce, pt):
    key = exact("key", key, 32)
    nonce = exact("nonce", nonce, 24)
    return sodium.crypto_secretbox(data("pt", pt), nonce, key)


def secretbox_open(key, nonce, box):
    key = exact("key", key, 32)
    nonce = exact("nonce", nonce, 24)
    box = octets("box", box, 16, None)
    try:
        return sodium.crypto_secretbox_open(box, nonce, key)
    except CryptoError:
        return None


def xsalsa20_xor(key, nonce, data_):
    key = exact("key", key, 32)
    nonce = exact("nonce", nonce, 24)
    data_ = data("data", data_)
    # PyNaCl shows the key stream only from byte 32 on, in a secretbox
    # of zeros; the specification gives the bytes before.
    if len(data_) <= 32:
        return _xsalsa20_xor(key, nonce, data_)
    return _xsalsa20_xor(key, nonce, data_[:32]) + sodium.crypto_secretbox(data_[32:], nonce, key)[16:]


def x25519(k, u):
    k = exact("k", k, 32)
    u = exact("u", u, 32)
    try:
        return sodium.crypto_scalarmult(k, u)
    except RuntimeError:  # libsodium refuses the points of small order, for which the result is zero
        return bytes(32)


def x25519_base(k):
    return sodium.crypto_scalarmult_base(exact("k", k, 32))


def ed25519_public(seed):
    return sodium.crypto_sign_seed_keypair(exact("seed", seed, 32))[0]


def ed25519_sign(seed, public, msg):
    secret = exact("seed", seed, 32) + exact("public", public, 32)
    return sodium.crypto_sign(data("msg", msg), secret)[:64]


def ed25519_verify(public, sig, msg):
    public = exact("public", public, 32)
    sig = exact("sig", sig, 64)
    try:
        sodium.crypto_sign_open(sig + data("msg", msg), public)
    except CryptoError:
        return False
    return True


def _ristretto():
    """rbcl, loaded at the first use. It unpacks its libsodium into
    the temporary folder and would leave a copy a start.
    """
    global _loaded
    if _loaded is None:
        import rbcl

        try:
            os.unlink(sys.modules["rbcl._sodium"].lib_path)
        except (AttributeError, OSError):  # another release, or a system that keeps what is in use
            pass
        _loaded = rbcl
    return _loaded


def _valid(octets_):
    # rbcl's libsodium ignores the top bit, against RFC 9496 (a later release mended it).
    return octets_[31] < 128 and bool(_ristretto().crypto_core_ristretto255_is_valid_point(octets_))


def _element(name, octets_):
    octets_ = exact(name, octets_, 32)
    if not _valid(octets_):
        raise not_canonical(name)
    return octets_


def ristretto_map(uniform):
    return _ristretto().crypto_core_ristretto255_from_hash(exact("uniform", uniform, 64))


def ristretto_mul(s, P):
    s = _ristretto().crypto_core_ristretto255_scalar_reduce(exact("s", s, 32) + bytes(32))
    return _ristretto().crypto_scalarmult_ristretto255_allow_scalar_zero(s, _element("P", P))


def ristretto_add(P, Q):
    return _ristretto().crypto_core_ristretto255_add(_element("P", P), _element("Q", Q))


def ristretto_sub(P, Q):
    return _ristretto().crypto_core_ristretto255_sub(_element("P", P), _element("Q", Q))


def ristretto_valid(P):
    P = exact("P", P, 32)
    return P != bytes(32) and _valid(P)


def scalar_reduce(b):
    return sodium.crypto_core_ed25519_scalar_reduce(exact("b", b, 64))


def bd_key(A, xs):
    A = exact("A", A, 32)
    xs = chunks32("xs", xs)
    A = _element("A", A)
    *but_last, last = [_element("xs", xs[i : i + 32]) for i in range(0, len(xs), 32)]
    add = _ristretto().crypto_core_ristretto255_add
    acc = K = A
    for X in but_last:
        acc = add(acc, X)
        K = add(K, acc)
    return K if sodium.sodium_memcmp(add(acc, last), A) else None


def equal(a, b):
    return sodium.sodium_memcmp(data("a", a), data("b", b))


def wipe(b):
    writable("b", b)
    b[:] = bytes(len(b))


soft_frames.install(sys.modules[__name__])  # what every frame does, composed of these
