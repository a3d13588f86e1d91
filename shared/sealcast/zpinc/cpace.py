"""One attempt at agreeing on an epoch: CPace generator, Burmester-Desmedt over ristretto255. PROTOCOL.md section 9.

An `Attempt` is built from an accepted proposal and fed with the members' shares; it says what to send next and ends
CONFIRMED (the epoch may be used for sending) or is thrown away. It knows no topics, timers or seals.

    SHARES --all Z--> SUMS --all X--> KEYED --all confirmations--> CONFIRMED
      n = 2 goes from SHARES to KEYED: there is no X.
"""

from ..compat import const
from ..crypto.keys import derive
from ..errors import Reject
from ..wire import lv, u32

# States
SHARES = const(0)
SUMS = const(1)
KEYED = const(2)
CONFIRMED = const(3)

# Message types; RETRY is added by a sender that is still waiting and wants the answers again
PROPOSE = const(1)
SHARE = const(2)
SUM = const(3)
CONFIRM = const(4)
STALE = const(5)
RETRY = const(0x80)

MAX_MEMBERS = const(32)
MAX_ATTEMPT = 0x7FFFFFFF


class Proposal:
    """{members with sids, attempt, nonce, previous epoch}: who, and a name that no other handshake has."""

    def __init__(self, proposer, attempt, nonce, previous, parties):
        self.proposer = proposer  # tag, 16 bytes
        self.attempt = attempt
        self.nonce = nonce
        self.previous = previous  # hid of the proposer's last epoch, or 32 zero bytes
        self.parties = parties  # [(tag 16, sid 16)], ascending

    @property
    def rank(self):
        """The highest (attempt, P_i) wins."""
        return (self.attempt, self.proposer)

    def body(self):
        out = [self.nonce, self.previous, bytes((len(self.parties),))]
        for tag, sid in self.parties:
            out.append(tag)
            out.append(sid)
        return b"".join(out)


def read_proposal(tag, attempt, r):
    """Reader -> Proposal from the member `tag`. Reject("members") unless 2..32 parties stand in strictly ascending order."""
    nonce, previous, n = r.take(16), r.take(32), r.uint(1)
    parties = [(r.take(16), r.take(16)) for _ in range(n)]
    r.end()
    tags = [t for t, _ in parties]
    if not 2 <= n <= MAX_MEMBERS or not 0 < attempt <= MAX_ATTEMPT or tag not in tags:
        raise Reject("members")
    for i in range(1, n):
        if tags[i - 1] >= tags[i]:
            raise Reject("members")
    return Proposal(tag, attempt, nonce, previous, parties)


