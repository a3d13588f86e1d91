"""Who takes a board that is in no group: one member's word is not the group's. PROTOCOL.md 16.4, on CPython and
MicroPython.

eve knows the channel's password, and has joined; she is in no group.
"""

from insider import control_of, publish, same
from packed import pack_state
from room import Room
from sealcast.channel import Channel
from sealcast.smmp import agreement as formulas
from sealcast.smmp import packages
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import LIVE, NONE, REJOIN, SYNC
from sealcast.smmp.heads import HEAD
from sealcast.smmp.ratchet import ENTERS
from sealcast.wire import u32
from solo import config, hardware, suite

HEAP = "heapsize=900k"  # for four members, their broker and the cases in one
FAR = 0x7FFFFFFF - 100


def four(**changes):
    """ann and bob are in a group; dan is in none."""
    room = Room(("ann", "bob", "dan", "eve"), **changes)
    room.do("ann", "change_group", "create", ["bob"])
    assert same(room, "ann", "bob") and room.members["dan"].group.phase == NONE
    return room


def capture(room, uids=("ann", "bob"), epoch=FAR, head=None, reason=smmp.ADD):
    """eve's agreement over herself, dan and these, none of whom has said anything of the kind. -> the state after it"""
    eve, dan = room.members["eve"], room.members["dan"]
    known = packages.known(eve.group, dan.me.tag)
    number, r = max(known), hardware(32)
    parties = [formulas.Party(eve.me.tag, eve.me.identity.B, 0, None, suite.x25519_base(r)),
               formulas.Party(dan.me.tag, dan.me.identity.B, number | ENTERS, *known[number])]  # fmt: skip
    for uid in uids:
        R = suite.x25519_base(hardware(32))
        parties.append(formulas.Party(room.members[uid].me.tag, room.members[uid].me.identity.B, 0, R, R))
    parties.sort(key=lambda p: p.tag)
    frame, after = formulas.agree(
        suite, dan.group.id, epoch, hardware(32) if head is None else head, reason, eve.me.tag, eve.me.identity.b, r,
        hardware(32), parties, None
    )  # fmt: skip
    publish(room, "eve", "g", frame)
    room.pump()
    return after


def answers(room, after):
    """eve says, to all that dan asks, that his is the group's position: she plays the member that she claims to be."""
    eve = room.members["eve"]
    eve.group.state, eve.group.phase = after, LIVE
    eve.group.recent = {}


def test_a_stranger_that_lists_the_real_members_does_not_hold_a_board():
    """They say where they are, and that is not where eve's word has led dan."""
    room = four()
    dan = room.members["dan"]
    answers(room, capture(room))
    assert dan.group.state.epoch == FAR + 1
    room.advance(30000)
    assert dan.group.phase == NONE and dan.group.state is None and ("dan", "unconfirmed") in room.events
    room.do("ann", "change_group", "add", ["dan"])
    assert same(room, "ann", "bob", "dan") and dan.group.entry is None
    room.say("dan", b"here")
    assert [h[0] for h in room.heard] == ["ann", "bob"]


def test_who_was_taken_in_by_a_frame_that_lost_its_race_stands_outside_again():
    """dan had ann's first, the group took another in its place and went on: its slots say so, and what a member says
    stands on them. dan lost nothing, and asks nobody to take him in again."""
    for cut in (False, True):
        room, held = four(), []
        ann, dan, run = room.members["ann"], room.members["dan"], room.run

        def keeps(uid, effects, held=held, run=run):
            mine = [e for e in effects if uid == "ann" and e[0] == "publish" and e[1][-2:] == "/g"]
            held.extend(mine)
            run(uid, [e for e in effects if e not in mine])

        room.run = keeps
        room.run("ann", ann.change_group("add", ["dan"], room.now))
        while not held:
            room.advance(100)
        room.run = run
        run("dan", dan.receive(held[0][1], held[0][2], room.now))
        assert dan.group.phase == SYNC
        if cut:
            room.power_cut("dan")
        for k in range(2):
            run("bob", room.members["bob"].send(b"%d" % k, "ratchet", room.now))
            room.pump()
        room.advance(3000)
        if cut:
            room.switch_on("dan")
        room.advance(12000)
        assert same(room, "ann", "bob", "dan") and ("dan", "resynced") in room.events, cut
        assert ("dan", "desync") not in room.events


