"""Where the core once did otherwise than PROTOCOL.md says: each test states the page."""

import pytest
from guest import among_two
from ref_world import World
from refusals import Forge

from reference.encoding import Reject, u8, u32
from reference.frames import HANDSHAKE
from reference.joins import Stale


def test_body_too_long():
    world, guest = among_two(31000)
    forge = Forge(guest)
    padded = (b"z" * 2001 + b"\x80").ljust(2048, b"\0")
    world.run("anna", world.channels["anna"].receive(forge.topic("n", 0), forge.note(0, padded=padded), world.now))
    assert world.channels["anna"].out.drops.get("padding") == 1


def test_share_under_another_attempt():
    world, guest = among_two(31000)
    guest.say(guest.peer.propose(["anna", "boris"]))
    computation = guest.peer.epoch.computation
    share = u8(2) + computation.hid + computation.Z[computation.index(guest.peer.name)]
    frame = Forge(guest).sealed(HANDSHAKE, guest.peer.attempt + 1, share, signed=False)
    before = dict(world.channels["anna"].out.drops)
    world.run("anna", world.channels["anna"].receive(guest.peer.keys.topic(guest.peer.name, "h"), frame, world.now))
    assert world.channels["anna"].out.drops != before


def test_two_groups_set_up_at_once():
    """Both organizers name boris and clara, and not each other: only
    the first in the broker's order founds the group.
    """
    world = World()
    for uid in ("anna", "boris", "clara", "dmitri"):
        world.add(uid)
    world.advance(5000)
    for uid in ("anna", "dmitri"):
        world.do(uid, "change_group", "create", ["boris", "clara"], world.now)
    world.advance(8000)
    founders = [details["by"] for name, details in world.events["boris"] if name == "group"]
    assert len(founders) == 1
    loser = "anna" if founders == ["dmitri"] else "dmitri"
    assert "group" not in [name for name, _ in world.events[loser]]


def test_an_answer_under_an_attempt():
    """6.4: its seq is 0."""
    world, guest = among_two(1000)
    peer, core = guest.peer, world.channels["anna"]
    own = peer.view.by_uid("anna").current
    pt = u8(5) + own.sid + u32(own.lamport) + bytes(16)
    topic, frame = peer.keys.topic(peer.name, "h"), Forge(guest).sealed(HANDSHAKE, 1, pt, signed=False)
    with pytest.raises(Reject, match="format"):
        peer.receive(topic, frame)
    world.run("anna", core.receive(topic, frame, world.now))
    assert core.out.drops.get("format") == 1


def test_a_session_that_gave_nothing():
    """6.2: there are no notes that others may have taken for others; the event names none."""
    world, guest = among_two(1000)
    own = guest.peer.view.standing(guest.peer.view.by_uid("anna"))
    assert own.notes == 0
    guest.say(guest.peer.stale(Stale(own.sid, conn=own.conn)))
    (told,) = (d for _, d in world.events["anna"] if d.get("reason") == "same_uid")
    assert told["uid"] == "anna" and not told.keys() & {"first", "last"}
