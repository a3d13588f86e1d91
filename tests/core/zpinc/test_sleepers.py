"""A member that sleeps and stays away is gone when its time is over, however often we connect. PROTOCOL.md 8."""

from sealcast.zpinc.members import ASLEEP
from solo import Peer, Solo

HEAP = "heapsize=400k"
SLEEP = 600000


def passed(solo, ms):
    """What it says meanwhile is nobody's concern here."""
    for _ in range(10):
        solo.later(ms // 10)
        solo.published = []
    solo.run(solo.ch.disconnected(solo.now))


def slept(connections):
    """A member that connects so often in half an hour, beside a board that died at once in a sleep of ten minutes."""
    peer = Peer("door")
    solo = Solo().connect(peer.join())
    kept = peer.presence(ASLEEP, sleep=SLEEP // 1000)
    solo.give(*kept)
    solo.peer, solo.kept = peer, kept
    assert solo.event("asleep") == {"uid": "door"}
    for _ in range(connections):
        passed(solo, 3 * SLEEP // connections)
        solo.connect(peer.join())
        solo.give(*kept)  # what the broker retains
    return solo


def test_a_dead_sleeper_vanishes_once_its_time_is_over():
    for connections in (1, 3, 9, 18):
        assert slept(connections).event("vanished") == {"uid": "door"}, connections


def test_a_restart_of_ours_knows_of_no_time_that_is_over():
    """What the broker retains says how long it sleeps; that we had heard it in another run says nothing."""
    solo = slept(0)
    kept, peer = solo.kept, solo.peer
    solo = Solo(blob=solo.blob).connect(peer.join())
    solo.give(*kept)
    passed(solo, SLEEP // 2)
    assert not solo.event("vanished") and ("door", "asleep") in solo.ch.members
    solo.connect(peer.join())
    solo.give(*kept)
    passed(solo, SLEEP)
    assert solo.event("vanished") == {"uid": "door"}


def test_a_sleeper_is_not_gone_for_a_connection_of_ours():
    solo = slept(0)
    for _ in range(5):
        passed(solo, SLEEP // 6)
        solo.connect()
    assert not solo.event("vanished")
