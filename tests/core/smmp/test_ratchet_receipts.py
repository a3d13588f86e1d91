"""Receipts of ratchet messages: by both ends of a pair, and nobody else. PROTOCOL.md 24."""

from room import Room
from sealcast.smmp.group import static
from sealcast.wire import RECEIPT, header
from sealcast.zpinc.receipts import pair_item

HEAP = "heapsize=500k"


class Told(Room):
    """A room that keeps receipts, and can hold the live topic back from one member."""

    def __init__(self, *arguments):
        self.receipts = []
        Room.__init__(self, *arguments)

    def run(self, uid, effects):
        self.receipts += [(uid, e[2]) for e in effects if e[0] == "publish" and e[1].endswith("/r")]
        Room.run(self, uid, effects)

    def ask(self, uid, body=b"open the roof", to=None, ms=1000):
        """-> the Wanted of what it sends."""
        self.run(uid, self.members[uid].send(body, "ratchet", self.now, to=to, receipt=True))
        wanted = self.members[uid].wanted
        self.advance(ms)
        return wanted


def grouped(*uids):
    room = Told(uids)
    room.do(uids[0], "change_group", "create", list(uids[1:]))
    return room


def test_a_group_confirms_and_a_named_member_alone():
    room = grouped("ann", "bob", "cem")
    wanted = [room.ask("ann"), room.ask("bob")]
    assert [sorted(w.confirmed) for w in wanted] == [["bob", "cem"], ["ann", "cem"]]
    room.receipts = []
    wanted = room.ask("ann", b"psst", "cem")
    assert wanted.confirmed == ["cem"] and [uid for uid, _ in room.receipts] == ["cem"]
    assert [(uid, body, private) for uid, _, body, private in room.heard][-1] == ("cem", b"psst", True)
    assert len(room.heard) == 5
    room.say("ann", b"nobody is asked")
    assert len(room.receipts) == 1
    assert not [ch.out.wanted or ch.out.owed for ch in room.members.values() if ch.out.wanted or ch.out.owed]


def test_a_receipt_is_no_proof_and_nothing_is_signed():
    """Its sender could have written it: type, one item, no signature."""
    room = grouped("ann", "bob")
    room.ask("ann")
    ((uid, frame),) = room.receipts
    ann, bob = room.members["ann"], room.members["bob"]
    pt = bob.me.keys.open(frame, RECEIPT, bob.me.tag)[3]
    after = ann.group.state
    own = pair_item(ann.me.suite, static(ann.me, ann.others, ann.group, bob.me.tag), after, bob.me.tag, ann.me.tag)
    assert (uid, pt) == ("bob", b"\x02" + own)


def test_another_member_of_the_group_cannot_confirm_in_its_name():
    """cem has taken the frame and has every key of the group, but not what ann and bob share."""
    room = grouped("ann", "bob", "cem")
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    wanted = room.ask("ann", to="bob", ms=0)
    assert list(wanted.waiting.values()) == ["bob"] and wanted.items
    after = cem.group.state
    assert after.head == ann.group.state.head
    theirs = static(cem.me, cem.others, cem.group, ann.me.tag)
    forged = [pair_item(cem.me.suite, theirs, after, tag, ann.me.tag) for tag in (bob.me.tag, cem.me.tag)]
    right = list(wanted.items)[0]
    for item in forged + [right]:  # the right one, too, as if cem had seen it: from its own name it says nothing
        for kind in (1, 2):
            head, body = header(RECEIPT, cem.me.session.sid, 0), bytes((kind,)) + item + bytes(64 * (kind == 1))
            room.run("ann", ann.receive(cem.me.topic("r"), cem.me.seal(head, body), room.now))
            # ... and under bob's, with bob's session: whoever has the channel's key can seal this
            head = header(RECEIPT, bob.me.session.sid, 0)
            nonce = cem.me.rng.nonce(head, body)
            frame = cem.me.suite.seal_frame(cem.me.keys.msgkey, head, cem.me.keys.place(bob.me.tag), nonce, body)
            if (item, kind) != (right, 2):
                room.run("ann", ann.receive(bob.me.topic("r"), frame, room.now))
    assert wanted.confirmed == []
    room.advance(1000)
    assert wanted.confirmed == ["bob"]


def test_an_old_receipt_confirms_nothing_new():
    room = grouped("ann", "bob")
    room.ask("ann")
    ((_, old),) = room.receipts
    wanted = room.ask("ann", ms=0)
    ann, bob = room.members["ann"], room.members["bob"]
    room.run("ann", ann.receive(bob.me.topic("r"), old, room.now))
    assert wanted.confirmed == [] and wanted.waiting
    room.advance(1000)
    assert wanted.confirmed == ["bob"]


def test_a_receipt_that_overtakes_our_own_echo_counts():
    """A broker shows ann the receipt before her own frame: it is kept until she knows what confirms it."""
    room = grouped("ann", "bob")
    ann = room.members["ann"]
    live = ann.me.topics.make(ann.group.name, "g")
    room.run("ann", ann.send(b"x", "ratchet", room.now, receipt=True))
    wanted = ann.wanted
    late = [entry for entry in room.queue if entry[:2] == ("ann", live)]
    room.queue = [entry for entry in room.queue if entry not in late]
    room.advance(1000)
    assert len(late) == 1 and len(room.receipts) == 1 and wanted.confirmed == [] and wanted.early
    room.queue += late
    room.advance(100)
    assert wanted.confirmed == ["bob"]


def test_who_did_not_take_the_frame_does_not_confirm():
    """The broker keeps the live topic from cem: it comes in a group that goes on without it."""
    room = grouped("ann", "bob", "cem")
    room.filters["cem"] = []
    room.wakes.pop("cem", None)
    wanted = room.ask("ann", ms=5000)
    assert wanted.confirmed == ["bob"] and list(wanted.waiting.values()) == ["cem"]


def test_two_who_speak_at_once_are_both_confirmed():
    """One of the frames loses its place and is sealed again."""
    room = grouped("ann", "bob", "cem")
    both = []
    for uid in ("ann", "bob"):
        ch = room.members[uid]
        room.run(uid, ch.send(b"from " + uid.encode(), "ratchet", room.now, receipt=True))
        both.append(ch.wanted)
    room.advance(5000)
    assert [sorted(w.confirmed) for w in both] == [["bob", "cem"], ["ann", "cem"]]
    assert len(room.heard) == 4
