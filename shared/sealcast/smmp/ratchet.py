"""SMMP's formulas: one-time key packages, the organizer's agreement, one step of the group ratchet. PROTOCOL.md 16 and 17.

Pure functions of keys and bytes. Which frame is accepted, and when, is group.py's business. No signature anywhere.
"""

from ..compat import const
from ..crypto.keys import ZERO, derive, dh, high_order
from ..errors import Reject
from ..wire import AGREEMENT, MAX_FRAME, NONCE, RATCHET, TAG, Reader, header, lv, u32, unpad

MAX_GROUP = const(20)
HEADER_BOX = const(48)  # one sealed R_new: tag 16, key 32
_HEADERS = const(56)  # where they begin: after header 22, prev 32, j, N
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


class Package:
    """One-time keys of a member: {K, R} is published, k and r are erased when an agreement used them."""

    def __init__(self, suite, k, r):
        self.k = k
        self.r = r
        self.K = suite.x25519_base(k)
        self.R = suite.x25519_base(r)


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


def outline(st):
    """Who and where, without a key."""
    return State(st.group, st.tags, st.R, st.index, ZERO, st.epoch, st.head, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)


def frame_hash(suite, frame):
    return suite.h(32, b"", b"", b"sc/frame", frame)


def frame_epoch(frame):
    return int.from_bytes(frame[18:22], "big")


def frame_prev(frame):
    """The head that the frame was made on."""
    return frame[22:54]


def body_nonce(frame, n):
    """The fresh nonce of a ratchet frame of n members."""
    at = _HEADERS + HEADER_BOX * (n - 1)
    return frame[at : at + NONCE]


# --- agreement: set-up, resync, add, remove


class Party:
    """A member as the organizer sees it: tag, pinned B, K of its package of that number, and R.

    R is the package's for who comes in (number | ENTERS), and the present ratchet key of who stays: a thief that held the packages
    once, and was locked out since, stays out. Number 0: no package is known, K is R. The organizer itself has number 0 and no K.
    """

    def __init__(self, tag, B, number, K, R):
        self.tag = tag
        self.B = B
        self.number = number
        self.K = K
        self.R = R


def _link(suite, group, W, organizer, party_tag, B, K, R, z):
    """L_i: only the organizer and party i can compute it, both with their pinned identities. z: the four shared secrets."""
    return suite.h(32, b"", b"", b"sc/L", lv(group, W, organizer, party_tag, B, K, R), *z)


def transcript(group, epoch, head, reason, organizer, W, parties, G):
    """parties: [(tag, B, number, R)] ascending; G: one 32-byte value a party, zeros for the organizer."""
    out = [group, u32(epoch), head, bytes((reason, len(parties))), organizer, W]
    for i in range(len(parties)):
        tag, B, number, R = parties[i]
        out.append(tag + B + u32(number) + R + G[i])
    return b"".join(out)


def agree(suite, group, epoch, head, reason, me, b, r, w, parties, v):
    """The organizer's side -> (frame, State). w, r: fresh 32-byte secrets, w is used nowhere else.

    parties: [Party] ascending by tag, ourselves among them (K None, R of our r). v: the group's present v, or None at set-up.
    Raises Reject("neutral") when a party's keys are of low order.
    """
    W = suite.x25519_base(w)
    G = []
    total = ZERO if len(parties) > 1 else w  # alone after removing all others: nobody else is to know
    for p in parties:
        if p.tag == me:
            G.append(ZERO)
            continue
        z = [dh(suite, b, p.K), dh(suite, w, p.B), dh(suite, w, p.K), dh(suite, w, p.R)]
        link = _link(suite, group, W, me, p.tag, p.B, p.K, p.R, z)
        total = xor(total, link)
        G.append(xor(link, suite.h(32, b"", b"", b"sc/G", W, p.R, z[3])))
    for i in range(len(parties)):
        if parties[i].tag != me:
            G[i] = xor(G[i], total)
    listed = [(p.tag, p.B, p.number, p.R) for p in parties]
    t = transcript(group, epoch, head, reason, me, W, listed, G)
    MK = suite.h(32, total, b"", b"sc/mk", lv(t))
    out = [header(AGREEMENT, group, epoch), head, bytes((reason, len(parties))), me, W]
    for i in range(len(parties)):
        out.append(parties[i].tag + u32(parties[i].number) + parties[i].R + G[i])
    out.append(derive(suite, MK, b"sc/kc", t))
    frame = _close(suite, b"".join(out), v)
    tags = [p.tag for p in parties]
    return frame, _begin(suite, group, tags, [p.R for p in parties], tags.index(me), r, epoch, frame, MK)


