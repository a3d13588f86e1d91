"""In a burst a record says ahead what the next messages will change: these write nothing. After a power cut nothing is
used twice, and what comes a second time says so. PROTOCOL.md 12.3."""

from sealcast.channel import Channel
from sealcast.effects import APPEND, MESSAGE, PUBLISH, STORE
from sealcast.journal import FLUSH_MS
from solo import Peer, Solo, agree, config, hardware, talk

HEAP = "heapsize=500k"
AHEAD = 4


def talking(prompt=True):
    """A member in an epoch with one peer, with a snapshot behind it. -> (Solo, Peer, the peer's Epoch)"""
    anna = Peer("anna")
    solo = Solo()
    solo.ch.journal.ahead, solo.ch.out.prompt = AHEAD, prompt
    solo.connect(anna.join())
    solo.give(*anna.presence())
    epoch = agree(solo, anna)[1]
    solo.run(solo.ch.snapshot())
    solo.ch.out.calm()
    solo.ch.out.burst = False
    return solo, anna, epoch


def again(solo):
    """After a power cut."""
    return Channel(solo.ch.me.suite, config("solo"), solo.blob, hardware)


def window(ch, anna):
    return ch.others.by_tag[anna.tag].current.window


def kept(effects):
    return [e[0] for e in effects if e[0] in (STORE, APPEND)]


def bodies(effects):
    return [(bytes(e[1].body), e[1].again) for e in effects if e[0] == MESSAGE]


def ours(solo):
    """A conversation message of ours, acknowledged -> the effects"""
    effects = solo.run(solo.ch.send(b"ours", "conversation", solo.now))
    solo.run(solo.ch.acked(max(solo.ch.out.outbox.entries), solo.now))
    return effects


def waiting(ch):
    """The outbox, in order."""
    entries = ch.out.outbox.entries
    return [entries[token] for token in sorted(entries)]


def pause(solo):
    """As long as it takes until what waits is written. -> kinds of what was written"""
    out = []
    solo.now += FLUSH_MS
    for e in solo.run(solo.ch.tick(solo.now)):
        out += [e[0]] if e[0] in (STORE, APPEND) else []
    return out


def test_of_what_is_received_every_few_messages_write_something():
    solo, anna, epoch = talking()
    for kind in ("conversation", "note"):
        written = []
        for i in range(3 + 2 * AHEAD):
            frame = talk(anna, epoch, b"%d" % i) if kind == "conversation" else anna.note(i, b"%d" % i)
            effects = solo.give(*frame)
            assert bodies(effects) == [(b"%d" % i, False)]
            written.append(len(kept(effects)))
        block = [0] * AHEAD
        # the first one of a conversation does not know yet that more of them come; the notes follow at once
        first = [1, 1] + block + [1] + block if kind == "conversation" else [1] + block + [1] + block + [1]
        assert written == first, kind
        assert not solo.ch.out.inbox or kind == "conversation"


def test_an_application_that_does_not_take_them_at_once_has_each_of_them_stored():
    solo, anna, epoch = talking(prompt=False)
    for i in range(2 * AHEAD):
        effects = solo.give(*talk(anna, epoch, b"%d" % i)) + solo.give(*anna.note(i, b"%d" % i))
        assert kept(effects) == [APPEND, APPEND]


def test_a_computer_says_nothing_ahead():
    solo, anna, epoch = talking()
    solo.ch.journal.ahead = 0
    for i in range(2 * AHEAD):
        effects = solo.give(*talk(anna, epoch, b"%d" % i)) + solo.give(*anna.note(i, b"%d" % i))
        effects += ours(solo)
        assert len(kept(effects)) == 3 and not solo.ch.out.ahead


def test_what_comes_again_after_a_cut_says_so():
    for kind in ("conversation", "note"):
        solo, anna, epoch = talking()
        frames = []
        for i in range(8):
            frames.append(talk(anna, epoch, b"%d" % i) if kind == "conversation" else anna.note(i, b"%d" % i))
        for frame in frames[:4]:
            solo.give(*frame)
        back = Solo(blob=solo.blob)
        back.connect(anna.join())
        back.give(*anna.presence())
        back.messages = []
        for frame in frames:
            back.give(*frame)
        # the first two are known to have been delivered; of the block behind them nobody knows
        assert [(bytes(m.body), m.again) for m in back.messages] == [(b"%d" % i, i < 2 + AHEAD) for i in range(2, 8)]


