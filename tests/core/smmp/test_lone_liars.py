"""One member lies about where the group is while nobody is live who could contradict it: all look for it at once, as
after a restart of the broker, or because of its frame that nobody can take. PROTOCOL.md 18.1 and 18.3, on CPython and
MicroPython.
"""

from insider import control_of, publish, same, three
from sealcast.smmp import heads
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import FORKED, LIVE
from sealcast.wire import CONTROL, TAG, header, u32
from solo import hardware, suite

HEAP = "heapsize=700k"  # for the members and their broker


def answering(live, behind, head=None):
    """ann, bob and cem are on the way, and all but cem look where the group is: it names another position in answer to
    each question. -> room, the questions"""
    room = three()
    for _ in range(3):
        room.say("ann", b"hello")
    ann, cem = room.members["ann"], room.members["cem"]
    room.filters["cem"], st = [], ann.group.state
    room.wakes.pop("cem", None)
    publishes, asked = room.publish, []

    def lie(topic, payload, retain):
        publishes(topic, payload, retain)
        if topic.endswith("/g") and payload[1] == CONTROL and payload[2:18] != cem.me.tag:
            said = cem.me.keys.open(payload[:-TAG], CONTROL, cem.group.id)[3]
            if said[0] == heads.ASK:
                asked.append(said[1:17])
                other = bytes(16) + hardware(16) if head is None else head
                body = said[1:17] + bytes((live,)) + u32(st.epoch - behind) + other
                publish(room, "cem", "g", control_of(cem, heads.HEAD, body))

    room.publish = lie
    frame = smmp.close(suite, header(smmp.RATCHET, st.group, st.epoch) + st.head + b"\xff\xff", st.v)
    publish(room, "cem", "g", frame)
    room.pump()
    assert ann.group.phase != LIVE
    return room, asked


def goes_on(room, asked):
    """Within half a minute, and as one group."""
    room.run("ann", room.members["ann"].send(b"on", "ratchet", room.now))
    room.advance(30000)
    assert same(room, "ann", "bob") and len(asked) < 12
    assert ("bob", "ann", b"on", False) in room.heard and not [e for e in room.events if e[1] in ("forked", "desync")]


def test_one_that_names_another_branch_of_equal_length_forks_nobody():
    for live in (0, 1):
        goes_on(*answering(live, 0))


def test_one_that_is_behind_and_stays_there_keeps_nobody():
    for behind in (1, 3):
        goes_on(*answering(1, behind))


def test_who_has_nobody_on_its_side_asks_a_person():
    """Another branch, named by the only one that is there, may be the group's."""
    room, _ = answering(1, 0)
    room.filters["bob"] = []
    room.wakes.pop("bob", None)
    room.members["ann"].group.search.backed = False
    room.advance(60000)
    assert room.members["ann"].group.phase == FORKED


def test_one_that_is_ahead_again_and_again_while_another_is_behind_ends_no_run():
    """bob has not got ann's last frames, nor does the broker show their slots for a while, and ann has started anew
    since: cem names what cannot be had, three times."""
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    publishes, asked = room.publish, []
    for _ in range(2):
        room.run("ann", ann.send(b"unheard", "ratchet", room.now))
        room.queue = [f for f in room.queue if f[0] == "ann"]
        room.pump()
    slots = [(topic, room.retained.pop(topic)) for topic in list(room.retained) if "/e/" in topic]
    st = ann.group.state
    assert st.epoch == bob.group.state.epoch + 2
    room.filters["cem"] = []
    room.wakes.pop("cem", None)

    def lie(topic, payload, retain):
        publishes(topic, payload, retain)
        if topic.endswith("/g") and payload[1] == CONTROL and payload[2:18] == ann.me.tag:
            said = cem.me.keys.open(payload[:-TAG], CONTROL, cem.group.id)[3]
            if said[0] == heads.ASK and len(asked) < 3:
                asked.append(said[1:17])
                body = said[1:17] + b"\x01" + u32(st.epoch + 2) + hardware(32)
                publish(room, "cem", "g", control_of(cem, heads.HEAD, body))

    room.publish = lie
    room.switch_on("ann")
    room.advance(10000)
    for topic, payload in slots:
        publishes(topic, payload, True)
    room.advance(80000)
    assert same(room, "ann", "bob") and len(asked) > 1
