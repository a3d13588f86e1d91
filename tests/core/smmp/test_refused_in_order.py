"""What a live member of a group does not take from the group's topics, and what one that is looking does not.

PROTOCOL.md 17.4 and 18, on CPython and MicroPython. Every frame goes through Channel.receive; nothing changes.
"""

from check import raises
from insider import agreement, control_of, refuses, same, three
from sealcast import rare
from sealcast.errors import Reject
from sealcast.smmp import heads, order, sync
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import LIVE, SLOTS, SYNC, Entry, statics
from sealcast.smmp.heads import ASK, HEAD, NEED
from sealcast.smmp.outgoing import wrapped
from sealcast.wire import AGREEMENT, MAX_FRAME, header, u32
from solo import Solo, hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


def made_by(room, uid, number=50):
    """A proper message of this member on its present state, that it does not know of itself."""
    ch = room.members[uid]
    lead = b"\xff" + u32(1) + u32(number) + bytes(5)
    return smmp.seal(
        suite, ch.group.state, statics(ch.me, ch.others, ch.group), hardware(24), hardware(32), lead + b"x"
    )[0]


def changed(data, at):
    """One bit of the byte at this place is another."""
    at %= len(data)
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def test_what_is_no_frame_of_the_group():
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    good = wrapped(bob.me, bob.group, made_by(room, "bob"))
    for payload in (b"", good[:53], bytes(MAX_FRAME + 1)):
        refuses(room, "ann", "g", payload, "length")
    for version in (0, 2, 255):
        refuses(room, "ann", "g", bytes((version,)) + good[1:], "version")
    for kind in (0, 1, 6, 10, 11, 255):
        refuses(room, "ann", "g", good[:1] + bytes((kind,)) + good[2:], "kind")
    control = wrapped(bob.me, bob.group, control_of(bob, ASK, bytes(16) + u32(1) + bytes(32)))
    refuses(room, "ann", "e", control, "kind", 0)  # a question is never retained
    for at in (2, 18, 60, -17, -16, -1):
        refuses(room, "ann", "g", changed(good, at), "forged")
    refuses(room, "ann", "g", wrapped(bob.me, bob.group, header(smmp.RATCHET, bytes(16), 1) + bytes(80)), "epoch")
    before = ann.group.state.epoch
    room.run("ann", ann.receive(ann.me.topics.make(ann.group.name, "g"), good, room.now))
    assert ann.group.state.epoch == before + 1  # what all of it was made from


def test_a_frame_that_no_member_made():
    """Who knows the channel's key, but not the group's, fits a frame to the group's state."""
    room = three()
    bob, ann = room.members["bob"], room.members["ann"]
    refuses(room, "ann", "g", wrapped(bob.me, bob.group, changed(made_by(room, "bob"), -1)), "bad_hmac")
    frame, _ = agreement(room, "bob", lambda parties: None)
    refuses(room, "ann", "g", wrapped(bob.me, bob.group, changed(frame, -1)), "bad_hmac")
    st = ann.group.state
    for size in (54, 55, 56, 57, 104, 105, 160, 600):  # what it stands on is no secret
        for kind in (smmp.RATCHET, AGREEMENT):
            short = (header(kind, st.group, st.epoch) + st.head + hardware(64) * 9)[:size]
            refuses(room, "ann", "g", wrapped(bob.me, bob.group, short), "bad_hmac")
    assert ann.group.phase == LIVE and ann.group.search.stage == sync.CALM


def test_an_accepted_frame_again_and_one_that_came_second():
    room = three()
    bob, ann = room.members["bob"], room.members["ann"]
    second = made_by(room, "bob")
    room.say("ann", b"first")
    first = ann.group.last
    refuses(room, "cem", "g", wrapped(bob.me, bob.group, first), "duplicate")
    refuses(room, "cem", "g", wrapped(bob.me, bob.group, second), "late")
    refuses(room, "ann", "g", wrapped(bob.me, bob.group, second), "late")
    room.advance(20000)
    assert same(room, "ann", "bob", "cem") and len(room.heard) == 2


def test_the_slot_of_what_came_live_loads_no_code_and_no_other_slot_moves_who_is_calm():
    room = three()
    bob, cem = room.members["bob"], room.members["cem"]
    room.say("ann", b"first")
    rare._fresh.clear()
    refuses(room, "cem", "e", wrapped(bob.me, bob.group, bob.group.last), "duplicate", bob.group.state.epoch - 1)
    assert set(rare._fresh) <= {"smmp.state"}  # which the test itself uses
    frame = header(smmp.RATCHET, bob.group.id, bob.group.state.epoch) + bob.group.state.head + hardware(64)
    refuses(room, "cem", "e", wrapped(bob.me, bob.group, frame), "outside", bob.group.state.epoch)
    refuses(room, "cem", "e", changed(wrapped(bob.me, bob.group, bob.group.last), -1), "duplicate", 1)
    refuses(room, "cem", "e", changed(wrapped(bob.me, bob.group, frame), -1), "forged", 1)
    assert cem.group.search.stage == sync.CALM and same(room, "ann", "bob", "cem")


