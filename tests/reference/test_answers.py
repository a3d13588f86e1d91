"""Answers to joins and presences (PROTOCOL.md section 6.4): what calls for a new session, and when one is given."""

from dataclasses import replace

import pytest
from guest import among_two

from reference import handshake as hs
from reference.encoding import Reject
from reference.joins import JUMP, MAX_LAMPORT, Stale, Standing, build_join, session_above
from reference.notes import ring_digest
from reference.presence import AWAKE, CONNECTION, LEFT, WILL_COUNTER, Presence, build_presence, next_conn
from reference.primitives import ed25519_public

SID, EPOCH = bytes(range(16)), bytes(range(16, 32))
OWN, LARGEST = Standing(SID, 5, 3 * CONNECTION + 7, 3, EPOCH, 4), 9
ANSWERS = [
    (Stale(SID, 4), "duplicate"),  # our own is above
    (Stale(SID, 5), 10),
    (Stale(SID, 77), 78),
    (Stale(SID, LARGEST + JUMP - 1), LARGEST + JUMP),
    (Stale(SID, LARGEST + JUMP), "jump"),  # nobody would take that join
    (Stale(SID, MAX_LAMPORT), "jump"),
    (Stale(SID, conn=OWN.conn), 10),
    (Stale(SID, conn=OWN.conn - 1), "duplicate"),
    (Stale(SID, conn=OWN.conn + 1), "duplicate"),
    (Stale(SID, conn=OWN.conn - CONNECTION), "duplicate"),
    (Stale(SID, conn=2**32 - 1), "duplicate"),
    (Stale(SID), "duplicate"),
    (Stale(SID, notes=3), "duplicate"),
    (Stale(SID, notes=4), 10),
    (Stale(SID, notes=2**31 - 1, epoch=EPOCH[:4]), 10),
    (Stale(SID, epoch=EPOCH[:4], said=4), "duplicate"),
    (Stale(SID, epoch=EPOCH[:4], said=5), 10),
    (Stale(SID, epoch=EPOCH[:4], said=2**32 - 1), 10),
    (Stale(SID, epoch=EPOCH[1:5], said=5), "duplicate"),
    (Stale(SID, said=5), "duplicate"),
]


@pytest.mark.parametrize(("answer", "expected"), ANSWERS)
def test_what_an_answer_calls_for(answer, expected):
    assert called_for(answer, OWN, LARGEST) == expected
    assert called_for(replace(answer, sid=bytes(16)), OWN, LARGEST) == "stale"
    assert OWN.is_not_alone(answer) == (isinstance(expected, int) and not answer.lamport)


def called_for(answer, own, largest):
    """The counter of the new session, or why there is none."""
    try:
        return session_above(answer, own, largest)
    except Reject as refused:
        return refused.reason


def test_who_has_no_epoch_has_said_nothing():
    own = replace(OWN, epoch=b"", said=0)
    assert called_for(Stale(SID, said=1), own, LARGEST) == "duplicate"


def test_the_end_of_the_counter():
    """Who has accepted it goes on there; who has not is not led there."""
    own = replace(OWN, lamport=MAX_LAMPORT)
    assert session_above(Stale(SID, MAX_LAMPORT), own, MAX_LAMPORT) == MAX_LAMPORT
    assert session_above(Stale(SID, conn=OWN.conn), own, MAX_LAMPORT) == MAX_LAMPORT
    assert called_for(Stale(SID, MAX_LAMPORT), OWN, MAX_LAMPORT - 1) == "jump"
    assert session_above(Stale(SID, MAX_LAMPORT - 1), OWN, MAX_LAMPORT - JUMP) == MAX_LAMPORT


def talking():
    """A guest in an epoch with anna and boris, in which each has said two things; and as many notes."""
    world, guest = among_two(31000)
    guest.say(guest.peer.propose(["anna", "boris"]))
    for _ in range(2):
        guest.say(guest.peer.say(b"x"))
        guest.say(guest.peer.note(b"x"))
        for mode in ("conversation", "note"):
            world.send("anna", b"y", mode)
    guest.wait(1000)
    guest.say(guest.peer.presence())
    return world, guest


