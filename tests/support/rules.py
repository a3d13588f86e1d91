"""Rules that every scenario of the core is held to, whatever else it asks, and every story of the simulators (lives.py
there): what goes out was stored before; what is refused has changed nothing that counts; a secret that was let go is in
no stored state any more, and does not come back. PROTOCOL.md sections 9.2, 10.3, 11, 12, 16.2 and 17.3.
"""

from contextlib import contextmanager
from itertools import islice

import pytest

from sealcast.channel import Channel
from sealcast.compat import hexlify
from sealcast.crypto.keys import ZERO
from sealcast.effects import APPEND, CONNECT, EVENT, FORMAT, MESSAGE, PUBLISH, STORE
from sealcast.errors import Reject
from sealcast.journal import HEAD
from sealcast.rare import load
from sealcast.smmp.group import AHEAD
from sealcast.smmp.packages import BELIEVED
from sealcast.wire import AGREEMENT

OUTWARD = (PUBLISH, MESSAGE, CONNECT)
CALLS = ("start", "connecting", "connected", "disconnected", "acked", "receive", "tick", "send", "change_group",
         "sleep", "leave", "rekey", "declare_lost", "approve", "snapshot")  # fmt: skip
MOST = BELIEVED + AHEAD  # packages that an agreement may make us make


class RuleBroken(AssertionError):
    """The text says which."""


def pieces(ch):
    """What a member keeps that opens, seals or signs, and that it will let go one day -> (secrets, pairs of the group).
    The group's former state is its own for one epoch, with the packages that were used and the frame that was on its
    way. Asked for at every call, and mostly as it was: so it is compared before a set is made of it."""
    group = ch.group
    found, pairs = [ch.places.k, ch.me.session and ch.me.session.seed], []
    for epoch in (ch.epochs.current, ch.epochs.previous):
        if epoch:
            found.append(epoch.hk)
            found += [chain[0] for chain in epoch.chains]
            found += epoch.skipped.values()
    if hasattr(group, "phase"):  # else the member takes part in none
        undo, pending, ahead = group.undo, group.outgoing.pending, [*group.packages.mine.values()]
        pairs += group.pairs.values()
        states, ours = [group.state], [pending] if pending else []
        if undo:
            states.append(undo.state)
            ahead += undo.spent.values()
            pairs += undo.pairs.values()
            if undo.own:
                ours.append(undo.own)
        for p in ours:
            found += (p.secret, p.t)
            if p.kind == AGREEMENT:  # a message's is made again after a restart
                states.append(p.after)
        for state in states:
            if state:
                found += (state.r, state.RK, state.HK, state.NHK, state.mk, state.v)
        for package in ahead:
            found += package
    return found, pairs


def secrets(ch):
    return _set(*pieces(ch))


def _set(found, pairs):
    held = {*found, *[pair[:32] for pair in pairs], *[pair[32:64] for pair in pairs]}
    return held - {ZERO, b"", None}


def _of(ours):
    return {secret for package in ours for secret in package}


def counted(ch):
    """-> (what must not be used twice or forgotten, beside the secrets; what only a frame that is taken changes)."""
    session, group, place = ch.me.session, ch.group, None
    if hasattr(group, "phase"):
        at = group.state and (group.state.epoch, group.state.head)
        floor = {tag: number for tag, number in group.packages.floor.items() if number}
        place = group.packages.counter, (at, group.outgoing.count, dict(group.heard), floor)
    members, heard, windows = [], [], []  # flat: this is asked for at every call
    for m in ch.others.by_tag.values():
        if m.sessions:
            members += (m.tag, m.public, m.floor)
            heard += (m.conn, m.counter)
            for s in m.sessions:
                w = s.window
                members.append(s.sid)
                windows.append(None if w.fresh else w.next)
                heard += (w.next, len(w.held))
    chains = [e and (e.hid, [at for _, at in e.chains]) for e in (ch.epochs.current, ch.epochs.previous)]
    own = session and (session.lamport, session.sid)
    others = ch.others.lamport, ch.others.approvals[0]
    numbers = ch.places.generation, ch.ring.next, ch.epochs.rank, ch.keepalive.conn, others
    return (own, ch.me.root, numbers, (chains, windows), members, place), heard


