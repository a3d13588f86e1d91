"""Receipts of notes and conversation messages, and who may lie about them. PROTOCOL.md 24."""

from check import raises
from room import Room
from sealcast.crypto.signing import received, sign
from sealcast.errors import Offline
from sealcast.wire import RECEIPT, header
from solo import Peer, Solo, suite

HEAP = "heapsize=400k"  # for the members of a group, their broker and what was published, in one


def receipt(peer, items, kind=1, seq=0, by=None, sid=None):
    """What a peer publishes that confirms these. by: who signs it."""
    by = by or peer
    head, body = header(RECEIPT, sid or peer.session.sid, seq), bytes((kind,)) + b"".join(items)
    if kind == 1:
        body += sign(suite, by.session, peer.keys.ad(head, peer.tag), body)
    return peer.topic("r"), peer.seal(head, body)


def said(room, uid):
    """How many receipts this member has published."""
    return len([topic for topic, _ in room.published if topic == room.members[uid].me.topic("r")])


class Watched(Room):
    """A room that keeps what was published, and can keep receipts back."""

    def __init__(self, *arguments, **changes):
        self.published, self.withheld = [], False
        Room.__init__(self, *arguments, **changes)

    def run(self, uid, effects):
        published = [(e[1], e[2]) for e in effects if e[0] == "publish"]
        self.published += published
        if self.withheld:
            effects = [e for e in effects if e[0] != "publish" or not e[1].endswith("/r")]
        Room.run(self, uid, effects)

    def ask(self, uid, mode, body=b"open the roof", to=None):
        """-> the Wanted of what it sends."""
        ch = self.members[uid]
        self.run(uid, ch.send(body, mode, self.now, to=to, receipt=True))
        return ch.wanted


def test_the_awake_audience_confirms_in_one_frame_each():
    room = Watched(("A", "B", "C"))
    room.advance(2000)
    for mode in ("note", "conversation"):
        before = said(room, "B"), said(room, "C")
        wanted = [room.ask("A", mode, b"%d" % i) for i in range(4)]
        assert sorted(wanted[0].waiting.values()) == ["B", "C"] and wanted[0].confirmed == []
        room.advance(1000)
        assert [sorted(w.confirmed) for w in wanted] == [["B", "C"]] * 4
        assert (said(room, "B"), said(room, "C")) == (before[0] + 1, before[1] + 1)
        assert room.members["A"].out.wanted == [] == room.members["B"].out.owed
    assert said(room, "A") == 0
    assert sorted([(uid, body) for uid, _, body, _ in room.heard]) == sorted(
        [(uid, b"%d" % i) for uid in "BC" for i in range(4)] * 2
    )


def test_a_message_that_does_not_ask_gets_none_and_a_receipt_asks_for_none():
    room = Watched(("A", "B"))
    room.advance(2000)
    for mode in ("note", "conversation"):
        room.run("A", room.members["A"].send(b"x", mode, room.now))
        room.advance(1000)
    assert said(room, "A") + said(room, "B") == 0
    room.ask("A", "note")
    room.advance(60000)
    assert (said(room, "A"), said(room, "B")) == (0, 1)


def test_who_does_not_confirm_is_waited_for():
    room = Watched(("A", "B", "C"))
    room.advance(2000)
    room.withheld = True
    wanted = room.ask("A", "note")
    room.advance(1000)
    assert wanted.confirmed == [] and sorted(wanted.waiting.values()) == ["B", "C"]
    room.withheld = False
    other = room.ask("A", "note")  # what was withheld is not said again
    room.advance(1000)
    assert wanted.confirmed == [] and sorted(other.confirmed) == ["B", "C"]


def test_only_online_and_only_when_it_is_sealed():
    solo = Solo()
    solo.connect()
    solo.run(solo.ch.disconnected(solo.now))
    raises(Offline, solo.ch.send, b"x", "note", solo.now, receipt=True)
    assert solo.ch.out.wanted == [] and not solo.ch.out.outbox.entries


def test_what_is_owed_while_offline_is_said_later_and_a_power_cut_loses_no_confirmed_message():
    room = Watched(("A", "B"))
    room.advance(2000)
    wanted = room.ask("A", "note")
    room.pump()
    assert room.members["B"].out.owed and wanted.confirmed == []
    room.filters["B"] = []
    room.run("B", room.members["B"].disconnected(room.now))
    room.advance(3000)
    assert wanted.confirmed == []
    room.run("B", room.members["B"].connecting(room.now))
    room.advance(3000)
    assert wanted.confirmed == ["B"]
    assert [body for uid, _, body, _ in room.heard if uid == "B"] == [b"open the roof"]


def test_a_historic_note_is_not_confirmed():
    """It asks, and was sealed before the receiver joined: nobody waits for it, and no command is carried out."""
    room = Watched(("A", "B"))
    room.advance(2000)
    room.ask("A", "note")
    room.advance(1000)
    room.switch_on("C")
    room.advance(20000)
    assert ("C", "A", b"open the roof", False) in room.heard
    assert said(room, "C") == 0


