"""The admin's list of approved identities: whom it reaches, and what thieves, brokers and old lists do not. On CPython
and MicroPython. PROTOCOL.md section 6.6.
"""

from check import raises
from room import Room
from sealcast.crypto.signing import sign_as
from sealcast.errors import NoGroup
from sealcast.wire import header
from sealcast.zpinc import revocation
from sealcast.zpinc.approval import KIND, LABEL
from sealcast.zpinc.identity import Identity
from sealcast.zpinc.joins import fingerprint
from sealcast.zpinc.places import WAITS, notice_topic
from solo import Peer, Solo, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one
ADMIN = b"\x07" * 32
PUBLIC = suite.ed25519_public(ADMIN)


def text_of(peer):
    return fingerprint(suite, peer.identity.public)


def pinned(solo, peer):
    return solo.ch.others.by_tag[peer.tag].public


def approvals(peer, number, listed, admin=ADMIN, place=None, count=None, after=b""):
    """Signed as the admin signs, whatever it says. listed: [(tag, fingerprint as bytes)]. -> (topic, frame)"""
    rp = peer.keys.rp[:16]
    body = bytes((len(listed) if count is None else count,)) + b"".join([tag + text for tag, text in listed]) + after
    head = header(KIND, rp if place is None else place, number)
    sig = sign_as(suite, LABEL, admin, suite.ed25519_public(admin), peer.keys.ad(head, rp), body)
    frame = peer.keys.seal(peer.rng, head, rp, body + sig)
    return notice_topic(peer.keys, peer.topics, b"greenhouse", "a"), frame


def replaced():
    """A member that has anna pinned and refused her new board -> (solo, anna, her new board)."""
    anna, new = Peer("anna"), Peer("anna", 2, secret=b"\x77" * 32, session=2)
    solo = Solo(admin=PUBLIC).connect(anna.join())
    solo.give(*anna.presence())
    solo.refuses(*(new.join() + ("identity",)))
    return solo, anna, new


def test_what_the_admin_approved_counts_here():
    solo, anna, new = replaced()
    solo.give(*approvals(anna, 1000, [(anna.tag, text_of(new).encode())]))
    assert pinned(solo, anna) == new.identity.public and solo.event("approved") == {"uid": "anna"}
    solo.give(*new.join())
    solo.barrier()
    solo.give(*new.note(0, b"it is me"))
    assert [m.body for m in solo.messages] == [b"it is me"]


def test_a_list_that_came_before_the_new_board_did():
    """Retained: it is there when a sleeper wakes, before it reads the joins. And what waits is not asked for again."""
    anna, new = Peer("anna"), Peer("anna", 2, secret=b"\x77" * 32, session=2)
    solo = Solo(admin=PUBLIC).connect(anna.join())
    listed = approvals(anna, 1000, [(anna.tag, text_of(new).encode())])
    solo.run(solo.ch.disconnected(solo.now))
    solo = Solo(blob=solo.blob, admin=PUBLIC).connect(listed, anna.join(), new.join())
    assert pinned(solo, anna) == new.identity.public and ("identity_changed", "anna") not in solo.events
    blob, solo = solo.blob, None
    again = Solo(blob=blob, admin=PUBLIC).connect(listed, anna.join(), new.join())
    assert pinned(again, anna) == new.identity.public and not again.event("approved")


def test_an_old_list_gives_nothing_back():
    """The board that was replaced is in a thief's hands; what approved it once is shown again, also after a restart."""
    solo, anna, new = replaced()
    old = approvals(anna, 1000, [(anna.tag, text_of(anna).encode())])
    solo.give(*approvals(anna, 1001, [(anna.tag, text_of(new).encode())]))
    solo.refuses(*(old + ("stale",)))
    solo = Solo(blob=solo.blob, admin=PUBLIC).connect(new.join())
    solo.refuses(*(old + ("stale",)))
    assert pinned(solo, anna) == new.identity.public


def test_a_list_of_before_does_not_undo_what_a_person_approved_here():
    """The admin approved anna's second board, which was stolen then; a person has approved the third one here. The
    list is retained: it comes again in each connection, also after a restart."""
    solo, anna, stolen = replaced()
    listed = approvals(anna, 1000, [(anna.tag, text_of(stolen).encode())])
    solo.give(*listed)
    solo.give(*stolen.join())
    third = Peer("anna", 3, secret=b"\x66" * 32, session=3)
    solo.give(*third.join())
    solo.run(solo.ch.approve("anna", text_of(third), solo.now))
    solo.give(*third.join())
    for _ in range(2):
        solo.give(*listed)
        solo.refuses(*(Peer("anna", 9, secret=b"\x77" * 32, session=9).join() + ("identity",)))
        assert pinned(solo, anna) == third.identity.public and WAITS + "anna" not in solo.ch.places.pins
        blob, solo = solo.blob, None  # a board's heap has no room for both
        solo = Solo(blob=blob, admin=PUBLIC).connect(listed, third.join())
    fourth = Peer("anna", 12, secret=b"\x55" * 32, session=4)  # what the admin says from now on counts
    solo.give(*approvals(anna, 1001, [(anna.tag, text_of(fourth).encode())]))
    solo.give(*fourth.join())
    assert pinned(solo, anna) == fourth.identity.public


