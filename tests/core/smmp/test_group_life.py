"""The ratcheting group on CPython and on MicroPython: its life in small, its state in flash. PROTOCOL.md 16 to 20.

The simulator (tests/sim/group_*.py) is where it is broken in every way; here it must run as it is on a board.
"""

from check import raises
from insider import same
from room import Room, big, full, packed
from sealcast.channel import Channel
from sealcast.errors import NoGroup, TooLong
from sealcast.smmp import order
from sealcast.smmp.group import LIVE
from sealcast.smmp.outgoing import MAX_MESSAGE
from sealcast.zpinc.joins import LAMPORT_MAX
from solo import Peer, config, hardware, suite

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


def test_a_group_of_all_is_of_those_who_take_part():
    """eve is awake, and her settings leave the group out: she would be waited for without end."""
    room = Room(("ann", "bob"))
    room.switch_on("eve", ratchet=False)
    room.advance(3000)
    ann = room.members["ann"]
    assert raises(NoGroup, ann.change_group, "create", ["eve", "bob"], room.now)
    room.do("ann", "change_group", "create", [])
    assert same(room, "ann", "bob") and ann.group_summary()["members"] == ["ann", "bob"]
    for action, uids in (("add", ["eve"]), ("add", []), ("remove", [])):
        assert raises(NoGroup, ann.change_group, action, uids, room.now)


def test_the_state_of_a_large_group_is_kept_whole():
    g = big(20)
    data = packed(g)
    ch = full(Channel(suite, config("m", ratchet=True), None, hardware), 20)
    other = ch.group
    order.unpack(ch.me, ch.others, other, data)
    other.phase = g.phase
    assert packed(other) == data
    assert len(data) < 16000


def test_who_was_shown_another_frame_first_takes_its_own():
    """Two speak at once; a lying broker shows anna the other's frame first, and everybody else hers. She goes back by
    one epoch and takes her own frame, also when the power went in between. PROTOCOL.md 18.3."""
    for cut in (False, True):
        room = Room(("anna", "bert", "cleo"))
        room.do("anna", "change_group", "create", ["bert", "cleo"])
        for uid in ("anna", "cleo"):
            room.run(uid, room.members[uid].send(b"from " + uid.encode(), "ratchet", room.now))
        live = room.members["anna"].me.topics.make(room.members["anna"].group.name, "g")
        shown = [i for i in range(len(room.queue)) if room.queue[i][:2] == ("anna", live)]
        assert len(shown) == 2
        own, others = [room.queue[i] for i in shown]
        room.queue[shown[0]], room.queue[shown[1]] = others, own
        before = room.members["anna"].group.state.epoch
        room.pump()
        assert room.members["anna"].group.state.epoch > before
        if cut:
            room.filters["anna"], room.wakes = [], {u: room.wakes[u] for u in room.wakes if u != "anna"}
            room.switch_on("anna")
        room.advance(60000)
        assert ("anna", "forked") not in room.events
        assert len({room.members[uid].group_summary()["head"] for uid in room.members}) == 1
        assert {room.members[uid].group_summary()["phase"] for uid in room.members} == {"live"}
        heard = sorted([(uid, body) for uid, _, body, _ in room.heard])
        if cut and heard.count(("anna", b"from cleo")) == 2:  # not marked as taken when the power went
            heard.remove(("anna", b"from cleo"))
        said = [("anna", b"from cleo"), ("bert", b"from anna"), ("bert", b"from cleo"), ("cleo", b"from anna")]
        assert heard == said, heard


def test_who_came_back_from_a_backup_is_heard_when_it_is_taken_in_again():
    """The others have had messages under the numbers that bob counts on from: what it says now would be none of them,
    and no connection of its shows that (the backup is of the one that was its last)."""
    room = Room(("ann", "bob", "cem"))
    room.do("ann", "change_group", "create", ["bob", "cem"])
    room.say("bob", b"before")
    backup = room.stored["bob"]
    for _ in range(5):
        room.say("bob", b"since")
    room.power_cut("bob")
    room.stored["bob"] = backup
    room.switch_on("bob")
    room.advance(120000)
    assert same(room, "ann", "bob", "cem") and room.members["bob"].me.session.lamport == 1
    room.heard = []
    room.say("bob", b"again")
    assert room.heard == [("ann", "bob", b"again", False), ("cem", "bob", b"again", False)]


def test_who_lost_its_storage_at_the_end_of_the_lamport_counter_is_heard_all_the_same():
    """A stranger has brought the counter there: all sessions have one number, and the sids go on growing."""
    room = Room(())
    topic, frame = Peer("eve", lamport=LAMPORT_MAX).join()
    room.retained[topic] = frame
    for uid in ("ann", "bob", "cem"):
        room.switch_on(uid)
        room.advance(3000)
    room.do("ann", "change_group", "create", ["bob", "cem"])
    for _ in range(3):
        room.say("bob", b"before")
    for _ in range(2):
        room.power_cut("bob")
        del room.stored["bob"]
        room.switch_on("bob")
        room.advance(9000)
        room.do("ann", "change_group", "remove", ["bob"])
        room.do("ann", "change_group", "add", ["bob"])
        room.heard = []
        room.say("bob", b"after")
        assert room.members["bob"].me.session.lamport == LAMPORT_MAX and same(room, "ann", "bob", "cem")
        assert [h[:3] for h in room.heard] == [("ann", "bob", b"after"), ("cem", "bob", b"after")]


def test_who_left_the_group_out_for_a_while_is_heard_when_it_is_back():
    """bob's settings leave the group out, or name another one, and have it again later: nothing is left of it, nor of
    how far his packages and messages were numbered there. The others know both of that session."""
    for changes in ({"ratchet": False}, {"group": "another"}):
        room = Room(("ann", "bob", "cem"))
        room.do("ann", "change_group", "create", ["bob", "cem"])
        for _ in range(3):
            room.say("bob", b"before")
        for settings in (changes, {}):
            room.power_cut("bob")
            room.switch_on("bob", **settings)
            room.advance(9000)
            assert room.members["bob"].group_summary() is None
        room.do("ann", "change_group", "remove", ["bob"])
        room.do("ann", "change_group", "add", ["bob"])
        assert room.members["bob"].group.phase == LIVE
        room.say("bob", b"after")
        assert ("ann", "bob", b"after", False) in room.heard and ("cem", "bob", b"after", False) in room.heard