def test_a_frame_that_stands_on_another_state():
    room = three()
    bob = room.members["bob"]
    st = bob.group.state
    ahead = header(smmp.RATCHET, bob.group.id, st.epoch + 1) + hardware(32) + hardware(64)
    beside = header(smmp.RATCHET, bob.group.id, st.epoch) + hardware(32) + hardware(64)
    for frame in (ahead, beside):
        refuses(room, "ann", "g", wrapped(bob.me, bob.group, frame), "epoch")
        room.advance(5000)
        assert same(room, "ann", "bob", "cem")


def doubting():
    """ann has heard from bob alone that the group is elsewhere; nobody has answered her yet."""
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    claim = wrapped(bob.me, bob.group, control_of(bob, HEAD, bytes(16) + b"\x01" + u32(1000) + hardware(32)))
    room.run("ann", ann.receive(ann.me.topics.make(ann.group.name, "g"), claim, room.now))
    assert ann.group.search.stage == sync.DOUBT
    return room, ann, bob


def test_a_false_proof_moves_nobody_who_doubts():
    room, ann, bob = doubting()
    st = ann.group.state
    false = header(smmp.RATCHET, bob.group.id, st.epoch) + st.head + hardware(64)
    refuses(room, "ann", "e", wrapped(bob.me, bob.group, false), "bad_hmac", st.epoch % SLOTS)
    assert ann.group.search.stage == sync.DOUBT
    room.advance(9000)
    assert same(room, "ann", "bob", "cem") and ann.group.state is st


def test_who_was_calmed_stays_live_however_fast_the_group_goes_on():
    """What calmed ann is long past when the time for answers is over; so is what could show that it was right."""
    room, ann, bob = doubting()
    room.advance(600)  # all have answered
    assert ann.group.search.stage == sync.DOUBT and len(ann.group.search.told) == 2
    before = ann.group.state.epoch
    for _ in range(20):
        room.run("cem", room.members["cem"].send(b"on and on", "ratchet", room.now, 0))
        room.pump()
    assert ann.group.state.epoch == before + 20 and before not in ann.group.recent
    for _ in range(200):
        room.advance(50)
        assert ann.group.phase == LIVE
    assert ann.group.search.stage == sync.CALM and same(room, "ann", "bob", "cem")


def test_nobody_doubts_what_has_just_made_it_live():
    """Who was taken in on one's word, and asks, hears another tell a third that it is so."""
    room = three()
    bob = room.members["bob"]
    topic, st, g = bob.me.topics.make(bob.group.name, "g"), bob.group.state, bob.group
    g.entry = Entry(room.members["ann"].me.tag, st.epoch, None)
    sync.start(bob.me, bob.others, g, True, room.now, bob.out)
    for uid, nonce in (("ann", g.search.nonces[-1]), ("cem", bytes(16))):
        assert g.phase == SYNC
        ch = room.members[uid]
        told = control_of(ch, HEAD, nonce + b"\x01" + u32(st.epoch) + st.head)
        room.run("bob", bob.receive(topic, wrapped(ch.me, ch.group, told), room.now))
    assert g.phase == LIVE and g.search.stage == sync.CALM
    room.advance(9000)
    assert same(room, "ann", "bob", "cem")


def test_what_a_slot_holds_of_another_time():
    room, ann, bob = doubting()
    epoch = ann.group.state.epoch
    for other in (epoch + 1, epoch + 70):
        frame = header(smmp.RATCHET, bob.group.id, other) + hardware(32) + hardware(64)
        refuses(room, "ann", "e", wrapped(bob.me, bob.group, frame), "late", other % SLOTS)
    frame = header(smmp.RATCHET, bob.group.id, epoch) + hardware(32) + hardware(64)
    refuses(room, "ann", "e", wrapped(bob.me, bob.group, frame), "outside", epoch % SLOTS)
    room.advance(9000)
    assert same(room, "ann", "bob", "cem")


def test_a_slot_that_holds_a_frame_of_another_branch():
    """cem was away, and the broker has lost the slots; what bob puts there stands on another head. The others help."""
    room = three()
    bob, cem = room.members["bob"], room.members["cem"]
    room.run("cem", cem.disconnected(room.now))
    room.filters["cem"] = []
    epoch = cem.group.state.epoch
    for k in range(3):
        room.say("ann", b"%d" % k)
    room.retained = {topic: room.retained[topic] for topic in room.retained if "/e/" not in topic}
    room.run("cem", cem.connecting(room.now))
    while cem.group.search.stage != sync.FETCH:
        room.advance(100)
    frame = header(smmp.RATCHET, bob.group.id, epoch) + hardware(32) + hardware(64)
    refuses(room, "cem", "e", wrapped(bob.me, bob.group, frame), "outside", epoch % SLOTS)
    assert cem.group.state.epoch == epoch and cem.group.phase == SYNC and cem.group.search.stage == sync.BACK
    room.advance(20000)
    assert same(room, "ann", "bob", "cem") and [h[2] for h in room.heard if h[0] == "cem"] == [b"0", b"1", b"2"]