def test_the_real_agreement_gets_through_while_a_false_one_holds():
    """Also when nobody who could contradict is there, and after a power cut: a word alone binds nothing."""
    for uids in (("ann", "bob"), ("zoe",)):
        room = four() if uids[0] == "ann" else Room(("ann", "bob", "dan", "eve", "zoe"))
        if uids[0] == "zoe":
            room.do("ann", "change_group", "create", ["bob"])
            room.run("zoe", room.members["zoe"].leave(room.now))
            room.filters["zoe"] = []
        dan = room.members["dan"]
        answers(room, capture(room, uids))
        if uids[0] == "zoe":
            room.advance(12000)
            assert dan.group.phase == LIVE and dan.group.entry is not None
            assert room.members["dan"].ratchet.tags(dan.group) == (room.members["eve"].me.tag,)
        stored = Channel(suite, config("dan", ratchet=True), pack_state(dan), hardware).group
        assert stored.entry.organizer == dan.group.entry.organizer and stored.entry.epoch == FAR + 1
        room.do("ann", "change_group", "add", ["dan"])
        assert same(room, "ann", "bob", "dan") and dan.group.entry is None, uids


def test_who_is_in_the_roster_is_not_displaced_by_who_is_not():
    """ann has added dan while bob is away: eve's agreement, with as many names as she likes, changes nothing."""
    room = Room(("ann", "bob", "dan", "eve"))
    ann, bob, dan = [room.members[uid] for uid in ("ann", "bob", "dan")]
    dan.me.roster = {uid: room.members[uid].me.identity.public for uid in ("ann", "bob")}
    room.do("ann", "change_group", "create", ["bob"])
    room.run("bob", bob.leave(room.now))
    room.filters["bob"] = []
    room.do("ann", "change_group", "add", ["dan"])
    assert same(room, "ann", "dan") and dan.group.entry.organizer == ann.me.tag
    before = dan.group.state
    capture(room, ("ann",))
    room.advance(12000)
    assert dan.group.state.epoch == before.epoch and same(room, "ann", "dan")
    bob.group.phase = NONE
    room.switch_on("bob")
    room.advance(12000)
    room.say("bob", b"so it is")
    assert same(room, "ann", "bob", "dan") and dan.group.entry is None


def test_all_three_of_a_new_group_confirm_each_other_at_once():
    room = Room(("ann", "bob", "dan"))
    room.run("ann", room.members["ann"].change_group("create", ["bob", "dan"], room.now))
    room.advance(4500)
    assert same(room, "ann", "bob", "dan")
    assert [room.members[uid].group.entry for uid in room.members] == [None] * 3


def test_who_asked_to_be_taken_in_again_is_back_where_it_was():
    """An insider's agreement for a member in REJOIN, at an epoch far ahead: the others take it in all the same."""
    room = Room(("ann", "bob", "dan", "eve"))
    room.do("ann", "change_group", "create", ["bob", "dan", "eve"])
    dan = room.members["dan"]
    at = (dan.group.state.epoch, list(dan.group.state.tags))
    kept = {uid: room.filters[uid] for uid in ("ann", "bob")}
    for uid in kept:
        room.filters[uid] = []  # eve's agreement comes before theirs
    room.run("dan", dan.change_group("rejoin", [], room.now))
    room.pump()
    assert dan.group.phase == REJOIN
    answers(room, capture(room))
    assert dan.group.entry.before == at
    room.filters.update(kept)
    room.advance(90000)
    assert same(room, "ann", "bob", "dan") and dan.group.state.epoch < FAR


def test_a_claim_does_not_stop_the_creation_of_a_group_for_good():
    """eve says that there is one, and creates one: the first wish gives way, the same wish again does not."""
    room = Room(("ann", "bob", "dan", "eve"))
    ann = room.members["ann"]

    def create():
        room.run("ann", ann.change_group("create", ["bob"], room.now))
        room.pump()
        for nonce in ann.group.search.nonces:
            publish(room, "eve", "g", control_of(room.members["eve"], HEAD, nonce + b"\x01" + u32(7) + hardware(32)))
        room.pump()
        frame = capture(room, (), 0, bytes(32), smmp.CREATE)
        room.advance(9000)
        return frame

    create()
    assert ("ann", "group_failed") in room.events and ann.group.state is None
    again = Channel(suite, config("ann", ratchet=True), pack_state(ann), hardware).group
    assert again.change.failed == [room.members["bob"].me.tag]  # the second time may be another process
    room.events = []
    create()
    assert ("ann", "group_failed") not in room.events and same(room, "ann", "bob")
    # Whom it lists can stop it all the same
    room.run("ann", ann.change_group("leave", [], room.now))
    room.do("ann", "change_group", "leave", [])
    room.do("ann", "change_group", "create", ["bob"])
    assert ("ann", "group_failed") in room.events and ann.group.state is None


def test_nobody_is_held_against_its_will():
    """A leave that nobody answers is a leave when it is said again."""
    room = Room(("dan", "eve"))
    dan = room.members["dan"]
    capture(room, ())
    room.advance(12000)
    assert dan.group.phase == LIVE
    room.do("dan", "change_group", "leave", [])
    assert dan.group.state is not None
    again = Channel(suite, config("dan", ratchet=True), pack_state(dan), hardware).group
    assert again.leaving and again.phase == SYNC  # the second time may be another process
    room.do("dan", "change_group", "leave", [])
    assert dan.group.state is None and ("dan", "removed") in room.events
