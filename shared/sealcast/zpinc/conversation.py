"""Conversations: one hash chain a sender, each key used once and erased. PROTOCOL.md section 10.

A frame is header || nonce || box || mac. The mac, under a key that all members of the epoch share, is checked
before any chain is moved; the chain is then moved on a copy, and kept only when the box opens.
"""

from ..compat import const
from ..crypto.keys import derive, open_box, seal_box
from ..crypto.signing import sign
from ..errors import Reject
from ..wire import CONVERSATION, TAG, header, split

MAX_JUMP = const(1024)
MAX_SKIPPED = const(64)


class Epoch:
    """The keys of one agreed epoch. parties: [(tag 16, sid 16, uid)] in the handshake's order."""

    def __init__(self, hid, hk, parties, chains, skipped=None):
        self.hid = hid
        self.hk = hk
        self.parties = parties
        self.chains = chains  # index -> [key, next number], of the sender
        self.skipped = skipped or {}  # (index, number) -> message key
        self.messages = 0
        self.since = 0  # monotonic ms, this run

    @property
    def id(self):
        return self.hid[:16]

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
        mk = derive(suite, chain[0], b"sc/msg")
        chain[0] = derive(suite, chain[0], b"sc/next")
        chain[1] = number + 1
        nonce = me.rng.nonce(ad, pt)
        box = seal_box(suite, mk, ad, nonce, pt)
        return head + nonce + box + self._mac(suite, ad, nonce, box)

    def open(self, keys, frame, tag):
        """frame -> (ad, number, pt, commit). Nothing has changed until `commit()` is called.

        Raises Reject("forged" | "members" | "duplicate" | "window").
        """
        head, _, number, nonce, rest = split(frame, CONVERSATION)
        box, mac = rest[:-TAG], rest[-TAG:]
        ad = keys.ad(head, tag)
        if len(box) < TAG or not keys.suite.equal(mac, self._mac(keys.suite, ad, nonce, box)):
            raise Reject("forged")
        i = self.index(tag)
        key, at = self.chains[i]
        if number < at:
            mk = self.skipped.get((i, number))
            if mk is None:
                raise Reject("duplicate")
            pt = open_box(keys.suite, mk, ad, nonce, box)
            return ad, number, pt, lambda: self.skipped.pop((i, number))
        if number - at > MAX_JUMP:
            raise Reject("window")
        skipped = []
        while at < number:
            if number - at <= MAX_SKIPPED:
                skipped.append(((i, at), derive(keys.suite, key, b"sc/msg")))
            key = derive(keys.suite, key, b"sc/next")
            at += 1
        pt = open_box(keys.suite, derive(keys.suite, key, b"sc/msg"), ad, nonce, box)
        moved = [derive(keys.suite, key, b"sc/next"), at + 1]

        def commit():
            self.chains[i] = moved
            for where, mk in skipped:
                self.skipped[where] = mk
            while len(self.skipped) > MAX_SKIPPED:
                self.skipped.pop(self._least())

        return ad, number, pt, commit

    def _least(self):
        """The skipped key to give up: the oldest of the sender that has most, so that nobody pushes out another's."""
        count = {}
        for i, _ in self.skipped:
            count[i] = count.get(i, 0) + 1
        return min(self.skipped, key=lambda w: (-count[w[0]], w[1]))

    def _mac(self, suite, ad, nonce, box):
        return derive(suite, self.hk, b"sc/hmac", ad, nonce, box)[:TAG]

    def missing(self):
        """How many messages of each sender were skipped and never came: {uid: count}."""
        out = {}
        for i, _ in self.skipped:
            uid = self.parties[i][2]
            out[uid] = out.get(uid, 0) + 1
        return out
