"""In which mode a message goes, and whom it reaches. PROTOCOL.md 11.1."""

from check import raises
from room import Room
from sealcast.errors import NoConversation, TooWeak
from solo import Peer, Solo

HEAP = "heapsize=400k"


def said(room, uid, mode=None, **more):
    """What send() says of a message that it took."""
    ch = room.members[uid]
    room.run(uid, ch.send(b"from " + uid.encode(), mode, room.now, **more))
    room.pump()
    return ch.sent


def off(room, uid):
    """Power cut: what it subscribed to is gone, and its last will is not shown."""
    room.filters[uid] = []
    room.wakes.pop(uid, None)


def test_an_epoch_out_of_storage_that_the_others_have_left_is_not_sent_in():
    """S was in an epoch with A, slept, and B came: its next message must reach both."""
    room = Room(["A", "S"])
    room.run("S", room.members["S"].sleep(3600, room.now))
    off(room, "S")
    room.switch_on("B")
    room.advance(10000)
    room.switch_on("S")
    room.pump()
    ch = room.members["S"]
    assert ch.epochs.current is not None and not ch.settling(True)  # it has the old epoch, and has read who is there
    sent = said(room, "S")
    assert (sent.mode, sent.audience, sent.missing) == ("note", ["A", "B"], [])
    assert [(uid, body) for uid, sender, body, _ in room.heard if sender == "S"] == [("A", b"from S"), ("B", b"from S")]
    raises(NoConversation, ch.send, b"x", "conversation", room.now)
    room.advance(10000)  # a new epoch
    sent = said(room, "S")
    assert (sent.mode, sent.audience, sent.missing) == ("conversation", ["A", "B"], [])


def test_an_epoch_out_of_storage_serves_when_presences_of_this_connection_name_it():
    room = Room(["A", "S"])
    room.advance(1000)
    room.run("S", room.members["S"].sleep(3600, room.now))
    off(room, "S")
    room.switch_on("S")
    room.pump()
    assert said(room, "S").mode == "conversation"
    assert [(uid, body) for uid, _, body, _ in room.heard] == [("A", b"from S")]


def test_min_secrecy_refuses_and_names_who_would_be_missed():
    room = Room(["A", "B"])
    room.advance(1000)
    assert said(room, "A", min_secrecy="conversation").mode == "conversation"
    refused = raises(TooWeak, room.members["A"].send, b"x", "note", room.now, min_secrecy="conversation")
    assert refused.code == "too_weak"
    b = room.members["A"].others.by_tag[room.members["B"].me.tag]
    b.epoch = bytes(16)
    before = len(room.members["A"].out.outbox.entries)
    assert "B" in str(raises(TooWeak, room.members["A"].send, b"x", None, room.now, min_secrecy="conversation"))
    assert len(room.members["A"].out.outbox.entries) == before
    assert said(room, "A").mode == "note"


def test_min_secrecy_of_the_settings_holds_when_the_broker_shows_old_last_wills():
    """The broker can make it a note, but not unnoticed."""
    room = Room(["A", "B"], min_secrecy="conversation")
    room.advance(1000)
    ch = room.members["A"]
    connect = [e for e in room.members["B"].connecting(room.now) if e[0] == "connect"][0]
    assert said(room, "A").mode == "conversation"
    room.run("A", ch.receive(connect[1], connect[2], room.now))  # B is there, and its will is shown
    raises(TooWeak, ch.send, b"x", None, room.now)
    raises(TooWeak, ch.send, b"x", "note", room.now, 0, None, "note")  # the argument does not weaken the setting


def test_the_group_serves_only_when_it_holds_everyone_who_is_awake():
    room = Room(["A", "B"])
    room.do("A", "change_group", "create", ["B"])
    room.advance(2000)
    sent = said(room, "A")
    assert (sent.mode, sent.audience) == ("ratchet", ["B"])
    room.switch_on("C")
    room.advance(15000)
    sent = said(room, "A")
    assert (sent.mode, sent.audience, sent.missing) == ("conversation", ["B", "C"], [])
    sent = said(room, "A", "ratchet")
    assert (sent.mode, sent.audience, sent.missing) == ("ratchet", ["B"], ["C"])


def test_a_message_for_one_member_goes_in_no_mode_that_others_read():
    room = Room(["A", "B", "C"])
    room.do("A", "change_group", "create", ["B", "C"])
    room.advance(2000)
    for mode in ("note", "conversation"):
        refused = raises(TooWeak, room.members["A"].send, b"x", mode, room.now, to="B")
        assert "needs mode ratchet" in str(refused)
    assert (said(room, "A", to="B").mode, said(room, "A", "ratchet", to="B").audience) == ("ratchet", ["B"])
    room.pump()
    assert [(uid, body) for uid, _, body, _ in room.heard] == [("B", b"from A")] * 2


def test_a_member_whose_epoch_nobody_shares_any_more_notices_and_falls_back():
    room = Room(["A", "B"])
    room.advance(1000)
    old = room.members["B"]
    a = old.me.keys.name(b"A")[:16]
    old.others.by_tag[a].epoch = b"e" * 16  # as its presence would say: it went on with others
    old.epochs.not_before = 1 << 29  # and B is not taken along
    room.run("B", old.tick(room.now))
    room.advance(9000)
    assert ("B", "apart") not in room.events
    room.advance(1000)
    assert ("B", "apart") in room.events and old.epoch is None
    assert said(room, "B").mode == "note"


def test_a_changed_epoch_is_told_at_once():
    """Others send by what they believe of us."""
    solo, anna = Solo(), Peer("anna")
    solo.connect(anna.join())
    solo.ch.keepalive.said = (b"x" * 16, False)  # an epoch was named that we can no longer read
    solo.published = []
    solo.run(solo.ch.tick(solo.now))
    solo.later(10)
    assert [topic for topic, _ in solo.published] == [solo.ch.me.topic("p")]
    solo.published = []
    solo.later(1000)
    assert not solo.published


def test_a_member_from_storage_that_was_not_heard_yet_may_be_awake():
    anna = Peer("anna")
    solo = Solo()
    solo.connect(anna.join())
    solo.give(*anna.presence())
    again = Solo(blob=solo.blob, min_secrecy="conversation").connect()
    assert "anna" in str(raises(TooWeak, again.ch.send, b"x", None, again.now))
