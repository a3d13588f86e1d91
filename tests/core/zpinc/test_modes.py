"""What a member takes part in, and what its presence says of where it is. PROTOCOL.md 8 and 9.1."""

from room import Room
from sealcast.wire import pad
from solo import Peer, Solo

HEAP = "heapsize=500k"  # for members, their broker and what they store


def test_who_takes_no_part_in_conversations_is_not_proposed_and_not_waited_for():
    solo, anna, bert = Solo(), Peer("anna"), Peer("bert", 2)
    solo.connect(anna.join(), bert.join())
    solo.give(*bert.presence(parts=2))
    solo.later(20000)
    assert not [topic for topic, _ in solo.published if topic.endswith("/h")]
    solo.give(*anna.presence(parts=1))
    solo.later(6000)
    assert [tag for tag, _ in solo.ch.epochs.attempt.proposal.parties] == sorted([solo.ch.me.tag, anna.tag])


def test_who_takes_no_part_in_conversations_refuses_their_handshakes():
    solo, anna = Solo(modes=["note"]), Peer("anna")
    solo.connect(anna.join())
    solo.give(*anna.presence())
    solo.later(20000)
    assert not [topic for topic, _ in solo.published if topic.endswith("/h")]
    solo.refuses(*(anna.propose(anna.proposal(solo)) + ("members",)))


def test_without_conversations_their_code_is_not_there():
    solo, anna, talker = Solo(modes=["note"]), Peer("anna"), Room(["cem", "dora"])
    solo.connect(anna.join())
    assert solo.ch.epochs.talk.__name__ == "sealcast.zpinc.silent"
    assert talker.members["cem"].epochs.talk.__name__ == "sealcast.zpinc.epochs"
    epoch = talker.members["cem"].epochs.current
    frame = epoch.seal(talker.members["cem"].me, bytes(4) + b"\x00" + pad(b"x"), True)
    solo.refuses(anna.topic("c"), frame, "epoch")
    solo.refuses(anna.topic("c"), frame[:22], "epoch")


def test_an_epoch_of_a_time_with_conversations_is_still_read():
    room = Room(["ann", "bob"])
    epoch = room.members["bob"].epochs.current
    room.power_cut("bob")
    room.switch_on("bob", modes=["note"])
    room.advance(1000)
    bob = room.members["bob"]
    assert bob.epochs.talk.__name__ == "sealcast.zpinc.epochs" and bob.epochs.current.id == epoch.id
    ann = room.members["ann"]
    theirs = [e for e in ann.epochs.readable() if e.id == epoch.id][0]
    room.publish(ann.me.topic("c"), theirs.seal(ann.me, bytes(4) + b"\x00" + pad(b"still there"), True), False)
    room.pump()
    assert ("bob", "ann", b"still there", False) in room.heard
    room.power_cut("ann")
    room.advance(200000)
    assert bob.epochs.current is None and bob.epochs.previous is None
    room.power_cut("bob")
    room.switch_on("bob", modes=["note"])
    assert room.members["bob"].epochs.talk.__name__ == "sealcast.zpinc.silent"


def test_a_presence_says_epoch_and_place_and_they_hold_for_one_connection():
    room = Room(["ann", "bob"])
    room.do("ann", "change_group", "create", ["bob"])
    room.advance(31000)
    ann, bob = room.members["ann"], room.members["bob"]
    seen = bob.others.by_tag[ann.me.tag]
    assert seen.parts == 3
    assert seen.epoch == ann.epochs.current.id == bob.epochs.current.id
    assert seen.place == (ann.group.state.epoch, ann.group.state.head[:16])
    room.run("bob", bob.disconnected(room.now))
    room.run("bob", bob.connecting(room.now))
    assert seen.epoch is None and seen.place is None  # not before it is heard again
    room.advance(100)
    assert seen.epoch == ann.epochs.current.id


def test_bits_of_a_later_time_are_ignored():
    solo, anna = Solo(), Peer("anna")
    solo.connect(anna.join())
    solo.give(*anna.presence(parts=0xFD))
    assert solo.ch.others.by_tag[anna.tag].parts & 3 == 1 and not solo.ch.out.drops
