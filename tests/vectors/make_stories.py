"""Writes stories/: whole runs and stored states, byte for byte. `python tests/vectors/make_stories.py` (no argument:
writes; --check: compares).

The rule by which they are verified stands in each file; tests/core/test_stories.py does so on CPython and MicroPython.
The states that version 0.1 stored in the same stories are kept in v0.1/, with the frames of that time.
"""

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "shared"), str(ROOT / "tests"), str(ROOT / "tests" / "support" / "core")]

from sim import sodium
from story import World, identity

HERE = Path(__file__).resolve().parent / "stories"
RULE = (
    "A member is a function of its inputs and of its stored state. Take the lines of `steps` in order: [input, "
    "expected, state]. An input is [now in ms, method, arguments...]. boot: build a Channel from `settings` and the "
    "stored state (hexadecimal; null: none) with a source of randomness that returns, at its i-th call for n bytes, "
    "BLAKE2b(size n, no key, no salt, personalisation 'sc/vector', uid || i as 4 bytes, big endian); the first "
    "argument says how many calls there were before, over all boots, the second names the state. It must be the state "
    "that was stored last; the channel must then give [uid, status] of its members, its epoch and its group's summary "
    "as expected, and pack the same state again, but for the 32 bytes of the seed after the first and the key of a "
    "journal; where a third argument says that a journal follows, what it packs must give the same once more. Other "
    "methods are "
    "the channel's, called with the arguments and now: receive has an index into `frames` ([topic, payload in "
    "hexadecimal]); acked the index of the frame whose publish the broker took; send body in hexadecimal, mode, time "
    "and receiver; declare_lost a uid and the admin's seed; taken the number of a message since the boot. What comes "
    "of it must be, in this order: published frames ['p', index, retain 0 or 1], the last will of a connection ['w', "
    "index], subscriptions ['s', filter], messages ['m', sender, body, secrecy, origin, time, seq, historic, private, "
    "again (0 or 1)], and the new epoch ['e', hex]. Where the third value is a string, the state that is stored then "
    "must have this BLAKE2b (8 bytes, personalisation 'sc/vector'). Wakes and other events are not compared."
)
ADMIN = bytes([7]) * 32


def zpinc():
    """Notes, handshakes, conversations, and power cuts in all states of them; a roster; a provisioned board."""
    w = World()
    w.add("anna", state=b"\x01" + bytes(range(32)), roster={"bert": member_public("bert").hex()})
    w.later(200)
    w.say("anna", b"alone with the retained ring", "note", time=1700000000)
    w.later(500)
    w.boot("anna", "alone, with a ring")
    w.later(500)
    w.add("bert")
    w.later(3000)
    assert w.channel("anna").epoch == w.channel("bert").epoch is not None
    w.say("bert", b"hello")
    w.say("anna", b"a long answer " * 20, "conversation", time=1700000100)
    w.later(500)
    w.add("cleo")
    w.later(8000)
    assert len({w.channel(uid).epoch for uid in w.members}) == 1
    # cleo misses two frames of bert's, which come late: keys are kept for them
    w.missed = lambda uid, topic: uid == "cleo" and topic.endswith("/c")
    late = len(w.frames)
    w.say("bert", b"late one")
    w.say("bert", b"late two")
    w.later(200)
    w.missed = lambda uid, topic: False
    w.say("bert", b"in time")
    w.later(200)
    w.boot("cleo", "an epoch with skipped keys")
    w.later(3000)
    for index in range(late, late + 2):
        if w.frames[index][0].endswith("/c"):
            w.do("cleo", "receive", index)
    w.do("anna", "rekey")
    w.later(8000)
    w.boot("bert", "two epochs")
    w.later(3000)
    w.say("bert", b"in the new epoch")
    w.later(500)
    w.ask("bert", b"confirm this", "note")
    w.ask("cleo", b"and that", "conversation")
    # anna speaks and hears with no application that takes it, and without a connection
    w.slow.add("anna")
    w.say("cleo", b"for the inbox", "note")
    w.say("bert", b"for the inbox, too")
    w.later(500)
    w.cut("anna")
    for i in range(3):
        w.say("anna", b"waits %d" % i, "note", time=1700000200 + i)
    w.boot("anna", "an outbox and an inbox", connect=False)
    w.slow.clear()
    for i in range(len(w.members["anna"].messages)):
        w.do("anna", "taken", i)
    w.connect("anna")
    w.later(8000)
    assert len({w.channel(uid).epoch for uid in w.members}) == 1
    w.do("bert", "sleep", 600)
    w.later(500)
    w.do("cleo", "leave")
    w.later(32000)
    w.boot("bert", "asleep")
    w.later(8000)
    assert w.channel("anna").epoch == w.channel("bert").epoch is not None
    return w


def member_public(uid):
    from sealcast.zpinc.identity import Identity

    return Identity(sodium, identity(uid)).public


