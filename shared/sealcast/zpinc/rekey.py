"""Agreeing on a new epoch: propose, take part, answer, give up. PROTOCOL.md sections 9.2, 9.3 and 9.5."""

from ..compat import const, due
from ..crypto.signing import SIG, check, sign
from ..errors import Reject
from ..rare import load
from ..wire import HANDSHAKE, Reader, header
from . import epochs as agreed
from .epochs import CONFIRM, INTERVAL_MS, KEYED, PROPOSE, RETRY, SHARE, SUM, Proposal
from .members import CONFIRMED, MAX_ATTEMPT

RETRY_MS = const(2000)
WAIT_MS = const(12000)  # for all shares, then all sums, then all confirmations; and
PARTY_MS = const(1000)  # more for each member

PROPOSAL_MS = const(5000)  # of others', accepted for good: one in this time, and
BURST = const(16)  # at once, of which
AHEAD = const(1024)  # each is at most so far above what we know: all together less than a presence makes others follow

_ABORTS = ("neutral", "encoding", "duplicate_share", "conflict", "sum", "confirmation")


def tick(me, members, epochs, now, out):
    if epochs.running() and now >= epochs.deadline:
        for tag in epochs.attempt.waiting_for():
            members.by_tag[tag].strike(now)
        agreed.abort(me, members, epochs, "timeout", None, now, out)
    if epochs.running() and now >= epochs.retry_at:
        waited = now - epochs.deadline + WAIT_MS + PARTY_MS * epochs.attempt.n
        epochs.retry_at = now + max(RETRY_MS, waited)  # who is slow has enough to read
        _repeat(me, epochs, RETRY, out)
    if due(epochs.propose_at, now):
        epochs.propose_at = None
        parties = agreed.target(me, members, now)
        if not epochs.running() and agreed.wanted(me, members, epochs, parties, now):
            previous = epochs.current.hid if epochs.current else bytes(32)
            attempt = min(epochs.rank[0] + 1, MAX_ATTEMPT)
            begin(me, members, epochs, Proposal(me.tag, attempt, me.rng.bytes(16), previous, parties), now, out)


def begin(me, members, epochs, proposal, now, out):
    """Take part. The rank is stored before our share leaves: no crash makes us take part twice in one hid."""
    cpace = load("zpinc.cpace")
    names, orders, parties = [], [], []
    for tag, sid in proposal.parties:
        m = me if tag == me.tag else members.by_tag.get(tag)
        session = m and (m.session if m is me else m.current)
        if not session or session.sid != sid:
            raise Reject("members")
        names.append(m.name)
        orders.append(session.order)
        parties.append((m.tag, session.sid))
    proposal.parties = parties  # equal, but the objects we have anyhow: what was read is let go
    if epochs.attempt:
        epochs.attempt.forget(me.suite)
    agreed.pass_over(epochs, now)
    epochs.attempt = cpace.begin(me.keys, me.rng, proposal, names, me.tag, max(orders)[1])
    epochs.rank = proposal.rank
    epochs.requested = out.dirty = True  # until an epoch is confirmed, across failures and power cuts
    epochs.propose_at, epochs.sent = None, {}
    if proposal.proposer == me.tag:
        _publish(me, epochs, PROPOSE, cpace.proposal_body(proposal), 0, out)
    progress(me, members, epochs, now, out)


def _publish(me, epochs, kind, body, flag, out):
    a = epochs.attempt
    epochs.sent[kind] = body
    head = header(HANDSHAKE, me.session.sid, a.proposal.attempt)
    pt = bytes((kind | flag,)) + body
    if kind == CONFIRM:
        pt += sign(me.suite, me.session, me.keys.ad(head, me.tag), pt, a.transcript)
    out.publish(me.topic("h"), me.seal(head, pt))


def _repeat(me, epochs, flag, out):
    for kind in sorted(epochs.sent):
        _publish(me, epochs, kind, epochs.sent[kind], flag, out)


