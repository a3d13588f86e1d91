"""What a session that has ended still owes (PROTOCOL.md section 7.4), by the reference's window and by the core."""

import pytest
from guest import among_two

from reference.encoding import Reject
from reference.joins import SecretIdentity, build_join, parse_join
from reference.notes import END, Note, Window
from reference.primitives import ed25519_public

SID = bytes(range(16))
FORMER = tuple((bytes((i,)) * 4, notes) for i, notes in enumerate((1, 2**31 - 1, 7)))


@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize("data", [b"", b"attic", b"\x00", b"x" * 64])
def test_joins_at_their_edges(n, data):
    """Both take them, and what is said in the session."""
    world, guest = among_two(1000)
    assert both_take(world, guest, data, FORMER[:n]) == (FORMER[:n], data.decode())


def test_a_join_of_0_1():
    """It tells of no former session."""
    world, guest = among_two(1000)
    assert both_take(world, guest, b"", None) == (None, "")


def both_take(world, guest, data, ended):
    """A join of the guest, made so, and a note of that session: what it says."""
    peer = guest.peer
    peer.new_session()
    lamport = 1 + max(m.current.lamport for m in peer.view.members.values())
    session = (peer.sid, ed25519_public(peer.seed), lamport, peer.K)
    frame = build_join(peer.keys, peer.uid, peer.secret, *session, peer.draw(24), data, ended)
    guest.say([peer.put("j", frame, lamport % 4)])
    assert peer.view.by_uid("guest").current.sid == peer.sid
    guest.say(peer.note(b"by this session"))
    for uid in ("anna", "boris"):
        assert bytes(world.messages[uid][-1].body) == b"by this session"
    joined = parse_join(peer.keys, peer.name, frame)
    return joined.ended, joined.data


class Owing:
    """A guest whose notes reach anna or not, and windows that say what she hands over and misses of its sessions."""

    def __init__(self, K=16):
        self.world, self.guest = among_two(1000, ring=K)
        self.peer = self.guest.peer
        self.windows = {}
        self.handed = []
        self._begun(heard=True)

    def _begun(self, heard):
        window = self.windows[self.peer.sid] = Window(self.peer.K)
        if heard:
            window.hear(0)

    def _take(self, notes):
        self.handed += [note.body for note in notes]

    def note(self, times=1):
        for _ in range(times):
            body = b"%d of %s" % (self.peer.seq, self.peer.sid.hex().encode())
            note = Note(self.peer.sid, self.peer.seq, 0, body)
            self.guest.say(self.peer.note(body))
            self._take(self.windows[note.sid].take(note))

    def lost(self, times=1):
        for _ in range(times):
            self.peer.note(b"lost")

    def head(self):
        self.guest.say(self.peer.presence())
        self._take(self.windows[self.peer.sid].hear(self.peer.seq))

    def forgotten(self):
        """The three newest sessions are kept: what the one before them owes is given up at once."""
        *before, _, _, _ = self.windows.values()
        return [hole for hole in (window.forget() for window in before) if hole]

    def end(self, heard=True, lost=False, **told):
        """A new session, by a join and, if it is heard, a keepalive; told: instead of what `ended` should be."""
        self.peer.new_session()
        kept, self.peer.ended = self.peer.ended, told.get("ended", self.peer.ended)
        publications = self.peer.join()[: 2 if heard else 1]
        by_prefix = {sid[:4]: window for sid, window in self.windows.items()}
        if not lost:
            self.guest.say(publications)
            for prefix, notes in self.peer.ended or ():
                if prefix in by_prefix:
                    self._take(by_prefix[prefix].end(notes))
            self._begun(heard)
        self.peer.ended = kept

    def gaps(self):
        gaps = [data for name, data in self.world.events["anna"] if name == "gap" and data["uid"] == "guest"]
        return [(gap["first"], gap["last"]) for gap in gaps]

    def agree(self, *gaps):
        """In the end anna has reported these gaps, and the windows the same; and they have handed over the same."""
        self.guest.wait(40000)
        assert self.gaps() == list(gaps)
        found = []
        for window in self.windows.values():
            while window.hole:
                first, last, notes = window.skip_gap()
                found.append((first, last))
                self._take(notes)
        assert found == list(gaps)
        assert [bytes(m.body) for m in self.world.messages["anna"] if m.sender == "guest"] == self.handed


