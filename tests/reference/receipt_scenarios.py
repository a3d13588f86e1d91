"""Receipts in the three modes, between the core and the reference. PROTOCOL.md 24."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from guest import Guest, among_two
from ref_world import Reference, World
from refusals import Forge

from reference import agreement as ag
from reference.frames import RECEIPT
from reference.receipts import PAIRED, SIGNED, Receipt, build_receipt


def _waiting(world: World, uid: str, body: bytes, mode: str, to: str | None = None) -> list[str]:
    """Ask for receipts, give everybody a second -> who has confirmed."""
    channel = world.channels[uid]
    world.run(uid, channel.send(body, mode, world.now, to=to, receipt=True))
    wanted = channel.wanted
    world.advance(1000)
    return sorted(wanted.confirmed)


def receipts() -> None:
    """Among members of the core: every receipt is the one that the reference foretells, and none is missing."""
    w = World(group="main")
    r = Reference(w)
    uids = ["anna", "boris", "clara"]
    for uid in uids:
        w.add(uid)
    w.advance(8000)
    w.do("anna", "change_group", "create", ["boris", "clara"], w.now)
    w.advance(3000)
    for mode in ("note", "conversation", "ratchet"):
        for uid in uids:
            assert _waiting(w, uid, b"hello", mode) == [other for other in uids if other != uid], (mode, uid)
    assert _waiting(w, "anna", b"psst", "ratchet", "clara") == ["clara"]
    w.send("anna", b"asks nobody", "note")
    w.advance(2000)
    said = [s for s in r.read() if isinstance(s.what, Receipt)]
    assert [(s.what.type, len(s.what.items)) for s in said] == [(SIGNED, 1)] * 12 + [(PAIRED, 1)] * 7, said
    together = [w.channels[uid].send(b"at once", "note", w.now, receipt=True) for uid in uids]
    for uid, effects in zip(uids, together, strict=True):
        w.run(uid, effects)
    w.advance(1000)
    said = [s for s in r.read() if isinstance(s.what, Receipt)]
    assert [len(s.what.items) for s in said] == [2, 2, 2], said


def guest_confirms() -> None:
    """The reference asks, and confirms what it is asked for."""
    w, guest = among_two(31000)
    guest.say(guest.peer.propose(["anna", "boris"]))
    guest.say(guest.group.organize(ag.CREATE, ["anna", "boris"]))
    guest.wait(3000)
    for asked in (
        lambda: guest.peer.note(b"note", asks=True),
        lambda: guest.peer.say(b"said", asks=True),
        lambda: guest.group.send(b"group", asks=True),
    ):
        before = set(guest.peer.view.asked)
        guest.say(asked())
        guest.wait(1000)
        assert set(guest.peer.view.asked) - before
        assert [m.body for m in w.messages["anna"]][-1] == [m.body for m in w.messages["boris"]][-1]
    assert _said_to(w, guest) == [SIGNED] * 4 + [PAIRED] * 2
    guest.say(guest.group.send_private("boris", b"psst", asks=True))
    guest.wait(1000)
    assert _said_to(w, guest) == [SIGNED] * 4 + [PAIRED] * 3
    guest.say(guest.group.presence())
    for mode, to in (("note", None), ("conversation", None), ("ratchet", None), ("ratchet", "guest")):
        channel = w.channels["anna"]
        w.run("anna", channel.send(b"from anna", mode, w.now, to=to, receipt=True))
        wanted = channel.wanted
        guest.wait(1000)
        assert wanted.confirmed == ([] if to else ["boris"]), (mode, to)
        guest.say(guest.peer.receipts())
        assert sorted(wanted.confirmed) == (["guest"] if to else ["boris", "guest"]), (mode, to)


def _said_to(world: World, guest: Guest) -> list[int]:
    """Types of the receipts that members of the core said; each item is what the guest foretold, or it is not in it."""
    types = []
    for topic, frame, _ in world.log:
        parsed = guest.peer.keys.parse_topic(topic)
        if parsed.stream == "r":
            receipt = guest.peer.view.receive(topic, frame).what
            assert isinstance(receipt, Receipt) and all(item in guest.peer.view.asked for item in receipt.items)
            types.append(receipt.type)
    return sorted(types)


def of_receipts(forge: Forge, item: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    """24.3: wrong ones that name an item which is waited for."""
    topic, peer = forge.topic("r"), forge.peer
    good = Receipt(peer.sid, SIGNED, (item,))

    def built(receipt: Receipt, seed: bytes = peer.seed) -> bytes:
        return build_receipt(forge.keys, peer.uid, receipt, peer.draw(24), seed)

    yield "another session", "stale", topic, built(Receipt(bytes(16), SIGNED, (item,)))
    yield "a number", "format", topic, forge.sealed(RECEIPT, 1, b"\x01" + item)
    yield "type 0", "format", topic, forge.sealed(RECEIPT, 0, b"\x00" + item, False)
    yield "type 3", "format", topic, forge.sealed(RECEIPT, 0, b"\x03" + item, False)
    yield "nothing", "format", topic, forge.sealed(RECEIPT, 0, b"", False)
    yield "no item", "format", topic, forge.sealed(RECEIPT, 0, b"\x01")
    yield "half an item", "format", topic, forge.sealed(RECEIPT, 0, b"\x01" + item[:8])
    yield "65 items", "format", topic, built(Receipt(peer.sid, SIGNED, (item,) * 65))
    yield "another's signature", "signature", topic, built(good, bytes(32))
    yield "another kind", "kind", topic, forge.note(0)
    yield "another sender's", "forged", forge.keys.topic(forge.keys.name("boris"), "r"), built(good)
    yield "cut", "length", topic, built(good)[:61]


SCENARIOS: list[Callable[[], None]] = [receipts, guest_confirms]