def largest(guest):
    return max(m.current.lamport for m in guest.peer.view.members.values() if m.sessions)


def another(epoch, at):
    """Four bytes that begin another epoch's name, by its byte `at`."""
    return epoch[:at] + bytes((epoch[at] ^ 1,)) + epoch[at + 1 : 4]


# What stands in an answer to a member that stands so (its present session, and the largest lamport).
NOTHING = [
    ("stale", lambda own, top: Stale(bytes(16), top + 5, own.conn, own.notes + 1, own.epoch[:4], own.said + 1)),
    ("duplicate", lambda own, top: Stale(own.sid, own.lamport - 1)),
    ("jump", lambda own, top: Stale(own.sid, top + JUMP)),
    ("jump", lambda own, top: Stale(own.sid, MAX_LAMPORT)),
    ("jump", lambda own, top: Stale(own.sid, top + JUMP, conn=own.conn)),
    ("duplicate", lambda own, top: Stale(own.sid, conn=own.conn + 1)),
    ("duplicate", lambda own, top: Stale(own.sid, conn=own.conn - 1)),
    ("duplicate", lambda own, top: Stale(own.sid, conn=own.conn + CONNECTION)),
    ("duplicate", lambda own, top: Stale(own.sid, notes=own.notes)),
    ("duplicate", lambda own, top: Stale(own.sid, epoch=own.epoch[:4], said=own.said)),
    ("duplicate", lambda own, top: Stale(own.sid, epoch=another(own.epoch, 0), said=own.said + 1)),
    ("duplicate", lambda own, top: Stale(own.sid, epoch=another(own.epoch, 3), said=own.said + 1)),
    ("duplicate", lambda own, top: Stale(own.sid, said=own.said + 1)),
]
SOMETHING = {
    "lamport": lambda own, top: Stale(own.sid, own.lamport),
    "highest lamport": lambda own, top: Stale(own.sid, top + JUMP - 1),
    "conn": lambda own, top: Stale(own.sid, conn=own.conn),
    "lamport and conn": lambda own, top: Stale(own.sid, own.lamport, own.conn),
    "notes": lambda own, top: Stale(own.sid, notes=own.notes + 1),
    "most notes": lambda own, top: Stale(own.sid, notes=2**31 - 1),
    "said": lambda own, top: Stale(own.sid, epoch=own.epoch[:4], said=own.said + 1),
}


def test_what_the_core_takes_no_notice_of():
    world, guest = talking()
    anna = guest.peer.view.by_uid("anna")
    own, top = guest.peer.view.standing(anna), largest(guest)
    assert (own.notes, own.said) == (2, 2) and own.epoch
    drops = world.channels["anna"].out.drops
    for reason, make in NOTHING:
        assert called_for(make(own, top), own, top) == reason
        before = drops.get(reason, 0)
        guest.say(guest.peer.stale(make(own, top)))
        assert drops.get(reason) == before + 1
        assert anna.current.sid == own.sid
    assert not told_of_itself(world)


def told_of_itself(world):
    told = [details for _, details in world.events["anna"] if details.get("reason") == "same_uid"]
    return [(details["uid"], details["first"], details["last"]) for details in told]


