# Made by stubs.py from symcrypto_module.c: change the /// lines there.
"""The MicroPython module symcrypto: BLAKE2b, XSalsa20-Poly1305, scrypt, comparison, wiping."""

def blake2b(size: int, key: bytes, salt: bytes, person: bytes, *parts: bytes) -> bytes:
    """BLAKE2b (RFC 7693) of the concatenated parts. size 1..64, key 0..64, salt and person 0..16 bytes."""
def blake2b_into(out: bytearray, key: bytes, salt: bytes, person: bytes, *parts: bytes) -> bytearray:
    """The same into out (1..64 bytes), which may overlap any argument. Returns out."""
def secretbox(key: bytes, nonce: bytes, pt: bytes, out: bytearray | None = None) -> bytes:
    """XSalsa20-Poly1305 (NaCl): tag (16) || ciphertext. key 32, nonce 24, out len(pt) + 16 bytes.

    All arguments may overlap out in any way: to seal in place let pt be out[16:].
    """
def secretbox_open(key: bytes, nonce: bytes, box: bytes, out: bytearray | None = None) -> bytes | None:
    """The text of a box of 16 bytes or more, or None if it is not genuine; then out is not written.

    All arguments may overlap out in any way: to open in place let out be box[16:].
    """
def xsalsa20_xor(key: bytes, nonce: bytes, data: bytes, out: bytearray | None = None) -> bytes:
    """data xor the XSalsa20 key stream. key 32, nonce 24, out len(data) bytes; all may overlap out in any way."""
def scrypt_cost(n: int, r: int, p: int, mem: int) -> int:
    """Expected number of block mixes with mem bytes of memory (2 * n * p with all of it)."""
def scrypt_begin(memory: bytearray, password: bytes, salt: bytes, n: int, r: int, p: int) -> None:
    """Starts scrypt (RFC 7914) in memory; its length decides how much is recomputed. The result does not depend on it."""
def scrypt_step(memory: bytearray, mixes: int) -> bool:
    """Runs that many block mixes; True when all are done. Feed the watchdog between two steps."""
def scrypt_end(memory: bytearray, out: bytearray) -> bytearray:
    """After scrypt_step returned True: the key, as long as out; wipes memory. Returns out."""
def equal(a: bytes, b: bytes) -> bool:
    """Compares in time that depends on the lengths alone; False if they differ."""
def wipe(b: bytearray) -> None:
    """Zeroes a writable buffer in place."""