class Attempt:
    """Our part in one proposed handshake.

    names: P_i of every party, in the proposal's order; latest: sid of the newest join among the parties.
    y is fresh for this object, never stored, and gone when the key is known.
    """

    def __init__(self, keys, rng, proposal, names, my_tag, latest):
        suite = keys.suite
        self.suite = suite
        self.keys = keys
        self.proposal = proposal
        self.names = names
        self.tags = [t for t, _ in proposal.parties]
        self.n = len(names)
        self.me = self.tags.index(my_tag)
        self.latest = latest
        pairs = []
        for i in range(self.n):
            pairs.append(names[i])
            pairs.append(proposal.parties[i][1])
        self.hid = derive(
            suite, derive(suite, keys.msgkey, b"sc/hid"), b"sc/hid",
            lv(*pairs), u32(proposal.attempt), proposal.proposer, proposal.nonce, proposal.previous,
        )  # fmt: skip
        g = suite.h(64, keys.msgkey, self.hid[:16], b"sc/cpace", lv(*names), latest, self.hid)
        G = suite.ristretto_map(g)
        y = bytes(32)
        while not any(y):
            y = suite.scalar_reduce(rng.bytes(64))
        self._y = bytearray(y)
        self.Z = [None] * self.n
        self.X = [None] * self.n
        self.confirmed = set()
        self.early = {}  # index -> a confirmation that came before we knew the key, for the caller to check then
        self.state = SHARES
        self.ISK = None
        self.transcript = None
        self._A = None
        self._kc = None
        self.Z[self.me] = suite.ristretto_mul(self._y, G)

    def message(self, kind):
        """The body of our message of this type; None when it is not ours to send yet."""
        if kind == SHARE:
            return self.hid + self.Z[self.me]
        if kind == SUM and self.n > 2 and self.X[self.me] is not None:
            return self.hid + self.X[self.me]
        if kind == CONFIRM and self._kc is not None:
            return self.hid + self.proof(self.me)
        return None

    def proof(self, i):
        """Party i's confirmation: who computes it knows ISK and saw our transcript."""
        return derive(self.suite, self._kc, b"sc/kc", self.transcript, lv(self.names[i]))

    def waiting_for(self):
        """Tags of the parties whose next message is missing."""
        have = self.Z if self.state == SHARES else self.X if self.state == SUMS else None
        out = []
        for i in range(self.n):
            if (have[i] is None) if have else (i not in self.confirmed and i != self.me):
                out.append(self.tags[i])
        return out

    def share(self, i, Z):
        """Z_i from party i. Reject("neutral" | "encoding" | "duplicate_share" | "conflict" | "sum"); True when it moved us on."""
        return self._value(self.Z, i, Z)

    def sum(self, i, X):
        """X_i from party i: as `share`. Honest X are never neutral, because the Z are all different."""
        if self.n == 2:
            raise Reject("format")
        return self._value(self.X, i, X)

    def _value(self, values, i, value):
        if self.state == CONFIRMED:  # late or repeated: there is nothing left to compare it with, and nothing to decide
            return False
        if values[i] is not None:
            if values[i] != value:
                raise Reject("conflict")
            return False
        if self.state >= KEYED:
            raise Reject("state")
        if not any(value):
            raise Reject("neutral")
        if not self.suite.ristretto_valid(value):
            raise Reject("encoding")
        if values is self.Z and value in values:
            raise Reject("duplicate_share")
        values[i] = value
        return self._advance()

    def confirm(self, i, proof):
        """Party i's confirmation (its signature already checked). Reject("confirmation") when it is not for our key."""
        if i in self.confirmed:
            return False
        if not self.suite.equal(proof, self.proof(i)):
            raise Reject("confirmation")
        return self.vouch(i)

    def vouch(self, i):
        """Party i showed that it holds the key (a confirmation, or any frame of the epoch)."""
        self.confirmed.add(i)
        if self.state == KEYED and len(self.confirmed) >= self.n:
            self.state = CONFIRMED
            return True
        return False

    def _advance(self):
        """Do all that the values we have allow; True when the state changed."""
        before = self.state
        n, i, suite = self.n, self.me, self.suite
        if self.state == SHARES and None not in self.Z:
            # A = y Z_{i-1} serves twice: in X_i, and n-fold in K.
            self._A = suite.ristretto_mul(self._y, self.Z[i - 1])
            if n > 2:
                B = suite.ristretto_mul(self._y, self.Z[(i + 1) % n])
                self.X[i] = suite.ristretto_sub(B, self._A)
                self.state = SUMS
            else:
                self._key(self._A)
            suite.wipe(self._y)
        if self.state == SUMS and None not in self.X:
            # K = n A + (n-1) X_i + ... + X_{i+n-2}, by running sums: 2n additions, no multiplication.
            K = suite.bd_key(self._A, b"".join([self.X[(i + j) % n] for j in range(n)]))
            if K is None:
                raise Reject("sum")
            self._key(K)
        return self.state != before

    def _key(self, K):
        suite = self.suite
        if not any(K):
            raise Reject("neutral")
        values = []
        for j in range(self.n):
            values.append(self.names[j])
            values.append(self.Z[j])
            values.append(self.X[j] or b"")
        t = lv(*values)
        outer = derive(suite, self.keys.msgkey, b"sc/isk")
        self.ISK = suite.h(32, K + outer, b"", b"sc/isk", self.hid, self.latest, t)
        self.transcript = suite.h(32, b"", b"", b"sc/tr", self.hid, self.latest, t)
        self._kc = derive(suite, self.ISK, b"sc/kckey")
        self._A = None
        self.state = KEYED
        self.confirmed.add(self.me)

    def rest(self):
        """All have confirmed: what is left is for answering those who still wait. Frees the shares and sums."""
        self.Z = self.X = ()
        self.early = {}

    def forget(self):
        """Erase what could open the epoch, once its keys are derived elsewhere. Confirmations can still be answered."""
        self.suite.wipe(self._y)
        self._A = None
        self.ISK = None
