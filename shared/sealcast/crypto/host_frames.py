"""The higher calls of a computer: what every frame does, straight from hashlib and libsodium. PROTOCOL.md 3, 5, 10, 17.

Same functions, results and errors as soft_frames.py, whose docstrings describe them; written apart from it, so that each checks the other.
"""

import hashlib
import hmac
import struct

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from .arguments import column, data, exact, member, number, octets, short

_blake2b = hashlib.blake2b
_ZEROS = bytes(24)


def _H(key, person, text, salt=b""):
    return _blake2b(text, digest_size=32, key=key, salt=salt, person=person).digest()


def _open(key, nonce, box):
    try:
        return sodium.crypto_secretbox_open(box, nonce, key)
    except CryptoError:
        return None


def seal_frame(key, head, place, nonce, pt, hk=None):
    key, head, place, nonce = exact("key", key, 32), exact("head", head, 22), exact("place", place, 32), exact("nonce", nonce, 24)
    mk = _H(key, b"sc/aead", head + place, nonce[:16])
    sealed = nonce + sodium.crypto_secretbox(data("pt", pt), nonce, mk)
    if hk is None:
        return head + sealed
    return head + sealed + _H(exact("hk", hk, 32), b"sc/hmac", head + place + sealed)[:16]


def open_frame(key, frame, place):
    key, frame, place = exact("key", key, 32), octets("frame", frame, 62, None), exact("place", place, 32)
    return _open(_H(key, b"sc/aead", frame[:22] + place, frame[22:38]), frame[22:46], frame[46:])


def genuine_frame(hk, frame, place):
    hk, frame, place = exact("hk", hk, 32), octets("frame", frame, 78, None), exact("place", place, 32)
    return hmac.compare_digest(_H(hk, b"sc/hmac", frame[:22] + place + frame[22:-16])[:16], frame[-16:])


def frame_nonce(seed, count, hardware, ad, pt):
    seed, count, hardware, ad = exact("seed", seed, 32), exact("count", count, 8), short("hardware", hardware), short("ad", ad)
    bind = _H(b"", b"sc/bind", struct.pack(">H", len(ad)) + ad + data("pt", pt))
    drawn = _blake2b(count + struct.pack(">H", len(hardware)) + hardware + bind, digest_size=64, key=seed, person=b"sc/nonce")
    return drawn.digest()[:24]


def signable(ad, extra, pt):
    ad, extra, pt = short("ad", ad), short("extra", extra), data("pt", pt)
    return _H(b"", b"sc/sign", b"".join((struct.pack(">H", len(ad)), ad, struct.pack(">H", len(extra)), extra, pt)))


def chain(key, skip, keep):
    key = exact("key", key, 32)
    keys = []
    for _ in range(number("skip", skip, 0, 1024)):
        key = _H(key, b"sc/next", b"")
    for _ in range(number("keep", keep, 0, 65)):
        keys.append(_H(key, b"sc/msg", b""))
        key = _H(key, b"sc/next", b"")
    return b"".join(keys) + key


