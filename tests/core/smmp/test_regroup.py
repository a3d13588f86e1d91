"""The group after `lost`: those whom the admin keeps are in one again, under the new key, without who was lost.
PROTOCOL.md 22, on CPython and MicroPython."""

from room import Room
from solo import suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one
ADMIN = b"\x07" * 32


def group_room(uids=("ann", "bob", "cem", "eve")):
    """One group of all; ann, who has made it, is the admin."""
    room = Room(uids, admin=suite.ed25519_public(ADMIN))
    room.do("ann", "change_group", "create", list(uids[1:]))
    assert sorted(room.members["eve"].group_summary()["members"]) == sorted(uids)
    return room


def declare(room, keep=None):
    room.run("ann", room.members["ann"].declare_lost("eve", ADMIN, room.now, keep))
    del room.members["eve"], room.filters["eve"]
    room.wakes.pop("eve", None)
    room.queue = [item for item in room.queue if item[0] != "eve"]


def together(room, uids):
    """Are these in one group, and nobody else, at one position, and hear each other?"""
    summaries = [room.members[uid].group_summary() for uid in uids]
    if None in summaries or {s["head"] for s in summaries} != {summaries[0]["head"]}:
        return False
    assert [s["members"] for s in summaries] == [sorted(uids)] * len(uids), summaries
    assert {s["phase"] for s in summaries} == {"live"}
    room.heard = []
    for uid in uids:
        room.say(uid, uid.encode())
    assert sorted(room.heard) == sorted([(a, b, b.encode(), False) for a in uids for b in uids if a != b])
    return True


def test_those_who_stay_are_in_one_group_again():
    room = group_room()
    old = room.members["ann"].me.root
    declare(room)
    assert room.members["ann"].group_summary() is None
    room.advance(40000)
    assert together(room, ["ann", "bob", "cem"]) and room.members["bob"].me.root != old
    assert room.members["ann"].group.change.together == []
    assert [uid for uid, name in room.events if name in ("group_failed", "no_package")] == []


def test_who_sleeps_is_taken_in_when_it_comes_and_who_is_not_kept_never():
    room = group_room(("ann", "bob", "cem", "dan", "eve"))
    room.power_cut("cem")
    declare(room, ["bob", "cem"])
    room.advance(60000)
    assert together(room, ["ann", "bob"]) and room.members["ann"].group.change.together == ["cem"]
    assert room.members["dan"].group_summary()["phase"] != "none"  # at the old place, with nobody
    room.power_cut("ann")  # it is a wish that is stored
    room.switch_on("ann")
    room.advance(10000)
    room.switch_on("cem")
    room.advance(60000)
    assert together(room, ["ann", "bob", "cem"]) and room.members["ann"].group.change.together == []


def test_who_was_in_no_group_makes_none():
    room = Room(("ann", "bob", "cem", "eve"), admin=suite.ed25519_public(ADMIN))
    room.do("bob", "change_group", "create", ["cem", "eve"])
    declare(room)
    room.advance(60000)
    assert [room.members[uid].group_summary() for uid in ("ann", "bob", "cem")] == [None] * 3


def test_a_second_move_before_the_group_is_there_forgets_nobody():
    room = group_room(("ann", "bob", "cem", "dan", "eve"))
    declare(room)
    room.advance(2000)
    room.run("ann", room.members["ann"].declare_lost("dan", ADMIN, room.now))
    del room.members["dan"], room.filters["dan"]
    room.wakes.pop("dan", None)
    room.queue = [item for item in room.queue if item[0] != "dan"]
    room.advance(60000)
    assert together(room, ["ann", "bob", "cem"])


def test_whom_a_person_takes_out_meanwhile_stays_out():
    room = group_room(("ann", "bob", "cem", "eve"))
    declare(room)
    room.advance(40000)
    room.do("ann", "change_group", "remove", ["cem"])
    room.advance(30000)
    assert room.members["cem"].group_summary() is None and together(room, ["ann", "bob"])


class Cut(Exception):
    """The power of the admin fails."""


class Cuts(Room):
    """A room where the admin's power fails before its n-th effect from `arm` on, and comes back 5 s later."""

    left = None

    def run(self, uid, effects):
        for e in effects:
            if uid == "ann" and self.left is not None:
                if self.left == 0:
                    self.left = None
                    raise Cut
                self.left -= 1
            Room.run(self, uid, [e])


def test_a_power_cut_of_the_admin_between_any_two_effects():
    steps = 0
    for n in range(0, 400, 3):
        room = Cuts(("ann", "bob", "cem", "eve"), admin=suite.ed25519_public(ADMIN))
        room.do("ann", "change_group", "create", ["bob", "cem", "eve"])
        room.left, cut = n, False
        try:
            declare(room)
            room.advance(40000)
            room.left = None
        except Cut:
            cut = True
            room.queue = [item for item in room.queue if item[0] != "ann"]
            room.power_cut("ann")
            room.advance(5000)
            room.switch_on("ann")
            room.advance(90000)
        if room.members["ann"].places.generation == 0:  # it had not been decided
            assert n == 0 or cut
            continue
        room.members.pop("eve", None), room.filters.pop("eve", None)
        assert together(room, ["ann", "bob", "cem"]), n
        steps += 1
        if not cut:
            break
    assert steps > 8 and not cut
