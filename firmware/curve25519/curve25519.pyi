# Made by stubs.py from curve25519_module.c: change the /// lines there.
"""The MicroPython module curve25519: X25519, Ed25519, ristretto255, scalars."""

def x25519(k: bytes, u: bytes, out: bytearray | None = None) -> bytes:
    """X25519 (RFC 7748); an all-zero result is returned as it is. All 32 bytes."""
def x25519_base(k: bytes, out: bytearray | None = None) -> bytes:
    """X25519 of the base point 9."""
def x25519_xor(v: bytes, R: bytes, out: bytearray | None = None) -> bytes:
    """X25519 of v with the xor of R, a column of 32 bytes a member."""
def x25519_column(r: bytes, R: bytes, j: int) -> bytes | None:
    """X25519 of r with each value of R (32 bytes a member) but number j, in their order; None if one is zero."""
def ed25519_public(seed: bytes, out: bytearray | None = None) -> bytes:
    """The public key (32) of a secret seed (32), RFC 8032."""
def ed25519_sign(seed: bytes, public: bytes, msg: bytes, out: bytearray | None = None) -> bytes:
    """The signature (64). public must be ed25519_public(seed): the caller keeps it, which halves the cost."""
def ristretto_map(uniform: bytes, out: bytearray | None = None) -> bytes:
    """The one-way map of RFC 9496 from 64 bytes, encoded (32)."""
def ristretto_mul(s: bytes, P: bytes, out: bytearray | None = None) -> bytes:
    """s P, with s little endian, reduced mod l first. Raises ValueError if P is not canonical."""
def ristretto_add(P: bytes, Q: bytes, out: bytearray | None = None) -> bytes:
    """P + Q. Raises ValueError naming the one that is not canonical."""
def ristretto_sub(P: bytes, Q: bytes, out: bytearray | None = None) -> bytes:
    """P - Q, likewise."""
def scalar_reduce(b: bytes, out: bytearray | None = None) -> bytes:
    """64 bytes, little endian, mod l. May be zero: the caller tries again."""
def bd_key(A: bytes, xs: bytes, out: bytearray | None = None) -> bytes | None:
    """Burmester-Desmedt: K from A = n y_i Z_(i-1) and xs = X_i .. X_(i-1) (n >= 2).

    None if the X do not sum to zero.
    """
def ed25519_verify(public: bytes, sig: bytes, msg: bytes) -> bool:
    """Cofactorless, S < l, canonical encodings, no small-order points."""
def ristretto_valid(P: bytes) -> bool:
    """Is it a canonical encoding, and not the neutral element?"""
