"""Scenarios of a lost board (PROTOCOL.md section 22) for the cross-check."""

from __future__ import annotations

from collections.abc import Callable

from ref_world import CHANNEL, ROOT, Reference, World

from reference.encoding import Reject
from reference.known import expect
from reference.names import ChannelKeys
from reference.notice import Notice, build_notice, open_share, parse_notice
from reference.primitives import ed25519_public

ADMIN = b"admin".ljust(32, b"!")


def _world() -> tuple[World, Reference]:
    w = World(admin=ed25519_public(ADMIN))
    w.computers.add("anna")
    r = Reference(w)
    for uid in ("anna", "boris", "clara"):
        w.add(uid)
    w.advance(5000)
    return w, r


def _notice_key(w: World, r: Reference, uid: str) -> tuple[bytes, bytes]:
    """The (k, K) that a member published."""
    K = r.view.by_uid(uid).notice_key
    assert K
    return w.known.x[K], K


def declared() -> None:
    """A member declares another lost; the reference reads the new root from the notice, and the new place with it."""
    w, r = _world()
    r.read()
    key = _notice_key(w, r, "boris")
    w.do("anna", "declare_lost", "clara", ADMIN, w.now)
    (notice,) = (n for n in r.read() if isinstance(n, Notice))
    boris, clara = r.view.by_uid("boris"), r.view.by_uid("clara")
    assert notice.lost == clara.tag and [s.tag for s in notice.shares] == [boris.tag] and notice.generation == 1
    secret = w.known.identities["boris"]
    root = open_share(r.keys, notice, boris.tag, secret.b, secret.public.B, key)
    assert root != ROOT
    topic = r.keys.topic(r.keys.notice_name(), "x")
    frame = w.retained[topic]
    (share,) = notice.shares
    assert share.keyed
    nonce, w_secret = frame[22:46], w.known.x[notice.W]
    members: dict[bytes, tuple[bytes, bytes | None]] = {boris.tag: (secret.public.B, key[1])}
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
    """A notice that the reference made moves the core's members; without a notice key for one of them too."""
    w, r = _world()
    r.read()
    anna, boris, clara = (r.view.by_uid(uid) for uid in ("anna", "boris", "clara"))
    root = bytes(range(100, 132))
    members: dict[bytes, tuple[bytes, bytes | None]] = {
        anna.tag: (w.known.identities["anna"].public.B, anna.notice_key),
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


def sealed_to_a_key_that_is_gone() -> None:
    """Who lost its storage has a new notice key: a notice made for the
    one before it is said to be unreadable, and changes nothing.
    """
    w, r = _world()
    r.read()
    anna, boris, clara = (r.view.by_uid(uid) for uid in ("anna", "boris", "clara"))
    members = {m.tag: (w.known.identities[m.uid].public.B, m.notice_key) for m in (anna, boris)}
    w.cut("boris")
    w.add("boris")
    w.advance(5000)
    r.read()
    assert boris.notice_key and boris.notice_key != members[boris.tag][1]
    frame = build_notice(r.keys, ADMIN, 3, clara.tag, b"w" * 32, bytes(32), members, bytes(24))
    w.publish(r.keys.topic(r.keys.notice_name(), "x"), frame, True)
    w.pump()
    names = {uid: [name for name, _ in w.events[uid]] for uid in w.events}
    assert "moved" in names["anna"] and "moved" not in names["boris"], names
    assert ("notice_unreadable", {"generation": 3}) in w.events["boris"], w.events["boris"]
    notice = parse_notice(r.keys, w.settings["admin"], frame)
    secret = w.known.identities["boris"]
    try:
        open_share(r.keys, notice, boris.tag, secret.b, secret.public.B, _notice_key(w, r, "boris"))
    except Reject as error:
        assert error.reason == "undecryptable"
    else:
        raise AssertionError("the reference opened it")


SCENARIOS: list[Callable[[], None]] = [declared, declared_by_the_reference, sealed_to_a_key_that_is_gone]
