"""The mathematics of one handshake: CPace generator, Burmester-Desmedt over ristretto255. PROTOCOL.md section 9.4.

Procedures on an `epochs.Attempt`, which is built from an accepted proposal and fed with the members' shares; it
says what to send next and ends CONFIRMED (the epoch may be used for sending) or is thrown away. Nothing here
knows topics, timers or seals.
"""

from ..crypto.keys import derive
from ..errors import Reject
from ..wire import lv, u32
from .conversation import Epoch
from .epochs import CONFIRM, KEYED, MAX_MEMBERS, SHARE, SHARES, SUM, SUMS, Attempt, Proposal
from .members import CONFIRMED, MAX_ATTEMPT


def proposal_body(p):
    parties = b"".join([tag + sid for tag, sid in p.parties])
    return p.nonce + p.previous + bytes((len(p.parties),)) + parties


def read_proposal(tag, attempt, r):
    """Reader -> Proposal from the member `tag`. Reject("members") unless 2..32 parties stand in strictly
    ascending order."""
    nonce, previous, n = r.take(16), r.take(32), r.uint(1)
    parties = [(r.take(16), r.take(16)) for _ in range(n)] if 2 <= n <= MAX_MEMBERS else []
    tags = [t for t, _ in parties]
    if tag not in tags or not 0 < attempt <= MAX_ATTEMPT:
        raise Reject("members")
    r.end()
    for i in range(1, n):
        if tags[i - 1] >= tags[i]:
            raise Reject("members")
    return Proposal(tag, attempt, nonce, previous, parties)


def begin(keys, rng, proposal, names, my_tag, latest):
    """-> Attempt, with our own y and Z. names, latest: see Attempt."""
    suite = keys.suite
    a = Attempt(proposal, names, my_tag, latest)
    pairs = []
    for i in range(a.n):
        pairs += [names[i], proposal.parties[i][1]]
    a.hid = derive(
        suite, derive(suite, keys.msgkey, b"sc/hid"), b"sc/hid",
        lv(*pairs), u32(proposal.attempt), proposal.proposer, proposal.nonce, proposal.previous,
    )  # fmt: skip
    g = suite.h(64, keys.msgkey, a.hid[:16], b"sc/cpace", lv(*names), latest, a.hid)
    G = suite.ristretto_map(g)
    while not any(a.y):
        a.y = bytearray(suite.scalar_reduce(rng.bytes(64)))
    a.Z[a.me] = suite.ristretto_mul(a.y, G)
    return a


def message(suite, a, kind):
    """The body of our message of this type; None when it is not ours to send yet."""
    if kind == SHARE:
        return a.hid + a.Z[a.me]
    if kind == SUM and a.n > 2 and a.X[a.me] is not None:
        return a.hid + a.X[a.me]
    if kind == CONFIRM and a.kc is not None:
        return a.hid + proof(suite, a, a.me)
    return None


def proof(suite, a, i):
    """Party i's confirmation: who computes it knows ISK and saw our transcript."""
    return derive(suite, a.kc, b"sc/kc", a.transcript, lv(a.names[i]))


def take(keys, a, kind, i, value):
    """A SHARE, Z_i, or a SUM, X_i, from party i. Honest X are never neutral, because the Z are all different.
    Reject("format" | "neutral" | "encoding" | "duplicate_share" | "conflict" | "sum")."""
    if kind == SUM and a.n == 2:
        raise Reject("format")
    if a.state == CONFIRMED:  # late or repeated: there is nothing left to compare it with, and nothing to decide
        return
    values = a.Z if kind == SHARE else a.X
    if values[i] is not None:
        if values[i] != value:
            raise Reject("conflict")
        return
    if a.state >= KEYED:
        raise Reject("state")
    if not any(value):
        raise Reject("neutral")
    if not keys.suite.ristretto_valid(value):
        raise Reject("encoding")
    if kind == SHARE and value in values:
        raise Reject("duplicate_share")
    values[i] = value
    _advance(keys, a)


def confirm(suite, a, i, value):
    """Party i's confirmation (its signature already checked). Reject("confirmation") when it is not for our key."""
    if i in a.confirmed:
        return
    if not suite.equal(value, proof(suite, a, i)):
        raise Reject("confirmation")
    vouch(a, i)


def vouch(a, i):
    """Party i showed that it holds the key (a confirmation, or any frame of the epoch)."""
    a.confirmed.add(i)
    if a.state == KEYED and len(a.confirmed) >= a.n:
        a.state = CONFIRMED


def _advance(keys, a):
    """Do all that the values we have allow."""
    n, i, suite = a.n, a.me, keys.suite
    if a.state == SHARES and None not in a.Z:
        # A = y Z_{i-1} serves twice: in X_i, and n-fold in K.
        a.A = suite.ristretto_mul(a.y, a.Z[i - 1])
        if n > 2:
            B = suite.ristretto_mul(a.y, a.Z[(i + 1) % n])
            a.X[i] = suite.ristretto_sub(B, a.A)
            a.state = SUMS
        else:
            _key(keys, a, a.A)
        suite.wipe(a.y)
    if a.state == SUMS and None not in a.X:
        # K = n A + (n-1) X_i + ... + X_{i+n-2}, by running sums: 2n additions, no multiplication.
        K = suite.bd_key(a.A, b"".join([a.X[(i + j) % n] for j in range(n)]))
        if K is None:
            raise Reject("sum")
        _key(keys, a, K)


def _key(keys, a, K):
    suite = keys.suite
    if not any(K):
        raise Reject("neutral")
    values = []
    for j in range(a.n):
        values += [a.names[j], a.Z[j], a.X[j] or b""]
    t = lv(*values)
    outer = derive(suite, keys.msgkey, b"sc/isk")
    a.ISK = suite.h(32, K + outer, b"", b"sc/isk", a.hid, a.latest, t)
    a.transcript = suite.h(32, b"", b"", b"sc/tr", a.hid, a.latest, t)
    a.kc = derive(suite, a.ISK, b"sc/kckey")
    a.A = None
    a.state = KEYED
    a.confirmed.add(a.me)


def new_epoch(suite, a, uids):
    """A keyed Attempt -> Epoch. ISK itself is not kept. PROTOCOL.md 10.1."""
    parties, chains = [], []
    for j in range(a.n):
        tag, sid = a.proposal.parties[j]
        parties.append((tag, sid, uids[j]))
        chains.append([derive(suite, a.ISK, b"sc/chain", lv(a.names[j], sid)), 0])
    return Epoch(a.hid, derive(suite, a.ISK, b"sc/hk"), parties, chains)
