"""What a member takes part in, and what its presence says of where it is. PROTOCOL.md 8 and 9.1."""

from room import Room
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
