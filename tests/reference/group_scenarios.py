"""Scenarios of the ratcheting group (PROTOCOL.md sections 16 to 20) for the cross-check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guest import Guest, among_two
from ref_world import Reference, World

from reference import agreement as ag
from reference.control import Head, Need, Rejoin, Sync
from reference.primitives import ZERO32
from reference.ratchet import REFRESH, frame_hash
from reference.smmp import Commanded, Founded, Late, Spoken

CREW = ("anna", "boris", "clara", "dmitri")


def _crew(world: World, uids: tuple[str, ...] = CREW) -> Reference:
    for uid in uids:
        world.add(uid)
    world.advance(5000)
    return Reference(world)


def _of(seen: list[Any], kind: type) -> list[Any]:
    return [s.what for s in seen if isinstance(s.what, kind)]


def _heard(world: World, uid: str) -> list[tuple[str, bytes]]:
    return [(m.sender, bytes(m.body)) for m in world.messages[uid] if m.secrecy == "ratchet"]


def ratchet() -> None:
    """Create, speak in turn and at once, privately, add, remove, leave."""
    w = World()
    r = _crew(w, CREW[:3])
    w.do("anna", "change_group", "create", ["boris", "clara"], w.now)
    w.advance(6000)  # who sets a group up asks first whether there is one (18.3)
    seen = r.read()
    trio = CREW[:3]
    for uid in trio:
        assert "group" in [name for name, _ in w.events[uid]], f"{uid} is in no group"
    for k in range(2):
        for uid in trio:
            w.send(uid, b"%d from " % k + uid.encode() * k * 40, "ratchet")
        w.advance(3000)
        seen += r.read()
    w.send("boris", b"only clara", "ratchet", 0, "clara")
    w.advance(2000)
    w.send("clara", b"only boris", "ratchet", 0, "boris")
    w.advance(2000)
    w.send("boris", b"clara again", "ratchet", 0, "clara")
    w.advance(2000)
    seen += r.read()
    (founded,) = _of(seen, Founded)
    assert sorted(founded.by) == list(trio) and founded.agreement.reason == ag.CREATE and founded.agreement.epoch == 0
    spoken = _of(seen, Spoken)
    assert [s.sender for s in spoken[:6]] and len(spoken) == 9
    privates = [s.private for s in spoken if s.private]
    assert [(p.sender, p.receiver, p.body) for p in privates] == [
        ("boris", "clara", b"only clara"),
        ("clara", "boris", b"only boris"),
        ("boris", "clara", b"clara again"),
    ]
    public = [(s.sender, s.m.text) for s in spoken if not s.private]
    for uid in trio:
        own = [(p.sender, p.body) for p in privates if p.receiver == uid]
        assert _heard(w, uid) == [said for said in public if said[0] != uid] + own, uid
    assert {s.what.copy for s in seen if isinstance(s.what, Late) and s.topic.stream == "e"} == {True}
    w.add("dmitri")
    w.advance(5000)
    w.do("clara", "change_group", "add", ["dmitri"], w.now)
    w.advance(3000)
    w.send("dmitri", b"I am new", "ratchet")
    w.send("dmitri", b"only anna", "ratchet", 0, "anna")
    w.advance(3000)
    w.do("boris", "change_group", "remove", ["anna"], w.now)
    w.advance(3000)
    w.send("dmitri", b"without anna", "ratchet")
    w.advance(3000)
    w.do("dmitri", "change_group", "leave", [], w.now)
    w.advance(8000)
    assert _heard(w, "dmitri") == []
    seen = r.read()
    assert [(f.agreement.reason, len(f.agreement.rows), len(f.by)) for f in _of(seen, Founded)] == [
        (2, 4, 4),
        (3, 3, 3),
        (3, 2, 2),
    ]
    assert ("dmitri", b"I am new") in _heard(w, "anna") and ("dmitri", b"only anna") in _heard(w, "anna")
    assert ("dmitri", b"without anna") not in _heard(w, "anna") and ("dmitri", b"without anna") in _heard(w, "clara")
    assert ("dmitri", b"only anna") not in _heard(w, "clara")


def interruptions() -> None:
    """A member misses frames and catches up from the slots; one that
    has lost its connection resends; sync is answered.
    """
    w = World()
    r = _crew(w, CREW[:3])
    w.do("anna", "change_group", "create", ["boris", "clara"], w.now)
    w.advance(6000)  # who sets a group up asks first whether there is one (18.3)
    w.send("clara", b"I was here", "ratchet")
    w.advance(1000)
    w.cut("clara")
    for k in range(3):
        w.send("anna", b"missed %d" % k, "ratchet")
        w.advance(1500)
    w.add("clara", w.stored["clara"])
    w.advance(8000)
    w.send("clara", b"back", "ratchet")
    w.advance(4000)
    seen = r.read()
    said = [c.control for c in _of(seen, Commanded)]
    assert sum(isinstance(c, Sync) for c in said) == 4
    heads = [c for c in said if isinstance(c, Head)]
    assert heads and heads[-1].epoch == 5
    assert _heard(w, "clara") == [("anna", b"missed %d" % k) for k in range(3)]
    assert _heard(w, "boris")[-1] == ("clara", b"back")
    _slots_are_empty(w, r)


def _slots_are_empty(w: World, r: Reference) -> None:
    """Nothing is retained of what a member missed: it says what it needs, and somebody writes it."""
    w.cut("clara")
    for k in range(2):
        w.send("boris", b"lost %d" % k, "ratchet")
        w.advance(1500)
    for topic in [topic for topic in w.retained if r.keys.parse_topic(topic).stream == "e"]:
        del w.retained[topic]
    w.add("clara", w.stored["clara"])
    w.advance(20000)
    (group,) = r.groups.values()
    needs = [c.control for c in _of(r.read(), Commanded) if isinstance(c.control, Need)]
    assert needs and all(need.epoch in group.accepted for need in needs), needs
    assert all(need.hash in (ZERO32, frame_hash(group.accepted[need.epoch])) for need in needs), needs
    assert _heard(w, "clara")[-2:] == [("boris", b"lost %d" % k) for k in range(2)]


def silence() -> None:
    """Who has been silent for 10 to 20 minutes says an empty message,
    and adds two packages to the two that it has (17.3, 16.1).
    """
    w = World(keepalive=600)
    r = _crew(w, CREW[:2])
    w.do("anna", "change_group", "create", ["boris"], w.now)
    w.advance(10_000)  # the group stands, and each has replaced the key that served the agreement (up to 2 s later)
    r.read()
    before = {uid: [p.number for p in r.view.by_uid(uid).present_packages()] for uid in CREW[:2]}
    w.advance(9 * 60_000)
    early = _of(r.read(), Spoken)
    assert not early, (w.now, early)
    w.advance(12 * 60_000)
    spoken = [s.what for s in r.read() if isinstance(s.what, Spoken)]
    assert {(s.sender, s.m.type, s.m.text) for s in spoken} == {(uid, REFRESH, b"") for uid in CREW[:2]}, spoken
    for uid, (_, last) in before.items():
        assert [p.number for p in r.view.by_uid(uid).present_packages()][-1] >= last + 2, uid
    assert not _heard(w, "anna") and not _heard(w, "boris")


def guest_in_group() -> None:
    """The reference organizes, speaks, whispers, hears, and is removed."""
    w, guest = among_two(5000)
    guest.say(guest.group.organize(ag.CREATE, ["anna", "boris"]))
    guest.say(guest.group.send(b"hello group"))
    w.send("anna", b"hello guest", "ratchet")
    guest.wait(2000)
    for k in range(3):
        guest.say(guest.group.send_private("boris", b"whisper %d" % k))
        w.send("boris", b"louder %d" % k, "ratchet", 0, "guest")
        guest.wait(2000)
    expected = [("guest", b"hello group"), ("anna", b"hello guest")]
    assert _heard(w, "boris") == expected + [("guest", b"whisper %d" % k) for k in range(3)], _heard(w, "boris")
    assert _heard(w, "anna") == expected[:1]
    heard = [entry for entry in guest.peer.inbox if entry[0] in ("g", "private")]
    assert heard == [("g", "anna", b"hello guest")] + [("private", "boris", b"louder %d" % k) for k in range(3)], heard
    w.add("clara")
    w.advance(3000)
    guest.wait(2000)
    guest.say(guest.group.organize(ag.ADD, ["anna", "boris", "clara"]))
    w.send("clara", b"thanks", "ratchet")
    guest.wait(3000)
    assert guest.peer.inbox[-1] == ("g", "clara", b"thanks"), guest.peer.inbox
    guest.say(guest.group.organize(ag.RESYNC, ["anna", "boris", "clara"]))
    w.send("anna", b"still here", "ratchet")
    guest.wait(3000)
    assert guest.peer.inbox[-1] == ("g", "anna", b"still here")
    w.do("anna", "change_group", "remove", ["guest"], w.now)
    guest.wait(6000)
    assert guest.group.view.state is None and w.events["boris"][-1][0] == "group"


def taken_in_again() -> None:
    """Who lost its place asks for another, signed, and enters with a
    new package: a guest of the core's, the core of a guest's.
    """
    w, guest = among_two(5000)
    guest.say(guest.group.organize(ag.CREATE, ["anna", "boris"]))
    guest.say(guest.group.send(b"before"))
    guest.wait(2000)
    last = guest.group.own[-1].number
    guest.say(guest.group.rejoin())
    assert guest.group.view.state is None
    guest.wait(15000)
    assert guest.group.view.state
    founded = [f.agreement for f in _of(guest.seen, Founded)][-1]
    assert founded.reason == ag.RESYNC and founded.organizer != guest.peer.name[:16]
    rows = {row.tag: row for row in founded.rows}
    own = rows.pop(guest.peer.name[:16])
    assert own.enters and own.package > last and not any(row.enters for row in rows.values())
    w.send("boris", b"welcome", "ratchet")
    guest.wait(2000)
    assert guest.peer.inbox[-1] == ("g", "boris", b"welcome")
    w.do("anna", "change_group", "rejoin", [], w.now)
    guest.wait(1000)
    wish = [c for c in _of(guest.seen, Commanded) if isinstance(c.control, Rejoin)][-1]
    assert wish.sender == "anna"
    guest.group.coming = frozenset({"anna"})
    guest.say(guest.group.organize(ag.RESYNC, ["anna", "boris"]))
    guest.wait(5000)
    founded = [f.agreement for f in _of(guest.seen, Founded)][-1]
    anna = founded.rows[founded.index(_tag(guest, "anna"))]
    assert anna.enters and anna.package >= wish.control.number
    guest.say(guest.group.send(b"and you"))
    guest.wait(2000)
    assert _heard(w, "anna")[-1] == ("guest", b"and you"), w.events["anna"][-3:]
    w.send("anna", b"here I am", "ratchet")
    guest.wait(2000)
    assert guest.peer.inbox[-1] == ("g", "anna", b"here I am")


def _tag(guest: Guest, uid: str) -> bytes:
    return guest.peer.keys.name(uid)[:16]


SCENARIOS: list[Callable[[], None]] = [ratchet, guest_in_group, taken_in_again, interruptions, silence]