class Agreement:
    """A parsed agreement frame: what it says before anything is believed."""

    def __init__(self, frame):
        r = Reader(frame)
        head = r.take(22)
        self.frame = frame
        self.group, self.epoch = head[2:18], int.from_bytes(head[18:], "big")
        self.head, self.reason, n = r.take(32), r.uint(1), r.uint(1)
        self.organizer, self.W = r.take(16), r.take(32)
        self.tags, self.numbers, self.R, self.G = [], [], [], []
        for _ in range(n):
            self.tags.append(r.take(16))
            self.numbers.append(r.uint(4))
            self.R.append(r.take(32))
            self.G.append(r.take(32))
        self.tag = r.take(32)
        self.mac = r.take(TAG)
        r.end()
        if not 1 <= n <= MAX_GROUP or self.reason > REMOVE or not self._listed():
            raise Reject("members")
        if self.epoch >= MAX_EPOCH:
            raise Reject("epoch")
        for u in [self.W] + self.R:
            high_order(u)

    def _listed(self):
        """Are the members a list that an honest organizer could have made?"""
        new = self.reason == CREATE
        if self.organizer not in self.tags or new != (self.epoch == 0) or new and self.head != ZERO:
            return False
        for i in range(len(self.tags)):
            number, leads = self.numbers[i], self.tags[i] == self.organizer
            if i and self.tags[i - 1] >= self.tags[i] or leads and (number or self.G[i] != ZERO):
                return False
            if number == ENTERS or new and not leads and number < ENTERS:
                return False
        return True

    def enters(self, i):
        """Does member i come in, with its package's R?"""
        return self.numbers[i] >= ENTERS

    def number(self, i):
        """Of the package of member i that is used; 0: none."""
        return self.numbers[i] & MAX_NUMBER

    def follows(self, st):
        """Is this an honest change of the group `st`? Its organizer is in it, its reason is what happens, who stays keeps its R.
        Raises Reject("members")."""
        new = [tag for tag in self.tags if st.tags.find(tag) < 0]
        gone = [tag for tag in st.tags if tag not in self.tags]
        right = st.tags.find(self.organizer) >= 0 and self.reason == (REMOVE if gone else ADD if new else RESYNC)
        for i in range(len(self.tags)):
            at = st.tags.find(self.tags[i])
            if self.tags[i] != self.organizer and not self.enters(i):
                right = right and at >= 0 and st.R[at] == self.R[i]
        if not right:
            raise Reject("members")

    def accept(self, suite, me, b, k, K, r, pinned):
        """Our side -> State. k, K: of the package that it names; r: the secret of R_i. pinned(tag) -> B or None.

        Nothing is believed before the tag under MK is verified. Raises Reject("members" | "identity" | "neutral" | "forged").
        """
        if me not in self.tags or me == self.organizer:
            raise Reject("members")
        i = self.tags.index(me)
        listed = []
        for j in range(len(self.tags)):
            B = pinned(self.tags[j])
            if B is None:
                raise Reject("identity")
            listed.append((self.tags[j], B, self.numbers[j], self.R[j]))
        B_j, B_i, W = pinned(self.organizer), listed[i][1], self.W
        z = [dh(suite, k, B_j), dh(suite, b, W), dh(suite, k, W), dh(suite, r, W)]
        link = _link(suite, self.group, W, self.organizer, me, B_i, K, self.R[i], z)
        blind = suite.h(32, b"", b"", b"sc/G", W, self.R[i], z[3])
        total = xor(link, xor(blind, self.G[i]))
        t = transcript(self.group, self.epoch, self.head, self.reason, self.organizer, W, listed, self.G)
        MK = suite.h(32, total, b"", b"sc/mk", lv(t))
        if not suite.equal(self.tag, derive(suite, MK, b"sc/kc", t)):
            raise Reject("forged")
        return _begin(suite, self.group, self.tags, self.R, i, r, self.epoch, self.frame, MK)


