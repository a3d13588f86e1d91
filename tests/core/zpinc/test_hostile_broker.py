"""A broker that lies with true frames: old ones as new, under other
members, deleted, rolled back, wills at will. PROTOCOL.md 6 to 8.
"""

from sealcast.zpinc.joins import MAX_HELD_JOINS
from sealcast.zpinc.members import ASLEEP, LEFT, WILL
from solo import Peer, Solo

UNKNOWN = b"\x01" + bytes(8)  # names a presence that nobody knows


def online(*frames):
    solo = Solo()
    return solo.connect(*frames)


def heard(solo):
    """What an honest sender names: the presences that it has heard, here the member's own."""
    return solo.ch.others.heard.named()


def test_topics_under_what_is_no_name_are_refused():
    """Whoever may publish needs no key for this, and the broker keeps it: one ended the member at each start."""
    solo = online(Peer("anna").join())
    for again in range(2):
        for text in ("", "AAAA", "AAAAAAAA", "A" * 42 + "8A", "A" * 40, "A" * 128):
            for stream in ("j/0", "n/0", "p", "h", "k/0", "k/2", "x", "a", "g", "s"):
                solo.refuses(solo.ch.me.topics.prefix + text + "/" + stream, b"\x01\x01" + bytes(60), "topic")
        if not again:
            solo.run(solo.ch.disconnected(solo.now))
            solo.run(solo.ch.connecting(solo.now))
            solo.run(solo.ch.connected(solo.now))


def test_one_join_again_and_again_in_a_first_reading_takes_one_place():
    zoe, anna = Peer("zoe"), Peer("anna", 2)
    squatted = Peer("zoe", secret=b"\x66" * 32)  # under her name and sid, by who has the password
    join = zoe.join()
    solo = online(squatted.join(), *[join] * MAX_HELD_JOINS + [anna.join()])
    assert solo.ch.out.drops == {"duplicate": MAX_HELD_JOINS - 1, "identity": 1}
    assert solo.ch.others.tag_of("anna") and solo.ch.others.tag_of("zoe")


def test_old_joins_again():
    first, second = Peer("anna", 1, session=1), Peer("anna", 2, session=2)
    solo = online(first.join(), second.join())
    anna = solo.ch.others.by_tag[first.tag]
    assert anna.current.sid == second.session.sid
    for peer in (first, second):
        solo.refuses(*(peer.join() + ("duplicate",)))
    third, fourth = Peer("anna", 3, session=3), Peer("anna", 4, session=4)
    for peer in (third, fourth):
        solo.give(*peer.join())
        solo.barrier()
    solo.later(11000)
    before = solo.state()
    solo.published = []
    solo.give(*first.join())
    assert solo.ch.out.drops["stale"] == 1 and solo.state() == before
    assert len(solo.published) == 1  # the answer that a true member with that join would need
    solo.give(*first.join())
    assert len(solo.published) == 1  # but not at everyone's bidding


def test_an_older_session_does_not_replace_a_newer_one():
    old, new = Peer("anna", 1, session=1), Peer("anna", 2, session=2)
    solo = online(new.join())
    solo.give(*old.join())
    solo.barrier()
    assert solo.ch.others.by_tag[new.tag].current.sid == new.session.sid
    solo.give(*old.presence())
    assert solo.ch.out.drops == {"behind": 1}
    solo.give(*old.note(0, b"from the past", heard=heard(solo)))
    assert [m.historic for m in solo.messages] == [True]


def test_a_note_is_delivered_once_and_never_again_as_live():
    peer = Peer("anna")
    solo = online(peer.join())
    note = peer.note(0, heard=heard(solo))
    solo.give(*note)
    assert [(m.body, m.historic) for m in solo.messages] == [(b"hello", False)]
    solo.refuses(*(note + ("duplicate",)))
    again = Solo(blob=solo.blob).connect(peer.join())
    again.refuses(*(note + ("duplicate",)))
    again = None  # a board's heap has no room for three members
    lost = Solo().connect(solo.published[0] if solo.published[0][0].endswith("/j/1") else own_join(solo), peer.join())
    lost.give(*note)
    lost.barrier()
    assert [(m.body, m.historic) for m in lost.messages] == [(b"hello", True)]


