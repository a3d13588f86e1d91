"""Scenarios of a lost board (PROTOCOL.md section 22) for the cross-check."""

from __future__ import annotations

from collections.abc import Callable

from ref_world import CHANNEL, ROOT, Reference, World

from reference.known import expect
from reference.names import ChannelKeys
from reference.notice import Notice, build_notice, open_share
from reference.packages import Package
from reference.primitives import ed25519_public

ADMIN = b"admin".ljust(32, b"!")


def _world() -> tuple[World, Reference]:
    w = World(admin=ed25519_public(ADMIN))
    r = Reference(w)
    for uid in ("anna", "boris", "clara"):
        w.add(uid)
    w.advance(5000)
    return w, r


def _own_packages(w: World, r: Reference, uid: str) -> dict[int, tuple[bytes, bytes]]:
    return {p.number: (w.known.x[p.K], p.K) for p in r.view.by_uid(uid).packages.values()}


def declared() -> None:
    """A member declares another lost; the reference reads the new root from the notice, and the new place with it."""
    w, r = _world()
    r.read()
    packages = _own_packages(w, r, "boris")
    w.do("anna", "declare_lost", "clara", ADMIN, w.now)
    (notice,) = (n for n in r.read() if isinstance(n, Notice))
    boris, clara = r.view.by_uid("boris"), r.view.by_uid("clara")
    assert notice.lost == clara.tag and [s.tag for s in notice.shares] == [boris.tag] and notice.generation == 1
    secret = w.known.identities["boris"]
    root = open_share(r.keys, notice, boris.tag, secret.b, secret.public.B, packages)
    assert root != ROOT
    topic = r.keys.topic(r.keys.notice_name(), "x")
    frame = w.retained[topic]
    (share,) = notice.shares
    k, K = packages[share.number]
    assert k
    package = Package(boris.current.sid, share.number, K, bytes(32))
    nonce, w_secret = frame[22:46], w.known.x[notice.W]
    members = {boris.tag: (secret.public.B, package)}
    expect("22", "notice", build_notice(r.keys, ADMIN, 1, clara.tag, w_secret, root, members, nonce), frame)
    for uid in ("anna", "boris"):
        w.reconnect(uid)
    w.advance(8000)
    moved = Reference(w, root=root, alone=False)
    moved.read()
    assert {m.uid for m in moved.view.members.values()} == {"anna", "boris"}
    assert w.channels["anna"].epoch == w.channels["boris"].epoch and w.channels["anna"].epoch
    assert w.events["clara"][-1][0] == "expelled"


def declared_by_the_reference() -> None:
    """A notice that the reference made moves the core's members; without a package for one of them too."""
    w, r = _world()
    r.read()
    anna, boris, clara = (r.view.by_uid(uid) for uid in ("anna", "boris", "clara"))
    root = bytes(range(100, 132))
    members: dict[bytes, tuple[bytes, Package | None]] = {
        anna.tag: (w.known.identities["anna"].public.B, anna.present_packages()[0]),
        boris.tag: (w.known.identities["boris"].public.B, None),
    }
    frame = build_notice(r.keys, ADMIN, 1, clara.tag, b"w" * 32, root, members, bytes(24))
    w.publish(r.keys.topic(r.keys.notice_name(), "x"), frame, True)
    w.pump()
    for uid in ("anna", "boris"):
        assert "moved" in [name for name, _ in w.events[uid]], w.events[uid]
        w.reconnect(uid)
    w.advance(8000)
    rp = ChannelKeys(root, CHANNEL).rp
    assert rp != r.keys.rp and w.channels["anna"].epoch == w.channels["boris"].epoch
    moved = Reference(w, root=root, alone=False)
    moved.read()
    assert {m.uid for m in moved.view.members.values()} == {"anna", "boris"}


SCENARIOS: list[Callable[[], None]] = [declared, declared_by_the_reference]
