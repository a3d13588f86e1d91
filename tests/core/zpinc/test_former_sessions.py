"""What a session that has ended still owes is delivered or reported, though the next one's notes have its slots; on
CPython and on MicroPython. PROTOCOL.md sections 6.2, 6.3 and 7.4."""

from room import Room, gaps, note
from sealcast.crypto.keys import derive
from sealcast.crypto.signing import JOIN_LABEL, sign_as
from sealcast.wire import JOIN, U32, header, u32
from sealcast.zpinc.epochs import STALE
from sealcast.zpinc.joins import fingerprint
from sealcast.zpinc.members import CONN
from sealcast.zpinc.notes import LAST, MAX_SEQ
from solo import Peer, Solo, suite

HEAP = "heapsize=500k"  # for members, their broker and the cases in one


def lose(room, uid):
    """What is on its way to this member is withheld, but for the broker's own answers."""
    room.queue = [e for e in room.queue if e[0] != uid or e[1] is None or "/n/" not in e[1]]


def another_session(room, uid, data):
    room.power_cut(uid)
    room.switch_on(uid, data=data)
    room.advance(8000)


def ended(*sessions):
    return b"".join([sid[:4] + u32(n) for sid, n in sessions])


def test_the_last_notes_of_a_session_are_reported_when_the_next_one_has_their_slots():
    """Found by tests/sim, `--lying` seed 164: the receiver's power went, too, and nothing it had stored said so."""
    for cut in (False, True):
        room = Room(["A", "S"])
        told = gaps(room)
        note(room, "S", b"withheld")
        lose(room, "A")
        room.pump()
        room.run("S", room.members["S"].snapshot())  # it knows for good that the broker has it
        if cut:
            room.power_cut("A")
        room.power_cut("S")
        room.changes = {"data": "roof"}
        room.switch_on("S")
        note(room, "S", b"in its slot")
        lose(room, "A")
        room.advance(1000)
        if cut:
            room.changes = {}
            room.switch_on("A")
        room.advance(40000)
        assert told == [("A", {"uid": "S", "first": 0, "last": 0, "secrecy": "note"})], (cut, told)
        assert [h[2] for h in room.heard] == [b"in its slot"]


def test_what_the_broker_still_has_of_it_is_read_and_not_reported():
    room = Room(["A", "S"])
    told = gaps(room)
    note(room, "S", b"late")
    lose(room, "A")
    room.pump()
    another_session(room, "S", "roof")
    room.advance(40000)
    assert told == [] and [h[2] for h in room.heard] == [b"late"]


def test_who_was_not_there_misses_nothing():
    room = Room(["S"])
    told = gaps(room)
    for _ in range(3):
        note(room, "S", b"before")
    room.pump()
    another_session(room, "S", "roof")
    for _ in range(3):
        note(room, "S", b"now")
    room.pump()
    room.switch_on("A")
    room.advance(120000)
    assert told == [] and [h[2] for h in room.heard] == [b"now"] * 3


def test_it_was_there_as_soon_as_it_had_heard_a_head_also_across_a_power_cut():
    anna, next_one = Peer("anna", session=1), Peer("anna", 9, session=2)
    solo = Solo().connect(anna.join())
    solo.give(*anna.presence(head=0))  # no note yet
    again = Solo(blob=solo.blob).connect(anna.join(), next_one.join(ended=ended((anna.session.sid, 2))))
    again.later(30000)
    assert again.event("gap") == {"uid": "anna", "first": 0, "last": 1, "secrecy": "note"}
    # one that had read the ring, and heard no head of that session
    solo = Solo().connect(anna.join(), next_one.join(ended=ended((anna.session.sid, 2))))
    solo.give(*next_one.presence())
    solo.later(30000)
    assert solo.event("gap") is None


def test_a_session_tells_of_the_last_three_and_keeps_them_across_a_power_cut():
    room = Room(["S"])
    ends = []
    for i in range(5):
        for _ in range(i):
            note(room, "S", b"x")
        room.pump()
        sid = room.members["S"].me.session.sid
        ends = ([(sid, i)] if i else []) + ends
        another_session(room, "S", "%d" % i)
        assert room.members["S"].me.session.ended == ended(*ends[:3])
    another_session(room, "S", "4")
    assert room.members["S"].me.session.sid != sid and room.members["S"].me.session.ended == ended(*ends[:3])


def test_what_a_forgotten_session_owes_is_given_up_at_once():
    anna = [Peer("anna", i, session=i) for i in range(1, 6)]
    solo = Solo().connect(anna[0].join())
    solo.give(*anna[0].note(0))
    solo.give(*anna[0].note(3))
    for later in anna[1:3]:
        solo.give(*later.join())
    assert solo.event("gap") is None
    solo.give(*anna[3].join(ended=ended((anna[0].session.sid, 7))))
    assert solo.event("gap") == {"uid": "anna", "first": 1, "last": 6, "secrecy": "note"}
    assert len([name for name, _ in solo.events if name == "gap"]) == 1
    solo.give(*anna[4].join())  # and one that owes nothing
    assert len([name for name, _ in solo.events if name == "gap"]) == 1


def test_what_is_held_of_a_session_that_we_were_not_there_for_is_given_up_with_it():
    """No head heard and nothing handed over: what lay in its ring is not missed, but this one we had."""
    anna = [Peer("anna", i, session=i) for i in range(1, 5)]
    solo = Solo().connect(anna[0].join())
    solo.give(*anna[0].note(2))
    for i, later in enumerate(anna[1:]):
        solo.give(*later.join(ended=ended((anna[0].session.sid, 6)) if i == 0 else b""))
    assert solo.event("gap") == {"uid": "anna", "first": 0, "last": 2, "secrecy": "note"}


