"""scrypt on a board, in bounded memory: the native module `scrypt`.
Loaded only when a password must be stretched there.

RFC 7914; a provisioned board has the finished key and never comes here.
"""

from scrypt import begin, cost, end, step
from symcrypto import wipe

from .arguments import number, scrypt_cost


def scrypt_work(n, r, p, mem):
    """Expected number of block mixes (each 2 r Salsa20/8) with `mem`
    bytes of memory; 2 n p with all that scrypt wants.
    """
    return cost(n, r, p, mem)


def scrypt(password, salt, n, r, p, size, mem=None, feed=None):
    """`size` bytes, the same whatever the memory.

    mem   bytes of working memory; None: as much as the heap has in
    one piece, up to what scrypt wants (128 n r and a little).
          What does not fit is computed again: scrypt_work() tells the cost. The least is 128 r (p + 4) + 256.
    feed  called without arguments between slices of 64 block mixes
    (about 0.1 s on a 160 MHz core with r = 8): for a watchdog.
    Raises MemoryError when not even the least is there.
    """
    scrypt_cost(n, r, p)
    number("size", size, 1, (1 << 30) - 1)
    memory = _memory(128 * r * (p + 4) + 256, 128 * r * (n + p + 3) + 256) if mem is None else bytearray(mem)
    try:
        begin(memory, password, salt, n, r, p)
        while not step(memory, 64):
            if feed:
                feed()
        return bytes(end(memory, bytearray(size)))
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