def test_a_conversation_message_that_was_held_back_is_not_confirmed():
    """The broker shows it minutes later, in an epoch that is still read: it is handed over as historic, so no command
    is carried out, and nobody is told that it was."""
    room = Watched(("A", "B"))
    room.advance(2000)
    topic = room.members["A"].me.topic("c")
    room.filters["B"].remove(room.members["A"].me.topics.everyone("c"))
    wanted = room.ask("A", "conversation")
    room.advance(120000)
    held = [f for f in room.published if f[0] == topic][-1]
    room.queue.append(("B",) + held)
    room.advance(2000)
    assert ("B", "A", b"open the roof", False) in room.heard
    assert wanted.confirmed == [] and said(room, "B") == 0


def test_a_message_of_the_group_that_comes_late_is_not_confirmed():
    """Who was away for minutes finds it in its slot: it is handed over as historic."""
    room = Watched(("A", "B"))
    room.advance(2000)
    room.do("A", "change_group", "create", ["B"])
    room.advance(20000)
    room.filters["B"] = []
    wanted = room.ask("A", "ratchet")
    room.advance(120000)
    room.run("B", room.members["B"].disconnected(room.now))
    room.run("B", room.members["B"].connecting(room.now))
    room.advance(20000)
    assert ("B", "A", b"open the roof", False) in room.heard
    assert wanted.confirmed == [] and said(room, "B") == 0
    on_time = room.ask("A", "ratchet")
    room.advance(2000)
    assert on_time.confirmed == ["B"]


def asking():
    """A Solo that has asked anna and boris, and the item that confirms it."""
    anna, boris = Peer("anna"), Peer("boris")
    solo = Solo()
    solo.connect(anna.join(), boris.join())
    for peer in (anna, boris):
        solo.give(*peer.presence())
    solo.run(solo.ch.send(b"x", "note", solo.now, receipt=True))
    frame = [payload for topic, payload in solo.published if "/n/" in topic][-1]
    assert sorted(solo.ch.wanted.waiting.values()) == ["anna", "boris"]
    return solo, anna, boris, received(suite, solo.ch.me.tag, frame)


def test_nobody_confirms_in_anothers_name():
    """boris has the channel's key, and what he sends is under it: he can sign as himself alone."""
    solo, anna, boris, item = asking()
    solo.give(*receipt(anna, [item], by=boris))
    solo.give(anna.topic("r"), receipt(boris, [item])[1])  # a broker shows his under her name
    solo.give(*receipt(anna, [item], kind=2))  # what is not signed confirms ratchet messages only
    solo.give(*receipt(anna, [item], sid=boris.session.sid, by=boris))
    assert solo.ch.wanted.confirmed == [] and len(solo.ch.wanted.waiting) == 2
    assert solo.ch.out.drops == {"signature": 1, "forged": 1, "stale": 1}
    solo.give(*receipt(boris, [item]))
    assert solo.ch.wanted.confirmed == ["boris"]
    solo.give(*receipt(boris, [item]))  # again: nothing new
    assert solo.ch.wanted.confirmed == ["boris"] and list(solo.ch.wanted.waiting.values()) == ["anna"]
    solo.give(*receipt(anna, [bytes(16), item]))
    assert solo.ch.wanted.confirmed == ["boris", "anna"] and solo.ch.out.wanted == []


def test_an_old_receipt_confirms_nothing_new():
    """A broker keeps what anna said, and shows it again: the same text is another message."""
    solo, anna, _, item = asking()
    old = receipt(anna, [item])
    solo.give(*old)
    assert solo.ch.wanted.confirmed == ["anna"]
    solo.run(solo.ch.send(b"x", "note", solo.now, receipt=True))
    solo.give(*old)
    assert solo.ch.wanted.confirmed == []


def test_forms_that_are_refused():
    solo, anna, _, item = asking()
    for wrong in (
        receipt(anna, [item], seq=1),
        receipt(anna, [item], kind=3),
        receipt(anna, [item], kind=0),
        receipt(anna, []),
        receipt(anna, [item[:15]]),
        receipt(anna, [item] * 65),
        receipt(anna, [item] * 65, kind=2),
        (anna.topic("r"), anna.seal(header(RECEIPT, anna.session.sid, 0), b"")),
    ):
        before = solo.ch.out.drops.get("format", 0)
        solo.give(*wrong)
        assert solo.ch.out.drops.get("format", 0) == before + 1, wrong
    assert solo.ch.wanted.confirmed == []
    solo.give(*receipt(anna, [item] * 64))
    assert solo.ch.wanted.confirmed == ["anna"]


def test_who_waits_for_nothing_takes_no_notice():
    anna = Peer("anna")
    solo = Solo()
    solo.connect(anna.join())
    solo.give(*anna.presence())
    solo.give(anna.topic("r"), b"anything")
    assert solo.ch.out.drops == {}
