"""What waits until a first reading is over has a bound. PROTOCOL.md 6.2, on CPython and MicroPython."""

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
