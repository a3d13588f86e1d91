"""Rules that every scenario of the core is held to, whatever else it asks: what goes out was stored before; what is
refused has changed nothing that counts; a secret that was let go is in no stored state any more, and does not come back.
PROTOCOL.md sections 9.2, 10.3, 11, 12, 16.2 and 17.3.
"""

from contextlib import contextmanager

import pytest

from sealcast.channel import Channel
from sealcast.crypto.keys import ZERO
from sealcast.effects import CONNECT, MESSAGE, PUBLISH, STORE

OUTWARD = (PUBLISH, MESSAGE, CONNECT)
CALLS = ("start", "connecting", "connected", "disconnected", "acked", "receive", "tick", "send", "change_group",
         "sleep", "leave", "rekey", "declare_lost", "approve")  # fmt: skip


class RuleBroken(AssertionError):
    """The text says which."""


def secrets(ch):
    """What a member keeps that opens, seals or signs, and that it will let go one day. The group's former state is its
    own for one epoch, with the packages that were used and the frame that was on its way."""
    found, group = {ch.places.k}, ch.group
    if ch.me.session:
        found.add(ch.me.session.seed)
    for epoch in (ch.epochs.current, ch.epochs.previous):
        if epoch:
            found |= {epoch.hk, *[key for key, _ in epoch.chains], *epoch.skipped.values()}
    if hasattr(group, "phase"):  # else the member takes part in none
        undo = group.undo
        ours = [p for p in (group.outgoing.pending, undo and undo.own) if p]
        for state in [group.state, undo and undo.state] + [p.after for p in ours]:
            if state:
                found |= {state.r, state.RK, state.HK, state.NHK, state.mk, state.v}
        for packages in (group.packages.mine, undo.spent if undo else {}):
            for package in packages.values():
                found |= {package.k, package.r}
        for pairs in (group.pairs, undo.pairs if undo else {}):
            for pair in pairs.values():
                found |= {pair[:32], pair[64:]}
        for p in ours:
            found |= {p.secret, p.t}
    return found - {ZERO, b"", None}


def counted(ch):
    """What must not be used twice or forgotten, beside the secrets."""
    session, group, state = ch.me.session, ch.group, None
    if hasattr(group, "phase") and group.state:
        state = group.state.epoch, group.state.head
    members = [(m.tag, m.public, m.floor, [s.sid for s in m.sessions]) for m in ch.others.by_tag.values() if m.sessions]
    chains = [e and (e.hid, [at for _, at in e.chains]) for e in (ch.epochs.current, ch.epochs.previous)]
    own = session and (session.lamport, session.sid)
    return own, ch.me.root, ch.places.generation, ch.ring.next, ch.epochs.rank, chains, members, state


class Held:
    """What is known of one Channel between its calls."""

    def __init__(self):
        self.stored = self.last = None  # (secrets, counted): in the last stored state, after the last call
        self.gone = set()

    def begin(self, now):
        if now != self.last:  # a scenario has put something there by hand
            self.stored = now
            self.gone -= now[0]
        self.last = now

    def end(self, ch, effects, now):
        self.gone |= self.last[0] - now[0]
        self.last = now
        if self.gone & now[0]:
            raise RuleBroken("a secret that was let go is back")
        kinds = [e[0] for e in effects]
        if STORE in kinds:
            self.stored = now
            at = kinds.index(STORE)
            if any(kind in OUTWARD for kind in kinds[:at]):
                raise RuleBroken("something goes out before the state is stored")
            blob = b"".join([bytes(part) for part in effects[at][1]])
            if any(secret in blob for secret in self.gone):
                raise RuleBroken("a secret that was let go is stored")
        if any(kind in OUTWARD for kind in kinds) and not ch.held and self.stored != now:
            raise RuleBroken("something goes out that no stored state knows of")


def refused(ch, drops, topic, payload):
    """Was this very frame refused? What was held back, or comes with the barrier, may be refused beside one that was
    taken."""
    taken = getattr(ch.group, "last", b"")
    return sum(ch.out.drops.values()) > drops and topic.split("/")[-1] != "s" and not (taken and taken in bytes(payload))


@contextmanager
def rules(believing=True):
    """While it lasts, each call of a Channel is held to them. believing: to the one about what is refused, too."""
    held, depth = {}, [0]

    def wrapped(name, method):
        def call(ch, *args, **kwargs):
            if depth[0]:
                return method(ch, *args, **kwargs)
            mine = held.setdefault(id(ch), (Held(), ch))[0]
            before, drops = (secrets(ch), counted(ch)), sum(ch.out.drops.values())
            mine.begin(before)
            depth[0] += 1
            try:
                effects = method(ch, *args, **kwargs)
            finally:
                depth[0] -= 1
            now = secrets(ch), counted(ch)
            if believing and name == "receive" and args[1] and now != before and refused(ch, drops, args[0], args[1]):
                raise RuleBroken("what is refused has changed something")
            mine.end(ch, effects, now)
            return effects

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(Channel, name, wrapped(name, getattr(Channel, name)))
        yield
