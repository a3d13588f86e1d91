"""Conversations: one hash chain a sender, each key used once and erased. PROTOCOL.md section 10.

A frame is header || nonce || box || mac. The mac, under a key that all members of the epoch share, is checked
before any chain is moved; the chain is then moved on a copy, and kept only when the box opens.
"""

from ..compat import const, hexlify
from ..crypto.signing import sign
from ..errors import Reject
from ..wire import CONVERSATION, HEADER, NONCE, TAG, U32, check, header

MAX_JUMP = const(1024)
MAX_SKIPPED = const(64)


class Epoch:
    """The keys of one agreed epoch. parties: [(tag 16, sid 16, uid)] in the handshake's order."""

    def __init__(self, hid, hk, parties, chains, skipped=None):
        self.hid = hid
        self.id = hid[:16]
        self.name = hexlify(self.id)  # for people
        self.hk = hk
        self.parties = parties
        self.chains = chains  # index -> [key, next number], of the sender
        self.skipped = skipped or {}  # (index, number) -> message key
        self.doubt = {}  # index -> number: messages below may have been delivered before a power cut
        self.messages = 0
        self.since = 0  # monotonic ms, this run

    def said(self, tag, outbox):
        """All of ours below this number have been acknowledged by the broker."""
        numbers = [self.chains[self.index(tag)][1]]
        for _, frame, _, _ in outbox.entries.values():
            if frame[2:18] == self.id:
                numbers.append(int.from_bytes(frame[18:HEADER], "big"))
        return min(numbers)

    def index(self, tag):
        for i in range(len(self.parties)):
            if self.parties[i][0] == tag:
                return i
        raise Reject("members")

    def seal(self, me, body, signed):
        """Body -> frame; moves and erases our own chain key, so the caller stores the state before it publishes."""
        suite, chain = me.suite, self.chains[self.index(me.tag)]
        number = chain[1]
        head = header(CONVERSATION, self.id, number)
        ad = me.keys.ad(head, me.tag)
        pt = body + (sign(suite, me.session, ad, body, self.hid) if signed else b"")
        moved = suite.chain(chain[0], 0, 1)
        chain[0] = moved[32:]
        chain[1] = number + 1
        return suite.seal_frame(moved[:32], head, ad[HEADER:], me.rng.nonce(ad, pt), pt, self.hk)

    def open(self, keys, frame, tag):
        """frame -> (ad, pt, i, number, key, skipped). Nothing has changed: the last four are for `move`; when key is
        None it was skipped before, and its key is to go from `skipped`.

        Raises Reject("forged" | "members" | "duplicate" | "window")."""
        check(frame, CONVERSATION)
        suite, place = keys.suite, keys.place(tag)
        if len(frame) < HEADER + NONCE + 2 * TAG or not suite.genuine_frame(self.hk, frame, place):
            raise Reject("forged")
        number, i = int.from_bytes(frame[18:HEADER], "big"), self.index(tag)
        at = self.chains[i][1]
        if number < at:
            mk, key, skipped = self.skipped.get((i, number)), None, None
            if mk is None:
                raise Reject("duplicate")
        elif number - at > MAX_JUMP or number == U32:  # `at` is stored in four bytes
            raise Reject("window")
        else:
            key, skipped = self._ahead(suite, i, number)
            moved = suite.chain(key, 0, 1)
            mk, key = moved[:32], moved[32:]
        pt = suite.open_frame(mk, frame[:-TAG], place)
        if pt is None:
            raise Reject("forged")
        return frame[:HEADER] + place, pt, i, number, key, skipped

    def skip(self, suite, tag, number):
        """All below `number` has been sent -> (first, last) that we have not got, or None. Its keys are kept, too."""
        i = self.index(tag)
        at = self.chains[i][1]
        number = min(number, at + MAX_JUMP)
        if number <= at:
            return None
        key, skipped = self._ahead(suite, i, number)
        self.move(i, key, number, skipped)
        return at, number - 1

    def _ahead(self, suite, i, number):
        """-> (the chain's key at `number`, [((i, number), key)] of what is skipped on the way)."""
        key, at = self.chains[i]
        skipped = []
        if number > at:
            at, before = max(at, number - MAX_SKIPPED), at  # what was skipped longer ago is given up
            key = suite.chain(key, at - before, 0)
        while at < number:
            few = suite.chain(key, 0, min(number - at, 8))  # a board has no piece for all of them at once
            key = few[-32:]
            for n in range(0, len(few) - 32, 32):
                skipped.append(((i, at), few[n : n + 32]))
                at += 1
        return key, skipped

    def move(self, i, key, number, skipped):
        """A chain goes on. skipped: [((i, number), key)], which are kept."""
        self.chains[i] = [key, number]
        for where, mk in skipped:
            self.skipped[where] = mk
        while len(self.skipped) > MAX_SKIPPED:
            self.skipped.pop(self._least())

    def _least(self):
        """The skipped key to give up: the oldest of the sender that has most, so that nobody pushes out another's."""
        count = {}
        for i, _ in self.skipped:
            count[i] = count.get(i, 0) + 1
        return min(self.skipped, key=lambda w: (-count[w[0]], w[1]))
