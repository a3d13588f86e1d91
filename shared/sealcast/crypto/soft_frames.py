"""What every frame does, composed of a suite's primitives: the
executable specification of the higher calls. PROTOCOL.md 3, 5, 10, 17.

`install(suite)` gives a suite all of CALLS, composed of its own primitives: soft and host get them here, boards have
them in the native modules. The first argument `s` is the suite; those that a caller sees follow. Errors name the
argument, as everywhere (arguments.py).
"""

from .. import padding
from ..wire import HEADER, NONCE, TAG, lv
from .arguments import column, data, exact, member, number, octets, short

CALLS = (
    "seal_frame", "open_frame", "genuine_frame", "frame_nonce", "signable", "chain", "pad", "unpad",
    "x25519_xor", "x25519_column", "ratchet_frame", "ratchet_header", "ratchet_body", "ratchet_keys",
)  # fmt: skip
BOX = HEADER + NONCE
LEAD = 54  # of a ratchet frame: header(22) || prev(32)
SEALED = 48  # one sealed R_new
ZEROS = bytes(NONCE)


def install(suite):
    for name in CALLS:
        setattr(suite, name, _bound(globals()[name], suite))


def _bound(function, suite):
    def call(*args):
        return function(suite, *args)

    return call


# --- frames


def _message_key(s, key, head, place, nonce):
    return s.h(32, key, nonce[:16], b"sc/aead", head, place)


def _mac(s, hk, frame, place):
    return s.h(32, hk, b"", b"sc/hmac", frame[:HEADER], place, frame[HEADER:])[:TAG]


def seal_frame(s, key, head, place, nonce, pt, hk=None):
    """head (22) || nonce (24) || box, bound to place (32); and the mac (16) under hk, if one is given. key, hk 32."""
    key, head, place, nonce = (
        exact("key", key, 32),
        exact("head", head, 22),
        exact("place", place, 32),
        exact("nonce", nonce, 24),
    )
    frame = head + nonce + s.secretbox(_message_key(s, key, head, place, nonce), nonce, data("pt", pt))
    return frame if hk is None else frame + _mac(s, exact("hk", hk, 32), frame, place)


def open_frame(s, key, frame, place):
    """What a frame without a mac (62 bytes or more) holds; None if it is not genuine, or from another place."""
    key, frame, place = exact("key", key, 32), octets("frame", frame, BOX + TAG, None), exact("place", place, 32)
    head, nonce = frame[:HEADER], frame[HEADER:BOX]
    return s.secretbox_open(_message_key(s, key, head, place, nonce), nonce, frame[BOX:])


def genuine_frame(s, hk, frame, place):
    """Is the mac right that ends a conversation's frame (78 bytes or more)?"""
    hk, frame, place = exact("hk", hk, 32), octets("frame", frame, BOX + 2 * TAG, None), exact("place", place, 32)
    return s.equal(_mac(s, hk, frame[:-TAG], place), frame[-TAG:])


def frame_nonce(s, seed, count, hardware, ad, pt):
    """24 bytes that a broken generator alone cannot repeat for two texts. seed 32, count 8."""
    seed, count, hardware, ad = (
        exact("seed", seed, 32),
        exact("count", count, 8),
        short("hardware", hardware),
        short("ad", ad),
    )
    bind = s.h(32, b"", b"", b"sc/bind", lv(ad), data("pt", pt))
    return s.h(64, seed, b"", b"sc/nonce", count, lv(hardware), bind)[:NONCE]


def signable(s, ad, extra, pt):
    """The 32 bytes that a session signs for a frame."""
    return s.h(32, b"", b"", b"sc/sign", lv(short("ad", ad), short("extra", extra)), data("pt", pt))


def chain(s, key, skip, keep):
    """A sender's chain: after skip (to 1024) steps, keep (to 65) message keys and the next chain key. All 32 bytes."""
    key = exact("key", key, 32)
    out = []
    for _ in range(number("skip", skip, 0, 1024)):
        key = s.h(32, key, b"", b"sc/next")
    for _ in range(number("keep", keep, 0, 65)):
        out.append(s.h(32, key, b"", b"sc/msg"))
        key = s.h(32, key, b"", b"sc/next")
    return b"".join(out) + key


def pad(s, lead, body):
    """lead || body || 0x80 || zeros: what follows lead has a Padme length, 32 or more."""
    return padding.pad(data("lead", lead), data("body", body))


def unpad(s, data_, limit):
    """The length of the body in what pad(b"", body) gave; -1 for anything else and for more than limit bytes."""
    return padding.unpad(data("data", data_), number("limit", limit, 0, (1 << 30) - 1))


# --- the ratchet


def x25519_xor(s, v, R):
    """X25519 of v with the xor of R, a column of 32 bytes a member."""
    v, R = exact("v", v, 32), column("R", R)
    mixed = 0
    for i in range(0, len(R), 32):
        mixed ^= int.from_bytes(R[i : i + 32], "little")
    return s.x25519(v, mixed.to_bytes(32, "little"))