@pytest.mark.parametrize("about", SOMETHING)
def test_what_the_core_begins_a_new_session_for(about):
    """One in ten seconds; it says that it is not alone, and which of its notes others may have taken for others."""
    world, guest = talking()
    anna = guest.peer.view.by_uid("anna")
    own, top = guest.peer.view.standing(anna), largest(guest)
    answer = SOMETHING[about](own, top)
    guest.say(guest.peer.stale(answer))
    guest.wait(1000)
    assert anna.current.sid != own.sid
    assert anna.current.lamport == session_above(answer, own, top)
    assert anna.current.ended == ((own.sid[:4], own.notes),)
    assert told_of_itself(world) == ([("anna", 0, 1)] if own.is_not_alone(answer) else [])
    second = anna.current
    guest.say(guest.peer.stale(Stale(second.sid, second.lamport)))
    guest.wait(1000)
    assert anna.current == second, "two in ten seconds"
    guest.wait(9000)
    guest.say(guest.peer.stale(Stale(second.sid, second.lamport)))
    guest.wait(1000)
    assert anna.current.lamport == second.lamport + 1
    assert anna.current.ended == second.ended, "the second gave nothing"


def test_the_notes_that_others_may_have_taken_for_others():
    """2K at most, the last ones."""
    world, guest = talking()
    for _ in range(40):
        world.send("anna", b"z", "note")
    guest.turn()
    own = guest.peer.view.standing(guest.peer.view.by_uid("anna"))
    guest.say(guest.peer.stale(Stale(own.sid, conn=own.conn)))
    assert told_of_itself(world) == [("anna", 10, 41)]


class Shown:
    """What the members of the core answer to what is published in the guest's name."""

    def __init__(self, world, guest):
        self.world, self.guest = world, guest

    def to(self, *publications):
        """{who answers: what}; nothing was answered in the ten seconds before."""
        self.guest.wait(10000)
        self.guest.say(self.guest.peer.presence())
        position = len(self.world.log)
        for p in publications:
            self.world.publish(p.topic, p.frame, p.retain)
        self.world.pump()
        self.guest.queue = []  # its own view would refuse some of these
        found = {}
        view = self.guest.peer.view
        for topic, frame, _ in self.world.log[position:]:
            t = view.keys.parse_topic(topic)
            if t.stream == "h":
                body = hs.parse(view.keys, t.name, frame, view.members[t.name].sessions).body
                found |= {view.members[t.name].uid: body} if isinstance(body, Stale) else {}
        return found

    def presence(self, conn, **changes):
        """One of this connection's number that counts as the guest does, but for `changes`."""
        peer = self.guest.peer
        own = peer.standing
        head = changes.get("head", own.notes)
        ring = peer.view.member(peer.name).ring
        digest = ring_digest([ring[own.sid, i] for i in range(head)], peer.K)
        p = Presence(peer.sid, 1, AWAKE, conn, 30, 0, head, digest, peer.attempt, epoch=own.epoch, said=own.said)
        frame = build_presence(peer.keys, peer.uid, replace(p, **changes), peer.draw(24), peer.seed)
        return peer.put("p", frame)


def both(answer):
    return {"anna": answer, "boris": answer}


COUNTS = [
    ({}, False),
    ({"head": 1}, True),
    ({"head": 1, "counter": 7}, True),
    ({"head": 0, "said": 0}, True),
    ({"said": 1}, True),
    ({"said": 3}, False),
    ({"epoch": bytes(16), "said": 0}, False),
    ({"epoch": bytes(16), "said": 0, "head": 1}, True),
    ({"epoch": EPOCH, "said": 1, "head": 1}, True),
    ({"epoch": EPOCH, "said": 1}, False),
]


def test_counts_that_are_answered():
    """The first presence of a connection that counts less than was had of its session: what there should be."""
    world, guest = talking()
    shown, own = Shown(world, guest), guest.peer.standing
    assert (own.notes, own.said) == (2, 2)
    for changes, answered in COUNTS:
        epoch = changes.get("epoch", own.epoch)
        answer = Stale(own.sid, notes=2, epoch=epoch[:4], said=2 if epoch == own.epoch else 0)
        conn = next_conn(guest.peer.conn, guest.peer.draw(2))
        assert shown.to(shown.presence(conn, **changes)) == (both(answer) if answered else {}), changes
        guest.peer.conn, guest.peer.counter = conn, changes.get("counter", 1)
    assert not shown.to(shown.presence(guest.peer.conn, counter=7, head=1)), "not the first of its connection"
    guest.peer.counter = 7
    conn = next_conn(guest.peer.conn, bytes(2))
    will = shown.presence(conn, counter=WILL_COUNTER, status=LEFT, head=0, epoch=bytes(16), said=0)
    assert not shown.to(will), "a last will"


