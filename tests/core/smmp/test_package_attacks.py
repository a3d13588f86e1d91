"""Somebody publishes key packages under another member's name, or
lies about them. PROTOCOL.md 16.1, on CPython and MicroPython.
"""

from check import raises
from insider import LOW, agreement, package, party, publish, same, three
from room import Room, full
from sealcast.channel import Channel
from sealcast.errors import Reject
from sealcast.smmp import outgoing, packages
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import REJOIN, Pending
from sealcast.wire import AGREEMENT, PACKAGE, header
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


def test_higher_and_higher_lies_do_not_lock_a_member_out_once_the_liar_is_gone():
    """Twelve agreements within a second: others take for used what cem will not have made for hours, two by two."""
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]

    def lie(parties):
        p = party(room, parties, "cem")
        floor = bob.group.packages.floor.get(cem.me.tag, 0)
        p.number = max(list(packages.known(bob.group, cem.me.tag)) + [floor]) + packages.BELIEVED
        p.K = suite.x25519_base(hardware(32))

    for _ in range(12):
        frame, after = agreement(room, "ann", lie)
        outgoing.submit(ann.me, ann.group, Pending(AGREEMENT, frame, None, None, None, after), room.now, ann.out)
        room.run("ann", ann._finish(room.now))
        room.pump()
    floor = bob.group.packages.floor[cem.me.tag]
    assert floor > 700 and cem.group.packages.counter < 100
    room.do("bob", "change_group", "remove", ["ann"])
    room.advance(240000)
    assert cem.group.packages.counter > floor and same(room, "bob", "cem")


def test_who_asks_in_vain_for_years_keeps_numbers_enough():
    """Nobody will answer who was taken out while it was away."""
    room = three()
    cem = room.members["cem"]
    room.run("cem", cem.change_group("rejoin", [], room.now))
    room.queue = []
    room.filters["cem"] = [f for f in room.filters["cem"] if "/g" not in f and "/e" not in f]
    p = cem.group.packages
    for uid in ("ann", "bob"):
        room.members[uid].group.packages.floor[cem.me.tag] = 1 << 30
    before = p.counter
    room.advance(600000)
    assert 65000 < p.counter - before < 66000 and cem.group.phase == REJOIN
    room.advance(600000)
    assert p.counter - before < 66000 and len(p.mine) <= 4
    p.counter = smmp.MAX_NUMBER - 70
    for wants in (10, 1):
        packages.leap(cem.group, wants)
        assert p.counter == smmp.MAX_NUMBER - 70
    # Nobody is there to answer: no leap
    room.power_cut("ann"), room.power_cut("bob")
    p.counter, cem.group.search.wants = before, 0
    room.advance(600000)
    assert p.counter - before < 64
