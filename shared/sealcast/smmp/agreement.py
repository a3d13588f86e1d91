"""The organizer's agreement: what all members compute from one frame. PROTOCOL.md section 16.

Pure functions of keys and bytes; which agreement is made or taken, and when, is membership.py's business. No
signature anywhere.
"""

from ..crypto.keys import ZERO, derive, dh, high_order
from ..errors import Reject
from ..wire import AGREEMENT, TAG, Reader, header, lv, u32
from .ratchet import ADD, CREATE, ENTERS, MAX_EPOCH, MAX_GROUP, MAX_NUMBER, REMOVE, RESYNC, State, close, frame_hash


def xor(a, b):
    return bytes([x ^ y for x, y in zip(a, b)])


class Party:
    """A member as the organizer sees it: tag, pinned B, K of its package of that number, and R.

    R is the package's for who comes in (number | ENTERS), and the present ratchet key of who stays: a thief that held
    the packages once, and was locked out since, stays out. Number 0: no package is known, K is R. The organizer
    itself has number 0 and no K."""

    def __init__(self, tag, B, number, K, R):
        self.tag = tag
        self.B = B
        self.number = number
        self.K = K
        self.R = R


def _link(suite, group, W, organizer, party_tag, B, K, R, z):
    """L_i: only the organizer and party i can compute it, both with their pinned identities. z: the four shared
    secrets. -> (L_i, what blinds it in G_i)."""
    link = suite.h(32, b"", b"", b"sc/L", lv(group, W, organizer, party_tag, B, K, R), *z)
    return link, xor(link, suite.h(32, b"", b"", b"sc/G", W, R, z[3]))


def _master(suite, total, group, epoch, head, reason, organizer, W, parties, G):
    """-> (MK, the tag that proves it). total: the sum of all L_i; the rest is the transcript.

    parties: [(tag, B, number, R)] ascending; G: one 32-byte value a party, zeros for the organizer."""
    out = [group, u32(epoch), head, bytes((reason, len(parties))), organizer, W]
    for (tag, B, number, R), g in zip(parties, G):
        out.append(tag + B + u32(number) + R + g)
    t = b"".join(out)
    MK = suite.h(32, total, b"", b"sc/mk", lv(t))
    return MK, derive(suite, MK, b"sc/kc", t)


def agree(suite, group, epoch, head, reason, my_tag, b, r, w, parties, v):
    """The organizer's side -> (frame, State). w, r: fresh 32-byte secrets, w is used nowhere else.

    parties: [Party] ascending by tag, ourselves among them (K None, R of our r). v: the group's present v, or None at
    set-up. Raises Reject("neutral") when a party's keys are of low order."""
    W = suite.x25519_base(w)
    G = []
    total = ZERO if len(parties) > 1 else w  # alone after removing all others: nobody else is to know
    for p in parties:
        if p.tag == my_tag:
            G.append(ZERO)
            continue
        z = [dh(suite, b, p.K), dh(suite, w, p.B), dh(suite, w, p.K), dh(suite, w, p.R)]
        link, blinded = _link(suite, group, W, my_tag, p.tag, p.B, p.K, p.R, z)
        total = xor(total, link)
        G.append(blinded)
    for i in range(len(parties)):
        if parties[i].tag != my_tag:
            G[i] = xor(G[i], total)
    listed = [(p.tag, p.B, p.number, p.R) for p in parties]
    MK, tag = _master(suite, total, group, epoch, head, reason, my_tag, W, listed, G)
    out = [header(AGREEMENT, group, epoch), head, bytes((reason, len(parties))), my_tag, W]
    for i in range(len(parties)):
        out.append(parties[i].tag + u32(parties[i].number) + parties[i].R + G[i])
    out.append(tag)
    frame = close(suite, b"".join(out), v)
    tags = [p.tag for p in parties]
    return frame, _begin(suite, group, tags, [p.R for p in parties], tags.index(my_tag), r, epoch, frame, MK)


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
        r.take(TAG)  # the MAC under v: see ratchet.authentic
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
        """Is this an honest change of the group `st`? Its organizer is in it, its reason is what happens, who stays
        keeps its R. Raises Reject("members")."""
        new = [tag for tag in self.tags if st.tags.find(tag) < 0]
        gone = [tag for tag in st.tags if tag not in self.tags]
        right = st.tags.find(self.organizer) >= 0 and self.reason == (REMOVE if gone else ADD if new else RESYNC)
        for i in range(len(self.tags)):
            at = st.tags.find(self.tags[i])
            if self.tags[i] != self.organizer and not self.enters(i):
                right = right and at >= 0 and st.R[at] == self.R[i]
        if not right:
            raise Reject("members")

    def accept(self, suite, my_tag, b, k, K, r, pinned):
        """Our side -> State. k, K: of the package that it names; r: the secret of R_i. pinned(tag) -> B or None.

        Nothing is believed before the tag under MK is verified. Raises Reject("members" | "identity" | "neutral" |
        "forged")."""
        if my_tag not in self.tags or my_tag == self.organizer:
            raise Reject("members")
        i = self.tags.index(my_tag)
        listed = []
        for j in range(len(self.tags)):
            B = pinned(self.tags[j])
            if B is None:
                raise Reject("identity")
            listed.append((self.tags[j], B, self.numbers[j], self.R[j]))
        B_j, B_i, W = pinned(self.organizer), listed[i][1], self.W
        z = [dh(suite, k, B_j), dh(suite, b, W), dh(suite, k, W), dh(suite, r, W)]
        _, blinded = _link(suite, self.group, W, self.organizer, my_tag, B_i, K, self.R[i], z)
        said = (self.group, self.epoch, self.head, self.reason, self.organizer, W, listed, self.G)
        MK, tag = _master(suite, xor(blinded, self.G[i]), *said)
        if not suite.equal(self.tag, tag):
            raise Reject("forged")
        return _begin(suite, self.group, self.tags, self.R, i, r, self.epoch, self.frame, MK)


def _begin(suite, group, tags, R, index, r, epoch, frame, MK):
    keys = [derive(suite, MK, b"sc/kdf", bytes((step,))) for step in range(5)]  # RK, HK, NHK, mk, v
    return State(group, tags, R, index, r, epoch + 1, frame_hash(suite, frame), *keys, ZERO)