def test_after_a_cut_no_number_of_ours_is_used_again():
    solo, anna, epoch = talking()
    frames = []
    for i in range(4):
        effects = ours(solo)
        assert kept(effects) == ([APPEND] if i < 2 else [])
        frames += [e[2] for e in effects if e[0] == PUBLISH]
    numbers = [int.from_bytes(frame[18:22], "big") for frame in frames]
    assert numbers == [0, 1, 2, 3]
    back = again(solo)
    me = back.epochs.current.index(back.me.tag)
    assert back.epochs.current.chains[me][1] == 2 + AHEAD
    # the key there is the one that we would have come to
    for _ in range(AHEAD - 2):
        ours(solo)
    assert solo.ch.epochs.current.chains[me] == back.epochs.current.chains[me]


def test_of_ours_what_was_not_written_is_gone_after_a_cut_and_the_rest_is_not():
    solo, anna, epoch = talking()
    for i in range(4):
        solo.run(solo.ch.send(b"ours %d" % i, "conversation", solo.now))
    tokens = sorted(solo.ch.out.outbox.entries)
    assert len(tokens) == 4 and len(again(solo).out.outbox.entries) == 2
    solo.run(solo.ch.acked(tokens[2], solo.now))  # nothing stored knows of it
    solo.run(solo.ch.acked(tokens[1], solo.now))
    assert pause(solo) == [APPEND]
    assert waiting(again(solo)) == [solo.ch.out.outbox.entries[tokens[0]]]
    solo.run(solo.ch.snapshot())
    assert waiting(again(solo)) == [solo.ch.out.outbox.entries[token] for token in (tokens[0], tokens[3])]
    solo.run(solo.ch.acked(tokens[3], solo.now))
    assert pause(solo) == [APPEND]
    assert waiting(again(solo)) == [solo.ch.out.outbox.entries[tokens[0]]]


def test_what_is_acknowledged_is_forgotten():
    solo, anna, epoch = talking()
    for _ in range(2 + AHEAD):
        ours(solo)
    assert not solo.ch.out.unsaid and not solo.ch.out.outbox.entries


def test_when_it_is_quiet_what_was_said_ahead_is_taken_back():
    solo, anna, epoch = talking()
    for i in range(4):
        solo.give(*talk(anna, epoch, b"%d" % i))
        solo.give(*anna.note(i, b"%d" % i))
        solo.run(solo.ch.send(b"ours", "conversation", solo.now))
    assert pause(solo) == [APPEND]  # where they have come
    back = again(solo)
    me, other = [back.epochs.current.index(tag) for tag in (back.me.tag, anna.tag)]
    assert window(back, anna).next == 4 and back.epochs.current.chains[other][1] == 4
    assert window(back, anna).doubt > 4 and back.epochs.current.chains[me][1] > 4
    assert pause(solo) == [APPEND]  # and that no more come
    back = again(solo)
    assert window(back, anna).doubt == 0 and back.epochs.current.doubt == {}
    assert [tuple(c) for c in back.epochs.current.chains] == [tuple(c) for c in solo.ch.epochs.current.chains]
    assert pause(solo) == [] and solo.ch.journal.flush_at is None
    assert kept(solo.give(*talk(anna, epoch, b"the first of others"))) == [APPEND]


def test_who_leaves_takes_it_back():
    solo, anna, epoch = talking()
    for i in range(3):
        solo.give(*talk(anna, epoch, b"%d" % i))
        solo.run(solo.ch.send(b"ours", "conversation", solo.now))
    effects = solo.run(solo.ch.leave(solo.now))
    assert [e[0] for e in effects][0] == APPEND
    back = again(solo).epochs.current
    assert back.doubt == {} and [c[1] for c in back.chains] == [3, 3]


def test_what_comes_out_of_order_is_written_at_once():
    solo, anna, epoch = talking()
    frames = [talk(anna, epoch, b"%d" % i) for i in range(8)]
    for i in (0, 1, 2):
        solo.give(*frames[i])
    for i in (5, 3, 4):  # a hole, and what was skipped
        assert len(kept(solo.give(*frames[i]))) == 1
    e, back = solo.ch.epochs.current, again(solo).epochs.current
    assert [tuple(c) for c in back.chains] == [tuple(c) for c in e.chains] and back.skipped == e.skipped == {}


def test_a_new_epoch_or_any_other_snapshot_ends_it():
    solo, anna, epoch = talking()
    for i in range(3):
        solo.give(*talk(anna, epoch, b"%d" % i))
    assert solo.ch.out.ahead
    assert kept(solo.run(solo.ch.rekey(solo.now))) == [STORE]
    assert not solo.ch.out.ahead and again(solo).epochs.current.doubt == {}
    assert kept(solo.give(*talk(anna, epoch, b"3"))) == [APPEND]
