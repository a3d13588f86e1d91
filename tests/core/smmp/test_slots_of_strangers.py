"""What a stranger with the channel's password writes into the group's slots and on its topic, without any of its keys,
and frames with the group's own key that nobody can take. PROTOCOL.md 17.4, 18.3 and 18.4, on CPython and MicroPython.
"""

from insider import publish, same, three
from room import Room
from sealcast.smmp import fetch
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import LIVE, SLOTS
from sealcast.wire import header
from solo import hardware, suite

HEAP = "heapsize=700k"  # for the members and their broker


def joined():
    """eve knows the password alone."""
    room = Room(("ann", "bob", "cem", "eve"))
    room.do("ann", "change_group", "create", ["bob", "cem"])
    return room, room.members["cem"]


def junk(room, epoch, prev):
    """eve's frame for a slot. -> it"""
    group = room.members["eve"].group
    frame = header(smmp.RATCHET, group.id, epoch) + prev + hardware(64)
    publish(room, "eve", "e", frame, epoch % SLOTS)
    return frame


def test_a_frame_that_nobody_can_take_stops_no_group():
    """cem's frame has the right MAC and names no member; the broker repeats it. The group asks once, and goes on."""
    room = three()
    ann, cem = room.members["ann"], room.members["cem"]
    st = ann.group.state
    frame = smmp.close(suite, header(smmp.RATCHET, st.group, st.epoch) + st.head + b"\xff\xff", st.v)
    for _ in range(8):
        publish(room, "cem", "g", frame)
    room.pump()
    room.run("ann", ann.change_group("remove", ["cem"], room.now))
    room.run("bob", room.members["bob"].send(b"hello", "ratchet", room.now))
    for _ in range(15):
        room.advance(2000)
        publish(room, "bob", "g", frame)
    assert cem.me.tag not in ann.group.tags() and same(room, "ann", "bob")
    assert ("ann", "bob", b"hello", False) in room.heard


def test_a_frame_that_nobody_can_take_stops_no_group_out_of_its_slot_either():
    """It lies in the slot of the present state, and a frame of the future makes all look there: they ask once."""
    room = three()
    st, live = room.members["ann"].group.state, 0
    frame = smmp.close(suite, header(smmp.RATCHET, st.group, st.epoch) + st.head + b"\xff\xff", st.v)
    publish(room, "cem", "e", frame, st.epoch % SLOTS)
    room.filters["cem"] = []
    for second in range(120):
        if second % 30 == 0:
            publish(room, "cem", "g", header(smmp.RATCHET, st.group, st.epoch + 1) + hardware(64) + hardware(32))
        room.advance(1000)
        live += same(room, "ann", "bob")
    assert live > 100


def test_questions_without_end_fill_no_slots():
    """A stranger's frames of the future make all ask, and two answer each."""
    room, cem = joined()
    published, publishes, st = [], room.publish, cem.group.state

    def counting(topic, payload, retain):
        published.append(topic)
        publishes(topic, payload, retain)

    room.publish = counting
    for _ in range(10):
        publish(room, "eve", "g", header(smmp.RATCHET, st.group, st.epoch + 1) + hardware(64))
        room.advance(3000)
    assert len([topic for topic in published if "/e/" in topic]) <= 3 * 4 and same(room, "ann", "bob", "cem")


def test_nobody_but_a_member_shows_that_our_frame_was_accepted():
    """cem's frame did not get through, and the group went on. eve's slots name it as the one before."""
    room, cem = joined()
    told, run = [], room.run

    def listening(uid, effects):
        told.extend([e for e in effects if uid == "cem" and e[0] == "event" and e[1] == "accepted"])
        run(uid, effects)

    epoch = cem.group.state.epoch
    run("cem", [e for e in cem.send(b"close", "ratchet", room.now) if e[0] != "publish"])
    ours = smmp.frame_hash(suite, cem.group.outgoing.pending.frame)
    run("cem", cem.disconnected(room.now))
    room.filters["cem"] = []
    for _ in range(12):
        room.say("ann", b"on")
    for e in range(epoch, epoch + 12):
        junk(room, e, ours if e == epoch + 1 else hardware(32))
    room.run = listening
    run("cem", cem.connecting(room.now))
    room.advance(120000)
    assert [h[0] for h in room.heard if h[1] == "cem"] == ["ann", "bob"] and len(told) == 1


def test_a_stranger_puts_nobody_out_who_just_came_in():
    """cem was added and its power went; eve's slots say that another frame was in the place of that agreement."""
    room = Room(("ann", "bob", "cem", "eve"))
    room.do("ann", "change_group", "create", ["bob"])
    room.do("ann", "change_group", "add", ["cem"])
    epoch = room.members["cem"].group.state.epoch
    room.power_cut("cem")
    for _ in range(3):
        room.say("ann", b"on")
    junk(room, epoch, smmp.frame_hash(suite, junk(room, epoch - 1, hardware(32))))
    room.switch_on("cem")
    room.advance(120000)
    assert room.members["cem"].group.state and same(room, "ann", "bob", "cem")


def test_a_flood_of_what_is_held_keeps_nobody_from_going_live():
    """All come back at once, and eve goes on sending frames of an epoch that is far."""
    room, cem = joined()
    members = ("ann", "bob", "cem")
    for uid in members:
        room.run(uid, room.members[uid].disconnected(room.now))
        room.run(uid, room.members[uid].connecting(room.now))
    epoch, live = cem.group.state.epoch, 0
    for _ in range(30):
        for _ in range(33):
            publish(room, "eve", "g", header(smmp.RATCHET, cem.group.id, epoch + 9) + hardware(64))
        room.advance(1000)
        live += all([room.members[uid].group.phase == LIVE for uid in members])
    assert live > 10 and same(room, *members)


def test_a_stranger_makes_nobody_remember_what_it_names():
    """Each retained frame on another head than ours names another one to look for."""
    room, cem = joined()
    search = cem.group.search
    search.target = (cem.group.state.epoch + 1, bytes(32))
    for _ in range(100):
        fetch.chase(cem.me, cem.others, cem.group, hardware(32), room.now, cem.out)
    assert len(search.chased) == fetch.CHASES