def test_control_frames_that_say_nothing():
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    position = u32(ann.group.state.epoch) + ann.group.state.head
    right = bytes(16) + b"\x01" + position

    def of(frame):
        return wrapped(bob.me, bob.group, frame)

    for kind, body in ((0, position), (5, position), (255, position), (HEAD, b""), (HEAD, right + b"\x00"),
                       (HEAD, bytes(16) + b"\x02" + position), (ASK, position[:-1]), (NEED, b"\xff" * 4 + bytes(32)),
                       (ASK, bytes(16) + u32(0x80000000) + bytes(32))):  # fmt: skip
        refuses(room, "ann", "g", of(control_of(bob, kind, body)), "format")
    lamport = bob.me.session.lamport
    for other in (lamport - 1, lamport + 1, 0):
        refuses(room, "ann", "g", of(control_of(bob, HEAD, right, None, other)), "stale")
    refuses(room, "ann", "g", of(control_of(bob, HEAD, right, b"\x55" * 16)), "unknown")
    assert ann.group.search.stage == sync.CALM


def test_without_a_group_its_frames_are_nobodys():
    """`ratchet: false`: there is neither a group's topic nor anything to do with a package."""
    solo = Solo()
    room = three()
    bob = room.members["bob"]
    package = [p for topic, p in sorted(room.retained.items()) if topic == bob.me.topic("k", 0)][0]
    join = [(topic, p) for topic, p in sorted(room.retained.items()) if topic.startswith(bob.me.topic("j"))]
    solo.connect(*join)
    solo.refuses(bob.me.topic("k", 0), package, "outside")
    solo.refuses(bob.me.topics.make(bob.group.name, "g"), wrapped(bob.me, bob.group, bob.group.last), "topic")


def test_an_agreement_for_another_place_in_the_order():
    """Found early in a slot, it stands where it does not belong: authentic, and not next."""
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    for epoch in (ann.group.state.epoch + 1, ann.group.state.epoch + 7):
        frame, _ = agreement(room, "ann", lambda parties: None, 0, epoch)
        before = bob.group.state
        refusal = raises(Reject, order.accept, bob.me, bob.others, bob.group, frame, room.now, bob.out)
        assert refusal.reason == "epoch" and bob.group.state is before and not bob.out.take()


def test_a_question_that_is_repeated_costs_nothing():
    """The broker records one question, and plays it again and again."""
    room = three()
    bob, ann = room.members["bob"], room.members["ann"]
    question = wrapped(bob.me, bob.group, control_of(bob, ASK, bytes(16) + u32(1) + bytes(32)))
    topic, answers = ann.me.topics.make(ann.group.name, "g"), 0
    for _ in range(10):
        effects = ann.receive(topic, question, room.now)
        for _ in range(4):
            room.now += 2000
            effects += ann.tick(room.now)
        answers += len([e for e in effects if e[0] == "publish" and e[1] == topic])
    assert answers == 1


def test_a_frame_whose_rival_found_no_room_is_not_taken():
    """Of two frames for one epoch the first was let go while bob was looking: the second fits, and lost. If bob has
    come nearer meanwhile it asks again, else it goes live without it: anybody can flood what is held."""
    for nearer in (True, False):
        room = three()
        bob = room.members["bob"]
        group, epoch = bob.group, bob.group.state.epoch
        first, second = made_by(room, "ann"), made_by(room, "cem")
        sync.start(bob.me, bob.others, group, True, room.now, bob.out)
        flood = [header(smmp.RATCHET, group.id, epoch + 1) + bytes((i,)) * 64 for i in range(31)]
        for frame in [first, second] + flood:
            heads.hold(group, frame)
        assert first not in group.search.held and second in group.search.held
        group.search.epoch -= nearer
        sync.arrived(bob.me, bob.others, group, room.now, bob.out)
        assert (group.phase, group.state.epoch) == (SYNC if nearer else LIVE, epoch)
    sync.start(bob.me, bob.others, group, True, room.now, bob.out)
    group.search.held, group.search.gone = [second], epoch - 1
    sync.arrived(bob.me, bob.others, group, room.now, bob.out)
    assert (group.phase, group.state.epoch) == (LIVE, epoch + 1)  # nothing of this epoch is gone
