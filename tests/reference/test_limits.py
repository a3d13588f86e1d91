"""Limits and who may say what (PROTOCOL.md sections 6.4, 7.3, 8, 9.5), on the core and on the reference alike."""

import pytest
from guest import Guest
from ref_world import World
from refusals import Forge

from reference.conversations import Said
from reference.encoding import Reject
from reference.joins import JUMP, Stale
from reference.presence import Presence, build_presence


def arrived(**settings):
    world = World(**settings)
    world.add("anna")
    world.add("boris")
    world.advance(5000)
    guest = Guest(world)
    guest.arrive()
    guest.wait(31000)
    return world, guest


def test_a_stale_answer_locks_nobody_out():
    """Told a counter at the very limit, a member starts no session whose join nobody could take."""
    world, guest = arrived()
    anna = guest.peer.view.by_uid("anna").current
    largest = max(m.current.lamport for m in guest.peer.view.members.values() if m.sessions)
    guest.say(guest.peer.stale(Stale(anna.sid, largest + JUMP)))
    guest.wait(5000)
    assert "jump" not in world.channels["boris"].out.drops


def test_ends_of_numbers():
    """No note has the number 2^31 - 1 or more, no head is above it."""
    world, guest = arrived()
    forge, core = Forge(guest), world.channels["anna"]
    peer = guest.peer
    head = Presence(peer.sid, peer.counter + 1, 1, peer.conn, 30, 0, 2**31, bytes(16), 0)
    frames = [(forge.topic("p"), build_presence(peer.keys, peer.uid, head, peer.draw(24), peer.seed), "format")]
    frames += [(forge.topic("n", seq % 16), forge.note(seq), "window") for seq in (2**31 - 1, 2**31, 2**32 - 1)]
    for topic, frame, reason in frames:
        with pytest.raises(Reject) as found:
            peer.receive(topic, frame)
        assert found.value.reason == reason
        before = core.out.drops.get(reason, 0)
        world.run("anna", core.receive(topic, frame, world.now))
        assert core.out.drops.get(reason, 0) == before + 1


@pytest.mark.parametrize("sign", [True, False])
def test_who_vouches(sign):
    """A frame of the epoch stands for a confirmation only where it is
    signed: else whoever has the group's key could make it.
    """
    world, guest = arrived(sign=sign)
    core, peer = world.channels["anna"], guest.peer
    said = []
    handshake = peer.keys.topic(peer.name, "h")

    def after_the_sum(topic):
        """Its confirmation, every time that it is asked for."""
        said.extend([topic] if topic == handshake else [])
        return topic == handshake and len(said) > 3

    world.loses = after_the_sum
    before = core.epoch
    guest.say(peer.propose(["anna", "boris"]))
    attempt = max(peer.view.attempts.values(), key=lambda a: a.number)
    hid = attempt.computation.hid
    assert len(said) == 4 and attempt.epoch and peer.name not in attempt.confirmed and len(attempt.confirmed) == 2
    assert core.epoch == before != hid[:16].hex()
    conversation = peer.view.conversations[hid[:16]]
    frame = conversation.build(conversation.parties[peer.name], Said(0, 0, b"it is me"), peer.draw(24), peer.seed)
    guest.say([peer.put("c", frame)])
    assert bytes(world.messages["anna"][-1].body) == b"it is me"
    assert (core.epoch == hid[:16].hex()) == sign
    assert (peer.epoch is attempt) == sign
