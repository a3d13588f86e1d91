"""What a message proves of its age, behind a broker that holds back, repeats, forgets and shows late; on CPython and
on MicroPython. PROTOCOL.md sections 6.5, 7.4 and 7.6."""

from room import Room
from sealcast.channel import Channel
from sealcast.wire import PRESENCE
from sealcast.zpinc.heard import ALL, MARK, MOST, Heard
from sealcast.zpinc.members import LEFT, WILL
from solo import Peer, Solo, agree, config, hardware, suite, talk

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one
KEEPALIVE_MS = 30000


def online(*frames):
    return Solo().connect(*frames)


def heard(solo):
    return solo.ch.others.heard.named()


def last(solo):
    m = solo.messages[-1]
    return m.historic, m.age


def test_joins_held_back_make_nothing_live():
    """A newcomer is shown no joins: its own place is the first. Then come the joins and a note from before."""
    old = Solo("carl")
    old.connect()
    anna = Peer("anna", 1000)
    before = anna.note(0, b"open the roof", heard=heard(old))
    solo = online()
    solo.give(*anna.join())
    solo.barrier()
    solo.give(*before)
    assert last(solo) == (True, None)
    solo.give(*anna.note(1, b"now", heard=heard(solo)))
    assert last(solo) == (False, 0)


def test_what_is_held_back_is_not_live():
    anna = Peer("anna")
    solo = online(anna.join())
    notes = [anna.note(i, heard=heard(solo)) for i in range(3)]
    solo.give(*notes[0])
    assert last(solo) == (False, 0)
    solo.now += 75000
    solo.give(*notes[1])
    assert last(solo) == (False, 75)
    solo.now += 7 * 86400 * 1000
    solo.give(*notes[2])
    assert last(solo) == (True, 75 + 7 * 86400)


def test_a_conversation_message_held_back_for_hours_is_not_live():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.give(*anna.presence())
    _, epoch, _ = agree(solo, anna)
    solo.give(*talk(anna, epoch, b"now", heard=heard(solo)))
    assert last(solo) == (False, 0)
    late = talk(anna, epoch, b"late", heard=heard(solo))
    solo.give(*talk(anna, epoch, b"nothing heard"))
    assert last(solo) == (True, None)
    solo.now += 3 * 3600 * 1000
    solo.give(*late)
    assert last(solo) == (True, 3 * 3600)


def test_what_another_had_heard_counts_too():
    """Of three one names only what the second says: that one had heard us."""
    anna, bert = Peer("anna"), Peer("bert")
    solo = online(anna.join(), bert.join())
    mine = b"".join(solo.ch.others.heard.marks)
    solo.later(10000)
    solo.give(*bert.presence(marks=mine))
    behind = solo.ch.others.heard.marks
    assert len(behind) == 1 and behind[0] not in mine
    solo.give(*anna.note(0, heard=b"\x01" + behind[0]))
    assert last(solo) == (False, 10)
    # A presence that names what we do not know proves no more than the one before it of the same member
    solo.later(10000)
    solo.give(*bert.presence(marks=bytes(8)))
    solo.give(*anna.note(1, heard=b"\x01" + solo.ch.others.heard.marks[-1]))
    assert last(solo) == (False, 20)
    solo.give(*anna.presence(marks=bytes(8)))
    solo.give(*bert.note(0, heard=b"\x01" + solo.ch.others.heard.marks[-1]))
    assert last(solo) == (True, None)


def test_an_insider_makes_nobody_elses_old_message_young():
    """It names our newest presence in its own; what anna named long ago stays as old as it was."""
    anna, eve = Peer("anna"), Peer("eve")
    solo = online(anna.join(), eve.join())
    withheld = anna.note(0, b"open the roof", heard=heard(solo))
    solo.later(600 * 1000)
    solo.give(*eve.presence(marks=b"".join(solo.ch.others.heard.marks)))
    solo.give(*withheld)
    assert last(solo) == (True, 600)


