"""The rules that stories are held to at every call (lives.py), each found broken where a core breaks it."""

import pytest

from rules import RuleBroken, hoard
from sealcast import effects
from sealcast.channel import Channel
from sealcast.effects import STORE, Out
from sealcast.errors import OutboxFull, Reject
from sealcast.journal import HEAD, moved
from sealcast.rare import load
from sealcast.smmp import order, outgoing
from sealcast.zpinc import conversation, epochs, messages, notes
from sealcast.zpinc.identity import Join
from sealcast.zpinc.members import Session
from sim.group_schedule import GroupStory
from sim.lying import LyingStory
from sim.recorder import Broken
from sim.schedule import Story

SEEDS = 12  # of the stories that find it


def broken(kind, match):
    """Does a story of the first few break this rule, and no other check before?"""
    with pytest.raises(RuleBroken, match=match):
        for seed in range(SEEDS):
            kind(seed).run()


def after(monkeypatch, module, name, then):
    """From here on then(result, *arguments) follows each call, with the last word on its result."""
    done = getattr(module, name)

    def changed(*args):
        return then(done(*args), *args)

    monkeypatch.setattr(module, name, changed)


@pytest.mark.parametrize("kind", [Story, LyingStory, GroupStory])
def test_every_call_of_a_story_is_judged(kind):
    w = kind(5).run()
    assert w.lives.calls > 300 and any(len(m.gone) > 10 and len(m.kept) > 10 for m in w.lives.members.values())


@pytest.mark.parametrize(("kind", "module", "name"), [
    (Story, messages, "send_note"), (Story, epochs, "send"), (LyingStory, messages, "deliver_notes"),
    (GroupStory, outgoing, "submit"), (GroupStory, order, "advance"),
])  # fmt: skip
def test_a_state_that_is_not_stored(kind, module, name, monkeypatch):
    def forgetful(result, *args):
        if name == "send_note" and not args[-2]:
            return result  # nothing leaves while we are offline
        args[-1].dirty, args[-1].urgent, args[-1].records = False, False, []
        return result

    after(monkeypatch, module, name, forgetful)
    broken(kind, "no stored state knows of|not what is read back")


@pytest.mark.parametrize("places", [1, 2])
def test_a_record_that_says_something_else(places, monkeypatch):
    """Of a window, or of a chain."""
    other = moved((Session(Join(0, bytes(16), b"", b"", 4, b"")),), {})
    monkeypatch.setattr(effects, "moved", lambda where, *args: other if len(where) == places else moved(where, *args))
    broken(Story, "appended is not what is read back")


def test_a_number_that_was_said_ahead_and_is_used_again(monkeypatch):
    """Our chain is stored where it is: after a cut the rest of the block is not burnt."""

    def where_it_is(out, where, upto, skipped=(), suite=None):
        said = move(out, where, upto, skipped, suite)
        if suite and out.block:
            out.ahead[where] = out.ahead[where][0], b""
        return said

    move = Out.move
    monkeypatch.setattr(Out, "move", where_it_is)
    with pytest.raises((RuleBroken, Broken), match="let go is back|not what is read back|under one number"):
        for seed in range(SEEDS):
            Story(seed).run()


def test_a_block_that_has_no_end(monkeypatch):
    """The member believes that more was said ahead than the stored state says."""

    def endless(said, out, where, *args):
        if where in out.ahead:
            out.ahead[where] = out.ahead[where][0] + 1, out.ahead[where][1]
        return said

    after(monkeypatch, Out, "move", endless)
    broken(Story, "no stored state knows of|not what is read back")


def test_a_message_that_comes_again_without_a_word(monkeypatch):
    """What a window or a chain said ahead is forgotten at a restart."""

    def sure(window, *args):
        args[1].doubt = 0

    after(monkeypatch, load("stored"), "unpack_window", sure)
    broken(Story, "appended is not what is read back")


def test_a_rank_that_is_not_stored_before_the_share_leaves(monkeypatch):
    def forgetful(_, me, members, epochs, proposal, now, out):
        out.dirty = False

    after(monkeypatch, load("zpinc.rekey"), "begin", forgetful)
    broken(Story, "no stored state knows of")