def progress(me, members, epochs, now, out):
    """Send what the attempt now allows; adopt the epoch when it is keyed, and again when it is confirmed."""
    cpace, a = load("zpinc.cpace"), epochs.attempt
    for kind in (SHARE, SUM, CONFIRM):
        if kind not in epochs.sent:
            body = cpace.message(me.suite, a, kind)
            if body is not None:
                epochs.retry_at, epochs.deadline = now + RETRY_MS, now + WAIT_MS + PARTY_MS * a.n
                _publish(me, epochs, kind, body, 0, out)
    if a.state >= KEYED and a.ISK is not None:
        epochs.pending = cpace.new_epoch(me.suite, a, [members.uid_of(tag) for tag in a.tags])
        a.forget(me.suite)
        early, a.early = a.early, {}
        for i in early:
            member, value, signed = early[i]
            try:
                _feed(me, members, epochs, i, member, CONFIRM, value, signed, now, out)
            except Reject as e:  # one false confirmation must not keep the others' from being counted
                out.complain(e.reason, member.uid, now)
            if epochs.attempt is not a:
                return
    if a.state == CONFIRMED and epochs.pending and epochs.pending.hid == a.hid:
        _adopt(members, epochs, now, out)


def _adopt(members, epochs, now, out):
    """All have confirmed the pending epoch."""
    a = epochs.attempt
    agreed.retire(epochs, epochs.pending, now, out)
    epochs.pending = None
    epochs.current.since = now
    epochs.requested = False
    epochs.not_before, epochs.deadline = now + INTERVAL_MS, now + WAIT_MS + PARTY_MS * a.n  # till then some may wait
    for tag in a.tags:
        m = members.by_tag.get(tag)
        if m:
            m.epoch = epochs.current.id
            if m.strikes:
                m.strikes = m.silent_until = 0
    a.Z = a.X = ()  # what is left is for answering those who still wait
    a.early = {}


def receive(me, members, epochs, member, ad, sid, attempt, pt, now, out):
    """An opened handshake frame from `member`. Raises Reject; an attempt that cannot succeed any more is
    aborted by name."""
    if member.session(sid) is not member.current:
        raise Reject("stale")
    r = Reader(pt)
    kind = r.uint(1)
    retry, kind = kind & RETRY, kind & ~RETRY
    if kind == PROPOSE:
        _proposed(me, members, epochs, load("zpinc.cpace").read_proposal(member.tag, attempt, r), now, out)
    elif kind in (SHARE, SUM, CONFIRM):
        hid, value = r.take(32), r.take(32)
        if kind == CONFIRM:
            r.take(SIG)
        r.end()
        a = epochs.attempt
        if a is None or a.hid != hid or a.proposal.attempt != attempt or member.tag not in a.tags:
            raise Reject("stale")
        _feed(me, members, epochs, a.tags.index(member.tag), member, kind, value, (ad, pt), now, out)
    else:
        raise Reject("format")
    a = epochs.attempt
    if retry and a and a.proposal.attempt == attempt and epochs.answer_at <= now < epochs.deadline:
        epochs.answer_at = now + RETRY_MS // 2
        _repeat(me, epochs, 0, out)


def _proposed(me, members, epochs, proposal, now, out):
    body, a = load("zpinc.cpace").proposal_body, epochs.attempt
    if a and proposal.rank == a.proposal.rank and body(proposal) == body(a.proposal):
        return  # a repetition of the one we are in
    # Who pushes the counter to its end stops nobody: at the last number any will do that comes while none is running
    if proposal.rank <= epochs.rank and (epochs.running() or proposal.attempt < MAX_ATTEMPT):
        raise Reject("stale")
    if proposal.attempt > epochs.rank[0] + AHEAD:
        raise Reject("jump")
    if (me.tag, me.session.sid) not in proposal.parties or agreed.left(members, proposal):
        raise Reject("members")
    # Anyone with the channel's key can propose: beyond a burst, no more shares and writes than one in a while
    since = max(epochs.spent_until, now - BURST * PROPOSAL_MS)
    if since + PROPOSAL_MS > now:
        raise Reject("stale")
    begin(me, members, epochs, proposal, now, out)
    epochs.spent_until = since + PROPOSAL_MS


def _feed(me, members, epochs, i, member, kind, value, signed, now, out):
    """One value of party i. signed: (ad, opened body) of the frame that carried it."""
    cpace, a = load("zpinc.cpace"), epochs.attempt
    try:
        if kind != CONFIRM:
            cpace.take(me.keys, a, kind, i, value)
        elif a.transcript is None:
            a.early[i] = (member, value, signed)
            return
        elif i not in a.confirmed:
            check(me.suite, member.current.S, signed[0], signed[1], a.transcript)
            cpace.confirm(me.suite, a, i, value)
    except Reject as e:
        if e.reason in _ABORTS and a.state != CONFIRMED:
            if e.reason != "sum":
                member.strike(now)
            agreed.abort(me, members, epochs, e.reason, member.uid, now, out)
        raise
    progress(me, members, epochs, now, out)