def test_a_new_session_and_a_new_run_know_of_nothing_before():
    anna = Peer("anna")
    solo = online(anna.join())
    note = anna.note(0, heard=heard(solo))
    again = Solo(blob=solo.blob).connect(anna.join())
    again.give(*note)
    again.barrier()
    assert last(again) == (True, None)
    sid = solo.ch.me.session.sid
    solo.give(*anna.handshake(0, b"\x05" + sid + (5).to_bytes(4, "big") + bytes(16)))
    assert solo.ch.me.session.sid != sid
    solo.give(*note)
    assert last(solo) == (True, None)


def test_after_a_power_cut_what_is_handed_over_again_has_no_age():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.ch.taken = lambda message: []  # the application does not come back for more
    solo.give(*anna.note(0, heard=heard(solo)))
    assert last(solo) == (False, 0)
    again = Solo(blob=solo.blob)
    assert [(m.again, m.historic, m.age) for m in again.messages] == [(True, True, None)]


def test_a_note_of_0_1_proves_nothing():
    """In the place of the marks it has the join that its maker knew."""
    anna = Peer("anna")
    solo = online(anna.join())
    old = heard(solo)[1:] * 2
    for i, body in enumerate((b"", b"unread", bytes(500))):
        solo.give(*anna.note(i, body, heard=(old + bytes(20))[:20]))
        assert last(solo) == (True, None) and solo.messages[-1].body == body
    solo.refuses(*(anna.note(3, heard=b"") + ("padding",)))  # 20 bytes of the body are taken for it


def test_marks_that_are_too_many():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.refuses(*(anna.note(0, heard=bytes((MOST + 1,)) + bytes(MARK * (MOST + 1))) + ("format",)))
    solo.refuses(*(anna.presence(marks=bytes(MARK * (ALL + 1))) + ("format",)))
    solo.give(*anna.presence(marks=bytes(MARK * ALL)))
    assert ("anna", "awake") in solo.ch.members


def test_the_list_stays_short_and_finds_what_it_knows():
    h, me, anna = Heard(), bytes(16), b"anna" * 4
    for i in range(3 * ALL):
        h.add(suite, me, b"%d" % i, b"", 1000 * i)
    assert len(h.marks) == ALL and h.named()[0] == MOST
    assert [h.since(m) for m in h.marks[-24:]] == list(range(3 * ALL - 24, 3 * ALL)) and h.since(h.marks[-25]) is None
    ours = h.marks[-1]
    h.add(suite, anna, b"all", b"".join(h.marks), None)
    assert len(h.marks) == 1 and h.since(h.marks[0]) == 3 * ALL - 1
    first = h.marks[0]
    for i in range(60):  # long ago for one maker, not for the others
        h.add(suite, anna, b"x%d" % i, ours, None)
    assert h.since(first) is None and h.since(ours) == 3 * ALL - 1
    # What stands across two entries is no mark
    other = Heard()
    other.add(suite, me, b"a", b"", 0x01020304 * 1000)
    other.add(suite, me, b"b", b"", 0)
    assert other.since(other._known[8:16]) is None


def test_presences_of_a_stranger_make_nobody_elses_messages_historic():
    """More marks than a message names, of names before ours; and more presences than are remembered."""
    eves = [Peer("eve%d" % i, i + 2) for i in range(10)]
    anna = Peer("anna")
    solo = online(anna.join(), *[eve.join() for eve in eves])
    mine = solo.ch.others.heard.marks[-1]
    for eve in eves:
        solo.give(*eve.presence())
    assert heard(solo)[: 1 + MARK] == bytes((MOST,)) + mine and len(heard(solo)) == 1 + MARK * MOST
    assert mine not in solo.ch.others.heard.marks[-MOST:]
    solo.give(*anna.presence(marks=mine))
    said = b"\x01" + solo.ch.others.heard.marks[-1]
    for i in range(100):
        solo.give(*eves[i % 10].presence(marks=mine))
    solo.give(*anna.note(0, heard=said))
    assert last(solo) == (False, 0)


