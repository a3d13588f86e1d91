"""Large notes, more of them than a board can hold: bounded memory, nothing lost. PROTOCOL.md 7.3 and 11."""

from sealcast.zpinc.notes import HELD_BYTES
from solo import Peer, Solo


def online(*frames):
    return Solo().connect(*frames)


def test_a_ring_of_large_notes_is_taken_in_portions():
    """A board cannot hold sixteen notes of 2,000 bytes ahead of a
    hole: it keeps the first ones and reads the others again.
    """
    anna = Peer("anna", ring=16)
    solo = online(anna.join())
    window = solo.ch.others.by_tag[anna.tag].current.window
    for seq in range(9, 0, -1):
        solo.give(*anna.note(seq, bytes(1000)))
        assert window.size() <= HELD_BYTES
    assert sorted(window.held) == [1, 2, 3, 4, 5, 6] and not solo.messages
    for seq in range(10):
        solo.give(*anna.note(seq, bytes(1000)))
        solo.published = []
    assert [m.seq for m in solo.messages] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_messages_that_nobody_takes_do_not_fill_the_state():
    anna = Peer("anna", ring=16)
    solo = online(anna.join())
    solo.ch.taken = lambda message: []
    for seq in range(7):
        solo.give(*anna.note(seq, bytes(1000)))
    assert [m.seq for m in solo.messages] == [0, 1, 2, 3, 4, 5, 6]
    solo.run(solo.ch.snapshot())
    assert [m.seq for m in solo.ch.out.inbox] == [3, 4, 5, 6] and len(solo.blob) < 6000


def test_no_piece_of_a_state_is_large():
    """Notes as long as they may be wait for the broker: the state is long, each piece that is stored is not."""
    solo = Solo(ring=4).connect()
    for i in range(3):
        solo.run(solo.ch.send(bytes([i]) * 2000, "note", solo.now))
    pieces = solo.stored
    assert sum([len(piece) for piece in pieces]) > 6000
    assert max([len(piece) for piece in pieces]) <= 3000
    again = Solo(blob=solo.blob, ring=4)
    assert len(again.ch.out.outbox.entries) == 3
