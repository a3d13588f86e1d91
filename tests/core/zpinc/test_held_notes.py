"""What is held ahead of holes in the senders' notes. PROTOCOL.md 7."""

from room import Room, gaps, note
from sealcast.zpinc.notes import ALL_HELD, HELD_BYTES, NOTE_BYTES
from solo import Peer, Solo

HEAP = "heapsize=500k"  # for the frames of six senders, more than a board is to hold


def test_notes_that_are_held_stay_within_one_bound_for_all_sessions():
    """Each of many members leaves a hole and fills 8 KB behind it: a board has no room for all of it."""
    peers = [Peer("p%d" % i, i + 1) for i in range(6)]
    solo = Solo().connect(*[p.join() for p in peers])
    for p in peers:
        solo.give(*p.presence())
        for seq in range(1, 5):
            solo.give(*p.note(seq, bytes(1900)))
    windows = [s.window for m in solo.ch.others.by_tag.values() for s in m.sessions]
    assert sum([w.size() for w in windows]) <= ALL_HELD
    assert len([w for w in windows if w.held]) == len(peers)  # each has some: nobody pushes out all of another's
    for p in peers:  # what was let go is read again
        solo.give(*p.note(0, b"first"))
        for seq in range(1, 5):
            solo.give(*p.note(seq, bytes(1900)))
    solo.barrier()
    assert len(solo.messages) == 5 * len(peers)


def test_notes_without_a_body_count_too():
    """A stranger's sessions, each with a hole and as many empty notes behind it as a ring of 64 may have twice."""
    solo = Solo().connect()
    for k in range(3):
        p = Peer("eve", k + 1, session=k, ring=64)
        solo.give(*p.join())
        solo.barrier()
        for seq in range(1, 60):
            solo.give(*p.note(seq, b"", heard=b"\x08" + bytes(64)))
        solo.published = []
    windows = [s.window for m in solo.ch.others.by_tag.values() for s in m.sessions]
    assert len(windows) == 3 and max([w.size() for w in windows]) <= HELD_BYTES
    assert 0 < sum([len(w.held) for w in windows]) <= ALL_HELD // (NOTE_BYTES + 64)


def test_a_ring_of_which_not_all_can_be_held_is_read_whole_and_without_a_gap():
    """In three portions: after two the rest was given up."""
    room = Room(("S",), ring=16)
    for i in range(12):
        note(room, "S", bytes((i,)) * 2000)
        room.pump()
    told = gaps(room)
    room.switch_on("A")
    room.advance(20000)
    assert [h[2][0] for h in room.heard] == list(range(12)) and not told