def _padded_length(n):
    """Padme: with E = floor(log2 n) and S = floor(log2 E) + 1, the next multiple of 2^(E - S); never under 32."""
    E = n.bit_length() - 1
    step = 1 << max(0, E - E.bit_length())
    return max(32, -(-n // step) * step)


def pad(lead, body):
    lead, body = data("lead", lead), data("body", body)
    return lead + (body + b"\x80").ljust(_padded_length(len(body) + 1), b"\x00")


def unpad(data_, limit):
    data_, limit = data("data", data_), number("limit", limit, 0, (1 << 30) - 1)
    n = len(data_.rstrip(b"\x00")) - 1
    if n > limit or n < 0 or data_[n] != 0x80 or _padded_length(n + 1) != len(data_):
        return -1
    return n


def _x25519(k, u):
    try:
        return sodium.crypto_scalarmult(k, u)
    except RuntimeError:  # libsodium refuses the points of small order, for which the result is zero
        return bytes(32)


def x25519_xor(v, R):
    v, R = exact("v", v, 32), column("R", R)
    words = [0, 0, 0, 0]
    for i, word in enumerate(struct.unpack("<%dQ" % (len(R) // 8), R)):
        words[i & 3] ^= word
    return _x25519(v, struct.pack("<4Q", *words))


def x25519_column(r, R, j):
    r, R = exact("r", r, 32), column("R", R)
    j = member("j", j, len(R) // 32)
    found = [_x25519(r, R[32 * i : 32 * i + 32]) for i in range(len(R) // 32) if i != j]
    return b"".join(found) if all(map(any, found)) else None


def _body_key(mk, frame, nonce):
    """frame: header(22) = version, kind, group(16), epoch(4); prev(32); j; N."""
    ad = struct.pack(">H16sH4sH32sHB", 16, frame[2:18], 4, frame[18:22], 32, frame[22:54], 1, frame[54])
    return _H(mk, b"sc/body", ad, nonce[:16])


def _header_key(HK, z, common, digest, frame, i, bound):
    return _H(HK, b"sc/hdr", b"".join((z, common, digest, bytes((frame[54], i)), frame[18:54], bound)))


def ratchet_frame(z, statics, HK, digest, mk, lead, nonce, R_new, message, j):
    z, statics = data("z", z), data("statics", statics)
    HK, digest, mk = exact("HK", HK, 32), exact("digest", digest, 32), exact("mk", mk, 32)
    lead, nonce, R_new, message = exact("lead", lead, 54), exact("nonce", nonce, 24), exact("R_new", R_new, 32), data("message", message)
    members = len(column("statics", statics)) // 32
    others = [i for i in range(members) if i != member("j", j, members)]
    if len(z) != 32 * len(others):
        raise ValueError("z must be 32 bytes for each other member")
    if len(message) > 0xF000:
        raise ValueError("message must be at most 61440 bytes")
    frame = lead + bytes((j, members))
    box = sodium.crypto_secretbox(pad(b"", message), nonce, _body_key(mk, frame, nonce))
    bound = _H(b"", b"sc/bh", nonce + box)
    headers = []
    for place, i in enumerate(others):
        key = _header_key(HK, z[32 * place : 32 * place + 32], statics[32 * i : 32 * i + 32], digest, frame, i, bound)
        headers.append(sodium.crypto_secretbox(R_new, _ZEROS, key))
    return frame + b"".join(headers) + nonce + struct.pack(">H", len(box)) + box


def _parts(frame):
    """A whole ratchet frame -> (itself as bytes, nonce, box)."""
    frame = data("frame", frame)
    if len(frame) < 56 or not 1 <= frame[55] <= 20 or frame[54] >= frame[55]:
        raise ValueError("frame is no ratchet frame")
    at = 56 + 48 * (frame[55] - 1)
    rest = frame[at:-32]
    if len(rest) < 24 + 2 + 16 or len(rest) != 26 + int.from_bytes(rest[24:26], "big"):
        raise ValueError("frame is no ratchet frame")
    return frame, rest[:24], rest[26:]


def ratchet_header(z, common, HK, digest, frame, i):
    z, common, HK, digest = exact("z", z, 32), exact("common", common, 32), exact("HK", HK, 32), exact("digest", digest, 32)
    frame, nonce, box = _parts(frame)
    if member("i", i, frame[55]) == frame[54]:
        raise ValueError("i is no member's place")
    key = _header_key(HK, z, common, digest, frame, i, _H(b"", b"sc/bh", nonce + box))
    at = 56 + 48 * (i - (i > frame[54]))
    return _open(key, _ZEROS, frame[at : at + 48])


def ratchet_body(mk, frame):
    mk = exact("mk", mk, 32)
    frame, nonce, box = _parts(frame)
    return _open(_body_key(mk, frame, nonce), nonce, box)


def ratchet_keys(z, RK, digest, R, epoch, message, j):
    z, RK, digest = exact("z", z, 32), exact("RK", RK, 32), exact("digest", digest, 32)
    R, epoch, message = data("R", R), exact("epoch", epoch, 4), data("message", message)
    j = member("j", j, len(column("R", R)) // 32)
    digest = _H(digest, b"sc/cd", epoch + bytes((j,)) + _H(b"", b"sc/m", message))
    RK = _H(RK, b"sc/rk", z + R + digest)
    return RK + b"".join([_H(RK, b"sc/kdf", bytes((step,))) for step in (2, 3, 4)]) + digest