def own_join(solo):
    return [f for f in solo.published if "/j/" in f[0]][-1]


def test_a_note_that_names_a_presence_we_have_not_seen_is_not_called_live():
    peer = Peer("anna")
    solo = online(peer.join())
    solo.give(*peer.note(0, heard=UNKNOWN))
    assert [m.historic for m in solo.messages] == [True]


def test_deleted_slots_are_reported():
    peer = Peer("anna")
    solo = online(peer.join())
    solo.give(*peer.presence(head=0))
    solo.give(*peer.presence(head=3))
    solo.later(10000)
    assert solo.event("gap") == {"uid": "anna", "first": 0, "last": 2, "secrecy": "note"}
    for seq in range(3):
        solo.refuses(*(peer.note(seq) + ("duplicate",)))


def test_a_hole_is_read_again_before_it_is_reported():
    peer = Peer("anna")
    solo = online(peer.join())
    solo.give(*peer.note(1, b"second", heard=heard(solo)))
    assert not solo.messages
    solo.later(3500)
    assert not solo.event("gap")
    solo.give(*peer.note(0, b"first", heard=heard(solo)))
    assert [m.body for m in solo.messages] == [b"first", b"second"]
    solo.later(10000)
    assert not solo.event("gap")


def test_a_slot_rolled_back_to_an_older_note():
    peer = Peer("anna", ring=4)
    solo = online(peer.join())
    for seq in range(4):
        solo.give(*peer.note(seq, b"%d" % seq, heard=heard(solo)))
    topic, old = peer.note(0)
    solo.refuses(topic, old, "duplicate")
    solo.give(*peer.presence(head=5))
    solo.later(10000)
    assert solo.event("gap") == {"uid": "anna", "first": 4, "last": 4, "secrecy": "note"}
    assert len(solo.messages) == 4


def test_a_ring_that_is_not_what_its_owner_signed():
    peer = Peer("anna")
    solo = online(peer.join())
    solo.give(*peer.note(0, heard=heard(solo)))
    solo.give(*peer.presence(head=1, digest=b"\x01" * 16))
    assert solo.event("forged") == {"reason": "ring", "uid": "anna", "count": 1}


def test_the_last_sequence_number():
    peer = Peer("anna")
    solo = online(peer.join())
    solo.refuses(*(peer.note(0xFFFFFFFF) + ("window",)))
    solo.refuses(*(peer.note(0x10000) + ("window",)))
    fresh = Peer("bert", 3)
    solo.give(*fresh.join())
    solo.give(*fresh.note(0x7FFFFFFE))
    solo.barrier()
    solo.give(*fresh.note(0x7FFFFFFE))
    assert solo.ch.out.drops == {"window": 2, "duplicate": 1}


def test_no_more_than_two_rings_are_held():
    peer = Peer("anna", ring=4)
    solo = online(peer.join())
    solo.give(*peer.presence())
    for seq in range(1, 9):
        solo.give(*peer.note(seq))
    solo.refuses(*(peer.note(9) + ("window",)))


def test_the_last_will_early_and_twice():
    peer = Peer("anna")
    solo = online(peer.join())
    will = peer.presence(LEFT, 1, WILL)
    solo.give(*peer.presence())
    solo.give(*will)
    assert ("anna", "gone") in solo.ch.members and solo.event("gone") and not solo.event("left")
    solo.give(*peer.presence())
    assert ("anna", "awake") in solo.ch.members
    solo.refuses(*(will + ("stale",)))
    solo.give(*peer.presence(conn=2, counter=1))
    solo.refuses(*(peer.presence(LEFT, 1, WILL) + ("stale",)))
    assert ("anna", "awake") in solo.ch.members


