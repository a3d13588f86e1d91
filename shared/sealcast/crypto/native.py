"""The crypto suite of boards: the native modules curve25519 and symcrypto (firmware/curve25519), constant time.

Their functions are the suite's as they are; they also take an optional last argument `out`, a buffer for the result.
Only scrypt needs more than a name: its working memory comes from the heap.
"""

from symcrypto import blake2b as h
from symcrypto import equal, scrypt_begin, scrypt_cost, scrypt_end, scrypt_step, secretbox, secretbox_open, wipe, xsalsa20_xor

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
)

NAME = "native"

__all__ = (
    "NAME", "h", "scrypt", "secretbox", "secretbox_open", "xsalsa20_xor", "x25519", "x25519_base", "ed25519_public", "ed25519_sign",
    "ed25519_verify", "ristretto_map", "ristretto_mul", "ristretto_add", "ristretto_sub", "ristretto_valid", "scalar_reduce", "bd_key",
    "equal", "wipe",
)  # fmt: skip


def scrypt_work(n, r, p, mem):
    """Expected number of block mixes (each 2 r Salsa20/8) with `mem` bytes of memory; 2 n p with all that scrypt wants."""
    return scrypt_cost(n, r, p, mem)


def scrypt(password, salt, n, r, p, size, mem=None, feed=None):
    """RFC 7914: `size` bytes, the same whatever the memory.

    mem   bytes of working memory; None: as much as the heap has in one piece, up to what scrypt wants (128 n r and a little).
          What does not fit is computed again: scrypt_work() tells the cost. The least is 128 r (p + 4) + 256.
    feed  called without arguments between slices of 64 block mixes (about 0.1 s on a 160 MHz core with r = 8): for a watchdog.
    Raises MemoryError when not even the least is there.
    """
    from . import arguments as suite_check  # a provisioned board never comes here

    suite_check.scrypt_cost(n, r, p)
    suite_check.number("size", size, 1, (1 << 30) - 1)
    memory = _memory(128 * r * (p + 4) + 256, 128 * r * (n + p + 3) + 256) if mem is None else bytearray(mem)
    try:
        scrypt_begin(memory, password, salt, n, r, p)
        while not scrypt_step(memory, 64):
            if feed:
                feed()
        return bytes(scrypt_end(memory, bytearray(size)))
    finally:
        wipe(memory)


def _memory(least, most):
    """The largest bytearray that the heap gives, from `most` in halves down to `least` bytes."""
    while most > least:
        try:
            return bytearray(most)
        except MemoryError:
            most = max(least, most >> 1)
    return bytearray(least)
