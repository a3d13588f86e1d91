"""A join under another's name and session, by who has the password."""

from room import Room
from sealcast.crypto import best_suite
from sealcast.zpinc.identity import Identity, Join
from sealcast.zpinc.joins import fingerprint, seal_join

HEAP = "heapsize=512k"  # three members, begun again
suite = best_suite()


def test_who_squats_on_a_name_and_a_session_does_not_keep_its_owner_unheard():
    """eve, with the password, has a join under bob's name and sid; ann reads it first and pins it."""
    room = Room(("eve",))
    room.switch_on("bob")
    room.advance(3000)
    bob, eve = room.members["bob"], room.members["eve"]
    false = Identity(suite, b"e" * 32)
    join = Join(bob.me.session.lamport - 1, bob.me.session.sid, false.public, suite.ed25519_public(b"z" * 32), 4)
    topic = bob.me.topics.make(bob.me.name, "j", (bob.me.session.lamport + 1) % 4)
    room.publish(topic, seal_join(bob.me.keys, eve.me.rng, false, bob.me.tag, join), True)
    for start in range(2):
        room.switch_on("ann")
        room.advance(4000)
        ann = room.members["ann"]
        assert [e for e in room.events if e[:2] == ("ann", "identity_changed")] != []
        assert ann.others.by_tag[bob.me.tag].public == false.public
        room.events.clear()
        if not start:
            room.power_cut("ann")
    room.run("ann", ann.approve("bob", fingerprint(suite, bob.me.identity.public), room.now))
    room.advance(4000)
    room.power_cut("ann")
    room.switch_on("ann")
    room.advance(4000)
    assert room.members["ann"].others.by_tag[bob.me.tag].public == bob.me.identity.public
