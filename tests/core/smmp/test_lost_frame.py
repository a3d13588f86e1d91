"""A frame of ours that lost its place here and won it at the others: we go back to it. PROTOCOL.md 18.1 and 18.3.

The run that the model found (docs/ASSURANCE.md): the broker shows two makers of frames for one state another order
than the rest. On CPython and on MicroPython.
"""

from insider import same, three
from sealcast.smmp import ratchet

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


def split(room, cut):
    """ann and cem each say something on one state: ann is shown cem's frame first, the others are shown ann's.

    cut: ann's power goes in between.
    """
    ann = room.members["ann"]
    topic = ann.me.topics.make(ann.group.name, "g")
    for uid, body in (("ann", b"from ann"), ("cem", b"from cem")):
        room.run(uid, room.members[uid].send(body, "ratchet", room.now))
    frames = [payload for uid, where, payload in room.queue if uid == "bob" and where == topic]
    assert len(frames) == 2
    held, room.queue = room.queue, []
    for uid in room.members:
        for frame in reversed(frames) if uid == "ann" else frames:
            room.run(uid, room.members[uid].receive(topic, frame, room.now))
    room.queue = [item for item in held if item[1] != topic] + room.queue
    assert same(room, "bob", "cem") and not same(room, "ann", "bob")
    assert ann.group.undo.lost is not None
    if cut:
        room.filters["ann"], room.queue = [], [item for item in room.queue if item[0] != "ann"]
        room.switch_on("ann")


def ends_as_one(cut):
    room = three()
    split(room, cut)
    room.advance(120000)
    assert same(room, "ann", "bob", "cem"), [room.members[uid].group.phase for uid in room.members]
    assert not [e for e in room.events if e[1] in ("forked", "desync")]
    heard = [(uid, body) for uid, _, body, _ in room.heard]
    assert sorted(set(heard)) == [("ann", b"from cem"), ("bob", b"from ann"), ("bob", b"from cem"), ("cem", b"from ann")]
    assert len(heard) == len(set(heard)) + cut  # none twice, but for what was not taken before the power went
    room.say("ann", b"on")
    assert room.heard[-1][2] == b"on" and room.members["ann"].group.undo.lost is None


def test_our_frame_lost_here_and_won_elsewhere():
    ends_as_one(False)


def test_and_the_power_goes_in_between():
    ends_as_one(True)


def test_what_was_lost_is_kept_for_one_epoch_alone():
    """Its secret opens nothing that the state before, kept for the same epoch, does not."""
    room = three()
    for uid in ("ann", "cem"):
        room.run(uid, room.members[uid].send(b"from " + uid.encode(), "ratchet", room.now))
    while "collision" not in [event for _, event in room.events]:
        uid, topic, payload = room.queue.pop(0)
        ch = room.members[uid]
        room.run(uid, ch.acked(payload, room.now) if topic is None else ch.receive(topic, payload, room.now))
    loser = [uid for uid, event in room.events if event == "collision"][0]
    undo = room.members[loser].group.undo
    assert ratchet.frame_epoch(undo.lost.frame) == undo.state.epoch
    secret = undo.lost.secret
    assert secret in room.stored[loser]
    room.advance(10000)  # it was sealed anew, and taken
    assert same(room, "ann", "bob", "cem") and len(room.heard) == 4
    assert secret not in room.stored[loser]
