# Made by stubs.py from symcrypto_module.c: change the /// lines there.
"""The MicroPython module symcrypto: BLAKE2b, XSalsa20-Poly1305, frames, comparison, wiping."""

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
def seal_frame(key: bytes, head: bytes, place: bytes, nonce: bytes, pt: bytes, hk: bytes | None = None) -> bytes:
    """head (22) || nonce (24) || box, bound to place (32); and the mac (16) under hk, if there is one. Keys: 32."""
def open_frame(key: bytes, frame: bytes, place: bytes) -> bytes | None:
    """What a frame without a mac (62 bytes or more) holds; None if it is not genuine, or from another place."""
def genuine_frame(hk: bytes, frame: bytes, place: bytes) -> bool:
    """Is the mac right that ends a conversation's frame (78 bytes or more)?"""
def frame_nonce(seed: bytes, count: bytes, hardware: bytes, ad: bytes, pt: bytes) -> bytes:
    """24 bytes that a broken generator alone cannot repeat for two texts. seed 32, count 8."""
def signable(ad: bytes, extra: bytes, pt: bytes) -> bytes:
    """The 32 bytes that a session signs for a frame."""
def chain(key: bytes, skip: int, keep: int) -> bytes:
    """A sender's chain: after skip (to 1024) steps, keep (to 65) message keys and the next chain key. Each 32."""
def pad(lead: bytes, body: bytes) -> bytes:
    """lead || body || 0x80 || zeros: what follows lead has a Padme length, 32 or more."""
def unpad(data: bytes, limit: int) -> int:
    """The length of the body in what pad(b"", body) gave; -1 for anything else and for more than limit bytes."""
def ratchet_frame(z: bytes, statics: bytes, HK: bytes, digest: bytes, mk: bytes, lead: bytes, nonce: bytes,
                  R_new: bytes, message: bytes, j: int) -> bytes:
    """A ratchet frame of member j up to its check.

    lead: header || prev (54); statics: 32 bytes a member; z: as many, without j.
    """
def ratchet_header(z: bytes, common: bytes, HK: bytes, digest: bytes, frame: bytes, i: int) -> bytes | None:
    """R_new out of member i's header of a whole frame; None if it is not genuine.

    z: X25519(r_i, R_j); common: X25519(b_i, B_j).
    """
def ratchet_body(mk: bytes, frame: bytes) -> bytes | None:
    """The padded message of a whole frame; None if it is not genuine."""
def ratchet_keys(z: bytes, RK: bytes, digest: bytes, R: bytes, epoch: bytes, message: bytes, j: int) -> bytes:
    """RK || NHK || mk || v || digest after member j's message.

    z: X25519(v, xor of R); R: with R_new in it; epoch: 4 bytes.
    """
def equal(a: bytes, b: bytes) -> bool:
    """Compares in time that depends on the lengths alone; False if they differ."""
def wipe(b: bytearray) -> None:
    """Zeroes a writable buffer in place."""
