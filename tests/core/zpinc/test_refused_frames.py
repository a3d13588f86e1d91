"""Each reason to drop a frame of the channel by its name: rightly keyed, one thing wrong. PROTOCOL.md 3, 6 to 13.

On CPython and MicroPython. test_hostile_frames.py tries what nobody with the key has made.
"""

from check import raises
from sealcast.channel import Channel
from sealcast.errors import BadState, Reject
from sealcast.stored import _unpack
from sealcast.wire import CONVERSATION, HEADER, Reader, header, pad, u32
from sealcast.zpinc import cpace
from sealcast.zpinc.conversation import Epoch
from sealcast.zpinc.epochs import SHARE
from sealcast.zpinc.notes import Window
from solo import Peer, Solo, agree, config, hardware, suite, talk


def online(*frames, **changes):
    return Solo(**changes).connect(*frames)


def test_a_frame_of_another_kind_than_its_topics():
    anna, bert = Peer("anna"), Peer("bert", 5)
    solo = online(anna.join())
    solo.refuses(anna.topic("p"), anna.note(0)[1], "kind")
    solo.refuses(anna.topic("h"), anna.presence()[1], "kind")
    solo.refuses(anna.topic("n", 0), anna.presence()[1], "kind")
    solo.refuses(bert.topic("j", 1), bert.presence()[1], "kind")


def test_a_note_too_short_to_say_whose_it_is():
    anna = Peer("anna")
    solo = online(anna.join())
    topic, note = anna.note(0)
    for n in (0, 1, HEADER - 1):
        solo.refuses(topic, note[:n], "length")


def test_a_note_is_taken_into_its_window_once():
    """The frame is looked at before it is opened; the window itself does not take it twice either."""
    anna = Peer("anna")
    solo = online(anna.join())
    topic, note = anna.note(0)
    solo.give(topic, note)
    solo.refuses(topic, note, "duplicate")
    window = Window(4)
    window.add(3, _Note())
    assert raises(Reject, window.add, 3, _Note()).reason == "duplicate" and sorted(window.held) == [3]
    window.next = 3
    assert raises(Reject, window.add, 2, _Note()).reason == "duplicate" and sorted(window.held) == [3]


class _Note:
    body = b"n"


def test_conversation_frames_of_no_epoch_of_ours_and_of_a_wrong_sender():
    anna, bert = Peer("anna"), Peer("bert", 5)
    solo = online(anna.join())
    solo.give(*bert.join())
    solo.barrier()
    solo.give(*anna.presence())
    _, epoch, _ = agree(solo, anna)
    elsewhere = Epoch(hardware(32), epoch.hk, epoch.parties, [list(c) for c in epoch.chains])
    solo.refuses(*(talk(anna, elsewhere, b"x") + ("epoch",)))
    topic, frame = talk(anna, Epoch(epoch.hid, epoch.hk, epoch.parties, [list(c) for c in epoch.chains]), b"x")
    for at in (HEADER, len(frame) - 17, len(frame) - 1):
        solo.refuses(topic, frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :], "forged")
    solo.refuses(topic, frame[: HEADER + 24 + 31], "forged")
    # bert is in the channel, and somebody gave him the epoch's header key: he is no party of it all the same
    head = header(CONVERSATION, epoch.id, 0)
    place = bert.keys.ad(head, bert.tag)[HEADER:]
    frame = suite.seal_frame(hardware(32), head, place, hardware(24), u32(0) + pad(b"x"), epoch.hk)
    solo.refuses(bert.topic("c"), frame, "members")


def test_joins_that_contradict_themselves():
    solo = online()
    for ring in (0, 65, 255):
        solo.refuses(*(Peer("anna", ring=ring).join() + ("format",)))
    anna = Peer("anna")
    solo.give(*anna.join())
    solo.barrier()
    twin = Peer("anna", 2, session=2)
    topic = twin.topics.make(anna.tag + bytes(16), "j", 2)  # the same tag, another name
    solo.refuses(topic, twin.join()[1], "name")


def test_before_the_first_reading_is_over_nothing_but_joins_is_heard():
    anna = Peer("anna")
    solo = Solo()
    solo.run(solo.ch.connecting(solo.now))
    solo.run(solo.ch.connected(solo.now))
    solo.give(*anna.join())
    for frame in (anna.note(0), anna.presence(), anna.handshake(1, bytes(65))):
        solo.refuses(*(frame + ("offline",)))


def test_another_member_of_our_name():
    """A second device was given the same uid: told, and our own session stays."""
    for other in (Peer("solo", 9, secret=b"\x77" * 32), Peer("solo", 9)):
        solo = online()
        solo.refuses(*(other.join() + ("same_uid",)))
        assert solo.event("dropped") == {"reason": "same_uid", "uid": "solo", "count": 1}


def test_a_value_that_comes_after_the_key():
    """No frame leads here today, as all values are there when the key is known."""
    solo = online(Peer("anna").join())
    anna, us = Peer("anna"), solo.ch.me
    names = [p.name for p in sorted([anna, us], key=lambda p: p.tag)]
    a = cpace.begin(anna.keys, anna.rng, anna.proposal(solo), names, anna.tag, us.session.sid)
    a.state = cpace.KEYED
    other = 1 - a.me
    assert raises(Reject, cpace.take, anna.keys, a, SHARE, other, bytes(a.Z[a.me])).reason == "state"
    assert a.Z[other] is None and a.state == cpace.KEYED


def test_a_stored_state_of_another_format():
    solo = online()
    good = solo.blob
    for first in (0, 3, 255):
        wrong = bytes((first,)) + good[1:]
        ch = Channel(suite, config("solo"), None, hardware)
        if first != good[0]:
            assert raises(Reject, _unpack, ch, Reader(wrong)).reason == "format"
            raises(BadState, Channel, suite, config("solo"), wrong, hardware)
    for n in (1, 32, 34, len(good) // 2):
        raises(BadState, Channel, suite, config("solo"), good[:n], hardware)
    assert Channel(suite, config("solo"), good, hardware).me.session.sid == solo.ch.me.session.sid


def test_a_frame_that_crashed_twice_is_counted_and_not_looked_at():
    anna = Peer("anna")
    solo = Solo().connect(anna.join())
    solo.refuses(anna.topic("n", 0), None, "internal")
    assert solo.event("dropped") == {"reason": "internal", "uid": None, "count": 1}
    assert raises(Reject, solo.ch.me.topics.parse, "anything").reason == "topic"
    solo.give("anything", None)
    assert solo.ch.out.drops == {"internal": 2}
