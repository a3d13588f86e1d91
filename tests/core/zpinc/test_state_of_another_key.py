"""A stored state beside another key: of a channel made anew under its
old name, of one that moved. PROTOCOL.md 12 and 22.
"""

from sealcast.zpinc import revocation
from solo import Peer, Solo


def online(*frames, **changes):
    return Solo(**changes).connect(*frames)


def test_a_state_of_another_key_is_not_taken_up():
    """The channel was made anew under its old name: a new password, or a board that was provisioned again."""
    anna = Peer("anna")
    solo = online(anna.join())
    solo.run(solo.ch.send(b"not for the new channel", "note", solo.now))
    again = Solo(blob=solo.blob, key=b"n" * 32)
    assert not again.ch.others.by_tag and not again.ch.me.joined and not again.ch.out.outbox.entries
    assert again.ch.me.root == b"n" * 32
    again.connect()
    assert not [topic for topic, _ in again.published if not topic.startswith(again.ch.me.topics.prefix)]
    changed = Peer("anna", secret=b"\x77" * 32, key=b"n" * 32)
    again.give(*changed.join())
    assert again.ch.out.drops == {"identity": 1}  # it is still anna whom we mean by that name
    assert Solo(blob=again.blob, key=b"n" * 32).ch.me.session.sid == again.ch.me.session.sid


def test_a_state_that_moved_is_taken_up_under_the_old_key_and_the_new():
    solo = online()
    ch = solo.ch
    ch._move(revocation.move(ch.me, ch.others, ch.places, b"n" * 32, 1, b"notice", "bert", ["anna"], ch.out))
    solo.run(solo.ch.connecting(solo.now))
    for key in (b"k" * 32, b"n" * 32):
        again = Solo(blob=solo.blob, key=key)
        assert again.ch.me.root == b"n" * 32 and again.ch.places.generation == 1 and len(again.ch.places.old) == 1
        assert again.ch.me.keys.msgkey == solo.ch.me.keys.msgkey
