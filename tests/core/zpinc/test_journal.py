"""Snapshot and journal: what is appended says all that a restart must know, a torn end is none, anything else that is
not as written is refused. PROTOCOL.md 12."""

from binascii import unhexlify

from check import raises, vectors
from sealcast.channel import Channel
from sealcast.compat import hexlify
from sealcast.effects import APPEND, FORMAT, STORE
from sealcast.errors import BadState, Reject
from sealcast.journal import ACKED, CHAIN, HEAD, LIFE_MS, MOST, TAKEN, USED, WAITS, WINDOW, Journal, header
from sealcast.rare import load
from sealcast.wire import lv, u32
from solo import Peer, Solo, agree, config, hardware, suite, talk

HEAP = "heapsize=600k"


def talking():
    """A member in an epoch with one peer, with a snapshot behind it. -> (Solo, Peer, the peer's Epoch)"""
    anna = Peer("anna")
    solo = Solo().connect(anna.join())
    solo.give(*anna.presence())
    epoch = agree(solo, anna)[1]
    solo.run(solo.ch.snapshot())
    return solo, anna, epoch


def again(solo, blob=None):
    return Channel(suite, config("solo"), solo.blob if blob is None else blob, hardware)


def known(ch):
    """What must not be forgotten."""
    windows = [(s.sid, s.window.next, s.window.fresh) for m in ch.others.by_tag.values() for s in m.sessions]
    e, o, ring = ch.epochs.current, ch.out, ch.ring
    inbox = [(m.sender, bytes(m.body), m.secrecy, m.seq, m.epoch, m.time) for m in o.inbox]
    waiting = [o.outbox.entries[token] for token in sorted(o.outbox.entries)]
    epoch = e and ([tuple(chain) for chain in e.chains], sorted(e.skipped.items()), e.messages)
    return windows, epoch, inbox, waiting, (ring.next, ring.unsent, ring.digests)


def everything(solo, anna, epoch):
    """Each kind of record, one a turn -> kinds of the effects."""
    kinds = []
    solo.ch.taken = lambda message: []  # the application does not read yet
    frames = [talk(anna, epoch, b"conversation %d" % i) for i in range(4)]
    turns = [frames[0], frames[3], frames[1], anna.note(0, b"note"), anna.note(1, b"note")]
    effects = [solo.give(*turn) for turn in turns]
    for mode in ("conversation", "note"):
        effects.append(solo.run(solo.ch.send(b"ours", mode, solo.now)))
    token = min(solo.ch.out.outbox.entries)
    del solo.ch.taken
    effects.append(solo.run(solo.ch.acked(token, solo.now)))
    solo.ch.taken(solo.ch.out.inbox[1])
    effects.append(solo.run(solo.ch.send(b"ours", "note", solo.now)))
    for e in effects:
        kinds += [one[0] for one in e if one[0] in (STORE, APPEND)]
    return kinds


def batches(solo):
    """The journal behind the last snapshot -> (the snapshot, [batch])."""
    blob, out = solo.blob, []
    at = len(blob) - solo.ch.journal.size
    snapshot = blob[:at]
    while at < len(blob):
        end = at + HEAD + int.from_bytes(blob[at : at + 2], "big")
        out.append(blob[at:end])
        at = end
    return snapshot, out


def test_what_is_appended_says_all_that_changed():
    solo, anna, epoch = talking()
    kinds = everything(solo, anna, epoch)
    assert kinds.count(APPEND) == 7 and kinds.count(STORE) == 1  # a hole is told, and told of: that one is a snapshot
    assert known(again(solo)) == known(solo.ch)
    inbox = again(solo).out.inbox
    assert [m.body for m in inbox][:2] == [b"conversation 0", b"conversation 1"]


