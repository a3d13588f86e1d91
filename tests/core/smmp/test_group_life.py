"""The ratcheting group on CPython and on MicroPython: its life in small, its state in flash. PROTOCOL.md 16 to 20.

The simulator (tests/sim/group_*.py) is where it is broken in every way; here it must run as it is on a board.
"""

from check import raises
from room import Room, big, full, packed
from sealcast.channel import Channel
from sealcast.errors import NoGroup, TooLong
from sealcast.smmp import order
from sealcast.smmp.outgoing import MAX_MESSAGE
from sealcast.state import FORMAT
from solo import config, hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


def test_a_group_from_set_up_to_removal():
    room = Room(("ann", "bob", "cem"))
    raises(NoGroup, lambda: room.members["ann"].send(b"x", "ratchet", room.now))
    room.do("ann", "change_group", "create", ["bob"])
    room.say("ann", b"hello")
    room.say("bob", b"psst", "ann")
    assert room.heard == [("bob", "ann", b"hello", False), ("ann", "bob", b"psst", True)]
    room.do("bob", "change_group", "add", ["cem"])
    room.heard = []
    room.say("cem", b"new here")
    assert sorted(room.heard) == [("ann", "cem", b"new here", False), ("bob", "cem", b"new here", False)]
    # One loses its power: it goes on from what it stored
    room.filters["bob"] = []
    room.switch_on("bob")
    room.advance(9000)
    room.heard = []
    room.say("bob", b"back")
    assert sorted(room.heard) == [("ann", "bob", b"back", False), ("cem", "bob", b"back", False)]
    room.do("cem", "change_group", "remove", ["ann"])
    assert ("ann", "removed") in room.events
    assert room.members["ann"].group.state is None
    states = [room.members[uid].group.state for uid in ("bob", "cem")]
    assert states[0].RK == states[1].RK and states[0].head == states[1].head and states[0].N == 2
    error = raises(TooLong, lambda: room.members["bob"].send(bytes(MAX_MESSAGE + 1), "ratchet", room.now))
    assert error.code == "too_long"


def test_the_state_of_a_large_group_is_kept_whole():
    g = big(20)
    data = packed(g)
    ch = full(Channel(suite, config("m", ratchet=True), None, hardware), 20)
    other = ch.group
    order.unpack(ch.me, ch.others, other, data, FORMAT)
    other.phase = g.phase
    assert packed(other) == data
    assert len(data) < 16000
