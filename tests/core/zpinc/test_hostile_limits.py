"""What a reviewer tried: the ends of number ranges, channels that do not sign, states of another key, approvals. PROTOCOL.md 6 to 12."""

from sealcast.crypto.keys import derive
from sealcast.wire import u32
from sealcast.zpinc.conversation import MAX_SKIPPED, Epoch, new_epoch
from sealcast.zpinc.cpace import SHARE, STALE
from sealcast.zpinc.identity import fingerprint
from sealcast.zpinc.joins import LAMPORT_MAX
from solo import Peer, Solo, agree, hear, suite, talk


def online(*frames, **changes):
    return Solo(**changes).connect(*frames)


def test_the_highest_numbers_cannot_stop_a_member():
    """One retained note, signed by a true member, with the last number that a frame can carry."""
    anna, bert = Peer("anna"), Peer("bert", 2)
    solo = online(anna.join())
    solo.give(*anna.note(0xFFFFFFFF))
    solo.barrier()
    solo.later(10000)
    solo.give(*bert.join())
    solo.give(*bert.note(0x7FFFFFFE))
    solo.barrier()
    solo.later(10000)
    solo.give(*bert.presence(head=0x7FFFFFFF))
    solo.refuses(*(bert.presence(head=0xFFFFFFFF) + ("format",)))
    solo.refuses(*(bert.note(0x7FFFFFFF) + ("window",)))
    solo.later(10000)
    assert [m.seq for m in solo.messages] == [0x7FFFFFFE]
    assert Solo(blob=solo.blob).ch.members_by_tag[bert.tag].current.window.next == 0x7FFFFFFF


def test_in_a_channel_that_does_not_sign_a_frame_of_the_epoch_confirms_nobody():
    """Who knows the channel's key, and sits in the middle, takes anna's part without anna's session key."""
    anna, mallory = Peer("anna"), Peer("anna", secret=b"\x66" * 32)
    mallory.session.seed = b"\x66" * 32
    solo = online(anna.join(), sign=False)
    solo.give(*anna.presence())
    proposal = mallory.proposal(solo)
    solo.give(*mallory.propose(proposal))
    a = mallory.take_part(solo, proposal)
    hear(solo, a)
    epoch = new_epoch(suite, a, [solo.ch.uid_of(t) for t in a.tags])
    solo.give(*mallory.value(a, SHARE))
    solo.give(*talk(mallory, epoch, b"it is me", signed=False))
    assert solo.ch.epoch is None


def test_a_state_of_another_key_is_not_taken_up():
    """The channel was made anew under its old name: a new password, or a board that was provisioned again."""
    anna = Peer("anna")
    solo = online(anna.join())
    solo.run(solo.ch.send(b"not for the new channel", "note", solo.now))
    again = Solo(blob=solo.blob, key=b"n" * 32)
    assert not again.ch.members_by_tag and not again.ch.joined and not again.ch.outbox.entries
    assert again.ch.lost.root == b"n" * 32
    again.connect()
    assert not [topic for topic, _ in again.published if not topic.startswith(again.ch.topics.prefix)]
    changed = Peer("anna", secret=b"\x77" * 32, key=b"n" * 32)
    again.give(*changed.join())
    assert again.ch.drops == {"identity": 1}  # it is still anna whom we mean by that name
    assert Solo(blob=again.blob, key=b"n" * 32).ch.session.sid == again.ch.session.sid


def test_a_state_that_moved_is_taken_up_under_the_old_key_and_the_new():
    solo = online()
    solo.ch.lost._move(b"n" * 32, 1, b"notice", "bert", ["anna"])
    solo.run(solo.ch.connecting(solo.now))
    for key in (b"k" * 32, b"n" * 32):
        again = Solo(blob=solo.blob, key=key)
        assert again.ch.lost.root == b"n" * 32 and again.ch.lost.generation == 1 and len(again.ch.lost.old) == 1
        assert again.ch.keys.msgkey == solo.ch.keys.msgkey


def test_an_approval_is_for_the_identity_that_was_looked_at():
    anna = Peer("anna")
    solo = online(anna.join())
    changed, mallory = Peer("anna", 2, secret=b"\x77" * 32, session=2), Peer("anna", 3, secret=b"\x66" * 32, session=3)
    solo.give(*changed.join())
    seen = solo.event("identity_changed")
    assert seen["fingerprint"] == fingerprint(suite, changed.identity.public)
    solo.give(*mallory.join())  # between the look and the approval
    solo.run(solo.ch.approve("anna", seen["fingerprint"], solo.now))
    assert solo.ch.members_by_tag[anna.tag].public == anna.identity.public
    solo.give(*changed.join())
    solo.run(solo.ch.approve("anna", seen["fingerprint"], solo.now))
    assert solo.ch.members_by_tag[anna.tag].public == changed.identity.public


def test_being_told_that_we_are_stale_costs_one_session_in_ten_seconds_and_ends_at_the_last_counter():
    anna = Peer("anna")
    solo = online(anna.join())

    def told(lamport):
        solo.give(*anna.handshake(0, bytes((STALE,)) + solo.ch.session.sid + u32(lamport) + u32(0)))

    sessions = []
    for _ in range(5):
        told(solo.ch.lamport)
        sessions.append(solo.ch.session.sid)
    assert len(set(sessions)) == 1 and solo.ch.drops == {"stale": 4}
    solo.later(10000)
    solo.ch.lamport = LAMPORT_MAX - 10
    told(LAMPORT_MAX)
    assert solo.ch.drops["jump"] == 1 and solo.ch.session.sid == sessions[0]


def test_one_party_cannot_make_us_forget_the_skipped_keys_of_another():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    agree(solo, anna)
    e = solo.ch.agreement.current
    other = e.index(solo.ch.tag)  # stands for a third party
    e.skipped[(other, 0)] = bytes(32)
    mine = e.index(anna.tag)
    theirs = Epoch(e.hid, e.hk, e.parties, [list(c) for c in e.chains])
    for jump in (70, 3):
        chain = theirs.chains[mine]
        for _ in range(jump):
            chain[0] = derive(suite, chain[0], b"sc/next")
            chain[1] += 1
        solo.give(*talk(anna, theirs, b"far ahead"))
    assert len(solo.messages) == 2
    assert (other, 0) in e.skipped and len(e.skipped) == MAX_SKIPPED