def test_nor_does_a_later_list_that_says_it_once_more():
    """The admin approves bert's new board, and its list still has what it said of anna's second one."""
    solo, anna, stolen = replaced()
    old = (anna.tag, text_of(stolen).encode())
    solo.give(*approvals(anna, 1000, [old]))
    solo.give(*stolen.join())
    third = Peer("anna", 3, secret=b"\x66" * 32, session=3)
    solo.give(*third.join())
    solo.run(solo.ch.approve("anna", text_of(third), solo.now))
    solo.give(*third.join())
    blob, solo = solo.blob, None
    solo = Solo(blob=blob, admin=PUBLIC).connect(third.join())
    solo.give(*approvals(anna, 1001, [old, (Peer("bert").tag, text_of(Peer("bert")).encode())]))
    solo.refuses(*(Peer("anna", 9, secret=b"\x77" * 32, session=9).join() + ("identity",)))
    assert pinned(solo, anna) == third.identity.public
    for number, secret in ((1002, b"\x55" * 32), (1003, b"\x77" * 32)):  # it changes its mind, and once more
        new = Peer("anna", number, secret=secret, session=number - 1000)
        solo.give(*approvals(anna, number, [(anna.tag, text_of(new).encode())]))
        solo.give(*new.join())
        assert pinned(solo, anna) == new.identity.public


def test_a_person_who_keeps_the_identity_that_is_pinned_calls_the_list_off():
    solo, anna, new = replaced()
    solo.ch.others.by_tag[anna.tag].refused = None
    listed = approvals(anna, 1000, [(anna.tag, text_of(new).encode())])
    solo.give(*listed)
    solo.run(solo.ch.approve("anna", text_of(anna), solo.now))
    solo.give(*listed)
    solo.refuses(*(new.join() + ("identity",)))
    assert pinned(solo, anna) == anna.identity.public


def test_an_approval_outlives_a_restart_where_the_settings_name_the_identity_of_before():
    """Each provisioned board has a roster, which nobody writes anew when another board is replaced."""
    for by_hand in (False, True):
        anna, new = Peer("anna"), Peer("anna", 2, secret=b"\x77" * 32, session=2)
        roster = {"anna": anna.identity.public}
        listed = approvals(anna, 1000, [(anna.tag, text_of(new).encode())])
        solo = Solo(admin=PUBLIC, roster=dict(roster)).connect(anna.join())
        solo.give(*new.join())
        if by_hand:
            solo.run(solo.ch.approve("anna", text_of(new), solo.now))
        else:
            solo.give(*listed)
        solo.give(*new.join())
        thief = Peer("anna", 9, session=9)  # has the first board
        for number in range(3):  # the broker shows the list once
            blob, solo = solo.blob, None
            solo = Solo(blob=blob, admin=PUBLIC, roster=dict(roster)).connect(
                *([] if by_hand or number else [listed]), new.join(), thief.join()
            )
            assert pinned(solo, anna) == new.identity.public and solo.ch.out.drops == {"duplicate": 1, "identity": 1}
            assert solo.ch.others.by_tag[anna.tag].current.sid == new.session.sid
        third = Peer("anna", 12, secret=b"\x66" * 32, session=3)
        solo.give(*third.join())
        solo.run(solo.ch.approve("anna", text_of(third), solo.now))
        solo.give(*third.join())
        revocation.settle(solo.ch.places, 0)  # what a move to another key does with them
        solo.run(solo.ch.rekey(solo.now))
        blob, solo = solo.blob, None
        solo = Solo(blob=blob, admin=PUBLIC, roster=dict(roster))
        assert pinned(solo, anna) == third.identity.public
        solo = Solo(blob=blob, admin=PUBLIC, roster={"anna": b"\x05" * 64})  # other settings count
        assert pinned(solo, anna) == b"\x05" * 64


