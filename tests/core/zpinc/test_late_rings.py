"""A broker that shows what it keeps late, or over a slow link: nothing of a ring is lost, and no gap is told of what
comes. PROTOCOL.md sections 6.2 and 7.4, on CPython and MicroPython."""

from solo import Peer, Solo


def late_ring(ms, known, seqs, ring=16):
    """A newcomer whose broker shows a ring so much later than its barrier. known: is the head heard before?"""
    anna = Peer("anna", ring=ring)
    solo = Solo().connect(anna.join())
    head = max(seqs) + 1
    if known:
        solo.give(*anna.presence(head=head))
    solo.later(ms)
    for seq in sorted(seqs, key=lambda s: s % ring):
        solo.give(*anna.note(seq, b"%d" % seq))
        solo.barrier()
    solo.give(*anna.note(head, b"live", heard=solo.ch.others.heard.named()))
    solo.later(20000)
    return solo, head


def test_a_ring_that_is_shown_late_is_read_whole_and_without_a_gap():
    for ms in (500, 1000, 8000):
        for known in (False, True):
            for seqs in (range(8, 24), range(20, 36), range(5)):
                solo, head = late_ring(ms, known, seqs)
                assert [m.seq for m in solo.messages] == list(seqs) + [head], (ms, known, seqs)
                assert [m.historic for m in solo.messages] == [True] * len(seqs) + [False]
                assert solo.event("gap") is None, (ms, known, seqs)


def begun():
    """A member that has just connected; its barriers are kept back."""
    solo = Solo()
    solo.run(solo.ch.connecting(solo.now))
    solo.run(solo.ch.connected(solo.now))
    return solo


def test_a_slow_link_is_waited_for_while_something_comes():
    """For 40 s what others said, then the ring and the barrier behind it: that is no hole."""
    solo = begun()
    anna, bert = Peer("anna", ring=16), Peer("bert", 2, session=2)
    for frame in [anna.join(), bert.join()] + solo.barriers() + [anna.presence(head=2)]:
        solo.give(*frame)
    for n in range(10):
        solo.later(4000, barrier=False)
        solo.give(*bert.presence(counter=n + 1))
    for frame in [anna.note(0), anna.note(1)] + solo.barriers():
        solo.give(*frame)
    solo.later(30000)
    assert [m.seq for m in solo.messages] == [0, 1] and solo.event("gap") is None


def test_a_broker_that_keeps_the_barrier_keeps_nobody_from_going_online():
    """It repeats a frame all the time; or says nothing."""
    for repeats, longest in ((True, 66000), (False, 6000)):
        solo = begun()
        frame = Peer("anna").join()
        while solo.event("online") is None:
            solo.later(1000, barrier=False)
            if repeats:
                solo.give(*frame)
        assert solo.now - 1000 <= longest and solo.barriers(), repeats


def test_a_note_that_is_missing_from_a_late_ring_is_reported():
    solo, head = late_ring(8000, True, [s for s in range(8, 24) if s != 11])
    assert solo.event("gap") == {"uid": "anna", "first": 11, "last": 11, "secrecy": "note"}
    assert [m.seq for m in solo.messages] == [s for s in range(8, 25) if s != 11]


def test_what_is_said_while_a_ring_is_late_is_never_lost_in_silence():
    """A first keepalive says where anna is; a whole ring of notes comes after it, and the first of them does not."""
    anna = Peer("anna", ring=4)
    solo = Solo().connect(anna.join())
    solo.give(*anna.presence(head=8))
    for seq in range(9, 15):
        solo.give(*anna.note(seq, heard=solo.ch.others.heard.named()))
    solo.later(20000)
    assert solo.event("gap") == {"uid": "anna", "first": 8, "last": 8, "secrecy": "note"}
    assert [m.seq for m in solo.messages] == list(range(9, 15))


def test_a_window_that_nothing_came_of_begins_anew_after_a_power_cut():
    anna = Peer("anna", ring=4)
    solo = Solo().connect(anna.join())
    solo.give(*anna.note(6))  # its ring holds 3 to 6, and 3 is shown late
    again = Solo(blob=solo.blob).connect(anna.join())
    for seq in (3, 4, 5, 6):
        again.give(*anna.note(seq))
        again.barrier()
    assert [m.seq for m in again.messages] == [3, 4, 5, 6] and again.event("gap") is None