def test_connections_that_are_answered():
    """An older one, and another number above the same multiple: it is named, and nothing else."""
    world, guest = talking()
    shown, peer = Shown(world, guest), guest.peer
    multiple, rest = divmod(peer.conn, CONNECTION)
    assert 0 < rest < CONNECTION - 1
    above = [multiple * CONNECTION, peer.conn - 1, peer.conn + 1, multiple * CONNECTION + CONNECTION - 1]
    for conn in (peer.conn - CONNECTION, multiple * CONNECTION - 1, rest, *above):
        answer = Stale(peer.sid, conn=conn)
        assert shown.to(shown.presence(conn, counter=9, head=1, said=1)) == both(answer), conn - peer.conn
    assert not shown.to(shown.presence(peer.conn, counter=peer.counter)), "the same again"
    for conn in ((multiple + 2) * CONNECTION - 1, (multiple + 2) * CONNECTION):
        assert not shown.to(shown.presence(conn)), "newer"
        peer.conn, peer.counter = conn, 1


def test_former_sessions_that_are_answered():
    """A presence of one, and a join older than what is known: the largest lamport, and nothing else."""
    world, guest = talking()
    shown, peer = Shown(world, guest), guest.peer
    former, presence = peer.sid, shown.presence(peer.conn, counter=9)
    peer.new_session()
    guest.say(peer.join())
    assert shown.to(presence) == both(Stale(former, largest(guest)))
    frame = build_join(peer.keys, peer.uid, peer.secret, SID, ed25519_public(SID * 2), 1, peer.K, peer.draw(24))
    assert shown.to(peer.put("j", frame, 1)) == both(Stale(SID, largest(guest)))


def test_epochs_that_are_answered():
    """Of one that is read still it says what it has; of one that is read no more, or that the member is not in, 0."""
    world, guest = talking()
    shown, peer, former = Shown(world, guest), guest.peer, guest.peer.standing.epoch
    guest.say(peer.propose(["anna", "boris"]))
    assert peer.standing.epoch != former
    for said in (2, 0):  # within a minute, and after it
        conn = next_conn(peer.conn, peer.draw(2))
        answer = Stale(peer.sid, notes=2, epoch=former[:4], said=said)
        assert shown.to(shown.presence(conn, epoch=former, said=1, head=1)) == both(answer)
        peer.conn, peer.counter = conn, 1
        for _ in range(3):
            guest.wait(20000)
            guest.say(peer.presence())
    world, guest = among_two(0)
    shown, peer = Shown(world, guest), guest.peer
    of_two = bytes.fromhex(world.channels["anna"].epoch)
    guest.say(peer.note(b"x"))
    conn = next_conn(peer.conn, peer.draw(2))
    answer = Stale(peer.sid, notes=1, epoch=of_two[:4])
    assert shown.to(shown.presence(conn, epoch=of_two, head=0)) == both(answer)


def test_one_answer_in_ten_seconds():
    """A member, whatever they are about."""
    world, guest = talking()
    shown, peer = Shown(world, guest), guest.peer
    for counts_first in (False, True):
        cases = [shown.presence(conn, counter=9) for conn in (peer.conn - CONNECTION, peer.conn ^ 1)]
        conn = next_conn(peer.conn, b"\0\0")
        cases.insert(0 if counts_first else 2, shown.presence(conn, head=1))
        before = told(world, peer)
        assert len(shown.to(*cases)) == 2
        peer.conn, peer.counter = conn, 1
        assert told(world, peer) == before + 2


def told(world, peer):
    return [peer.keys.parse_topic(topic).stream for topic, _, _ in world.log].count("h")