def group():
    """A ratcheting group: everyone's turn, private messages, changes, a split, and power cuts in all states of it."""
    w = World(ratchet=True)
    crew = ("ann", "bob", "cem")
    for uid in crew:
        w.add(uid)
    w.later(8000)
    w.do("ann", "change_group", "create", ["bob"])
    w.settle("ann", "bob")
    w.say("ann", b"hello", "ratchet")
    w.say("bob", b"at the same time", "ratchet")
    w.later(2000)
    w.boot("bob", "live in a group")
    w.settle("ann", "bob")
    w.do("ann", "change_group", "add", ["cem"])
    w.settle(*crew)
    for i in range(3):
        w.say("cem", b"psst %d" % i, "ratchet", "ann")
        w.later(2000)
        w.say("ann", b"psst back", "ratchet", "cem")
        w.later(2000)
    w.boot("cem", "with keys of private messages")
    w.settle(*crew)
    # Power goes when a frame is on its way: it never arrived, or its echo was lost
    w.lost = lambda uid, topic: uid == "ann" and topic.endswith("/g")
    w.say("ann", b"on its way", "ratchet", "bob")
    w.say("ann", b"and one behind", "ratchet")
    w.boot("ann", "a private message pending, one queued")
    w.lost = lambda uid, topic: False
    w.settle(*crew)
    w.missed = lambda uid, topic: uid == "bob" and topic.endswith("/g")
    w.say("bob", b"the echo is lost", "ratchet")
    w.later(100)
    w.missed = lambda uid, topic: False
    w.boot("bob", "pending, and the others have it")
    w.settle(*crew)
    # A split of one frame: one goes back by its undo
    w.split("cem")
    w.say("ann", b"here", "ratchet")
    w.say("cem", b"there", "ratchet")
    w.later(300)
    w.far = set()
    w.boot("cem", "an undo that will be used")
    w.settle(*crew)
    # A wish of the organizer's that waits
    w.cut("bob")
    w.do("bob", "change_group", "resync", [])
    w.say("bob", b"queued while away", "ratchet")
    w.boot("bob", "a wish to resync, and a queue")
    w.settle(*crew)
    w.later(15000)
    w.settle(*crew)
    # Two branches that went on
    w.split("cem")
    for _ in range(3):
        for uid in crew:
            w.say(uid, b"on two branches", "ratchet")
        w.later(5000)
    w.far = set()
    w.say("cem", b"of the other branch", "ratchet")
    w.later(60000, lambda: "forked" in (w.phase(uid) for uid in crew))
    forked = [uid for uid in crew if w.phase(uid) == "forked"]
    assert forked
    w.boot(forked[0], "forked")
    w.later(3000)
    assert w.phase(forked[0]) == "forked"
    for uid in crew:
        if w.phase(uid) == "forked":
            w.do(uid, "change_group", "rejoin", [])
    w.settle(*crew, ms=120000)
    # Behind by more than is kept
    w.cut("cem")
    for i in range(12):
        w.say(crew[i % 2], bytes(300), "ratchet")
        w.later(1000)
    for topic in [t for t in w.retained if "/e/" in t]:
        del w.retained[topic]
    w.lost = lambda uid, topic: "/e/" in topic
    w.connect("cem")
    w.later(60000, lambda: w.phase("cem") == "rejoin")
    assert w.phase("cem") == "rejoin"
    w.boot("cem", "rejoin", connect=False)
    w.lost = lambda uid, topic: False
    w.connect("cem")
    w.settle(*crew, ms=120000)
    w.do("ann", "change_group", "remove", ["cem"])
    w.settle("ann", "bob")
    w.boot("cem", "removed")
    w.later(3000)
    w.say("bob", b"without cem", "ratchet")
    w.later(2000)
    w.ask("ann", b"confirm this", "ratchet")
    w.ask("bob", b"for you alone", "ratchet", "ann")
    w.do("bob", "change_group", "leave", [])
    w.later(15000)
    w.boot("ann", "alone in the group")
    w.later(5000)
    return w


def notice():
    """eve's board is lost: the others move to a new key, one of them later, from the old place."""
    w = World(ratchet=True, admin=sodium.ed25519_public(ADMIN).hex())
    w.add("ann", admin_here=1)
    for uid in ("bob", "cem", "eve"):
        w.add(uid)
    w.later(8000)
    w.do("ann", "change_group", "create", ["bob", "cem", "eve"])
    w.settle("ann", "bob", "cem", "eve")
    w.say("eve", b"the last that we hear of eve", "ratchet")
    w.later(2000)
    w.boot("ann", "the admin's, before a move")
    w.settle("ann", "bob", "cem", "eve")
    w.do("cem", "sleep", 3600)
    w.later(1000)
    w.do("ann", "declare_lost", "eve", ADMIN.hex())
    w.later(10000)
    w.boot("ann", "moved, and waits for one at the old place")
    w.boot("bob", "moved")
    w.later(15000)
    w.say("bob", b"at the new place", "note")
    w.later(1000)
    w.boot("cem", "slept through the move")
    w.later(15000)
    assert w.channel("cem").epoch == w.channel("ann").epoch is not None
    w.boot("cem", "led on from the old place")
    w.boot("eve", "left behind")
    w.later(15000)
    return w


def text(w):
    """One frame, one step a line: differences can be read, and a board can read it line by line."""
    frames = ",\n".join(json.dumps([topic, payload.hex()]) for topic, payload in w.frames)
    members = []
    for uid, m in w.members.items():
        steps = ",\n".join(json.dumps(s) for s in w.steps[uid])
        members.append('"%s": {"settings": %s,\n"steps": [\n%s\n]\n}' % (uid, json.dumps(m.settings), steps))
    parts = (json.dumps(RULE), json.dumps(list(w.members)), frames, ",\n".join(members))
    return '{\n"rule": %s,\n"uids": %s,\n"frames": [\n%s\n],\n"members": {\n%s\n}\n}\n' % parts


def files():
    """name -> bytes of everything that is kept."""
    return {story.__name__ + ".json": text(story()).encode() for story in (zpinc, group, notice)}


if __name__ == "__main__":
    for name, data in files().items():
        path = HERE / name
        if sys.argv[1:] == ["--check"]:
            if path.read_bytes() != data:
                sys.exit("stories/%s is not what make_stories.py makes: run it again, and say why in the commit" % name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