def test_what_a_board_owed_whose_place_another_takes_is_given_up_at_once():
    anna, other = Peer("anna"), Peer("anna", 9, secret=b"another identity of 32 bytes....")
    solo = Solo().connect(anna.join())
    solo.give(*anna.note(0))
    solo.give(*anna.presence(head=2))
    solo.give(*other.join())
    assert solo.event("gap") is None
    solo.run(solo.ch.approve("anna", fingerprint(suite, other.identity.public), solo.now))
    solo.give(*other.join())
    assert solo.event("gap") == {"uid": "anna", "first": 1, "last": 1, "secrecy": "note"}


def test_what_a_join_may_say_of_former_sessions():
    solo = Solo().connect()
    sid = derive(suite, b"", b"sc/sid")[:16]
    for i, (what, good) in enumerate((
        (b"", True), (ended((sid, MAX_SEQ)), True), (ended((sid, 0), (sid, 1), (sid, 2)), True),
        (ended((sid, MAX_SEQ + 1)), False), (ended(*[(sid, 1)] * 4), False),
    )):  # fmt: skip
        frame = Peer("p%d" % i).join(b"roof", what)
        if good:
            solo.give(*frame)
            assert solo.event("joined") == {"uid": "p%d" % i, "again": False, "data": "roof"}
        else:
            solo.refuses(*(frame + ("format",)))
    # One of version 0.1 has its signature right after K
    anna = Peer("anna")
    s, head = anna.session, header(JOIN, anna.session.sid, 1)
    body = u32(1) + anna.identity.public + s.S + b"\x04"
    sig = sign_as(suite, JOIN_LABEL, anna.identity.e, anna.identity.E, anna.keys.ad(head, anna.tag), body)
    solo.give(anna.topic("j", 1), anna.seal(head, body + sig))
    assert solo.event("joined") == {"uid": "anna", "again": False, "data": ""}


def test_what_was_written_before_the_connections_numbers_ended_is_reported_too():
    """After 65,534 attempts to connect in vain, some 45 days, a new session begins (8). What waits goes out in the old
    one, and lies in slots that the next one's notes take."""
    room = Room(["A", "S"])
    told = gaps(room)
    note(room, "S", b"one")
    room.advance(1000)
    room.power_cut("A")
    room.power_cut("S")
    ch = room.members["S"]
    room.run("S", ch.disconnected(room.now))
    for body in (b"two", b"three"):
        note(room, "S", body)
    ch.keepalive.conn = U32 - 2 * CONN + 1
    sid = ch.me.session.sid
    room.run("S", ch.connecting(room.now))
    room.advance(2000)
    assert ch.me.session.sid != sid and ch.me.session.ended == ended((sid, 3))
    for _ in range(4):
        note(room, "S", b"new")
    room.advance(1000)
    room.switch_on("A")
    room.advance(40000)
    assert told == [("A", {"uid": "S", "first": 1, "last": 2, "secrecy": "note"})]
    assert [h[2] for h in room.heard][-4:] == [b"new"] * 4



def test_a_session_whose_notes_have_used_up_their_numbers_is_followed_by_a_new_one():
    """A year of 68 notes a second. They were sent, as it seemed, and nobody took them, or its presence, ever again."""
    room = Room(["A", "S"])
    told, ch = gaps(room), room.members["S"]
    note(room, "S", b"one")
    room.advance(1000)
    s, window = ch.me.session, room.members["A"].others.by_tag[ch.me.tag].current.window
    ch.ring.next = ch.ring.unsent = window.next = window.head = LAST - 1
    ch.ring.digests = window.digests = b""
    room.events = []
    for body in (b"two", b"three", b"four"):  # the last two before the connection has ended
        note(room, "S", body)
    room.advance(40000)
    assert ch.me.session.sid != s.sid and ch.me.session.ended == ended((s.sid, LAST + 2)) and ch.ring.next == 0
    note(room, "S", b"five")
    room.advance(100000)
    assert [h[2] for h in room.heard] == [b"one", b"two", b"three", b"four", b"five"] and not told
    assert room.members["A"].members == [("A", "awake"), ("S", "awake")]
    lost = [e for e in room.events if e[1] in ("dropped", "forged", "vanished", "left", "gone")]
    assert not lost, lost


def test_anothers_word_begins_fewer_and_fewer_sessions():
    """A stranger with the password says each ten seconds that S's connection is known: S begins a new session, whose
    notes take the slots of those before; then not within 10 s, 20, 40, ... What is written in between stays there."""
    room, eve = Room(["S"]), Peer("eve", 9)
    room.publish(*eve.join(), True)
    room.advance(1000)
    ch, begun = room.members["S"], []
    for _ in range(90):  # fifteen minutes
        word = bytes((STALE,)) + ch.me.session.sid + bytes(4) + u32(ch.keepalive.conn) + bytes(12)
        room.publish(*eve.handshake(0, word), False)
        before = ch.me.session.sid
        room.pump()
        if ch.me.session.sid != before:
            begun.append(room.now // 1000)
        room.advance(10000)
    assert [b - a for a, b in zip(begun, begun[1:])] == [10, 20, 40, 80, 160, 320]