def test_each_message_is_appended_before_it_is_delivered():
    solo, anna, epoch = talking()
    for given in (talk(anna, epoch, b"one"), anna.note(0, b"two")):
        kinds = [e[0] for e in solo.give(*given)]
        assert kinds.index(APPEND) < kinds.index("message") and STORE not in kinds
    kinds = [e[0] for e in solo.run(solo.ch.send(b"three", "conversation", solo.now))]
    assert kinds.index(APPEND) < kinds.index("publish")


def test_a_torn_end_is_as_if_the_last_turn_had_not_been():
    solo, anna, epoch = talking()
    solo.give(*talk(anna, epoch, b"one"))
    before = known(solo.ch), solo.blob
    solo.ch.taken = lambda message: []
    solo.give(*talk(anna, epoch, b"two"))
    last = solo.blob[len(before[1]) :]
    for n in range(len(last)):
        assert known(again(solo, before[1] + last[:n]))[:2] == before[0][:2], n
    changed = last[:-1] + bytes((last[-1] ^ 1,))
    for spoilt in (bytes(len(last)), last[:20] + bytes(len(last) - 20), changed, bytes(HEAD)):
        assert known(again(solo, before[1] + spoilt))[:2] == before[0][:2]
    assert known(again(solo))[1] != before[0][1]


def test_what_no_power_cut_makes_is_refused():
    solo, anna, epoch = talking()
    for body in (b"one", b"two", b"three"):
        solo.give(*talk(anna, epoch, body))
    snapshot, (one, two, three) = batches(solo)
    changed = two[:-1] + bytes((two[-1] ^ 1,))
    wrong = (
        [one, changed, three], [two, one, three], [one, three, two], [one, one, two, three], [one, two[:-1], three],
        [one, two, b"\x00\x01" + three[2:]], [one, b"?" + two[1:]], [header(15), bytes(15)], [b"\x01" + bytes(3)],
        [one, two, three, bytes(MOST)],
    )  # fmt: skip
    for parts in wrong:
        raises(BadState, again, solo, snapshot + b"".join(parts))
        assert raises(Reject, load("replay").batches, suite, solo.ch.journal.key, b"".join(parts)).reason == "format"


def test_a_record_that_says_nothing_is_refused():
    solo, anna, epoch = talking()
    solo.ch.taken = lambda message: []
    solo.give(*talk(anna, epoch, b"one"))
    blob, e = solo.blob, solo.ch.epochs.current
    after = solo.ch.journal.count

    def read(record):
        journal = Journal()
        journal.room, journal.key, journal.count = MOST, solo.ch.journal.key, after
        return again(solo, blob + journal.seal(suite, [record]))

    chain = bytes((CHAIN,)) + e.id[:4] + b"\x00" + bytes(32) + u32(9) + u32(0) + u32(1)
    used = bytes((USED,)) + e.id[:4] + b"\x00" + u32(7) + u32(1)
    wrong = (
        b"", b"\x00", b"\x08", b"\x09", bytes((WINDOW,)) + bytes(28), chain[:-1], chain + bytes(5),
        chain[:1] + bytes(4) + chain[5:], chain[:5] + b"\x02" + chain[6:], used, used[:-1],
        bytes((TAKEN,)), bytes((TAKEN, 1)), bytes((ACKED, 0)), bytes((WAITS,)) + lv(b"topic"), bytes((TAKEN, 0, 0)),
    )  # fmt: skip
    for record in wrong:
        raises(BadState, read, record)
    assert raises(Reject, load("replay").replay, solo.ch, FORMAT, [lv(b"\x09")]).reason == "format"
    assert read(chain).epochs.current.chains[0] == [bytes(32), 9]
    assert read(bytes((WINDOW,)) + bytes(29)).epochs.current.chains == e.chains  # of whom the roster names another now
    assert not read(bytes((TAKEN, 0))).out.inbox


