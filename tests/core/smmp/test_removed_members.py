"""What a member does to stay in the group that it is removed from, or to be in it again for who was away. PROTOCOL.md
18.3 and 18.5, on CPython and MicroPython.
"""

from insider import control_of, publish, same, three
from room import Room
from sealcast.smmp import heads
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import LIVE, SLOTS, statics
from sealcast.wire import AGREEMENT, CONTROL, TAG, u32
from solo import hardware, suite

HEAP = "heapsize=900k"  # for four members and their broker


def branch(ch, n):
    """n frames of its own on the state where this member is. -> [frame], the State after them"""
    g, st, frames = ch.group, ch.group.state, []
    for i in range(n):
        lead = b"\xff" + u32(1 << 20) + u32(99 + i) + bytes(5)
        frame, st = smmp.seal(suite, st, statics(ch.me, ch.others, g), hardware(24), hardware(32), lead + b"evil")
        frames.append(frame)
    return frames, st


def in_slots(room, uid, frames):
    for frame in frames:
        publish(room, uid, "e", frame, smmp.frame_epoch(frame) % SLOTS)


def answers(room, uid, whose, st):
    """This one says, live, that it is there, whenever that one asks where the group is."""
    ch, asking, publishes = room.members[uid], room.members[whose], room.publish

    def also(topic, payload, retain):
        publishes(topic, payload, retain)
        if topic.endswith("/g") and payload[1] == CONTROL and payload[2:18] == asking.me.tag:
            said = ch.me.keys.open(payload[:-TAG], CONTROL, ch.group.id)[3]
            if said[0] == heads.ASK:
                body = said[1:17] + b"\x01" + u32(st.epoch) + st.head
                publish(room, uid, "g", control_of(ch, heads.HEAD, body))

    room.publish = also


def four():
    room = Room(("ann", "bob", "cem", "dan"))
    room.do("ann", "change_group", "create", ["bob", "cem", "dan"])
    room.say("ann", b"hello")
    return room


def off(room, uid):
    room.run(uid, room.members[uid].disconnected(room.now))
    room.filters[uid] = []
    room.wakes.pop(uid, None)


def test_who_is_to_be_removed_does_not_take_that_back():
    """cem's frame comes before ann's removal of it, and cem asks to be taken in again before ann's next attempt."""
    room = three()
    ann, cem, publishes = room.members["ann"], room.members["cem"], room.publish

    def first(topic, payload, retain):
        if topic.endswith("/g") and payload[1] == AGREEMENT:
            room.publish = publishes
            room.run("cem", cem.send(b"first", "ratchet", room.now))
            publish(room, "cem", "g", control_of(cem, heads.WANT, u32(cem.group.packages.counter)))
        publishes(topic, payload, retain)

    room.publish = first
    room.do("ann", "change_group", "remove", ["cem"])
    room.advance(10000)
    assert cem.group.state is None and cem.me.tag not in ann.group.tags() and same(room, "ann", "bob")


def test_a_removed_member_takes_nobody_back_before_its_removal():
    """Its removal is the last frame that bob had. What it made on the state before lies in the slots now, and more on
    that, so that the group seems to have gone on there."""
    room = four()
    bob, cem = room.members["bob"], room.members["cem"]
    frames, st = branch(cem, 8)
    room.run("ann", room.members["ann"].change_group("remove", ["cem"], room.now))
    room.advance(300)
    assert bob.group.state.N == 3
    off(room, "bob")
    for uid in ("ann", "dan", "ann"):
        room.say(uid, b"without cem")
    answers(room, "cem", "bob", st)
    in_slots(room, "cem", frames)
    room.run("bob", bob.connecting(room.now))
    room.advance(30000)
    assert bob.group.state.N == 3 and same(room, "ann", "bob", "dan")
    assert [h for h in room.heard if h[0] == "bob"][-3:] == [
        ("bob", uid, b"without cem", False) for uid in ("ann", "dan", "ann")
    ]


def test_one_member_leads_nobody_who_was_away_onto_a_branch_of_its_own():
    """bob was away. cem, who was removed meanwhile or is in the group still, answers him first, and has slots full of
    frames of its own: more than the others have made, or as many. They are two, and take him in."""
    for removed, n in ((True, 12), (False, 12), (False, 3)):
        room = four()
        ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
        frames, st = branch(cem, n)
        off(room, "bob")
        if removed:
            room.run("ann", ann.change_group("remove", ["cem"], room.now))
            room.advance(300)
        for uid in ("dan", "ann", "dan")[removed:]:
            room.say(uid, b"without bob")
        off(room, "cem")
        for uid in ("bob", "ann", "dan"):
            answers(room, "cem", uid, st)
        in_slots(room, "cem", frames)
        room.run("bob", bob.connecting(room.now))
        room.run("bob", bob.send(b"secret", "ratchet", room.now))
        room.advance(60000)
        assert same(room, "ann", "bob", "dan"), (removed, n)
        assert ("ann", "bob", b"secret", False) in room.heard and ("dan", "bob", b"secret", False) in room.heard
        assert not [e for e in room.events if e[1] == "forked" or e[0] != "bob" and e[1] == "desync"]


def test_who_was_shown_a_removal_that_lost_takes_the_frame_that_won():
    """The broker shows ann's removal of cem first to bob alone, and is restarted: for the others dan's message came
    first, and some more since."""
    for more in (0, 2):
        room = four()
        ann, bob, dan = [room.members[uid] for uid in ("ann", "bob", "dan")]
        room.run("dan", dan.send(b"won", "ratchet", room.now))
        ann.group.change.job, ann.group.change.at = (smmp.REMOVE, [], [room.members["cem"].me.tag]), room.now
        room.run("ann", ann.tick(room.now))
        live = bob.me.topics.make(bob.group.name, "g")
        shown = [i for i in range(len(room.queue)) if room.queue[i][:2] == ("bob", live)]
        won, lost = [room.queue[i] for i in shown[:2]]
        assert lost[2][1] == AGREEMENT
        room.queue[shown[0]], room.queue[shown[1]] = lost, won
        room.pump()
        assert bob.group.state.N == 3 and ann.group.state.N == 4
        off(room, "bob")
        ann.group.change.drop()
        for _ in range(more):
            room.say("dan", b"more")
        room.run("bob", bob.connecting(room.now))
        room.advance(30000)
        assert bob.group.phase == LIVE and same(room, "ann", "bob", "dan") and bob.group.state.N == 4, more
        assert ("bob", "dan", b"won", False) in room.heard and ("bob", "resynced") in room.events
