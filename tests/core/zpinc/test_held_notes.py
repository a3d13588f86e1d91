"""What is held ahead of holes in the senders' notes. PROTOCOL.md 7."""

from sealcast.zpinc.notes import ALL_HELD
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
