"""One step of the group ratchet, and the state that it moves. PROTOCOL.md section 17. How it begins: agreement.py.

Pure functions of keys and bytes. Which frame is accepted, and when, is order.py's business. No signature anywhere.
"""

from ..compat import const
from ..crypto.keys import ZERO, derive, dh, high_order
from ..errors import Reject
from ..wire import MAX_FRAME, NONCE, RATCHET, TAG, Reader, header, lv, pad, u32, unpad

MAX_GROUP = const(20)
HEADER_BOX = const(48)  # one sealed R_new: tag 16, key 32
MAX_EPOCH = 0x7FFFFFFF
ENTERS = 0x80000000  # bit of a number in an agreement: the member comes in with its package's R
MAX_NUMBER = 0x7FFFFFFF

# Reasons (the paper's housekeeping bytes)
RESYNC = const(0x00)
CREATE = const(0x01)
ADD = const(0x02)
REMOVE = const(0x03)


def kdf(suite, key, step):
    """The five keys of the paper: step 0x00 RK, 0x01 HK, 0x02 NHK, 0x03 mk, 0x04 v."""
    return derive(suite, key, b"sc/kdf", bytes((step,)))


def xor(a, b):
    return bytes([x ^ y for x, y in zip(a, b)])


class Column:
    """Values of one size in one piece of memory: a board has no room for an object a key."""

    def __init__(self, values, size):
        self.data = values if isinstance(values, bytes) else b"".join(values)
        self.size = size

    def __len__(self):
        return len(self.data) // self.size

    def __getitem__(self, i):
        if not 0 <= i < len(self):
            raise IndexError
        return self.data[i * self.size : (i + 1) * self.size]

    def __eq__(self, other):
        return self.data == other.data

    def find(self, value):
        """Its place, -1 when it is not here."""
        for i in range(len(self)):
            if self[i] == value:
                return i
        return -1

    def index(self, value):
        i = self.find(value)
        if i < 0:
            raise ValueError
        return i

    def replaced(self, i, value):
        return Column(self.data[: i * self.size] + value + self.data[(i + 1) * self.size :], self.size)


class State:
    """What all members of the group hold alike, and our own r. Never changed in place: a step makes a new one.

    tags, R: Columns of the N members, ascending by tag. epoch: messages so far. head: hash of the last frame, 32 bytes.
    """

    def __init__(self, group, tags, R, index, r, epoch, head, RK, HK, NHK, mk, v, digest):
        self.group = group
        self.tags = tags if isinstance(tags, Column) else Column(tags, TAG)
        self.R = R if isinstance(R, Column) else Column(R, 32)
        self.index = index
        self.r = r
        self.epoch = epoch
        self.head = head
        self.RK = RK
        self.HK = HK
        self.NHK = NHK
        self.mk = mk
        self.v = v
        self.digest = digest

    @property
    def N(self):
        return len(self.tags)


def frame_hash(suite, frame):
    return suite.h(32, b"", b"", b"sc/frame", frame)


def frame_epoch(frame):
    return int.from_bytes(frame[18:22], "big")


def frame_prev(frame):
    """The head that the frame was made on."""
    return frame[22:54]


def body_nonce(frame, n):
    """The fresh nonce of a ratchet frame of n members."""
    at = 56 + HEADER_BOX * (n - 1)
    return frame[at : at + NONCE]


# --- one step of the ratchet


def _body_ad(st, j):
    return lv(st.group, u32(st.epoch), st.head, bytes((j,)))


def _header_key(suite, st, shared, static, j, i, body_hash):
    """Only P_j and P_i can make it, for this body, here.

    static: X25519(b_j, B_i) of their pinned identities. Without it an organizer that names an R of its own for P_j speaks as it.
    """
    return suite.h(
        32, st.HK, b"", b"sc/hdr", shared, static, st.digest, bytes((j, i)), u32(st.epoch), st.head, body_hash
    )  # fmt: skip


def _advance(suite, st, j, R_new, message, r):
    """The state after P_j said `message` and moved to R_new. r: our secret in it."""
    R = st.R.replaced(j, R_new)
    mixed = ZERO
    for each in R:
        mixed = xor(mixed, each)
    digest = suite.h(32, st.digest, b"", b"sc/cd", u32(st.epoch), bytes((j,)), suite.h(32, b"", b"", b"sc/m", message))
    # A zero result counts as 32 zero bytes here, and only here: the sum of public keys is nobody's key.
    RK = suite.h(32, st.RK, b"", b"sc/rk", suite.x25519(st.v, mixed), R.data, digest)
    return State(
        st.group, st.tags, R, st.index, r, st.epoch + 1, None,
        RK, st.NHK, kdf(suite, RK, 2), kdf(suite, RK, 3), kdf(suite, RK, 4), digest,
    )  # fmt: skip


