"""A member that connects again, as a board at each waking: what the broker has just shown is neither said again nor
computed again, and what nobody changed is not stored."""

from sealcast.channel import ONLINE
from sealcast.crypto import best_suite
from solo import Peer, Solo

suite = best_suite()


def joins(solo):
    return [frame for frame in solo.published if frame[0].split("/")[4] == "j"]


def woken(blob, *frames):
    """The same member begun from what it has stored, connected to a broker that shows these frames."""
    return Solo(blob=blob).connect(*frames)


def asleep():
    """-> a member that has gone to sleep, and its join."""
    solo = Solo().connect()
    solo.run(solo.ch.sleep(600, solo.now))
    (join,) = joins(solo)
    return solo, join


def test_a_join_that_the_broker_shows_is_not_published_again():
    solo, join = asleep()
    assert joins(woken(solo.blob, join)) == []


def test_a_join_that_the_broker_has_lost_or_has_spoilt_is_published_again():
    solo, (topic, frame) = asleep()
    again = joins(woken(solo.blob))
    assert len(again) == 1 and again[0][0] == topic
    assert joins(woken(solo.blob, (topic, frame[:-1] + bytes((frame[-1] ^ 1,))))) != []
    # Whoever has the channel's key can overwrite it there: a join like ours that our identity did not sign
    forger = Peer("solo", secret=b"f" * 32)
    forger.session.sid = solo.ch.me.session.sid
    assert joins(woken(solo.blob, forger.join())) != []


def test_an_older_join_of_ours_does_not_stand_for_this_one():
    solo, join = asleep()
    solo = Solo(blob=solo.blob, data="moved").connect(join)  # another text: another session
    assert len(joins(solo)) == 1
    solo.run(solo.ch.sleep(600, solo.now))
    assert len(joins(woken(solo.blob, join))) == 1


def test_joins_that_are_known_are_dropped_before_their_signature_is_checked():
    solo, join = asleep()
    peers = [Peer("peer%d" % i) for i in range(3)]
    solo = Solo(blob=solo.blob).connect(join, *[peer.join() for peer in peers])
    solo.run(solo.ch.sleep(600, solo.now))
    woke = Solo(blob=solo.blob)
    checked = []

    class Counting:
        def __getattr__(self, name):
            return getattr(suite, name)

        def ed25519_verify(self, *args):
            checked.append(args)
            return suite.ed25519_verify(*args)

    woke.ch.me.keys.suite = Counting()
    woke.connect(join, *[peer.join() for peer in peers])
    assert len(checked) == 1 and woke.ch.out.drops == {"duplicate": 3}  # its own
    assert sorted(woke.ch.others.by_tag) == sorted([peer.tag for peer in peers])


def test_a_silent_members_ring_that_was_read_changes_nothing_that_is_stored():
    solo, join = asleep()
    peer = Peer("peer")
    for _ in range(3):  # in which a session shows its notice key
        solo = woken(solo.blob, join, peer.join())
        solo.run(solo.ch.sleep(600, solo.now))
    woke = Solo(blob=solo.blob)
    woke.run(woke.ch.connecting(woke.now))
    woke.run(woke.ch.connected(woke.now))
    woke.give(*join)
    woke.give(*peer.join())
    stored = woke.blob
    woke.barrier()  # online, and the peer's ring is read
    assert woke.ch.phase == ONLINE and woke.blob == stored


def own_ring(solo):
    """What a member with this state subscribes to of its own ring."""
    front = solo.ch.me.topic("n") + "/"
    effects = solo.run(solo.ch.connecting(solo.now)) + solo.run(solo.ch.connected(solo.now))
    (found,) = [e[1] for e in effects if e[0] == "subscribe" and e[1].startswith(front)]
    return found


def test_a_sleeper_reads_the_slot_of_its_next_note_and_others_their_ring():
    for duty, filters in ((None, ["+"] * 6), (600, "012301")):
        solo, notes = Solo(duty=duty), []
        for n in range(6):
            assert own_ring(solo) == solo.ch.me.topic("n") + "/" + filters[n]
            solo.connect(*joins(solo)[:1])
            solo.run(solo.ch.send(b"%d" % n, "note", solo.now))
            solo.run(solo.ch.acked(max(solo.ch.out.outbox.entries), solo.now))
            solo.run(solo.ch.sleep(600, solo.now))
            notes.append(solo.published[-2])
            solo = woken_later(solo, duty)
        solo.run(solo.ch.send(b"offline", "note", solo.now))  # in no connection yet, as far as it knows
        assert own_ring(solo) == solo.ch.me.topic("n") + "/+"


def test_a_sleeper_whose_note_the_broker_has_not_taken_reads_its_whole_ring():
    solo = Solo(duty=600).connect()
    solo.run(solo.ch.send(b"on its way", "note", solo.now))
    solo.run(solo.ch.sleep(600, solo.now))
    assert own_ring(woken_later(solo, 600)) == solo.ch.me.topic("n") + "/+"


def woken_later(solo, duty):
    woke = Solo(blob=solo.blob, duty=duty)
    woke.published = solo.published
    return woke


def test_a_sleeper_whose_state_came_back_from_a_backup_learns_it_from_that_slot():
    solo = Solo(duty=600).connect()
    (join,), blobs, ring = joins(solo), [], {}
    for n in range(11):  # nearly three times around
        solo.run(solo.ch.sleep(600, solo.now))
        blobs.append(solo.blob)
        solo = Solo(blob=solo.blob, duty=600).connect(join)
        solo.run(solo.ch.send(b"%d" % n, "note", solo.now))
        topic, frame = solo.published[-1]
        ring[topic] = frame
        solo.run(solo.ch.acked(max(solo.ch.out.outbox.entries), solo.now))
    for blob in blobs:
        old = Solo(blob=blob, duty=600)
        slot = own_ring(Solo(blob=blob, duty=600))
        sid = old.ch.me.session.sid
        old.connect(join, (slot, ring[slot]))
        assert old.event("dropped")["reason"] == "same_uid" and old.ch.me.session.sid != sid