def as_stored(ch, held, numbers):
    """(secrets, numbers) as a restart finds them: our chains where what is said ahead ends (12.3)."""
    ours, chains = {where: said for where, said in ch.out.ahead.items() if len(where) == 2 and said[1]}, []
    for e in (ch.epochs.current, ch.epochs.previous):
        for i, (key, _) in enumerate(e.chains if e else ()):
            if (e, i) in ours:
                held = held - {key} | {ours[e, i][1]}
        chains.append(e and (e.hid, [ours.get((e, i), (at,))[0] for i, (_, at) in enumerate(e.chains)]))
    return held, (*numbers[:3], (chains, numbers[3][1]), *numbers[4:])


def covered(ch, held, numbers):
    """What must be stored before anything goes out: of chains and windows, up to where they are said to have come."""
    ahead, keys, ends = ch.out.ahead, set(), []
    for e in (ch.epochs.current, ch.epochs.previous):
        for i, (key, at) in enumerate(e.chains if e else ()):
            keys.add(key)
            ends.append(max(at, ahead.get((e, i), (0,))[0], e.doubt.get(i, 0)))
    for m in ch.others.by_tag.values():
        for s in m.sessions:
            upto = max(ahead.get((s,), (0,))[0], s.window.doubt)
            ends.append(None if s.window.fresh else max(s.window.next, upto))
    return held - keys, (*numbers[:3], *numbers[4:]), ends


class Held:
    """What is known of one Channel between its calls. gone: the secrets that its owner has let go so far, in their
    order, as the keys of a dict."""

    def __init__(self, ch, gone):
        self.ch, self.gone = ch, gone
        self.pieces = None
        self.last = self._known()  # after the last call: its secrets, and what counted() says
        self.stored = None  # what was covered at the last STORE or APPEND
        self.kept = None  # and what of them is in what was stored
        self.blob = b""  # the last snapshot, or what was appended last
        self.whole = b""  # the last snapshot and all that was appended since; None: something was changed by hand since
        self.restarted = None  # what a restart made of it, once something was appended
        self.sought = 0  # so many of `gone` were looked for in it
        self.erased = 0  # and so many are in no snapshot
        self.refusal = False
        self.packages = self._packages()
        self.dispatch, ch._dispatch = ch._dispatch, self._watched
        self.judge()

    def _packages(self):
        """Secrets of our packages; empty for who takes part in no group."""
        return _of(self.ch.group.packages.mine.values()) if hasattr(self.ch.group, "packages") else set()

    def _watched(self, *frame):
        try:
            return self.dispatch(*frame)
        except Reject:
            self.refusal = True
            raise

    def _known(self):
        before, self.pieces = self.pieces, pieces(self.ch)
        return (self.last[0] if self.pieces == before else _set(*self.pieces), *counted(self.ch))

    def by_hand(self):
        """A scenario may have put something there."""
        now = self._known()
        if now != self.last:
            self.last, self.sought, self.packages = now, 0, self._packages()
            self.stored = covered(self.ch, *now[:2])
            self.whole = None  # no record says it
            for secret in now[0]:
                self.gone.pop(secret, None)

    def judge(self):
        """A secret that is here again."""
        if any(secret in self.gone for secret in self.last[0]):
            raise RuleBroken("a secret that was let go is back")

    def unchanged(self):
        """After a call that raised."""
        if self._known() != self.last:
            raise RuleBroken("what is refused has changed something")

    def end(self, effects):
        """A call is over."""
        ch, refusal, self.refusal = self.ch, self.refusal, False
        before, self.last = self.last, self._known()
        if refusal and self.last != before and not self._heeded(before):
            raise RuleBroken("what is refused has changed something")
        held = self.last[0]
        if held is not before[0]:
            lost, self.packages = before[0] - held, self._packages()
            if not [e for e in effects if e[0] == EVENT and e[1] == "resynced" and e[2]["rolled_back"]]:
                self.gone.update(dict.fromkeys(lost))  # else it follows from what is kept, and may be the group's yet
            self.judge()
        outward = False
        for e in effects:
            if e[0] in (STORE, APPEND):
                if outward:
                    raise RuleBroken("something goes out before the state is stored")
                self._stored(b"".join([bytes(part) for part in e[1]]) if e[0] == STORE else e[1], e[0] == APPEND)
            elif e[0] in OUTWARD:
                outward = True
                if e[0] == MESSAGE and e[1].secrecy == "conversation":
                    self._used(e[1])
        if outward and not ch.held and self.stored != covered(ch, *self.last[:2]):
            raise RuleBroken("something goes out that no stored state knows of")

    def _heeded(self, before):
        """An agreement that names packages of ours that we never made is refused, and we make others (16.1)."""
        held, numbers, heard = self.last
        if numbers[-1] is None:
            return False
        (counter, place), (former, before_place) = numbers[-1], before[1][-1]
        same = (place, heard, *numbers[:-1]) == (before_place, before[2], *before[1][:-1])
        return same and former < counter <= former + MOST and held - self._packages() == before[0] - self.packages

    def _stored(self, blob, appended):
        if not appended:
            self.whole = blob
        else:  # a snapshot and what follows it have what was let go since, until the next one
            self.whole, journal = self.whole and self.whole + blob, self.ch.journal
            blob = self.ch.me.suite.secretbox_open(journal.key, (journal.count - 1).to_bytes(24, "big"), blob[HEAD:])
        self.blob, self.stored = blob, covered(self.ch, *self.last[:2])
        held, numbers = as_stored(self.ch, *self.last[:2])
        if not self.ch.me.joined:  # a session that nobody has heard of is not stored
            held, numbers = held - {self.ch.me.session and self.ch.me.session.seed}, (None, *numbers[1:])
        self.kept = held, numbers
        if not (appended and self.whole and self.ch.me.joined):
            self.restarted = None
        elif self._read_back(blob) != (held, numbers, self.stored[2]):
            raise RuleBroken("what was appended is not what is read back")
        self.search(self.erased if appended else self.sought)
        self.sought = len(self.gone)
        if not appended:
            self.erased = self.sought
        a = self.ch.epochs.attempt
        if a and any(bytes(part) in blob for part in (a.y, a.A, a.ISK) if part and any(part)):
            raise RuleBroken("a secret of a handshake is stored")

    def _read_back(self, batch):
        """What a restart would find, batch being the last that was appended: it goes through what is stored but once,
        and then takes a batch at a time."""
        if self.restarted:
            load("replay").replay(self.restarted, FORMAT, [batch])
        else:
            self.restarted = Channel(self.ch.me.suite, self.ch.me.config, self.whole, lambda n: bytes(n))
        ch = self.restarted
        held, numbers = _set(*pieces(ch)), counted(ch)[0]
        return held, numbers, covered(ch, held, numbers)[2]

    def search(self, since=0, until=None):
        """Is one of the secrets that were let go in the last stored state? since: the first that could be new there."""
        if any(secret in self.blob for secret in islice(self.gone, since, until)):
            raise RuleBroken("a secret that was let go is stored")

    def _used(self, m):
        """The key of a message that was delivered is not needed any more."""
        for e in (self.ch.epochs.current, self.ch.epochs.pending, self.ch.epochs.previous):
            if e and hexlify(e.id) == m.epoch:
                i = [uid for _, _, uid in e.parties].index(m.sender)
                if e.chains[i][1] <= m.seq or (i, m.seq) in e.skipped:
                    raise RuleBroken("the key of a message that was delivered is kept")


