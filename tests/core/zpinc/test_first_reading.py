"""What waits until a first reading is over has a bound. PROTOCOL.md 6.2, on CPython and MicroPython."""

from solo import Peer, Solo

HEAP = "heapsize=400k"  # for as many joins as may be held


def test_more_joins_than_a_first_reading_holds():
    """Before anything is known: each would be kept until all are there."""
    anna = Peer("anna")
    solo = Solo()
    solo.run(solo.ch.connecting(solo.now))
    solo.run(solo.ch.connected(solo.now))
    frame = anna.join()
    for _ in range(128):
        solo.give(*frame)
    assert not solo.ch.out.drops
    solo.refuses(*(frame + ("full",)))
    assert len(solo.ch.reading.joins) == 128