def test_an_approval_that_waits_outlives_a_restart():
    """A person approves what was read aloud, before the new board has been seen here: who is told that this waits is
    told no more when it is forgotten."""
    anna, new = Peer("anna"), Peer("anna", 2, secret=b"\x77" * 32, session=2)
    solo = Solo().connect(anna.join())
    solo.run(solo.ch.approve("anna", text_of(new), solo.now))
    assert solo.event("approval_waits") == {"uid": "anna", "fingerprint": text_of(new)}
    blob, solo = solo.blob, None
    solo = Solo(blob=blob).connect(anna.join(), Peer("anna", 3, secret=b"\x66" * 32, session=3).join(), new.join())
    assert pinned(solo, anna) == new.identity.public and solo.event("approved") == {"uid": "anna"}
    solo.refuses(*(Peer("anna", 9, session=9).join() + ("identity",)))  # once: the old one does not come back by it
    assert WAITS + "anna" not in solo.ch.places.pins


def test_an_approval_that_waits_ends_when_the_settings_name_another_identity():
    anna, new, third = Peer("anna"), Peer("anna", 2, secret=b"\x77" * 32), Peer("anna", 3, secret=b"\x66" * 32)
    solo = Solo(roster={"anna": anna.identity.public}).connect(anna.join())
    solo.run(solo.ch.approve("anna", text_of(new), solo.now))
    blob, solo = solo.blob, None
    solo = Solo(blob=blob, roster={"anna": third.identity.public}).connect(new.join(), third.join())
    assert pinned(solo, anna) == third.identity.public and ("approved", {"uid": "anna"}) not in solo.events


def test_who_is_declared_lost_is_not_approved_any_more():
    anna, new, admin = Peer("anna"), Peer("anna", 2, secret=b"\x77" * 32, session=2), ADMIN
    solo = Solo(admin=PUBLIC).connect(anna.join())
    solo.run(solo.ch.approve("anna", text_of(new), solo.now))
    solo.run(solo.ch.declare_lost("anna", admin, solo.now))
    solo.connect()
    for moved in (Peer("anna", 1, key=solo.ch.me.root), Peer("anna", 2, b"\x77" * 32, 2, key=solo.ch.me.root)):
        solo.give(*moved.join())
    assert pinned(solo, moved) == anna.identity.public and solo.ch.out.drops["identity"] == 1


def test_nobody_but_the_admin_approves():
    solo, anna, new = replaced()
    listed = [(anna.tag, text_of(new).encode())]
    solo.refuses(*(approvals(anna, 1000, listed, admin=b"\x08" * 32) + ("signature",)))
    topic, frame = approvals(anna, 1000, listed)
    solo.refuses(topic, frame[:-1] + bytes((frame[-1] ^ 1,)), "forged")
    without = Solo().connect(anna.join())
    without.refuses(*(new.join() + ("identity",)))
    without.refuses(topic, frame, "signature")
    assert pinned(solo, anna) == pinned(without, anna) == anna.identity.public


def test_lists_that_the_admin_signed_and_that_say_nothing():
    solo, anna, new = replaced()
    entry = (anna.tag, text_of(new).encode())
    state = solo.state()
    for listed, more in (
        ([], {}), ([entry] * 32, {}), ([entry], {"count": 2}), ([entry], {"count": 0}), ([entry], {"after": b"\x00"}),
        ([(anna.tag, b"\xff" * 24)], {}),
    ):  # fmt: skip
        solo.refuses(*(approvals(anna, 1000, listed, **more) + ("format",)))
    solo.refuses(*(approvals(anna, 1000, [entry], place=bytes(16)) + ("stale",)))
    assert solo.state() == state
    stranger = Peer("zoe", 9)
    mine = (solo.ch.me.tag, text_of(new).encode())
    solo.give(*approvals(anna, 0xFFFFFFFF, [(stranger.tag, text_of(new).encode()), mine]))
    assert solo.ch.me.identity.public != new.identity.public and pinned(solo, anna) == anna.identity.public


def test_the_admin_approves_for_all_awake_or_asleep():
    room = Room(("ann", "bob", "cem"), admin=PUBLIC)
    room.advance(1000)
    room.power_cut("cem")
    room.power_cut("bob")
    del room.stored["bob"]
    room.switch_on("bob", identity=b"\x66" * 32)
    room.advance(3000)
    text = fingerprint(suite, Identity(suite, b"\x66" * 32).public)
    ann = room.members["ann"]
    assert raises(NoGroup, ann.approve, "bob", text, room.now, b"\x08" * 32)
    assert raises(NoGroup, ann.approve, "bob", "no fingerprint", room.now, ADMIN)
    room.run("ann", ann.approve("bob", text, room.now, ADMIN, 5000))
    room.pump()
    room.switch_on("cem")
    room.advance(3000)
    for uid in ("ann", "cem"):
        member = room.members[uid].others.by_tag[room.members["bob"].me.tag]
        assert fingerprint(suite, member.public) == text and member.current, uid
    assert ann.others.approvals[0] == 5000 and len(ann.out.outbox.entries) == 0