def test_presences_again_and_after_a_reboot():
    peer = Peer("anna")
    solo = online(peer.join())
    old = [
        peer.presence(),
        peer.presence(ASLEEP, sleep=100000),
        peer.presence(conn=2, counter=1),
        peer.presence(LEFT, 2, 9),
    ]
    for frame in old:
        solo.give(*frame)
    assert ("anna", "left") in solo.ch.members
    for frame in old:
        before = [m for m in solo.ch.members]
        solo.give(*frame)
        assert solo.ch.members == before
    solo.give(*peer.note(0))  # something that is stored
    again = Solo(blob=solo.blob).connect(peer.join())
    for frame in old[:3]:
        again.give(*frame)
        assert ("anna", "unheard") in again.ch.members
    again.give(*old[3])
    assert ("anna", "left") in again.ch.members


def test_an_old_connection_of_ours_is_no_reason_to_begin_anew_but_a_later_one_is():
    solo = online()
    mine = [f for f in solo.published if f[0].endswith("/p")]
    sid = solo.ch.me.session.sid
    again = Solo(blob=solo.blob)
    again.connect(own_join(solo), mine[-1])
    assert again.ch.me.session.sid == sid
    rolled = Solo(blob=solo.blob)
    rolled.connect(own_join(solo), [f for f in again.published if f[0].endswith("/p")][-1])
    assert rolled.ch.me.session.sid != sid


def test_the_will_of_this_very_connection_makes_no_new_session():
    solo = online()
    sid = solo.ch.me.session.sid
    again = Solo(blob=solo.blob)
    effects = again.ch.connecting(again.now)
    will = [e for e in effects if e[0] == "connect"][0]
    again.run(effects)
    again.run(again.ch.connected(again.now))
    again.give(will[1], will[2])
    again.barrier()
    assert again.ch.me.session.sid == sid


def test_sync_nonces_of_others_and_of_the_past():
    solo = online()
    solo.run(solo.ch.disconnected(solo.now))
    solo.run(solo.ch.connecting(solo.now))
    solo.run(solo.ch.connected(solo.now))
    old = [f for f in solo.published if f[0].endswith("/s")][-1]
    solo.barrier()
    solo.refuses(*(old + ("stale",)))


def test_rolled_back_storage_and_a_note_written_at_once_is_not_lost():
    """The number it was first given had been used: it is sealed anew
    before it leaves, under the token that the driver has.
    """
    peer = Peer("anna")
    solo = online(peer.join())
    old = solo.blob
    solo.run(solo.ch.send(b"used", "note", solo.now))
    used = [f for f in solo.published if "/n/" in f[0]][-1]
    again = Solo(blob=old)
    again.run(again.ch.connecting(again.now))
    again.run(again.ch.connected(again.now))
    effects = again.run(again.ch.send(b"new", "note", again.now))
    (token,) = [e[1] for e in effects if e[0] == "queued"]
    assert not [f for f in again.published if "/n/" in f[0]]
    again.give(*own_join(solo))
    again.give(*used)
    again.barrier()
    assert again.ch.me.session.sid != solo.ch.me.session.sid and again.anew
    again.run(again.ch.disconnected(again.now))
    again.connect(own_join(solo), used)
    (note,) = [f for f in again.published if "/n/" in f[0]]
    assert note[1][2:18] == again.ch.me.session.sid and note[1][18:22] == bytes(4)
    assert list(again.ch.out.outbox.entries) == [token]


def test_our_own_ring_as_we_left_it_is_no_reason_to_begin_anew():
    solo = online()
    solo.run(solo.ch.send(b"one", "note", solo.now))
    solo.run(solo.ch.send(b"two", "note", solo.now))
    notes = [f for f in solo.published if "/n/" in f[0]]
    again = Solo(blob=solo.blob).connect(own_join(solo), *notes)
    assert again.ch.me.session.sid == solo.ch.me.session.sid
    assert [f for f in again.published if "/n/" in f[0]] == notes  # byte for byte


def test_a_lost_answer_about_a_stale_join_is_given_again():
    """Storage lost, the old join not seen: the new one sorts before it. Its presence is answered, each time."""
    old, new = Peer("anna", 3, session=1), Peer("anna", 2, session=2)
    solo = online(old.join())
    solo.published = []
    solo.give(*new.join())
    solo.later(11000)
    solo.published = []
    solo.give(*new.presence())
    assert [f[0][-2:] for f in solo.published] == ["/h"]
    assert solo.ch.out.drops["behind"] == 1