def test_what_was_lost_at_the_end():
    owing = Owing()
    owing.note(2)
    owing.lost(3)
    owing.end()
    assert not owing.gaps(), "it may still be shown"
    owing.agree((2, 4))


def test_all_of_a_session_of_which_a_head_was_heard():
    owing = Owing()
    owing.lost(3)
    owing.end()
    owing.agree((0, 2))


def held():
    """No head was heard, and of six notes the third alone came."""
    owing = Owing()
    owing.end(heard=False)
    owing.lost(2)
    owing.note()
    owing.lost(3)
    return owing


@pytest.mark.parametrize("had", [0, 1])
def test_no_head_was_heard(had):
    """Who was handed no note either was not there."""
    owing = Owing()
    owing.end(heard=False)
    owing.note(had)
    owing.lost(2)
    owing.end()
    owing.agree(*([(1, 2)] if had else []))


def test_a_note_that_is_held():
    """Once it is handed over, what follows it is missed, too."""
    owing = held()
    owing.end()
    owing.agree((0, 1), (3, 5))


@pytest.mark.parametrize("late", [None, 3, 5, 6, 8])
def test_a_note_that_is_shown_late(late):
    """Who was there for none of a session's notes misses none, until one is handed over."""
    owing = Owing(K=4)
    owing.end(heard=False)
    former, publications = owing.peer.sid, [owing.peer.note(b"%d" % i) for i in range(9)]
    owing.end()
    owing.guest.wait(20000)
    assert not owing.gaps()
    if late == 3:
        with pytest.raises(Reject, match="duplicate"):
            owing.windows[former].check(3)
    elif late:
        owing._take(owing.windows[former].take(Note(former, late, 0, b"%d" % late)))
    owing.guest.say(publications[late] if late else [])
    owing.agree(*{5: [(6, 8)], 6: [(5, 5), (7, 8)], 8: [(5, 7)]}.get(late, []))


def test_holes_before_the_end():
    owing = Owing()
    owing.lost()
    owing.note()
    owing.lost(2)
    owing.note()
    owing.lost()
    owing.end()
    owing.agree((0, 0), (2, 3), (5, 5))


@pytest.mark.parametrize("told", [0, 1, 4, 5, 6, END])
def test_other_numbers_than_were_heard(told):
    """Of a head and `ended` the higher counts."""
    owing = Owing()
    owing.note(2)
    owing.lost(3)
    owing.head()
    owing.end(ended=((owing.peer.sid[:4], told),))
    owing.agree((2, max(told, 5) - 1))


def test_a_join_of_0_1_tells_of_nothing():
    owing = Owing()
    owing.lost(3)
    owing.end(ended=None)
    owing.agree()


def test_sessions_before_the_last():
    """Three are named, each of them once misses what it misses; of one whose join was lost nothing is."""
    owing = Owing()
    for notes, join_lost in ((1, True), (0, False), (1, False)):
        owing.note(notes)
        owing.lost(2)
        owing.end(lost=join_lost)
    assert [notes for _, notes in owing.peer.ended] == [3, 2, 3]
    owing.agree((1, 2), (1, 2))


def test_a_ring_that_was_too_small():
    """Who heard the first head waits for all that came after it, also what the ring holds no more."""
    owing = Owing(K=4)
    owing.lost(10)
    owing.end()
    owing.agree((0, 9))


