"""Somebody who knows the channel's key speaks under another member's name. PROTOCOL.md 6 to 10, 13."""

from check import raises
from sealcast.errors import NoGroup
from sealcast.wire import u32
from sealcast.zpinc.joins import LAMPORT_MAX, fingerprint
from sealcast.zpinc.members import LEFT, MAX_TOLD
from sealcast.zpinc.places import REACH
from solo import Peer, Solo, agree, suite, talk


def online(*frames, **changes):
    solo = Solo(**changes)
    return solo.connect(*frames)


def impostor(uid, lamport=1, **more):
    """Knows the key and everything public, not the member's own secrets: signs with another session key."""
    true, false = Peer(uid, lamport), Peer(uid, lamport, secret=b"\x66" * 32, **more)
    false.session.sid = true.session.sid
    false.session.seed = b"\x66" * 32
    return true, false


def test_a_note_under_another_name():
    anna, mallory = impostor("anna")
    solo = online(anna.join())
    solo.refuses(*(mallory.note(0, b"give me money") + ("signature",)))
    assert solo.event("forged")["uid"] == "anna"
    solo.give(*anna.note(0, b"true"))
    assert [m.body for m in solo.messages] == [b"true"]


def test_an_unsigned_note_in_a_channel_that_signs():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.refuses(*(anna.note(0, signed=False) + ("signature",)))


def test_a_signed_note_in_a_channel_that_does_not():
    anna = Peer("anna")
    solo = online(anna.join(), sign=False)
    solo.refuses(*(anna.note(0) + ("padding",)))
    solo.give(*anna.note(0, signed=False))
    assert [(m.body, m.origin) for m in solo.messages] == [(b"hello", "group")]


def test_a_stolen_sequence_number_is_not_taken():
    anna, mallory = impostor("anna")
    solo = online(anna.join())
    for seq in range(3):
        solo.refuses(*(mallory.note(seq, b"mine") + ("signature",)))
        solo.give(*anna.note(seq, b"%d" % seq))
    assert [m.body for m in solo.messages] == [b"0", b"1", b"2"]


def test_a_presence_under_another_name():
    anna, mallory = impostor("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    mallory.counter = 50
    solo.refuses(*(mallory.presence() + ("signature",)))
    solo.refuses(*(mallory.presence(LEFT, 7) + ("signature",)))
    assert ("anna", "awake") in solo.ch.members


def test_presences_that_make_no_sense():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.refuses(*(anna.presence(0) + ("format",)))
    solo.refuses(*(anna.presence(4) + ("format",)))
    solo.refuses(*(anna.presence(5) + ("format",)))
    solo.refuses(*(anna.presence(1, counter=0xFFFFFFFF) + ("format",)))


def test_a_changed_identity_is_refused_until_approved():
    anna = Peer("anna")
    solo = online(anna.join())
    pinned = solo.ch.others.by_tag[anna.tag].public
    changed = Peer("anna", 2, secret=b"\x77" * 32, session=2)
    solo.give(*anna.presence())
    solo.refuses(*(changed.join() + ("identity",)))
    text = fingerprint(suite, changed.identity.public)
    assert solo.event("identity_changed") == {"uid": "anna", "fingerprint": text}
    assert solo.ch.others.by_tag[anna.tag].public == pinned
    for frame in (changed.presence(), changed.note(0)):
        solo.give(*frame)
    assert not solo.messages and solo.ch.out.drops["unknown"] == 2
    solo.run(solo.ch.approve("anna", text, solo.now))
    solo.give(*changed.join())
    solo.barrier()
    assert solo.ch.others.by_tag[anna.tag].public == changed.identity.public
    solo.give(*changed.note(0, b"it is me"))
    assert [m.body for m in solo.messages] == [b"it is me"]
    solo.refuses(*(anna.join() + ("identity",)))


def test_approval_in_the_middle_of_an_epoch():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    agree(solo, anna)
    solo.give(*Peer("anna", 2, secret=b"\x77" * 32, session=2).join())
    solo.run(solo.ch.approve("anna", solo.event("identity_changed")["fingerprint"], solo.now))
    solo.later(1000)
    assert solo.ch.epoch is None  # nobody else is left in it
    blob, solo = solo.blob, None  # a board's heap has no room for both
    again = Solo(blob=blob)
    again.connect()
    again.later(1000)


def test_an_approval_is_for_the_identity_that_was_looked_at():
    anna = Peer("anna")
    solo = online(anna.join())
    changed, mallory = Peer("anna", 2, secret=b"\x77" * 32, session=2), Peer("anna", 3, secret=b"\x66" * 32, session=3)
    solo.give(*changed.join())
    seen = solo.event("identity_changed")
    assert seen["fingerprint"] == fingerprint(suite, changed.identity.public)
    solo.give(*mallory.join())  # between the look and the approval
    solo.run(solo.ch.approve("anna", seen["fingerprint"], solo.now))
    assert solo.ch.others.by_tag[anna.tag].public == anna.identity.public
    assert solo.event("approval_waits") == {"uid": "anna", "fingerprint": seen["fingerprint"]}
    for n in range(4, 9):  # others, as many as she likes
        solo.give(*Peer("anna", n, secret=bytes((n,)) * 32, session=n).join())
    solo.give(*changed.join())
    assert solo.ch.others.by_tag[anna.tag].public == changed.identity.public
    assert solo.event("approved") == {"uid": "anna"}


def test_changed_identities_that_are_shown_in_turn_are_reported_once():
    """Two recorded joins, by whoever may publish; then those of a stranger, a new identity each time."""
    anna = Peer("anna")
    solo = online(anna.join())
    two = [Peer("anna", n, secret=bytes((n,)) * 32, session=n).join() for n in (2, 3)]

    def told(frames):
        solo.events = []
        for frame in frames:
            solo.give(*frame)
        return len([e for e in solo.events if e[0] == "identity_changed"])

    assert told(two * 10) == 2
    many = [Peer("anna", n, secret=bytes((n,)) * 32, session=n).join() for n in range(4, 16)]
    assert told(many) == 3
    solo.later(10000)
    assert told(many) == 1 and len(solo.ch.others.by_tag[anna.tag].told) == MAX_TOLD


def test_nothing_to_approve():
    anna = Peer("anna")
    solo = online(anna.join())
    before = solo.state()
    text = fingerprint(suite, anna.identity.public)
    solo.run(solo.ch.approve("anna", text, solo.now))
    for uid, shown in (("nobody", text), ("anna", text[:-1]), ("anna", text + "2"), ("anna", "")):
        assert raises(NoGroup, solo.ch.approve, uid, shown, solo.now)
    assert solo.state() == before


def test_the_roster_pins_before_first_use():
    anna = Peer("anna")
    other = Peer("anna", secret=b"\x77" * 32)
    solo = online(roster={"anna": other.identity.public})
    solo.give(*anna.join())
    assert solo.ch.out.drops == {"identity": 1} and not [m for m in solo.ch.members if m[0] == "anna"]
    solo.give(*other.join())
    assert [m for m in solo.ch.members if m[0] == "anna"]


def test_a_roster_that_changed_forgets_what_the_old_identity_said():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.note(0))
    changed = Peer("anna", 2, secret=b"\x77" * 32, session=2)
    again = Solo(blob=solo.blob, roster={"anna": changed.identity.public})
    again.connect(anna.join(), changed.join())
    assert again.ch.out.drops == {"identity": 1}
    assert again.event("identity_changed") is None  # of the identity that nobody means any more
    again.give(*anna.note(1))
    assert again.ch.out.drops["unknown"] == 1 and [m.again for m in again.messages] == [True]


