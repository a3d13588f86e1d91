"""Plays frames of grammar.py to one member and judges it: nothing raises; what is refused has changed nothing that is
stored, nor what a member knows of others, and costs no write; what is not authentic moves nobody.
PROTOCOL.md 1 and 13.
"""

from grammar import ADMIN, Draw, Insider
from packed import pack_state
from room import Room
from sealcast.smmp.group import LIVE
from sealcast.smmp.packages import AHEAD, BELIEVED
from sealcast.zpinc.places import REACH
from solo import suite


class World:
    """ann is played to by bob, who has turned; cem is another member. All three are live in a group and an epoch."""

    def __init__(self):
        self.room = Room(("ann", "bob", "cem"), admin=suite.ed25519_public(ADMIN))
        self.room.do("ann", "change_group", "create", ["bob", "cem"])
        self.room.advance(20000)
        self.now = self.room.now
        members = self.room.members
        assert [members[uid].group.phase for uid in members] == [LIVE] * 3
        assert len({members[uid].epoch for uid in members}) == 1 and members["ann"].epoch
        self.ann = members["ann"]
        self.room.run("ann", self.ann.send(b"confirm it", "note", self.now, receipt=True))
        self.room.pump()
        self.bob = Insider(members["bob"], [members["ann"], members["cem"]])


def remembered(ch):
    """A digest of what a member stores and of what it knows of others, but for its randomness."""
    known = []
    for tag in sorted(ch.others.by_tag):
        m = ch.others.by_tag[tag]
        known.append((m.uid, m.public, m.conn, m.counter, m.willed, m.status, m.deadline, m.parts, m.epoch, m.place))
        known.append([(s.sid, s.window.next, s.window.head, sorted(s.window.held)) for s in m.sessions])
    known.append([(sorted(wanted.waiting), wanted.confirmed) for wanted in ch.out.wanted])
    return suite.h(32, b"", b"", b"", pack_state(ch), repr(known).encode(), bytes((ch.phase,)))


def refusals(ch):
    """How often it has dropped something: a complaint about a ring comes with a presence that was taken."""
    return sum([ch.out.drops[reason] for reason in ch.out.drops if reason != "ring"])


def play(world, ann, draw, frames, tally, changes):
    """Frames to ann (or a copy of it), at most so many, until so many have changed what it stores. -> how many."""
    world.bob.victim = ann
    now, before, counter = world.now, remembered(ann), ann.group.packages.counter
    for n in range(frames):
        seed = draw.x
        kind, topic, payload, false = world.bob.frame(draw)
        drops, phase, head = refusals(ann), ann.group.phase, ann.group.state.head
        reach = ann.places.pins.get(REACH)
        try:
            effects = ann.receive(topic, payload, now)
            # What a frame of the order says may be of no form: all have taken it alike, and complain
            refused = refusals(ann) > drops and ann.group.state and ann.group.state.head == head
            after = remembered(ann)
            if false:
                assert after == before, "a frame that is not authentic has changed something"
                assert ann.group.phase == phase, "a frame that is not authentic has moved the group"
            number, counter = counter, ann.group.packages.counter
            if kind == "agree" and number < counter <= number + BELIEVED + AHEAD and not false:
                before = after  # it names a package of ours that we never made: we go on above it (16.4)
            elif kind == "join" and ann.places.pins.get(REACH) != reach and not false:
                before = after  # above all that was taken: the next may be further (6.3)
            elif refused:
                assert after == before, "a refused frame has changed something"
                assert not [e for e in effects if e[0] in ("store", "append")], "a refused frame costs a write"
            if draw.below(16) == 0:
                now += draw.one((100, 3000, 12000))
                ann.tick(now)
                after = remembered(ann)
        except Exception as e:
            where = (kind, seed, now, ann.out.drops, topic, payload.hex())
            print("%s, draw %d, now %d, drops %r, topic %s, %s" % where)
            raise e
        tally[kind] = tally.get(kind, 0) + 1
        if not refused:
            tally[kind + " taken"] = tally.get(kind + " taken", 0) + 1
        tally["refused"] = tally.get("refused", 0) + bool(refused)
        changes -= after != before
        if not changes:
            return n + 1
        before = after
    return frames


__all__ = ["Draw", "World", "play"]