def x25519_column(s, r, R, j):
    """X25519 of r with each value of R (32 bytes a member) but number j, one after the other; None if one is zero."""
    r, R = exact("r", r, 32), column("R", R)
    j = member("j", j, len(R) // 32)
    out = [s.x25519(r, R[i : i + 32]) for i in range(0, len(R), 32) if i != 32 * j]
    return None if bytes(32) in out else b"".join(out)


def _body_key(s, mk, frame, nonce):
    return s.h(32, mk, nonce[:16], b"sc/body", lv(frame[2:18], frame[18:22], frame[22:54], frame[54:55]))


def _header_key(s, HK, z, common, digest, frame, i, bound):
    return s.h(32, HK, b"", b"sc/hdr", z, common, digest, bytes((frame[54], i)), frame[18:22], frame[22:54], bound)


def _body_hash(s, nonce, box):
    return s.h(32, b"", b"", b"sc/bh", nonce, box)


def ratchet_frame(s, z, statics, HK, digest, mk, lead, nonce, R_new, message, j):
    """A ratchet frame of member j up to its check. lead: header ||
    prev (54); statics: 32 bytes a member, z: but for j.
    """
    z, statics = data("z", z), data("statics", statics)
    HK, digest, mk = exact("HK", HK, 32), exact("digest", digest, 32), exact("mk", mk, 32)
    lead, nonce, R_new, message = (
        exact("lead", lead, LEAD),
        exact("nonce", nonce, 24),
        exact("R_new", R_new, 32),
        data("message", message),
    )
    members = len(column("statics", statics)) // 32
    j = member("j", j, members)
    if len(z) != 32 * (members - 1):
        raise ValueError("z must be 32 bytes for each other member")
    if len(message) > 0xF000:
        raise ValueError("message must be at most 61440 bytes")
    frame = lead + bytes((j, members))
    box = s.secretbox(_body_key(s, mk, frame, nonce), nonce, pad(s, b"", message))
    bound = _body_hash(s, nonce, box)
    out = [frame]
    at = 0
    for i in range(members):
        if i != j:
            key = _header_key(s, HK, z[at : at + 32], statics[32 * i : 32 * i + 32], digest, frame, i, bound)
            out.append(s.secretbox(key, ZEROS, R_new))  # the key is used once: it binds the body's fresh nonce
            at += 32
    return b"".join(out) + nonce + len(box).to_bytes(2, "big") + box


def _parts(frame):
    """A whole ratchet frame -> where its nonce is, and its box.
    Raises ValueError when its lengths do not fit each other.
    """
    frame = data("frame", frame)
    if len(frame) > LEAD + 1 and 1 <= frame[55] <= 20 and frame[54] < frame[55]:
        at = LEAD + 2 + SEALED * (frame[55] - 1)
        end = len(frame) - 2 * TAG  # check, mac
        begin = at + NONCE + 2
        if begin + TAG <= end and int.from_bytes(frame[begin - 2 : begin], "big") == end - begin:
            return frame, frame[at : at + NONCE], frame[begin:end]
    raise ValueError("frame is no ratchet frame")


def ratchet_header(s, z, common, HK, digest, frame, i):
    """R_new out of member i's header of a whole frame; None if it is
    not genuine. z: X25519(r_i, R_j), common: (b_i, B_j).
    """
    z, common, HK, digest = (
        exact("z", z, 32),
        exact("common", common, 32),
        exact("HK", HK, 32),
        exact("digest", digest, 32),
    )
    frame, nonce, box = _parts(frame)
    j = frame[54]
    if member("i", i, frame[55]) == j:
        raise ValueError("i is no member's place")
    key = _header_key(s, HK, z, common, digest, frame, i, _body_hash(s, nonce, box))
    at = LEAD + 2 + SEALED * (i if i < j else i - 1)
    return s.secretbox_open(key, ZEROS, frame[at : at + SEALED])


def ratchet_body(s, mk, frame):
    """The padded message of a whole frame; None if it is not genuine."""
    mk = exact("mk", mk, 32)
    frame, nonce, box = _parts(frame)
    return s.secretbox_open(_body_key(s, mk, frame, nonce), nonce, box)


def ratchet_keys(s, z, RK, digest, R, epoch, message, j):
    """RK || NHK || mk || v || digest after member j's message. z:
    X25519(v, xor of R), R: with R_new in it, epoch 4 bytes.
    """
    z, RK, digest = exact("z", z, 32), exact("RK", RK, 32), exact("digest", digest, 32)
    R, epoch, message = data("R", R), exact("epoch", epoch, 4), data("message", message)
    j = member("j", j, len(column("R", R)) // 32)
    digest = s.h(32, digest, b"", b"sc/cd", epoch, bytes((j,)), s.h(32, b"", b"", b"sc/m", message))
    RK = s.h(32, RK, b"", b"sc/rk", z, R, digest)
    NHK, mk, v = [s.h(32, RK, b"", b"sc/kdf", bytes((step,))) for step in (2, 3, 4)]
    return RK + NHK + mk + v + digest
