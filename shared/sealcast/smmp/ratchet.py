"""One step of the group ratchet, and the state that it moves. PROTOCOL.md section 17. How it begins: agreement.py.

Pure functions of keys and bytes. Which frame is accepted, and when, is order.py's business. No signature anywhere.
"""

from collections import namedtuple

from ..compat import const
from ..crypto.keys import ZERO, derive, dh, high_order
from ..errors import Reject
from ..wire import MAX_FRAME, NONCE, RATCHET, TAG, header, u32, unpad

MAX_GROUP = const(20)
HEADER_BOX = const(48)  # one sealed R_new: tag 16, key 32
HEADERS = const(56)  # where they begin: after header 22, prev 32, j, N
MAX_EPOCH = 0x7FFFFFFF
ENTERS = 0x80000000  # bit of a number in an agreement: the member comes in with its package's R
MAX_NUMBER = 0x7FFFFFFF
HINT = const(16)

# Reasons (the paper's housekeeping bytes)
RESYNC = const(0x00)
CREATE = const(0x01)
ADD = const(0x02)
REMOVE = const(0x03)


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
        return other is not None and self.data == other.data

    def find(self, value):
        """Its place, -1 when it is not here."""
        at = self.data.find(value)
        while at > 0 and at % self.size:
            at = self.data.find(value, at + 1)
        return at // self.size

    def __contains__(self, value):
        return self.find(value) >= 0

    def index(self, value):
        i = self.find(value)
        if i < 0:
            raise ValueError
        return i

    def replaced(self, i, value):
        return Column(self.data[: i * self.size] + value + self.data[(i + 1) * self.size :], self.size)


_KEYS = ("RK", "HK", "NHK", "mk", "v", "digest")
_State = namedtuple("State", ("group", "tags", "R", "N", "index", "r", "epoch", "head") + _KEYS)  # made at once


def State(group, tags, R, index, r, epoch, head, *keys):
    """What all members of the group hold alike, and our own r. A step makes a new one.

    tags, R: Columns of the N members, ascending by tag. epoch: messages so far. head: hash of the last frame."""
    tags = tags if isinstance(tags, Column) else Column(tags, TAG)
    return _State(group, tags, R if isinstance(R, Column) else Column(R, 32), len(tags), index, r, epoch, head, *keys)


def frame_hash(suite, frame):
    return suite.h(32, b"", b"", b"sc/frame", frame)


def frame_epoch(frame):
    return int.from_bytes(frame[18:22], "big")


def frame_prev(frame):
    """The head that the frame was made on."""
    return frame[22:54]


def _moved(suite, st, j, R_new, message):
    """P_j said `message` and moved to R_new -> (R, RK || NHK || mk || v || digest) of the state after it."""
    R = st.R.replaced(j, R_new)
    # A zero result counts as 32 zero bytes here, and only here: the sum of public keys is nobody's key.
    z = suite.x25519_xor(st.v, R.data)
    return R, suite.ratchet_keys(z, st.RK, st.digest, R.data, u32(st.epoch), message, j)


def _after(suite, st, moved, r, frame):
    """The state after this frame. r: our secret in it."""
    R, k = moved
    return _State(
        st.group, st.tags, R, st.N, st.index, r, st.epoch + 1, frame_hash(suite, frame),
        k[:32], st.NHK, k[32:64], k[64:96], k[96:128], k[128:],
    )  # fmt: skip


def seal(suite, st, static, nonce, r_new, message, R_new=None):
    """Our message -> (frame, State after). nonce: 24 fresh bytes; r_new: a fresh secret, kept by the caller until the
    frame is accepted.

    static(tag) -> X25519 of our identity's secret and that member's pinned B. R_new: the public key of r_new, when it
    is there already. N + 1 scalar multiplications: one a header, R_new, and the root's. st.epoch is below MAX_EPOCH.
    Raises Reject("neutral")."""
    j = st.index
    R_new = R_new or suite.x25519_base(r_new)
    z = suite.x25519_column(st.r, st.R.data, j)
    if z is None:
        raise Reject("neutral")
    # Without the identities an organizer that names an R of its own for P_j speaks as it.
    statics = b"".join([ZERO if i == j else static(st.tags[i]) for i in range(st.N)])
    lead = header(RATCHET, st.group, st.epoch) + st.head
    unsigned = suite.ratchet_frame(z, statics, st.HK, st.digest, st.mk, lead, nonce, R_new, message, j)
    moved = _moved(suite, st, j, R_new, message)
    frame = close(suite, unsigned + derive(suite, moved[1][:32], b"sc/ck", unsigned)[:TAG], st.v)
    return frame, _after(suite, st, moved, r_new, frame)


def close(suite, frame, v):
    """Append the MAC under the group's v (zeros at set-up, when there is none)."""
    return frame + (derive(suite, v, b"sc/fm", frame)[:TAG] if v else bytes(TAG))


def authentic(suite, frame, v):
    """Was the frame made by someone who knows this v? The check before any other work."""
    right = derive(suite, v, b"sc/fm", frame[:-TAG])
    return suite.equal(frame[-TAG:], right[:TAG])


def open_frame(suite, st, static, frame, r_new=None):
    """A ratchet frame on the state it was made for -> (j, message, State after). r_new: ours, when the frame is our
    own.

    static: as in `seal`. Two scalar multiplications. Raises Reject("epoch" | "bad_hmac" | "undecryptable" | "format"
    | "neutral"); nothing has changed then."""
    at = frame.startswith(st.group, 2) and frame_epoch(frame) == st.epoch and frame.startswith(st.head, 22)
    if not at or st.epoch >= MAX_EPOCH:
        raise Reject("epoch")
    if not authentic(suite, frame, st.v):  # before all else: what no member made says nothing about the group
        raise Reject("bad_hmac")
    j, n = frame[HEADERS - 2], frame[HEADERS - 1]
    if n != st.N or j >= n or (j == st.index) != (r_new is not None):
        raise Reject("members")
    begin = HEADERS + HEADER_BOX * (n - 1) + NONCE + 2
    size = len(frame) - begin - 2 * TAG
    if size < 0 or size != int.from_bytes(frame[begin - 2 : begin], "big"):
        raise Reject("format")
    if size < TAG:
        raise Reject("undecryptable")
    if r_new is None:
        shared = dh(suite, st.r, st.R[j])
        R_new = suite.ratchet_header(shared, static(st.tags[j]), st.HK, st.digest, frame, st.index)
        if R_new is None:
            raise Reject("undecryptable")
        high_order(R_new)  # else no header could be sealed to P_j any more
    else:
        R_new = suite.x25519_base(r_new)
    padded = suite.ratchet_body(st.mk, frame)
    if padded is None:
        raise Reject("undecryptable")
    message = unpad(padded, MAX_FRAME)
    moved = _moved(suite, st, j, R_new, message)
    if not suite.equal(frame[-2 * TAG : -TAG], derive(suite, moved[1][:32], b"sc/ck", frame[: -2 * TAG])[:TAG]):
        raise Reject("undecryptable")
    return j, message, _after(suite, st, moved, st.r if r_new is None else r_new, frame)


def hint(suite, pair, epoch, sender):
    """16 bytes by which only the receiver sees that the payload is for it, see private.py. sender: tag, 16 bytes."""
    return suite.h(32, pair[:32], b"", b"sc/ph", u32(epoch), sender)[:HINT]