def test_a_presence_that_its_receiver_has_not_taken_makes_no_message_historic():
    """A stranger's, to the message's maker alone, with an older number than the receiver knows: it names all else."""
    anna, eve = Peer("anna"), Peer("eve", 2)
    solo = online(anna.join(), eve.join())
    mine = solo.ch.others.heard.marks[-1]
    solo.give(*eve.presence(marks=mine))
    hers = solo.ch.others.heard.marks[-1]
    assert solo.ch.others.heard.marks == [hers] and heard(solo) == b"\x02" + mine + hers
    solo.give(*anna.presence(marks=mine))
    said = solo.ch.others.heard.marks[-1]
    solo.give(*anna.note(0, heard=b"\x02" + said + bytes(MARK)))
    assert last(solo) == (False, 0)


def test_a_burst_is_named_by_one_presence_of_one_member():
    """Six come at once, and hear of each other after they have spoken: the first of them names all, once."""
    room = Room([])
    for uid in ("a", "b", "c", "d", "e", "f"):
        room.switch_on(uid)
    room.pump()
    first = min(room.members, key=lambda uid: room.members[uid].me.tag)
    counters = {uid: room.members[uid].keepalive.counter for uid in room.members}
    room.advance(600)
    ch = room.members[first]
    assert ch.keepalive.counter == counters[first] + 1
    for uid, other in room.members.items():
        assert uid == first or other.keepalive.counter == counters[uid]
        assert len(other.others.heard.marks) == 1, uid


def test_forgotten_joins_are_asked_for_and_shown_without_a_storm():
    """The broker forgets all joins; then as many newcomers as members come at once: all meet all."""
    members, newcomers = ["m%d" % i for i in range(6)], ["n%d" % i for i in range(6)]
    room = Room(members, modes=("note",))
    for topic in list(room.retained):
        if "/j/" in topic:
            del room.retained[topic]
    published = room.count = []
    publish = room.run

    def counted(uid, effects):
        published.extend([(uid, e[1].split("/")[4]) for e in effects if e[0] == "publish"])
        publish(uid, effects)

    room.run = counted
    for uid in newcomers:
        room.switch_on(uid)
    room.advance(8000)
    for uid in newcomers:
        assert [u for u, status in room.members[uid].members if status == "awake"] == members + newcomers, uid
    again = [uid for uid, stream in published if stream == "j" and uid in members]
    assert sorted(again) == members
    questions = [uid for uid, stream in published if stream == "h"]
    assert 1 <= len(questions) <= 3, questions


def test_a_question_is_answered_once_in_ten_seconds_and_only_by_who_is_meant():
    anna = Peer("anna")
    solo = online(anna.join())
    solo.published = []
    solo.give(*anna.handshake(0, b"\x06" + bytes(16)))
    assert not solo.published
    question = b"\x06" + bytes(16) + solo.ch.me.session.sid
    for _ in range(3):
        solo.give(*anna.handshake(0, question))
    assert [f[0].split("/")[4] for f in solo.published] == ["j"]
    solo.later(11000)
    solo.published = []
    solo.give(*anna.handshake(0, question))
    assert [f[0].split("/")[4] for f in solo.published] == ["j"]
    for wrong in (b"\x06", b"\x06" + bytes(15), b"\x06" + bytes(16 * 33)):
        solo.refuses(*(anna.handshake(0, wrong) + ("format",)))


def test_of_two_that_know_nothing_of_each_other_each_answers_the_other():
    """Found by make soak: lying seed 1001246. The broker had forgotten both joins."""
    anna, solo = Peer("anna"), online()
    solo.published = []
    solo.give(*anna.handshake(0, b"\x06" + solo.ch.me.session.sid))
    assert [f[0].split("/")[4] for f in solo.published] == ["j"]
    solo.refuses(*(anna.handshake(1, b"\x06" + solo.ch.me.session.sid) + ("unknown",)))


def test_who_hears_the_question_does_not_ask_again():
    anna, bert = Peer("anna"), Peer("bert")
    solo = online(anna.join())
    solo.give(*bert.presence())
    assert solo.ch.out.drops == {"unknown": 1}
    solo.published = []
    solo.give(*anna.handshake(0, b"\x06" + bert.session.sid))
    solo.later(9000)
    assert [f for f in solo.published if f[0].endswith("/h")] == []
    solo.give(*bert.presence())
    solo.published = []
    solo.later(5000)
    (question,) = [f for f in solo.published if f[0].endswith("/h")]
    assert solo.ch.me.keys.open(question[1], 4, solo.ch.me.tag)[3] == b"\x06" + bert.session.sid


