"""Somebody publishes key packages under another member's name, or
lies about them. PROTOCOL.md 16.1, on CPython and MicroPython.
"""

from check import raises
from insider import LOW, agreement, package, party, publish, same, three
from room import Room, full
from sealcast.channel import Channel
from sealcast.errors import Reject
from sealcast.smmp import packages
from sealcast.smmp import ratchet as smmp
from sealcast.wire import PACKAGE, header
from sealcast.zpinc.me import MySession
from solo import config, hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


def refused(ch, member, frame):
    before = dict(ch.group.packages.theirs), dict(ch.group.packages.floor)
    reason = raises(Reject, packages.receive, ch.me, ch.group, member, frame).reason
    assert (ch.group.packages.theirs, ch.group.packages.floor) == before
    return reason


def test_nobody_but_its_maker_adds_to_a_members_packages():
    room = Room(("ann", "bob", "cem"))
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    of_cem = ann.others.by_tag[cem.me.tag]
    true = packages.known(ann.group, cem.me.tag)
    assert sorted(true) == [1, 2]
    unsigned = bob.me.keys.seal(bob.me.rng, header(PACKAGE, cem.me.session.sid, 9), cem.me.tag, bytes(range(64)))
    assert refused(ann, of_cem, unsigned) == "format"
    assert refused(ann, of_cem, package(bob, 9, None, cem.me.tag, cem.me.session.sid)) == "signature"
    assert refused(ann, of_cem, package(cem, 0x80000000)) == "format"
    assert refused(ann, of_cem, package(cem, 2)) == "duplicate"
    for u in LOW:
        assert refused(ann, of_cem, package(cem, 9, u + cem.me.identity.B)) == "neutral"
        assert refused(ann, of_cem, package(cem, 9, cem.me.identity.B + u)) == "neutral"
    # Under the session that cem takes next, which bob cannot sign for, either
    old = cem.me.session
    cem.me.session = MySession(suite, old.lamport + 5, hardware(16), hardware(32))
    assert refused(ann, of_cem, package(cem, 1)) == "unknown"
    cem.me.session = old
    assert packages.known(ann.group, cem.me.tag) == true


def test_others_packages_take_bounded_room_and_the_groups_own_come_first():
    ch = full(Channel(suite, config("m", ratchet=True), None, hardware), 40)
    ch.me.session = MySession(suite, 1, hardware(16), hardware(32))
    p = ch.group.packages
    frames = {}
    for m in ch.others.by_tag.values():
        m.sessions = [ch.me.session]  # one key signs for all: it is the room that is looked at
        frames[m.tag] = package(ch, 1, None, m.tag)
    tags = sorted(frames)
    for tag in tags[1:32]:
        packages.receive(ch.me, ch.group, ch.others.by_tag[tag], frames[tag])
    assert len(p.theirs) == 31 and refused(ch, ch.others.by_tag[tags[35]], frames[tags[35]]) == "full"
    keys = [hardware(32) for _ in range(6)]
    two = [tags[0], tags[31]]
    ch.group.state = smmp.State(ch.group.id, two, [hardware(32)] * 2, 0, hardware(32), 1, hardware(32), *keys)
    packages.receive(ch.me, ch.group, ch.others.by_tag[tags[0]], frames[tags[0]])
    assert len(p.theirs) == 31 and tags[0] in p.theirs and tags[31] in p.theirs


def test_a_lie_about_anothers_packages_does_not_keep_its_true_ones_out():
    room = three()
    cem = room.members["cem"]

    def lie(parties):
        p = party(room, parties, "cem")
        p.number, p.K = 60, suite.x25519_base(hardware(32))

    frame, _ = agreement(room, "ann", lie)
    publish(room, "ann", "g", frame)
    room.advance(60000)
    bob = room.members["bob"]
    known = packages.known(bob.group, cem.me.tag)
    assert known and min(known) > 60 and cem.group.packages.counter > 60
    assert same(room, "bob", "cem")