@pytest.mark.parametrize("kind", [Story, GroupStory])
def test_a_state_that_is_stored_too_late(kind, monkeypatch):
    def late(effects, *_):
        return [e for e in effects if e[0] != STORE] + [e for e in effects if e[0] == STORE]

    after(monkeypatch, Channel, "_finish", late)
    broken(kind, "before the state is stored")


@pytest.mark.parametrize("what", ["rank", "ring", "window"])
def test_a_state_that_leaves_something_out(what, monkeypatch):
    """Each STORE comes in time, and what it brings back is not what was stored."""

    def older(stored, ch, _):
        if what == "rank":
            ch.epochs.rank = (max(0, ch.epochs.rank[0] - 1), ch.epochs.rank[1])
        elif what == "ring":
            ch.ring.next = max(0, ch.ring.next - 1)
        for s in [s for m in ch.others.by_tag.values() for s in m.sessions if what == "window" and s.window.next]:
            s.window.next -= 1
        return stored

    after(monkeypatch, load("stored"), "unpack_state", older)
    broken(Story, "not what is read back")


@pytest.mark.parametrize("kind", [Story, GroupStory])
def test_a_key_that_stays_in_the_state(kind, monkeypatch):
    hoard(monkeypatch)
    broken(kind, "let go is stored")


def test_a_used_key_that_is_kept_in_memory(monkeypatch):
    def hoarding(opened, epoch, keys, frame, tag):
        ad, pt, i, number, key, skipped = opened
        return ad, pt, i, number, key, [*(skipped or []), ((i, number), epoch.chains[i][0])]

    after(monkeypatch, conversation.Epoch, "open", hoarding)
    broken(Story, "of a message that was delivered is kept")


def test_a_handshake_that_is_stored(monkeypatch):
    after(monkeypatch, load("state"), "pack_parts",
          lambda parts, ch, _: [*parts, bytes(HEAD), ch.epochs.attempt.y] if ch.epochs.attempt else parts)  # fmt: skip
    broken(Story, "of a handshake is stored")


def test_keys_that_come_back_with_another_life(monkeypatch):
    """Chains begin at their epoch's beginning again, as they did before their first keys were used."""
    monkeypatch.setattr("sim.client.ROOM", 0)  # with a journal, it is found when the first batch is read back
    first = {}

    def hoarding(_, out, epoch, ahead):
        if epoch:
            first.setdefault(epoch.hid, [*map(tuple, epoch.chains)])

    def rewound(epoch, r, form):
        if epoch:
            epoch.chains = [list(chain) for chain in first[epoch.hid]]
        return epoch

    after(monkeypatch, load("state"), "pack_epoch", hoarding)
    after(monkeypatch, load("stored"), "unpack_epoch", rewound)
    broken(Story, "let go is back")


def test_a_repeated_note_that_moves_a_window_back(monkeypatch):
    peek = notes.peek

    def believing(frame, member):
        try:
            return peek(frame, member)
        except Reject as e:
            if e.reason == "duplicate" and member.current.window.next:
                member.current.window.next -= 1
            raise

    monkeypatch.setattr(notes, "peek", believing)
    broken(LyingStory, "refused has changed something")


def test_a_frame_of_the_group_that_is_refused_when_it_has_done_its_work(monkeypatch):
    receive = order.receive

    def believing(me, members, group, stream, frame, now, out):
        try:
            receive(me, members, group, stream, frame, now, out)
        except Reject as e:
            if e.reason == "late":
                group.pairs = {}
            raise

    monkeypatch.setattr(order, "receive", believing)
    broken(GroupStory, "refused has changed something")


def test_a_call_that_raises_when_it_has_done_its_work(monkeypatch):
    send = messages.send_note

    def eager(me, members, ring, *rest):
        try:
            return send(me, members, ring, *rest)
        except OutboxFull:
            ring.next += 1
            raise

    monkeypatch.setattr(messages, "send_note", eager)
    broken(Story, "refused has changed something")