@contextmanager
def rules():
    """While it lasts, each call of a Channel is held to them."""
    held, depth = {}, [0]

    def wrapped(method):
        def call(ch, *args, **kwargs):
            if depth[0]:
                return method(ch, *args, **kwargs)
            if ch not in held:
                held[ch] = Held(ch, {})
            held[ch].by_hand()
            depth[0] += 1
            try:
                effects = method(ch, *args, **kwargs)
            finally:
                depth[0] -= 1
            held[ch].end(effects)
            return effects

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(Channel, name, wrapped(getattr(Channel, name)))
        yield
    for one in held.values():
        one.search(until=one.sought if one.ch.out.moves else None)  # what lags behind is stored within 5 s (12.3)


def hoard(monkeypatch):
    """Break the core: each snapshot has the secrets of all before it, where nobody looks."""
    state, kept = load("state"), {}  # as it is in memory now: another test may have dropped what an import gave
    parts, places = state.pack_parts, state.pack_places

    def pack_parts(ch, key):
        out = parts(ch, key)
        kept[ch.places] = [*kept.get(ch.places, ()), *secrets(ch)][-200:]
        return out

    def pack_places(out, me, records):
        shown = records.shown
        records.shown = shown + b"".join(kept.get(records, ()))
        places(out, me, records)
        records.shown = shown

    monkeypatch.setattr(state, "pack_parts", pack_parts)
    monkeypatch.setattr(state, "pack_places", pack_places)