def test_there_is_room_for_so_much_and_then_another_snapshot():
    solo, anna, epoch = talking()
    solo.ch.journal.room = 1000
    kinds, largest = [], 0
    for i in range(20):
        kinds += [e[0] for e in solo.give(*talk(anna, epoch, b"%d" % i)) if e[0] in (STORE, APPEND)]
        largest = max(largest, solo.ch.journal.size)
        assert known(again(solo))[:2] == known(solo.ch)[:2]
    assert kinds.count(STORE) in (2, 3, 4) and kinds.count(APPEND) == 20 - kinds.count(STORE) and largest <= 1000


def test_a_snapshot_is_made_an_hour_after_the_first_batch():
    solo, anna, epoch = talking()
    solo.give(*talk(anna, epoch, b"one"))
    assert solo.ch.journal.until == solo.now + LIFE_MS
    solo.give(*talk(anna, epoch, b"two"))
    solo.ch.journal.until = solo.now + 2  # what else an hour brings is not our subject
    kinds = []
    for _ in range(2):
        solo.now += 1
        kinds.append([e[0] for e in solo.run(solo.ch.tick(solo.now)) if e[0] in (STORE, APPEND)])
    assert kinds == [[], [STORE]] and solo.ch.journal.size == 0 and solo.ch.journal.until is None


def test_a_key_that_was_used_is_in_no_file_after_the_next_snapshot():
    """And until then: what the last snapshot and the journal have (THREATS.md)."""
    solo, anna, epoch = talking()
    first = solo.ch.epochs.current.chains[epoch.index(anna.tag)][0]
    solo.give(*talk(anna, epoch, b"one"))
    assert first in solo.blob
    _, (batch,) = batches(solo)
    key = solo.ch.journal.key
    assert suite.secretbox_open(key, bytes(24), batch[HEAD:])
    solo.run(solo.ch.snapshot())
    assert first not in solo.blob and key not in solo.blob
    assert suite.secretbox_open(solo.ch.journal.key, bytes(24), batch[HEAD:]) is None


def test_what_was_taken_or_acknowledged_waits_for_five_seconds():
    solo, anna, epoch = talking()
    solo.run(solo.ch.send(b"ours", "note", solo.now))
    before = solo.blob
    solo.run(solo.ch.acked(min(solo.ch.out.outbox.entries), solo.now))
    assert solo.blob == before and len(again(solo).out.outbox.entries) == 1
    solo.now += 5000
    solo.run(solo.ch.tick(solo.now))
    assert solo.blob[: len(before)] == before and not again(solo).out.outbox.entries


def test_without_room_every_change_is_a_snapshot():
    anna = Peer("anna")
    solo = Solo()
    solo.ch.journal.room = 0
    solo.connect(anna.join())
    solo.give(*anna.presence())
    effects = solo.give(*anna.note(0, b"note"))
    assert [e[0] for e in effects if e[0] in (STORE, APPEND)] == [STORE] and solo.ch.journal.key == b""
    assert known(again(solo))[0] == known(solo.ch)[0]
    raises(BadState, again, solo, solo.blob + header(16) + bytes(16))
    assert raises(Reject, load("replay").batches, suite, b"", header(16) + bytes(16)).reason == "format"


def flat(known):
    """As tests/vectors/format4.json has it."""
    if isinstance(known, (bytes, bytearray)):
        return hexlify(known)
    return [flat(one) for one in known] if isinstance(known, (list, tuple)) else known


def test_a_state_of_before_is_read():
    """Format 4 said nothing ahead; 1 to 3 had no journal, and nothing between the group's part and the end."""
    kept, solo = vectors("format4"), talking()[0]
    snapshot, journal = unhexlify(kept["snapshot"]), unhexlify(kept["journal"])
    assert snapshot[:1] == b"\x04" and snapshot[-4:] == bytes(4)
    assert flat(known(again(solo, snapshot))) == kept["known"][0]
    assert flat(known(again(solo, snapshot + journal))) == kept["known"][1]
    assert flat(known(again(solo, b"\x03" + snapshot[1:49] + snapshot[83:-4]))) == kept["known"][0]
    raises(BadState, again, solo, b"\x05" + snapshot[1:])
