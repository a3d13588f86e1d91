"""The higher calls of a suite from the independent implementation of
the protocol (host/reference), which shares no code with them.
"""

from unittest import mock

from reference import conversations, frames, randomness, ratchet
from reference.encoding import Reject, xor
from reference.encoding import pad as padded
from reference.encoding import unpad as unpadded
from reference.primitives import derive, secretbox, secretbox_open, x25519
from reference.ratchet import ZERO_NONCE, Group, parse_ratchet


def seal_frame(key, head, place, nonce, pt, hk=None):
    frame = frames.seal(key, head + place, nonce, pt)
    return frame if hk is None else frame + derive(hk, b"sc/hmac", head + place, frame[22:])[:16]


def open_frame(key, frame, place):
    try:
        return frames.open_sealed(key, frame[:22] + place, frame)
    except Reject:
        return None


def genuine_frame(hk, frame, place):
    return derive(hk, b"sc/hmac", frame[:22] + place, frame[22:-16])[:16] == frame[-16:]


def frame_nonce(seed, count, hardware, ad, pt):
    return randomness.drawn_nonce(seed, int.from_bytes(count, "big"), hardware, ad, pt)


def signable(ad, extra, pt):
    return frames.signed_hash(ad, pt, extra)


def chain(key, skip, keep):
    keys = [conversations.message_key(key, skip + i) for i in range(keep)]
    for _ in range(skip + keep):
        key = derive(key, b"sc/next")
    return b"".join([*keys, key])


def pad(lead, body):
    return lead + padded(body)


def unpad(data, limit):
    try:
        body = unpadded(data)
    except Reject:
        return -1
    return len(body) if len(body) <= limit else -1


def _column(values):
    return [values[i : i + 32] for i in range(0, len(values), 32)]


def x25519_xor(v, R):
    return x25519(v, xor(*_column(R)) if len(R) > 32 else R)


def x25519_column(r, R, j):
    found = [x25519(r, value) for i, value in enumerate(_column(R)) if i != j]
    return None if bytes(32) in found else b"".join(found)


def _group(members=1, **known):
    values = dict.fromkeys(("id", "head", "RK", "HK", "NHK", "mk", "v", "digest"), b"")
    return Group(**{**values, "epoch": 0, "tags": (b"",) * members, "R": (bytes(32),) * members, **known})


def ratchet_frame(z, statics, HK, digest, mk, lead, nonce, R_new, message, j):
    group = _group(HK=HK, digest=digest, mk=mk, id=lead[2:18], epoch=int.from_bytes(lead[18:22], "big"), head=lead[22:])
    others = [(i, both) for i, both in enumerate(_column(statics)) if i != j]
    body = secretbox(group._body_key(j, nonce), nonce, padded(message))
    out = lead + bytes((j, len(others) + 1))
    for (i, common), shared in zip(others, _column(z), strict=True):
        out += secretbox(group._header_key((shared, common), j, i, nonce, body), ZERO_NONCE, R_new)
    return out + nonce + len(body).to_bytes(2, "big") + body


def _parsed(frame):
    f = parse_ratchet(frame)
    return f, _group(id=f.group, epoch=f.epoch, head=f.prev)


def ratchet_header(z, common, HK, digest, frame, i):
    f, _ = _parsed(frame)
    group = _group(id=f.group, epoch=f.epoch, head=f.prev, HK=HK, digest=digest)
    return secretbox_open(
        group._header_key((z, common), f.j, i, f.nonce, f.body), ZERO_NONCE, f.headers[i if i < f.j else i - 1]
    )


def ratchet_keys(z, RK, digest, R, epoch, message, j):
    """Group.moved, whose multiplication gives z."""
    group = _group(len(R) // 32, RK=RK, digest=digest, R=tuple(_column(R)), epoch=int.from_bytes(epoch, "big"))
    with mock.patch.object(ratchet, "x25519", lambda v, mixed: z):
        after = group.moved(j, group.R[j], message)
    return after.RK + after.NHK + after.mk + after.v + after.digest


def ratchet_body(mk, frame):
    f, _ = _parsed(frame)
    group = _group(id=f.group, epoch=f.epoch, head=f.prev, mk=mk)
    return secretbox_open(group._body_key(f.j, f.nonce), f.nonce, f.body)
