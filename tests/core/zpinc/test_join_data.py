"""What a member says of itself in its join: heard, kept, changed, refused. PROTOCOL.md 6.2, on both Pythons."""

from room import Room, note
from solo import Peer, Solo

HEAP = "heapsize=700k"  # for three members of a group and their broker
ROOF = "DHT22, Dach ü".encode()


def test_it_is_told_and_kept():
    anna = Peer("anna")
    solo = Solo().connect(anna.join(ROOF))
    assert solo.event("joined") == {"uid": "anna", "again": False, "data": ROOF.decode()}
    assert solo.ch.others.data() == {"anna": ROOF.decode()}
    again = Solo(blob=solo.blob)  # a power cut: the join is not read a second time
    assert again.ch.others.data() == {"anna": ROOF.decode()}
    # Its next session says nothing, and an old join that comes late does not bring the words back
    later = Peer("anna", lamport=9, session=2)
    again.connect(later.join())
    assert again.event("joined") == {"uid": "anna", "again": True, "data": ""} and again.ch.others.data() == {}
    again.give(*Peer("anna", lamport=5, session=1).join(ROOF))
    assert again.ch.others.data() == {}


def test_it_has_bounds():
    anna = Peer("anna", lamport=4)
    solo = Solo().connect()
    for wrong in (b"x" * 65, b"roof \xff", b"\xed\xa0\x80" * 30):
        solo.refuses(*anna.join(wrong), "format")
    solo.give(*anna.join(b"x" * 64))
    assert solo.ch.others.data() == {"anna": "x" * 64}


def test_a_member_that_says_something_else_begins_a_new_session_and_stays_in_the_group():
    room = Room(["ann", "bob", "cem"])
    room.do("ann", "change_group", "create", ["bob", "cem"])
    room.say("bob", b"one")
    for data, told in (("on the roof", {"bob": "on the roof"}), ("on the roof", {"bob": "on the roof"}), (None, {})):
        sid, before = room.members["bob"].me.session.sid, room.members["bob"].me.session.data
        room.power_cut("bob")
        room.changes = {"data": data}
        room.switch_on("bob")
        room.advance(12000)
        changed = room.members["bob"].me.session.sid != sid
        assert changed == (before != (data or "").encode())
        for uid in ("ann", "bob", "cem"):
            assert room.members[uid].others.data() == told
            assert room.members[uid].group.tags() == room.members["ann"].group.tags()
        room.say("bob", b"two")
        room.say("ann", b"three")
        assert ("ann", "bob", b"two", False) in room.heard and ("bob", "ann", b"three", False) in room.heard
        room.heard = []
    assert ("bob", "dropped") not in room.events and ("ann", "dropped") not in room.events


def test_a_member_with_another_ring_begins_a_new_session():
    """The others count its slots by what its join says: its signed heads would be of another ring than theirs."""
    for before, after in ((16, 4), (4, 16)):
        room = Room(["ann", "bob"], ring=before)
        for i in range(6):
            note(room, "bob", b"before %d" % i)
            room.advance(1000)
        room.power_cut("bob")
        room.switch_on("bob", ring=after)
        room.advance(9000)
        for i in range(6):
            note(room, "bob", b"after %d" % i)
            room.advance(1000)
        room.advance(60000)
        assert [h[2] for h in room.heard if h[0] == "ann"] == [
            b"%s %d" % (when, i) for when in (b"before", b"after") for i in range(6)
        ]
        assert not [e for e in room.events if e[1] in ("forged", "dropped")]
