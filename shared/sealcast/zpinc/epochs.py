"""When to agree on a new epoch, with whom, and what becomes of the old one. PROTOCOL.md sections 9.1, 9.5 and 10.4.

The mathematics of one attempt is `handshake.Attempt`; this file proposes, retries, gives up, and keeps the epochs.
"""

from ..compat import const, hexlify
from ..errors import Reject
from ..wire import HANDSHAKE, Reader, header
from .conversation import new_epoch
from .cpace import (
    CONFIRM,
    CONFIRMED,
    KEYED,
    MAX_ATTEMPT,
    MAX_MEMBERS,
    PROPOSE,
    RETRY,
    SHARE,
    SUM,
    Attempt,
    Proposal,
    read_proposal,
)  # fmt: skip
from .identity import SIG
from .members import AWAKE, LEFT, PRESENT

DEBOUNCE_MS = const(600)
STEP_MS = const(1500)  # how much later the next member in order proposes, should the first be silent
INTERVAL_MS = const(3000)  # between the end of one attempt and the next proposal
RETRY_MS = const(2000)
ATTEMPT_MS = const(12000)  # and
PARTY_MS = const(1000)  # more for each member
SILENT_MS = const(10000)  # first penalty of a member that stayed silent; doubles up to
SILENT_MAX_MS = const(60000)
GRACE_MS = const(60000)  # how long the previous epoch stays readable
JUMP = const(65536)

_ABORTS = ("neutral", "encoding", "duplicate_share", "conflict", "sum", "confirmation")