def _begin(suite, group, tags, R, index, r, epoch, frame, MK):
    keys = [kdf(suite, MK, step) for step in range(5)]
    return State(group, tags, R, index, r, epoch + 1, frame_hash(suite, frame), *keys, ZERO)


# --- one step of the ratchet


def _advance(suite, st, j, R_new, message, r):
    """The state after P_j said `message` and moved to R_new. r: our secret in it."""
    R = st.R.replaced(j, R_new)
    # A zero result counts as 32 zero bytes here, and only here: the sum of public keys is nobody's key.
    z = suite.x25519_xor(st.v, R.data)
    k = suite.ratchet_keys(z, st.RK, st.digest, R.data, u32(st.epoch), message, j)
    return State(
        st.group, st.tags, R, st.index, r, st.epoch + 1, None,
        k[:32], st.NHK, k[32:64], k[64:96], k[96:128], k[128:],
    )  # fmt: skip


def seal(suite, st, static, nonce, r_new, message, R_new=None):
    """Our message -> frame. nonce: 24 fresh bytes; r_new: a fresh secret, kept by the caller until the frame is accepted.

    static(tag) -> X25519 of our identity's secret and that member's pinned B. R_new: the public key of r_new, when it is there already.
    N + 1 scalar multiplications: one a header, R_new, and the root's. st.epoch is below MAX_EPOCH. Raises Reject("neutral").
    """
    j = st.index
    R_new = R_new or suite.x25519_base(r_new)
    z = suite.x25519_column(st.r, st.R.data, j)
    if z is None:
        raise Reject("neutral")
    # Without the identities an organizer that names an R of its own for P_j speaks as it.
    statics = b"".join([ZERO if i == j else static(st.tags[i]) for i in range(st.N)])
    lead = header(RATCHET, st.group, st.epoch) + st.head
    unsigned = suite.ratchet_frame(z, statics, st.HK, st.digest, st.mk, lead, nonce, R_new, message, j)
    after = _advance(suite, st, j, R_new, message, r_new)
    return _close(suite, unsigned + derive(suite, after.RK, b"sc/ck", unsigned)[:TAG], st.v)


def _close(suite, frame, v):
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
    if len(frame) < _HEADERS:
        raise Reject("format")
    if frame[2:18] != st.group or frame[18:22] != u32(st.epoch) or frame_prev(frame) != st.head or st.epoch >= MAX_EPOCH:
        raise Reject("epoch")
    if not authentic(suite, frame, st.v):
        raise Reject("bad_hmac")
    j, n = frame[_HEADERS - 2], frame[_HEADERS - 1]
    if n != st.N or j >= n or (j == st.index) != (r_new is not None):
        raise Reject("members")
    begin = _HEADERS + HEADER_BOX * (n - 1) + NONCE + 2
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
        R_new = R_new or suite.x25519_base(r_new)
    padded = suite.ratchet_body(st.mk, frame)
    if padded is None:
        raise Reject("undecryptable")
    message = unpad(padded, MAX_FRAME)
    after = _advance(suite, st, j, R_new, message, r_new if r_new is not None else st.r)
    if not suite.equal(frame[-2 * TAG : -TAG], derive(suite, after.RK, b"sc/ck", frame[: -2 * TAG])[:TAG]):
        raise Reject("undecryptable")
    after.head = frame_hash(suite, frame)
    return j, message, after