def test_a_fresh_window():
    """Who heard the first head late waits for what the ring could hold then."""
    owing = Owing(K=4)
    owing.end(heard=False)
    owing.lost(6)
    owing.head()
    owing.lost(3)
    owing.end()
    owing.agree((5, 8))


@pytest.mark.parametrize("come", [(), (8, 3, 5), range(3, 9)])
def test_what_is_held_is_handed_over_though_a_ring_holds_it_no_more(come):
    """A fresh window of K = 4 that holds note 2 when note 9 comes: 3 to 8 were missed since, unless they come."""
    owing = Owing(K=4)
    owing.end(heard=False)
    sid, publications = owing.peer.sid, [owing.peer.note(b"%d" % i) for i in range(10)]
    for seq in (2, 9, *come):
        owing.guest.say(publications[seq])
        owing._take(owing.windows[sid].take(Note(sid, seq, 0, b"%d" % seq)))
    assert owing.handed[0] == b"2"
    owing.agree(*{(): [(3, 8)], (8, 3, 5): [(4, 4), (6, 7)]}.get(come, []))


def test_a_power_cut_of_who_waits():
    owing = Owing()
    owing.note()
    owing.lost(3)
    owing.end()
    owing.guest.wait(1000)
    owing.world.cut("anna")
    owing.world.add("anna", owing.world.stored["anna"])
    owing.agree((1, 3))


def test_a_session_that_is_forgotten():
    """The fourth join takes the first session's place: what it owes is given up at once."""
    owing = Owing()
    owing.note()
    owing.lost(3)
    for _ in range(2):
        owing.end()
    assert not owing.gaps()
    owing.end()
    assert owing.gaps() == owing.forgotten() == [(1, 3)]


def test_what_is_held_of_a_session_that_is_forgotten():
    """It is given up with the holes around it, as one."""
    owing = Owing()
    owing.note()
    owing.lost(2)
    owing.note()
    owing.lost(2)
    for _ in range(3):
        owing.end()
    assert owing.gaps() == owing.forgotten() == [(1, 5)]
    assert len(owing.world.messages["anna"]) == len(owing.handed) == 1


def test_a_session_that_is_forgotten_and_of_which_no_head_was_heard():
    """Who was there for none of it misses none."""
    owing = Owing()
    owing.end(heard=False)
    owing.lost(3)
    for _ in range(3):
        owing.end()
    assert owing.gaps() == owing.forgotten() == []


def test_what_is_held_of_a_session_that_is_forgotten_and_of_which_no_head_was_heard():
    """7.4: what is held beyond a hole is waited for with it; neither is lost unsaid."""
    owing = held()
    for _ in range(3):
        owing.end()
    assert owing.gaps() == owing.forgotten() == [(0, 2)]


def test_told_by_the_join_that_makes_it_forgotten():
    owing = Owing()
    owing.lost(3)
    for ended in (None, None):
        owing.end(ended=ended)
    owing.end()
    assert owing.gaps() == owing.forgotten() == [(0, 2)]


@pytest.mark.parametrize("shown", [True, False])
def test_another_identity_is_approved(shown):
    """What the sessions of the former one owe is given up when the new one is pinned, and it has no say in how much."""
    owing = Owing()
    owing.note()
    owing.lost(2)
    owing.note()
    owing.lost()
    owing.end()
    owing.lost(3)
    owing.head()
    owing.note()
    owing.lost()
    owing.peer.secret = owing.peer.known.identities["guest"] = SecretIdentity(b"another")
    owing.peer.view.by_uid("guest").pinned = None
    owing.peer.new_session()
    join = owing.peer.join()[:1]
    approval = ("anna", "approve", "guest", owing.peer.secret.public.fingerprint(), owing.world.now)
    for step in (join, approval) if shown else (approval, join):
        assert not owing.gaps()
        owing.guest.say(step) if step is join else owing.world.do(*step)
    assert owing.gaps() == [window.forget() for window in owing.windows.values()] == [(1, 4), (0, 3)]
