# Made by stubs.py from scrypt_module.c: change the /// lines there.
"""The MicroPython module scrypt: RFC 7914 in bounded memory. Loaded only where a password is stretched on the board."""

def cost(n: int, r: int, p: int, mem: int) -> int:
    """Expected number of block mixes with mem bytes of memory (2 * n * p with all of it)."""
def begin(memory: bytearray, password: bytes, salt: bytes, n: int, r: int, p: int) -> None:
    """Starts scrypt (RFC 7914) in memory; its length decides how much is recomputed, not what comes out."""
def step(memory: bytearray, mixes: int) -> bool:
    """Runs that many block mixes; True when all are done. Feed the watchdog between two steps."""
def end(memory: bytearray, out: bytearray) -> bytearray:
    """After step returned True: the key, as long as out; wipes memory. Returns out."""