def seal(suite, st, static, nonce, r_new, message, R_new=None):
    """Our message -> frame. nonce: 24 fresh bytes; r_new: a fresh secret, kept by the caller until the frame is accepted.

    static(tag) -> X25519 of our identity's secret and that member's pinned B. R_new: the public key of r_new, when it is there already.
    N + 1 scalar multiplications: one a header, R_new, and the root's. st.epoch is below MAX_EPOCH.
    """
    j = st.index
    R_new = R_new or suite.x25519_base(r_new)
    box = suite.secretbox(suite.h(32, st.mk, nonce[:16], b"sc/body", _body_ad(st, j)), nonce, pad(message))
    body_hash = suite.h(32, b"", b"", b"sc/bh", nonce, box)
    out = [header(RATCHET, st.group, st.epoch), st.head, bytes((j, st.N))]
    for i in range(st.N):
        if i != j:
            key = _header_key(suite, st, dh(suite, st.r, st.R[i]), static(st.tags[i]), j, i, body_hash)
            out.append(suite.secretbox(key, bytes(NONCE), R_new))  # the key is used once: it binds the body's fresh nonce
    out.append(nonce)
    out.append(len(box).to_bytes(2, "big"))
    out.append(box)
    unsigned = b"".join(out)
    after = _advance(suite, st, j, R_new, message, r_new)
    return close(suite, unsigned + derive(suite, after.RK, b"sc/ck", unsigned)[:TAG], st.v)


def close(suite, frame, v):
    """Append the MAC under the group's v (zeros at set-up, when there is none)."""
    return frame + (derive(suite, v, b"sc/fm", frame)[:TAG] if v else bytes(TAG))


def authentic(suite, frame, v):
    """Was the frame made by someone who knows this v? The check before any other work."""
    return suite.equal(frame[-TAG:], derive(suite, v, b"sc/fm", frame[:-TAG])[:TAG])


def open_frame(suite, st, static, frame, r_new=None, R_new=None):
    """A ratchet frame on the state it was made for -> (j, message, State after). r_new: ours, when the frame is our own.

    static: as in `seal`. Two scalar multiplications. Raises Reject("epoch" | "bad_hmac" | "undecryptable" | "format" | "neutral");
    nothing has changed then.
    """
    r = Reader(frame)
    head = r.take(22)
    prev, j, n = r.take(32), r.uint(1), r.uint(1)
    if head[2:18] != st.group or head[18:] != u32(st.epoch) or prev != st.head or st.epoch >= MAX_EPOCH:
        raise Reject("epoch")
    if not authentic(suite, frame, st.v):
        raise Reject("bad_hmac")
    if n != st.N or j >= n or (j == st.index) != (r_new is not None):
        raise Reject("members")
    boxes = [r.take(HEADER_BOX) for _ in range(n - 1)]
    nonce, box = r.take(NONCE), r.lv()
    unsigned = frame[: r.pos]
    tag = r.take(TAG)
    r.take(TAG)
    r.end()
    if r_new is None:
        i = st.index
        shared = dh(suite, st.r, st.R[j])
        key = _header_key(suite, st, shared, static(st.tags[j]), j, i, suite.h(32, b"", b"", b"sc/bh", nonce, box))
        R_new = suite.secretbox_open(key, bytes(NONCE), boxes[i if i < j else i - 1])
        if R_new is None:
            raise Reject("undecryptable")
        high_order(R_new)  # else no header could be sealed to P_j any more
    else:
        R_new = R_new or suite.x25519_base(r_new)
    padded = suite.secretbox_open(suite.h(32, st.mk, nonce[:16], b"sc/body", _body_ad(st, j)), nonce, box)
    if padded is None:
        raise Reject("undecryptable")
    message = unpad(padded, MAX_FRAME)
    after = _advance(suite, st, j, R_new, message, r_new if r_new is not None else st.r)
    if not suite.equal(tag, derive(suite, after.RK, b"sc/ck", unsigned)[:TAG]):
        raise Reject("undecryptable")
    after.head = frame_hash(suite, frame)
    return j, message, after