def test_a_kept_session_may_have_the_number_of_a_forgotten_one():
    """Joins that the broker forgets and storage that is lost: a member may take one number twice. Its state was not
    read again then."""
    peers = [Peer("anna", lamport, session=i) for i, lamport in enumerate((3, 3, 4, 5))]
    solo = online(*[p.join() for p in peers[:2]])
    for p in peers[2:]:
        solo.give(*p.join())
        solo.barrier()
    (anna,) = solo.ch.others.by_tag.values()
    assert anna.floor == 3 and [s.lamport for s in anna.sessions] == [3, 4, 5]
    (again,) = Channel(suite, config("solo"), solo.blob, hardware).others.by_tag.values()
    assert again.floor == 3 and [s.order for s in again.sessions] == [s.order for s in anna.sessions]


def test_a_group_message_has_its_time_and_its_age():
    room = Room(("anna", "bert"))
    room.do("anna", "change_group", "create", ["bert"])
    got, run = [], room.run
    room.run = lambda uid, effects: (got.extend([e[1] for e in effects if e[0] == "message"]), run(uid, effects))
    room.run("anna", room.members["anna"].send(b"hello", "ratchet", room.now, 1790000000))
    room.run("anna", room.members["anna"].send(b"psst", "ratchet", room.now, 1790000001, "bert"))
    room.advance(1000)
    assert [(m.body, m.time, m.historic, m.private) for m in got] == [
        (b"hello", 1790000000, False, False), (b"psst", 1790000001, False, True)]  # fmt: skip
    assert all([0 <= m.age <= 31 for m in got])


def test_a_command_fetched_from_a_slot_four_hours_later_is_not_live():
    """Bert's board is there all the time, without a connection; then it fetches what it missed."""
    room = Room(("anna", "bert"))
    room.do("anna", "change_group", "create", ["bert"])
    bert = room.members["bert"]
    room.filters["bert"] = []
    room.run("bert", bert.disconnected(room.now))
    room.run("anna", room.members["anna"].send(b"open the roof", "ratchet", room.now, 1790000000))
    room.pump()
    room.advance(4 * 3600 * 1000)
    got, run = [], room.run
    room.run = lambda uid, effects: (got.extend([e[1] for e in effects if e[0] == "message"]), run(uid, effects))
    room.run("bert", bert.connecting(room.now))
    room.advance(20000)
    (m,) = [m for m in got if m.body == b"open the roof"]
    assert (m.historic, m.time) == (True, 1790000000) and m.age >= 4 * 3600


def test_a_last_will_names_nothing_and_is_not_named():
    anna = Peer("anna")
    solo = online(anna.join())
    marks = list(solo.ch.others.heard.marks)
    assert marks
    solo.give(*anna.presence(LEFT, 1, WILL))
    assert solo.ch.others.heard.marks == marks
    ch = Channel(suite, config("cleo"), None, hardware)
    ch.start(1000)
    (will,) = [e[2] for e in ch.connecting(1000) if e[0] == "connect"]
    pt = ch.me.keys.open(will, PRESENCE, ch.me.tag)[3]
    assert pt[64] == 0 and len(pt) == 65 + 64


def test_a_name_that_begins_as_anothers_makes_nobodys_messages_historic():
    """A stranger with the password tries names until the first four bytes of the tag are those that it wants: 2^32 in
    some minutes. Its presences pushed out what tells the age of what that member says, or our own."""
    ours, anna = b"tags" + bytes(12), b"anna" + bytes(12)
    for victim in (ours, anna):
        heard = Heard()

        def add(tag, marks=b"", now=None, heard=heard):
            return heard.add(suite, tag, hardware(64) + hardware(24), marks, now)

        own = add(ours, now=7000)
        mark = own if victim is ours else add(anna, own)
        for _ in range(100):
            add(victim[:4] + b"another name", own)
        assert heard.since(mark) == 7
