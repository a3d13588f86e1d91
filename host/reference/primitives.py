"""The primitives under PROTOCOL.md section 1: BLAKE2b and scrypt from
hashlib, NaCl from PyNaCl, ristretto255 from ristretto.py.

XSalsa20 alone, which PyNaCl does not offer, is written out here (Bernstein, "Extending the Salsa20 nonce").
"""

import hashlib
import struct

import nacl.bindings as sodium
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.exceptions import RuntimeError as SodiumRuntimeError

ZERO32 = bytes(32)


def H(key: bytes = b"", *data: bytes, person: bytes = b"", salt: bytes = b"", size: int = 32) -> bytes:
    """H(key, salt, person; data), RFC 7693: salt and personalisation are zero padded to 16 bytes, key at most 64."""
    return hashlib.blake2b(b"".join(data), digest_size=size, key=key, salt=salt, person=person).digest()


def H64(key: bytes = b"", *data: bytes, person: bytes = b"", salt: bytes = b"") -> bytes:
    return H(key, *data, person=person, salt=salt, size=64)


def derive(key: bytes, label: bytes, *ctx: bytes) -> bytes:
    return H(key, *ctx, person=label)


def scrypt(password: bytes, salt: bytes, n: int, r: int, p: int, size: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=128 * r * (n + p + 2), dklen=size)


def secretbox(key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """Poly1305 tag(16) || ciphertext."""
    return sodium.crypto_secretbox(plaintext, nonce, key)


def secretbox_open(key: bytes, nonce: bytes, box: bytes) -> bytes | None:
    if len(box) < 16:
        return None
    try:
        return sodium.crypto_secretbox_open(box, nonce, key)
    except CryptoError:
        return None


def x25519(k: bytes, u: bytes) -> bytes:
    """RFC 7748; 32 zero bytes where libsodium refuses the result, because what that means is the caller's affair."""
    try:
        return sodium.crypto_scalarmult(k, u)
    except SodiumRuntimeError:
        return ZERO32


def x25519_base(k: bytes) -> bytes:
    return sodium.crypto_scalarmult_base(k)


def ed25519_public(seed: bytes) -> bytes:
    public: bytes = sodium.crypto_sign_seed_keypair(seed)[0]
    return public


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    return sodium.crypto_sign(message, seed + ed25519_public(seed))[:64]


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """libsodium's rules: cofactorless, S < l, canonical encodings, no points of small order."""
    try:
        return sodium.crypto_sign_open(signature + message, public) == message
    except BadSignatureError:
        return False


def xsalsa20_xor(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """data xor the XSalsa20 stream of a 32-byte key and a 24-byte nonce, from its first byte on."""
    subkey = _hsalsa20(key, nonce[:16])
    result = b""
    for block in range((len(data) + 63) // 64):
        state = _matrix(subkey, nonce[16:] + struct.pack("<Q", block))
        mixed = _rounds(state)
        stream = struct.pack("<16L", *((a + b) & 0xFFFFFFFF for a, b in zip(state, mixed, strict=True)))
        result += bytes(a ^ b for a, b in zip(data[64 * block :], stream, strict=False))
    return result


def _matrix(key: bytes, middle: bytes) -> list[int]:
    s = struct.unpack("<4L", b"expand 32-byte k")
    k = struct.unpack("<8L", key)
    n = struct.unpack("<4L", middle)
    return [s[0], *k[:4], s[1], *n, s[2], *k[4:], s[3]]


def _hsalsa20(key: bytes, nonce: bytes) -> bytes:
    x = _rounds(_matrix(key, nonce))
    return struct.pack("<8L", *(x[i] for i in (0, 5, 10, 15, 6, 7, 8, 9)))


# The positions of the four quarter rounds on columns, then on rows (Salsa20 specification, sections 4 to 6).
_QUARTERS = (
    (0, 4, 8, 12),
    (5, 9, 13, 1),
    (10, 14, 2, 6),
    (15, 3, 7, 11),
    (0, 1, 2, 3),
    (5, 6, 7, 4),
    (10, 11, 8, 9),
    (15, 12, 13, 14),
)


def _rounds(state: list[int]) -> list[int]:
    """20 rounds of Salsa20, without the final addition."""
    x = list(state)
    for _ in range(10):
        for a, b, c, d in _QUARTERS:
            x[b] ^= _rotate(x[a] + x[d], 7)
            x[c] ^= _rotate(x[b] + x[a], 9)
            x[d] ^= _rotate(x[c] + x[b], 13)
            x[a] ^= _rotate(x[d] + x[c], 18)
    return x


def _rotate(value: int, by: int) -> int:
    value &= 0xFFFFFFFF
    return (value << by | value >> (32 - by)) & 0xFFFFFFFF
