"""The core and the desktop reference, written apart from each other, agree on every byte, and on what they refuse."""

import pytest
import receipt_scenarios
import refusals
import scenarios
from guest import among_two
from ref_world import Reference, World

from reference.encoding import Reject
from sealcast.zpinc.places import REACH


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenario(scenario):
    scenario()


# What depends on what came before: only a member that keeps windows and ranks can say it, and a View does not.
STATEFUL = ("jump", "window", "duplicate", "stale", "members")


@pytest.fixture
def talking():
    """A guest in a conversation with two members of the core."""
    world, guest = among_two(31000)
    guest.say(guest.peer.propose(["anna", "boris"]))
    guest.say(guest.peer.note(b"a"))
    guest.say(guest.peer.say(b"b"))
    return world, guest


@pytest.mark.parametrize("cases", refusals.ALL, ids=lambda cases: cases.__name__)
def test_refusals(talking, cases):
    """Both refuse the same frames for the same reasons, and the core's stored state stays as it was, but for how far
    the next join may be (6.3)."""
    world, guest = talking
    core = world.channels["anna"]
    count = 0
    for what, reason, topic, frame in cases(refusals.Forge(guest)):
        before, stored, reach = dict(core.out.drops), world.stored["anna"], core.places.pins.get(REACH)
        world.run("anna", core.receive(topic, frame, world.now))
        assert {r: n for r, n in core.out.drops.items() if n != before.get(r, 0)} == {
            reason: before.get(reason, 0) + 1
        }, what
        further = reason == "jump" and core.places.pins.get(REACH) != reach
        assert world.stored["anna"] == stored or further, what
        if reason not in STATEFUL:
            with pytest.raises(Reject) as refused:
                guest.peer.receive(topic, frame)
            assert refused.value.reason == reason, what
        count += 1
    assert count >= 5
    guest.say(guest.peer.note(b"still here"))
    assert bytes(world.messages["anna"][-1].body) == b"still here"


def test_refused_receipts(talking):
    """The same of receipts, with a message that waits for one: none confirms it, the right one does."""
    world, guest = talking
    core = world.channels["anna"]
    world.run("anna", core.send(b"asks", "note", world.now, receipt=True))
    guest.turn()
    wanted, ((_, item),) = core.wanted, guest.peer.owed
    for what, reason, topic, frame in receipt_scenarios.of_receipts(refusals.Forge(guest), item):
        before = core.out.drops.get(reason, 0)
        world.run("anna", core.receive(topic, frame, world.now))
        assert core.out.drops.get(reason, 0) == before + 1, what
        with pytest.raises(Reject) as refused:
            guest.peer.receive(topic, frame)
        assert refused.value.reason == reason, what
    assert "guest" in wanted.waiting.values() and "guest" not in wanted.confirmed
    guest.say(guest.peer.receipts())
    assert "guest" in wanted.confirmed


def test_stranger_can_verify_but_not_predict():
    """Told no secret, the reference still accepts every frame outside the epochs, and learns no epoch."""
    world = World()
    for uid in ("anna", "boris", "clara"):
        world.add(uid)
    world.advance(5000)
    reference = Reference(world, told=False)
    seen = reference.read()
    assert scenarios.kinds(seen)["Confirm"] == 3
    assert reference.view.attempts and not reference.view.conversations