class Agreement:
    """The epochs of a channel. `ch` gives members, keys, rng and the effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch
        self.attempt = None  # the attempt in progress, or the last one confirmed (to answer those who still wait)
        self.rank = (0, bytes(16))  # (attempt, proposer) of the highest proposal we took part in: never again at or below
        self.current = None  # the epoch we send in
        self.pending = None  # keyed, not yet confirmed by all: readable
        self.previous = None
        self.previous_until = 0
        self.requested = False
        self.propose_at = None
        self.not_before = 0
        self._sent = {}
        self._retry_at = None
        self._deadline = None
        self._answer_at = 0

    # --- who and when

    def target(self, now):
        """[(tag, sid)] of the awake members that answer, ourselves included, ascending, at most 32."""
        out = [(self.ch.tag, self.ch.session.sid)]
        for m in self.ch.members_by_tag.values():
            if m.status == AWAKE and m.current and now >= m.silent_until:
                out.append((m.tag, m.current.sid))
        return sorted(out)[:MAX_MEMBERS]

    def wanted(self, now, target):
        """Does the current epoch no longer fit?"""
        if len(target) < 2:
            return False
        e = self.current
        if e is None or self.requested:
            return True
        if now - e.since >= self.ch.config["rekey_seconds"] * 1000 or e.messages >= self.ch.config["rekey_messages"]:
            return True
        parties = [(tag, sid) for tag, sid, _ in e.parties]
        for party in target:
            if party not in parties:
                return True
        return not all([self._present(tag, sid) for tag, sid in parties])

    def _present(self, tag, sid):
        if tag == self.ch.tag:
            return sid == self.ch.session.sid
        m = self.ch.members_by_tag.get(tag)
        return m is not None and m.status in PRESENT and m.current is not None and m.current.sid == sid

    def _left(self, tag, sid):
        m = self.ch.members_by_tag.get(tag)
        return m is not None and (m.status == LEFT or m.current is None or m.current.sid != sid)

    def running(self):
        return self.attempt is not None and self.attempt.state != CONFIRMED

    def plan(self, now):
        """After every input: arm or disarm the proposal; drop an epoch that nobody else is in."""
        e = self.current
        if e and not any([self._present(t, s) for t, s, _ in e.parties if t != self.ch.tag]):
            self._retire(now)
            self.ch.event("rekeyed", {"epoch": None, "members": []})
        if self.running():
            if any([self._left(tag, sid) for tag, sid in self.attempt.proposal.parties]):
                self.abort("left", now)
            else:
                return
        target = self.target(now)
        if not self.wanted(now, target):
            self.propose_at = None
        elif self.propose_at is None:
            place = target.index((self.ch.tag, self.ch.session.sid)) if (self.ch.tag, self.ch.session.sid) in target else 0
            self.propose_at = max(now + DEBOUNCE_MS, self.not_before) + place * STEP_MS

    def times(self, now):
        """When `tick` has something to do while we are online."""
        out = [self.propose_at]
        if self.running():
            out.append(self._retry_at)
            out.append(self._deadline)
        elif self.current:
            due = self.current.since + self.ch.config["rekey_seconds"] * 1000
            if due > now:  # when it has passed and nobody is there to agree with, somebody's presence brings us back
                out.append(due)
        for m in self.ch.members_by_tag.values():
            if m.status == AWAKE and m.silent_until > now:
                out.append(m.silent_until)
        return out

    def expire(self, now):
        """The previous epoch's grace ends, online or not: its keys are erased."""
        if self.previous and now >= self.previous_until:
            self._drop_previous()

    def tick(self, now):
        if self.running() and now >= self._deadline:
            self._silent(self.attempt.waiting_for(), now)
            self.abort("timeout", now)
        if self.running() and now >= self._retry_at:
            self._retry_at = now + RETRY_MS
            self._repeat(RETRY)
        if self.propose_at is not None and now >= self.propose_at:
            self.propose_at = None
            target = self.target(now)
            if not self.running() and self.wanted(now, target):
                self.propose(target, now)

    def _silent(self, tags, now):
        for tag in tags:
            m = self.ch.members_by_tag.get(tag)
            if m:
                m.silent_until = now + min(SILENT_MS << min(m.strikes, 8), SILENT_MAX_MS)
                m.strikes += 1

    # --- one attempt

    def propose(self, target, now):
        previous = self.current.hid if self.current else bytes(32)
        proposal = Proposal(self.ch.tag, min(self.rank[0] + 1, MAX_ATTEMPT), self.ch.rng.bytes(16), previous, target)
        self.begin(proposal, now)

    def begin(self, proposal, now):
        """Take part. The rank is stored before our share leaves: no crash makes us take part twice in one hid."""
        ch = self.ch
        names = []
        orders = []
        parties = []
        for tag, sid in proposal.parties:
            m = ch if tag == ch.tag else ch.members_by_tag.get(tag)
            session = m and (m.session if m is ch else m.current)
            if not session or session.sid != sid:
                raise Reject("members")
            names.append(m.name)
            orders.append(session.order)
            parties.append((m.tag, session.sid))
        proposal.parties = parties  # equal, but the objects we have anyhow: what was read is let go
        if self.attempt:
            self.attempt.forget()
        self.attempt = Attempt(ch.keys, ch.rng, proposal, names, ch.tag, max(orders)[1])
        self.rank = proposal.rank
        self.requested = True  # until an epoch is confirmed, across failures and power cuts
        ch.dirty = True
        self.propose_at = None
        self._sent = {}
        self._retry_at = now + RETRY_MS
        self._deadline = now + ATTEMPT_MS + PARTY_MS * len(names)
        if proposal.proposer == ch.tag:
            self._publish(PROPOSE, proposal.body())
        self._progress(now)

    def _publish(self, kind, body, flag=0):
        ch = self.ch
        self._sent[kind] = body
        head = header(HANDSHAKE, ch.session.sid, self.attempt.proposal.attempt)
        pt = bytes((kind | flag,)) + body
        if kind == CONFIRM:
            pt += ch.session.sign(ch.keys, ch.keys.ad(head, ch.tag), pt, self.attempt.transcript)
        ch.publish("h", ch.keys.seal(ch.rng, head, ch.tag, pt))

    def _repeat(self, flag=0):
        for kind in sorted(self._sent):
            self._publish(kind, self._sent[kind], flag)

    def _progress(self, now):
        """Send what the attempt now allows; adopt the epoch when it is keyed, and again when it is confirmed."""
        a = self.attempt
        for kind in (SHARE, SUM, CONFIRM):
            if kind not in self._sent:
                body = a.message(kind)
                if body is not None:
                    self._publish(kind, body)
        if a.state >= KEYED and a.ISK is not None:
            self.pending = new_epoch(self.ch.suite, a, [self.ch.uid_of(t) for t in a.tags])
            a.forget()
            early, a.early = a.early, {}
            for i in early:
                member, kind, value, signed = early[i]
                try:
                    self._feed(a, i, member, kind, value, signed, now)
                except Reject as e:  # one false confirmation must not keep the others' from being counted
                    self.ch.complain(e.reason, member.uid, now)
                if self.attempt is not a:
                    return
        if a.state == CONFIRMED and self.pending and self.pending.hid == a.hid:
            self._retire(now)
            self.current, self.pending = self.pending, None
            self.current.since = now
            self.requested = False
            self.not_before = now + INTERVAL_MS
            for tag in a.tags:
                m = self.ch.members_by_tag.get(tag)
                if m:
                    m.strikes = 0
                    m.silent_until = 0
            a.rest()
            self.ch.dirty = True
            self.ch.event("rekeyed", {"epoch": hexlify(self.current.id), "members": [p[2] for p in self.current.parties]})

    def abort(self, reason, now, uid=None):
        waiting = [self.ch.uid_of(t) for t in self.attempt.waiting_for()]
        self.attempt.forget()
        self.attempt = None
        self.not_before = now + INTERVAL_MS
        self.ch.event("handshake_failed", {"reason": reason, "uid": uid, "waiting": waiting})

    def receive(self, member, ad, sid, attempt, pt, now):
        """An opened handshake frame from `member`. Raises Reject; an attempt that cannot succeed any more is aborted by name."""
        if member.session(sid) is not member.current:
            raise Reject("stale")
        r = Reader(pt)
        kind = r.uint(1)
        retry, kind = kind & RETRY, kind & ~RETRY
        if kind == PROPOSE:
            self._proposed(read_proposal(member.tag, attempt, r), now)
        elif kind in (SHARE, SUM, CONFIRM):
            hid, value = r.take(32), r.take(32)
            sig = r.take(SIG) if kind == CONFIRM else None
            r.end()
            a = self.attempt
            if a is None or a.hid != hid or a.proposal.attempt != attempt or member.tag not in a.tags:
                raise Reject("stale")
            self._feed(a, a.tags.index(member.tag), member, kind, value, (ad, pt[:-SIG], sig), now)
        else:
            raise Reject("format")
        if retry and self.attempt and self.attempt.proposal.attempt == attempt and now >= self._answer_at:
            self._answer_at = now + RETRY_MS // 2
            self._repeat()

    def _proposed(self, proposal, now):
        if proposal.rank <= self.rank:
            a = self.attempt
            if not a or proposal.rank != a.proposal.rank or proposal.body() != a.proposal.body():
                raise Reject("stale")
            return  # a repetition of the one we are in
        if proposal.attempt > self.rank[0] + JUMP:
            raise Reject("jump")
        if (self.ch.tag, self.ch.session.sid) not in proposal.parties:
            raise Reject("members")
        self.begin(proposal, now)

    def _feed(self, a, i, member, kind, value, signed, now):
        try:
            if kind == SHARE:
                a.share(i, value)
            elif kind == SUM:
                a.sum(i, value)
            else:
                ad, body, sig = signed
                if a.transcript is None:
                    a.early[i] = (member, kind, value, signed)
                    return
                ok = self.ch.suite.ed25519_verify(
                    member.current.S, sig, self.ch.keys.signable(ad, body, a.transcript)
                )
                if not ok:
                    raise Reject("signature")
                a.confirm(i, value)
        except Reject as e:
            if e.reason in _ABORTS and a.state != CONFIRMED:
                if e.reason != "sum":
                    self._silent([member.tag], now)
                self.abort(e.reason, now, member.uid)
            raise
        self._progress(now)

    # --- epochs

    def find(self, epoch_id):
        """The epoch a conversation frame names; Reject("epoch") when it is none of ours (any more)."""
        for e in (self.current, self.pending, self.previous):
            if e and e.id == epoch_id:
                return e
        raise Reject("epoch")

    def vouch(self, epoch, tag, now):
        """A signed frame of the epoch is its sender's confirmation. Unsigned it proves only the key, which a man in the middle has too."""
        a = self.attempt
        if self.ch.config["sign"] and self.running() and a.state == KEYED and a.hid == epoch.hid:
            a.vouch(a.tags.index(tag))
            self._progress(now)

    def orphan(self, now):
        """Our session ends, and with it our place in an epoch: its chain may have been used by whom we no longer remember."""
        if self.attempt:
            self.attempt.forget()
        self.attempt = self.pending = None
        if self.current:
            self._retire(now)
            self.ch.event("rekeyed", {"epoch": None, "members": []})

    def _retire(self, now):
        self._drop_previous()
        self.previous = self.current
        self.previous_until = now + GRACE_MS
        self.current = None
        self.ch.dirty = True

    def _drop_previous(self):
        if self.previous:
            for uid, count in self.previous.missing().items():
                self.ch.event("gap", {"uid": uid, "count": count, "secrecy": "conversation"})
            self.previous = None
            self.ch.dirty = True

    def learn(self, attempt):
        """A member's presence names a higher attempt than we knew: catch up, by at most JUMP."""
        if not self.running() and attempt > self.rank[0]:
            self.rank = (min(attempt, self.rank[0] + JUMP, MAX_ATTEMPT), bytes(16))
            self.ch.dirty = True