def test_a_join_under_another_name():
    anna, _ = impostor("anna")
    mallory = Peer("mallory", 3)
    solo = online(anna.join())
    solo.refuses(anna.topic("j", 0), mallory.join()[1], "forged")  # the sender's tag is bound
    mallory.name, mallory.tag = anna.name, anna.tag
    solo.refuses(*(mallory.join() + ("identity",)))


def test_a_lamport_counter_that_jumps():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.ch.places.pins[REACH] = u32(LAMPORT_MAX - 1)  # doubled as often as it can be: nothing more is stored
    solo.give(*Peer("bert", 0x80000000).join())
    assert solo.ch.out.drops == {"jump": 1} and solo.ch.places.pins[REACH] == u32(LAMPORT_MAX)
    for lamport in (0x80000000, 0xFFFFFFFF):
        solo.refuses(*(Peer("bert", lamport).join() + ("jump",)))
    for lamport in (1 + 65536 + 5, 0x7FFFFFFF):
        other = online(anna.join())
        other.give(*Peer("bert", lamport).join())
        assert other.ch.out.drops == {"jump": 1} and len(other.ch.members) == 2


def test_names_that_nobody_could_have_chosen():
    solo = online()
    bad = Peer("anna")
    for text in (b"\xff\xfe", b"\xc3("):
        bad.name = bad.keys.name(text)
        bad.tag = bad.name[:16]
        solo.refuses(*(bad.join() + ("name",)))
    bad.name = b"\x01" * 32
    bad.tag = bad.name[:16]
    solo.refuses(*(bad.join() + ("name",)))
    solo.refuses(*(bad.presence() + ("name",)))


def test_too_many_members():
    solo = online(ring=64)
    for i in range(9):
        solo.give(*Peer("m%d" % i, i + 1).join())
    solo.barrier()
    assert len(solo.ch.members) == 8 and solo.ch.out.drops == {"full": 2}


def test_a_conversation_frame_under_another_name():
    anna, mallory = impostor("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    _, epoch, _ = agree(solo, anna)
    spare = solo.blob
    frame = talk(mallory, epoch, b"false")
    solo.refuses(*(frame + ("signature",)))
    _, unsigned = talk(anna, epoch, b"unsigned", signed=False)
    solo.refuses(anna.topic("c"), unsigned, "signature")
    topic, true = talk(anna, epoch, b"true")
    solo.give(topic, true)
    assert [m.body for m in solo.messages] == [b"true"]
    solo.refuses(topic, true, "duplicate")
    assert spare != solo.blob


def test_conversation_frames_far_ahead():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    _, epoch, _ = agree(solo, anna)
    chain = epoch.chains[epoch.index(anna.tag)]
    chain[1] = 1025
    solo.refuses(*(talk(anna, epoch, b"x") + ("window",)))
    chain[1] = 0xFFFFFFFE
    solo.refuses(*(talk(anna, epoch, b"x") + ("window",)))
    chain[1] = 1000  # within reach, but not the key of that number
    solo.refuses(*(talk(anna, epoch, b"x") + ("forged",)))


def test_a_claim_about_our_own_numbers_needs_our_signature():
    first = online()
    again = Solo(blob=first.blob)
    sid = first.ch.me.session.sid
    me, mallory = impostor("solo")
    mallory.session.sid = sid
    again.connect(mallory.note(0xFFFFFFFF), mallory.presence(conn=99 << 16))
    assert again.ch.me.session.sid == sid
    assert again.ch.out.drops == {"signature": 2}
