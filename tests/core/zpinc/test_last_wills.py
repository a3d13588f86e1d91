"""The last will that the broker has is by the session that the others know: a power cut is told at once. PROTOCOL.md
6.2 and 8, on CPython and MicroPython.
"""

from room import Room
from sealcast.zpinc import joins

HEAP = "heapsize=400k"
SEED = b"\x01" + b"\x07" * 32  # the state of a board that was provisioned and never started


def missed(room, uid):
    """The others hear of this member's end, and refuse nothing on the way."""
    ch, drops = room.members["A"], []
    complain = ch.out.complain

    def noted(reason, whose, now):
        drops.append(reason)
        complain(reason, whose, now)

    ch.out.complain = noted
    before = len(room.events)
    room.power_cut(uid)
    return ("A", "gone") in room.events[before:] and not drops


def test_of_a_member_with_hardware_randomness():
    assert missed(Room(["A", "S"]), "S")


def test_of_a_board_without_it_that_draws_its_session_anew_when_it_has_heard_the_others():
    """Found by the emulated board in tests/e2e: the will of its first connection was by a session that never joined."""
    room = Room(["A"])
    room.poor = ("S",)
    room.stored["S"] = SEED
    room.switch_on("S")
    room.advance(3000)
    assert ("S", "online") in room.events and not [name for _, name in room.events if name == "dropped"]
    assert missed(room, "S")
    room.switch_on("S")
    room.advance(3000)
    assert room.events.count(("A", "joined")) == 1  # it resumes its session
    assert missed(room, "S")


def test_of_a_member_that_begins_anew_because_its_state_is_an_old_copy():
    room = Room(["A", "S"])
    old, sid = room.stored["S"], room.members["S"].me.session.sid
    room.power_cut("S")
    for _ in range(2):
        room.switch_on("S")
        room.advance(3000)
    room.power_cut("S")
    room.stored["S"] = old
    room.switch_on("S")
    room.advance(3000)
    assert room.members["S"].me.session.sid != sid and missed(room, "S")


def test_of_a_member_whose_new_session_has_the_last_place_in_the_order():
    """The beginning of its sid is counted on when the broker has its will already (6.3)."""
    room = Room(["A"])
    a = room.members["A"]
    a.me.session.lamport = a.others.lamport = 0x7FFFFFFF
    room.retained.clear()
    joins.publish(a.me, a.out)
    room.run("A", a.tick(room.now))
    for _ in range(2):
        room.stored.pop("S", None)
        room.switch_on("S")
        room.advance(3000)
        assert room.members["S"].me.session.lamport == 0x7FFFFFFF and missed(room, "S")


def test_the_will_of_a_connection_that_was_given_up_for_another_is_not_counted():
    room = Room(["A"])
    room.poor = ("S",)
    room.stored["S"] = SEED
    room.switch_on("S")
    topic, first = room.wills["S"]
    room.advance(3000)
    assert room.wills["S"][1] != first
    room.publish(topic, first, True)  # by a broker that does so all the same
    room.pump()
    assert ("S", "awake") in room.members["A"].members and missed(room, "S")
