"""The crypto suite of boards: the native modules curve25519 and symcrypto (firmware/curve25519), constant time.

Their functions are the suite's as they are; they also take an optional last argument `out`, a buffer for the result.
Only scrypt needs more than a name: its native module is loaded when
it is called, and its working memory comes from the heap.
"""

from symcrypto import blake2b as h
from symcrypto import (
    chain,
    equal,
    frame_nonce,
    genuine_frame,
    open_frame,
    pad,
    ratchet_body,
    ratchet_frame,
    ratchet_header,
    ratchet_keys,
    seal_frame,
    secretbox,
    secretbox_open,
    signable,
    unpad,
    wipe,
    xsalsa20_xor,
)

from curve25519 import (
    bd_key,
    ed25519_public,
    ed25519_sign,
    ed25519_verify,
    ristretto_add,
    ristretto_map,
    ristretto_mul,
    ristretto_sub,
    ristretto_valid,
    scalar_reduce,
    x25519,
    x25519_base,
    x25519_column,
    x25519_xor,
)

NAME = "native"

__all__ = (
    "NAME", "h", "scrypt", "secretbox", "secretbox_open", "xsalsa20_xor", "x25519", "x25519_base", "ed25519_public",
    "ed25519_sign", "ed25519_verify", "ristretto_map", "ristretto_mul", "ristretto_add", "ristretto_sub",
    "ristretto_valid", "scalar_reduce", "bd_key", "equal", "wipe", "seal_frame", "open_frame", "genuine_frame",
    "frame_nonce", "signable", "chain", "pad", "unpad", "x25519_xor", "x25519_column", "ratchet_frame",
    "ratchet_header", "ratchet_body", "ratchet_keys",
)  # fmt: skip


def scrypt(password, salt, n, r, p, size, mem=None, feed=None):
    """RFC 7914; see native_scrypt.py. Raises ImportError where that module is not installed."""
    from .native_scrypt import scrypt  # a provisioned board never comes here

    return scrypt(password, salt, n, r, p, size, mem, feed)
