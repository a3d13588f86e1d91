"""What waits until a first reading is over has a bound. PROTOCOL.md 6.2, on CPython and MicroPython."""

from check import raises
from sealcast.errors import NotReady
from solo import Peer, Solo

HEAP = "heapsize=400k"  # for as many joins as may be held


def reading():
    """A member that has just connected: what the broker retains is coming."""
    solo = Solo()
    solo.run(solo.ch.connecting(solo.now))
    solo.run(solo.ch.connected(solo.now))
    return solo


def test_more_joins_than_a_first_reading_holds():
    """Before anything is known: each is kept until all are there."""
    solo, anna = reading(), Peer("anna")
    for lamport in range(1, 129):
        anna.session.lamport = lamport
        solo.give(*anna.join())
    assert not solo.ch.out.drops and len(solo.ch.reading.joins) == 128
    anna.session.lamport = 129
    solo.refuses(*(anna.join() + ("full",)))
    assert len(solo.ch.reading.joins) == 128


def crowd(n):
    return [Peer("m%02d" % i).join() for i in range(n)]


def test_who_finds_no_place_says_so_and_sends_nothing():
    """The 33rd member: the others would refuse its join, and nobody would hear what it says."""
    solo = Solo(ring=16).connect(*crowd(32))
    assert solo.event("channel_full") == {"members": 32}
    assert not [t for t, _ in solo.published if t.split("/")[4] in "jpn"]
    refused = raises(NotReady, solo.ch.send, b"hello", None, solo.now)
    assert "full" in str(refused)
    for _ in range(2):  # most of them are known by now
        solo.run(solo.ch.disconnected(solo.now))
        solo.events = []
        solo.connect(*crowd(32))
        assert solo.event("channel_full") and not solo.event("online")
        raises(NotReady, solo.ch.send, b"hello", None, solo.now)
    solo.run(solo.ch.disconnected(solo.now))
    solo.connect()  # one was purged: the others are known, and there is a place
    solo.ch.send(b"hello", None, solo.now)
    assert [t for t, _ in solo.published if t.split("/")[4] == "j"]


def test_the_last_place_and_a_place_of_before_are_taken():
    solo = Solo(ring=16).connect(*crowd(31))
    assert not solo.event("channel_full") and solo.event("online") == {"members": 32}
    own = [frame for frame in solo.published if frame[0].split("/")[4] == "j"]
    again = Solo(ring=16).connect(*(own + crowd(32)))  # its storage was lost; the others know it
    assert not again.event("channel_full") and again.event("online")
