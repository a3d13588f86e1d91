"""The cross-check: whole runs of the core that the reference must
verify and foretell, and the reference among real Channels.

`SCENARIOS` is used by test_cross_check.py, and by test_mutations.py, which runs them on mutants of the core: as
a program this takes the folder that holds the core's package and names of scenarios, and ends with 0 only if they pass.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])

import random

import group_scenarios
import lost_scenarios
import receipt_scenarios
from draws import check_draws
from guest import Guest
from ref_world import Reference, World

from reference import handshake as hs
from reference.conversations import Said
from reference.joins import SecretIdentity, Stale
from reference.names import root_key
from reference.notes import Note
from reference.presence import Presence
from reference.storage import pack_slot, slot_key
from sealcast.crypto import host as suite_host
from sealcast.crypto import keys as core_keys
from sealcast.run import slots as core_slots
from sealcast.zpinc import identity as core_identity
from sealcast.zpinc import joins as core_joins


def kinds(seen: list[Any]) -> Counter[str]:
    """How often which kind of frame was seen; handshake messages by type, those that ask again with a +."""
    found: Counter[str] = Counter()
    for s in seen:
        name = type(s.what).__name__
        if isinstance(s.what, hs.Message):
            name = type(s.what.body).__name__ + ("+" if s.what.again else "")
        found[name] += 1
    return found


def same_deliveries(world: World, reference: Reference, seen: list[Any], must_live: bool = True) -> None:
    """What the members handed over is what the reference read, in
    every field; what is live, or has an age, came after a presence of its receiver.
    """
    read: dict[tuple[Any, ...], Any] = {}
    for s in seen:
        if isinstance(s.what, Note):
            read["note", s.uid, s.what.seq, s.what.body, s.what.time] = s.what
        if isinstance(s.what, Said):
            read["conversation", s.uid, s.what.seq, s.what.body, s.what.time] = s.what
    origin = "member" if world.settings.get("sign", True) else "group"
    delivered = live = 0
    for uid, messages in world.messages.items():
        taken, messages[:] = list(messages), []
        for m in taken:
            if m.secrecy == "ratchet":
                continue
            delivered += 1
            what = read[m.secrecy, m.sender, m.seq, bytes(m.body), m.time]
            assert m.origin == origin
            knew = reference.view.by_uid(uid).current.sid in reference.view.heard.sessions(what.heard)
            assert knew or m.age is None, (uid, m.sender, m.seq)
            assert m.historic or m.age is not None and m.age <= 75
            live += not m.historic
    assert delivered
    assert live or not must_live


def same_epoch(world: World, reference: Reference, uids: list[str]) -> None:
    """All are in the newest epoch that the reference computed, by its name."""
    assert reference.view.conversations, "no epoch was seen"
    newest = max((a for a in reference.view.attempts.values() if a.epoch), key=lambda a: (a.number, a.proposer))
    assert {world.channels[uid].epoch for uid in uids} == {newest.computation.hid[:16].hex()}
    assert {reference.view.members[p.name].uid for p in newest.computation.parties} == set(uids)
    assert len(newest.confirmed) == len(uids)


def conversations() -> None:
    """Two, three, then four members; notes and conversations; who comes late reads history."""
    w = World()
    r = Reference(w)
    w.add("anna")
    w.add("boris")
    w.advance(5000)
    w.send("anna", b"for two", "conversation")
    w.send("boris", b"a note", "note", 1234567890)
    seen = r.read()
    same_epoch(w, r, ["anna", "boris"])
    for uids in (["anna", "boris", "clara"], ["anna", "boris", "clara", "dmitri"]):
        w.add(uids[-1])
        w.advance(8000)
        for uid in uids:
            w.send(uid, b"hello from " + uid.encode() * 9, None)
        seen += r.read()
        same_epoch(w, r, uids)
    w.send("dmitri", b"", "note")
    w.advance(31000)
    seen += r.read()
    same_deliveries(w, r, seen)
    found = kinds(seen)
    assert found["Propose"] >= 3 and (found["Share"], found["Sum"], found["Confirm"]) >= (9, 7, 9), found
    assert (found["Note"], found["Said"], found["Join"]) == (2, 8, 4), found
    check_draws(w, r)


def lost_messages() -> None:
    """Handshake messages are lost on their way and asked for again, with 0x80."""
    w = World()
    r = Reference(w)
    rng = random.Random(1)
    for i in range(4):
        w.add(f"m{i}")
    w.loses = lambda topic: topic.endswith("/h") and rng.random() < 0.3
    w.advance(40000)
    found = kinds(r.read())
    assert found["Share+"] and found["Sum+"] and found["Confirm+"], found
    same_epoch(w, r, [f"m{i}" for i in range(4)])


def restarts() -> None:
    """A member stops and goes on from its storage; another sleeps; a third says goodbye; storage is lost."""
    w = World()
    r = Reference(w)
    for uid in ("anna", "boris", "clara"):
        w.add(uid)
    w.advance(5000)
    w.send("boris", b"one", "note")
    w.cut("boris")
    w.advance(2000)
    w.add("boris", w.stored["boris"])
    w.advance(3000)
    w.send("boris", b"two", "note")
    w.advance(31000)
    w.do("clara", "sleep", 60, w.now)
    w.advance(1000)
    w.do("anna", "leave", w.now)
    w.advance(1000)
    seen = r.read()
    same_deliveries(w, r, seen)
    w.add("clara")
    w.advance(5000)
    seen += r.read()
    same_deliveries(w, r, seen, must_live=False)
    assert len(r.view.by_uid("boris").sessions) == 1 and len(r.view.by_uid("clara").sessions) == 2
    statuses = {(s.uid, s.what.status) for s in seen if isinstance(s.what, Presence)}
    assert {("anna", 1), ("anna", 3), ("boris", 3), ("clara", 2)} <= statuses, statuses
    assert {s.what.conn >> 16 for s in seen if isinstance(s.what, Presence) and s.uid == "boris"} == {1, 2}
    check_draws(w, r)


def unsigned_small_rings() -> None:
    """A channel that does not sign, with four notes a member: every slot is used again, bodies of many lengths."""
    w = World(sign=False, ring=4)
    r = Reference(w)
    for uid in ("anna", "boris"):
        w.add(uid)
    w.advance(5000)
    for i in range(10):
        w.send("anna", b"n" * i * 47, "note", i)
        w.send("boris", b"c" * i * 222, "conversation")
    w.advance(31000)
    seen = r.read()
    same_deliveries(w, r, seen)
    heads = {s.what.head for s in seen if isinstance(s.what, Presence) and s.uid == "anna"}
    assert heads == {0, 10}, heads


def _arrived(**settings: Any) -> tuple[World, Guest]:
    w = World(**settings)
    w.add("anna")
    w.add("boris")
    w.advance(5000)
    guest = Guest(w)
    guest.arrive()
    guest.wait(31000)  # by then a keepalive has said which attempts there were
    return w, guest


def guest_talks() -> None:
    """The reference is a member: it joins, proposes, confirms, speaks, and hears."""
    w, guest = _arrived()
    guest.say(guest.peer.propose(["anna", "boris"]))
    epoch = guest.peer.epoch
    assert epoch and w.channels["anna"].epoch == w.channels["boris"].epoch == epoch.computation.hid[:16].hex()
    for i in range(20):
        guest.say(guest.peer.note(b"note %d" % i, i))
        guest.say(guest.peer.say(b"said %d" % i, i))
    w.send("anna", b"hello guest", "conversation")
    w.send("boris", b"note for the guest", "note")
    guest.say(guest.peer.presence())
    guest.turn()
    for uid in ("anna", "boris"):
        heard = [(m.secrecy, m.seq, bytes(m.body), m.time, m.historic) for m in w.messages[uid] if m.sender == "guest"]
        expected = [
            (mode, i, b"%s %d" % (word, i), i, False)
            for i in range(20)
            for mode, word in (("note", b"note"), ("conversation", b"said"))
        ]
        assert heard == expected, heard
    assert guest.peer.inbox == [("c", "anna", b"hello guest"), ("n", "boris", b"note for the guest")]
    assert not any(name in ("forged", "dropped") for events in w.events.values() for name, _ in events), w.events
    guest.say(guest.peer.goodbye())
    assert ("guest", "left") in w.channels["anna"].members


def stale_joins() -> None:
    """Who is told that its join is old takes a new session above; whose join is old is told."""
    w, guest = _arrived()
    anna = guest.peer.view.by_uid("anna")
    before = anna.current
    guest.say(guest.peer.stale(Stale(before.sid, before.lamport + 70)))
    w.advance(2000)
    guest.turn()
    assert anna.current.sid != before.sid and anna.current.lamport == before.lamport + 71, anna.current
    # A join of the guest with a lower counter than its present one: the others say so, with the largest they know.
    guest.peer.new_session()
    guest.peer.lamport = 1
    largest = anna.current.lamport
    answers = [a for a in _answers(w, guest, guest.peer.join()[:1]) if a.sid == guest.peer.sid]
    assert answers and set(answers) == {Stale(guest.peer.sid, largest)}, answers


def former_sessions() -> None:
    """A new session for each new text of its own: joins tell of the three former ones that gave a note, newest first.

    What was given counts, also without an acknowledgement; what was written offline goes into the next session.
    """
    w = World()
    r = Reference(w)
    w.add("anna")
    w.add("boris")
    w.advance(5000)
    former: list[tuple[bytes, int]] = []
    kept = b""
    for place, (notes, unsaid) in enumerate([(2, 0), (0, 0), (3, 1), (1, 0), (1, 0), (0, 0)]):
        for _ in range(notes):
            w.run("anna", w.channels["anna"].send(b"given", "note", w.now))
        w.cut("anna")
        for _ in range(unsaid):
            w.do("anna", "send", b"written offline", "note", w.now)
        r.read()
        sid, given = r.view.by_uid("anna").current.sid, r.view.standing(r.view.by_uid("anna")).notes
        former += [(sid[:4], given)] if given else []
        kept = kept or w.stored["anna"]
        w.settings["data"] = f"place {place}"
        w.add("anna", w.stored["anna"])
        w.reconnect("anna")  # with a will of the new session
        w.advance(2000)
        r.read()
        assert r.view.by_uid("anna").current.ended == tuple(former[:-4:-1]), place
    assert [given for _, given in former] == [2, 3, 2, 1]
    # A backup knows the first session alone; lost storage knows none.
    for blob, ended in ((kept, (former[0],)), (None, ())):
        w.cut("anna")
        w.add("anna", blob)
        w.reconnect("anna")
        w.advance(2000)
        r.read()
        assert r.view.by_uid("anna").current.ended == ended


def _answers(w: World, guest: Guest, publications: list[Any]) -> list[Any]:
    position = len(w.log)
    guest.say(publications)
    r = Reference(w, told=False)
    r.view.complete = False
    found = []
    for topic, frame, _ in w.log[:position]:
        if r.keys.parse_topic(topic).stream == "j":
            r.view.receive(topic, frame)
    for topic, frame, _ in w.log[position:]:
        if r.keys.parse_topic(topic).stream == "h":
            message = r.view.receive(topic, frame).what
            if isinstance(message, hs.Message) and isinstance(message.body, hs.Stale):
                found.append(message.body)
    return found


def pieces() -> None:
    """What no frame shows: the root key of a password, the fingerprint of an identity, the slot of a stored state."""
    password = "correct horse, \u00fcber battery"
    for stretch in ((), (16,)):
        ours = root_key(password, "greenhouse", *stretch)
        assert core_keys.root_key(suite_host, password.encode(), b"greenhouse", *stretch) == ours
    ours = SecretIdentity(b"s" * 32)
    theirs = core_identity.Identity(suite_host, b"s" * 32)
    assert theirs.public == ours.public.B + ours.public.E
    assert core_joins.fingerprint(suite_host, theirs.public) == ours.public.fingerprint()
    key = slot_key(b"s" * 32, "greenhouse", "anna")
    assert core_slots.key_for(suite_host, b"s" * 32, b"greenhouse", b"anna") == key
    assert core_slots.pack(suite_host, key, 7, b"state") == pack_slot(key, 7, b"state")
    assert core_slots.unpack(suite_host, key, pack_slot(key, 8, b"")) == (8, b"")


SCENARIOS: list[Callable[[], None]] = [
    pieces,
    conversations,
    guest_talks,
    unsigned_small_rings,
    *group_scenarios.SCENARIOS,
    *lost_scenarios.SCENARIOS,
    *receipt_scenarios.SCENARIOS,
    restarts,
    lost_messages,
    stale_joins,
    former_sessions,
]


if __name__ == "__main__":
    for scenario in SCENARIOS:
        if scenario.__name__ in sys.argv[2:]:
            scenario()
