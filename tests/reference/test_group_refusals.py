"""The core and the reference refuse the same frames of a group, under the same names, and the group goes on."""

import random
from dataclasses import replace

import group_refusals
import notice_refusals
import pytest
from guest import Guest
from lost_scenarios import ADMIN
from ref_world import CHANNEL, ROOT, Reference, World, identity_secret
from refusals import flipped

from reference import agreement as ag
from reference.control import Head
from reference.encoding import Reject
from reference.group_peer import GroupPeer
from reference.known import Known
from reference.names import ChannelKeys
from reference.notice import parse_notice
from reference.peer import Peer
from reference.primitives import ed25519_public
from reference.ratchet import APPLICATION, PRIVATE, Message
from reference.smmp import Commanded, Unsaid


@pytest.fixture
def grouped():
    """A guest in a group with two members of the core; a third is in the channel only."""
    world = World()
    for uid in ("anna", "boris", "clara"):
        world.add(uid)
    world.advance(5000)
    guest = Guest(world)
    guest.arrive()
    guest.wait(5000)
    guest.say(guest.group.organize(ag.CREATE, ["anna", "boris"]))
    guest.wait(2000)
    guest.say(guest.group.send(b"hello"))
    guest.wait(1000)
    world.do("anna", "change_group", "resync", [], world.now)  # so that a package of the guest is used
    guest.wait(6000)
    return world, guest


def judge_of(world, guest):
    """Who has read everything, and knows everybody's secrets: what is refused by anyone it refuses."""
    for name in ("identities", "seeds", "x"):
        getattr(world.known, name).update(getattr(guest.peer.known, name))
    reference = Reference(world)
    reference.view.complete = False
    reference.read()
    return reference


def refused(reference, topic, frame):
    parsed = reference.view.keys.parse_topic(topic)
    reader = reference.groups[parsed.name] if parsed.stream == "g" else reference.view
    with pytest.raises(Reject) as found:
        reader.receive(topic, frame)
    return found.value.reason


@pytest.mark.parametrize("cases", group_refusals.QUIET, ids=lambda cases: cases.__name__)
def test_quiet_refusals(grouped, cases):
    """Dropped and counted; nothing is stored, nothing is said."""
    world, guest = grouped
    reference = judge_of(world, guest)
    core = world.channels["anna"]
    count = 0
    for what, reason, topic, frame in cases(group_refusals.GroupForge(guest, world.known)):
        assert refused(reference, topic, frame) == reason, what
        before, stored, log = dict(core.out.drops), world.stored["anna"], len(world.log)
        world.run("anna", core.receive(topic, frame, world.now))
        assert {r: n for r, n in core.out.drops.items() if n != before.get(r, 0)} == {
            reason: before.get(reason, 0) + 1
        }, what
        assert world.stored["anna"] == stored, what
        assert len(world.log) == log, f"{what}: it was answered"
        count += 1
    assert count >= 16
    guest.say(guest.group.send(b"still here"))
    assert bytes(world.messages["anna"][-1].body) == b"still here"


@pytest.mark.parametrize("cases", group_refusals.ASKED, ids=lambda cases: cases.__name__)
def test_refusals_that_make_ask(grouped, cases):
    """One who knows v has made these for some to take and others not (18.1): refused, asked, and the group goes on."""
    world, guest = grouped
    reference = judge_of(world, guest)
    core = world.channels["anna"]
    where = guest.group.state
    asked = 0
    forge = group_refusals.GroupForge(guest, world.known)
    for what, reason, topic, frame in cases(forge):
        assert refused(reference, topic, frame) == reason, what
        before = dict(core.out.drops)
        core.group.untaken = None  # it asks once for a state
        world.run("anna", core.receive(topic, frame, world.now))
        assert {r: n for r, n in core.out.drops.items() if n != before.get(r, 0)} == {
            reason: before.get(reason, 0) + 1
        }, what
        guest.wait(3000)
        asked += any(s.what.sender == "anna" for s in reference.read() if isinstance(s.what, Commanded))
        assert guest.group.state == where, what
    assert asked >= 8
    guest.say(guest.group.send(b"still here"))
    assert [bytes(world.messages[uid][-1].body) for uid in ("anna", "boris")] == [b"still here"] * 2


def test_package_of_an_older_session(grouped):
    """A package that was good goes with its session: nobody brings it back."""
    world, guest = grouped
    reference = judge_of(world, guest)
    topic, frame = next((t, f) for t, f, _ in reversed(world.log) if t == reference.keys.topic(guest.peer.name, "k", 0))
    guest.peer.new_session()
    guest.say(guest.peer.join())
    reference.read()
    core, before = world.channels["anna"], world.channels["anna"].out.drops.get("stale", 0)
    assert refused(reference, topic, frame) == "stale"
    world.run("anna", core.receive(topic, frame, world.now))
    assert core.out.drops["stale"] == before + 1


def test_notices():
    """What is no notice moves nobody."""
    world = World(admin=ed25519_public(ADMIN))
    reference = Reference(world)
    for uid in ("anna", "boris", "clara"):
        world.add(uid)
    world.advance(5000)
    reference.read()
    core, topic = world.channels["anna"], reference.keys.topic(reference.keys.notice_name(), "x")
    for what, reason, frame in notice_refusals.cases(reference):
        with pytest.raises(Reject) as found:
            parse_notice(reference.keys, world.settings["admin"], frame)
        assert found.value.reason == reason, what
        before, stored = dict(core.out.drops), world.stored["anna"]
        world.run("anna", core.receive(topic, frame, world.now))
        assert {r: n for r, n in core.out.drops.items() if n != before.get(r, 0)} == {
            reason: before.get(reason, 0) + 1
        }, what
        assert world.stored["anna"] == stored, what
    assert "moved" not in [name for name, _ in world.events["anna"]]


def test_packages_of_31_members():
    """Of more members than that none is kept (16.1), but for those of the group, who displace others."""
    world = World(ring=8)
    world.add("anna")
    world.advance(5000)
    keys = ChannelKeys(ROOT, CHANNEL)
    reader, core, last = Peer(keys, "reader", bytes(32), random.Random(0).randbytes, 8), world.channels["anna"], None
    for n in range(32):
        peer = Peer(keys, f"m{n}", bytes((n,)) * 32, random.Random(n).randbytes, 8)
        for p in peer.join():
            reader.receive(p.topic, p.frame)
            world.run("anna", core.receive(p.topic, p.frame, world.now))
        for last in GroupPeer(peer, "main").packages():
            world.run("anna", core.receive(last.topic, last.frame, world.now))
            if n < 31:
                reader.receive(last.topic, last.frame)
    assert core.out.drops == {"full": 2}
    assert refused(reader, last.topic, last.frame) == "full"
    reader.view.grouped = {keys.name("m31")[:16]}
    reader.receive(last.topic, last.frame)
    assert [len(reader.view.by_uid(uid).present_packages()) for uid in ("m0", "m1", "m31")] == [0, 2, 1]


def test_messages_that_are_none(grouped):
    """A malformed m, a private payload that does not open or whose T
    is of low order: the frame is taken, nothing is handed over.
    """
    world, guest = grouped
    core, peer, tag = world.channels["anna"], guest.peer, guest.peer.name[:16]
    anna = peer.keys.name("anna")[:16]
    forge = group_refusals.GroupForge(guest, world.known)

    def tell(m, nonce=None):
        """Say any m. -> what it changed of anna's drops, and the events that she told of it"""
        drops, events, heard = dict(core.out.drops), len(world.events["anna"]), len(world.messages["anna"])
        epoch = guest.group.state.epoch
        guest.say([guest.group.put("g", forge.message(m=m, nonce=nonce))])
        assert guest.group.state.epoch == epoch + 1
        assert len(world.messages["anna"]) == heard
        guest.wait(500)
        changed = {r: n - drops.get(r, 0) for r, n in core.out.drops.items() if n != drops.get(r, 0)}
        return changed, [name for name, _ in world.events["anna"][events:] if name != "dropped"]

    def numbered(kind, text):
        guest.group.count += 1
        return Message(kind, peer.lamport, guest.group.count, text)

    front = numbered(APPLICATION, b"").pack()
    for m in (b"", b"\xff", front[:8], b"\x03" + front[1:], b"\x00" + front[1:], front + bytes(1151)):
        assert tell(m)[0] == {"format": 1}, m
        assert isinstance(guest.group.last.what, Unsaid)
    pair, state = guest.group.view.pairs[tag, anna], guest.group.state
    nonce, t = peer.draw(24), peer.draw(32)
    good = pair.build(state.epoch, tag, nonce, t, b"psst")
    changed, events = tell(numbered(PRIVATE, flipped(good, 20)).pack(), nonce)
    assert "message_undecryptable" in events, (changed, events)
    for T in group_refusals.LOW:
        state, nonce = guest.group.state, peer.draw(24)
        payload = pair.build(state.epoch, tag, nonce, t, b"psst", T)
        with pytest.raises(Reject, match="neutral"):
            pair.open(state.epoch, tag, nonce, payload)
        changed, events = tell(numbered(PRIVATE, payload).pack(), nonce)
        assert "message_undecryptable" in events, (changed, events)
    guest.say(guest.group.send(b"still here"))
    assert bytes(world.messages["anna"][-1].body) == b"still here"


def test_nobody_speaks_under_our_tag(grouped):
    """A control frame under a member's own tag that it did not make is dropped, not even counted (18.2)."""
    world, guest = grouped
    judge_of(world, guest)
    anna = guest.peer.view.by_uid("anna")
    forge = group_refusals.GroupForge(guest, world.known)
    lie = Head(bytes(16), 1, guest.group.state.epoch + 3, b"h" * 32)
    topic, payload = forge.control(
        lie, lamport=anna.current.lamport, vouched=forge.vouch("anna"), tag=anna.tag
    )
    core = world.channels["anna"]
    before, stored, log = dict(core.out.drops), world.stored["anna"], len(world.log)
    world.run("anna", core.receive(topic, payload, world.now))
    assert (core.out.drops, world.stored["anna"], len(world.log)) == (before, stored, log)
    own = forge.control(lie)
    guest.group.asked.clear()
    assert guest.group.receive(*own) == []


def test_who_takes_us_in_again(grouped):
    """Who lost its place takes an agreement from an organizer of the
    set it last knew only, and none older than its own (16.4).
    """
    world, guest = grouped
    judge_of(world, guest)
    world.do("anna", "change_group", "rejoin", [], world.now)
    guest.turn()
    forge = group_refusals.GroupForge(guest, world.known)
    guest.group.coming = frozenset({"anna"})
    parties = forge.parties(("anna", "boris"))
    R = guest.group.state.R[guest.group.index()]
    frame = forge.agreement(ag.ADD, parties | {forge.tag: ag.Party(0, R, R)}, "clara")
    core = world.channels["anna"]
    before = dict(core.out.drops)
    world.run("anna", core.receive(*forge.live(frame), world.now))
    assert {r: n for r, n in core.out.drops.items() if n != before.get(r, 0)} == {
        "members": before.get("members", 0) + 1
    }
    reference = judge_of(world, guest)
    (group,) = reference.groups.values()
    group.give_up()
    assert refused(reference, *forge.live(frame)) == "members"
    old = forge.agreement(ag.RESYNC, parties)
    old = old[:18] + (1).to_bytes(4, "big") + old[22:]
    assert refused(reference, *forge.live(old)) == "late"
    before = dict(core.out.drops)
    world.run("anna", core.receive(*forge.live(old), world.now))
    assert {r: n for r, n in core.out.drops.items() if n != before.get(r, 0)} == {"late": before.get("late", 0) + 1}
    guest.say(guest.group.organize(ag.RESYNC, ["anna", "boris"]))
    guest.wait(5000)
    guest.say(guest.group.send(b"again"))
    guest.wait(1000)
    assert bytes(world.messages["anna"][-1].body) == b"again"


def test_lies_about_numbers(grouped):
    """Who is named with a number that it has not made goes on
    counting from there; who is not concerned takes the agreement.
    """
    world, guest = grouped
    judge_of(world, guest)
    forge, core = group_refusals.GroupForge(guest, world.known), world.channels["anna"]
    anna, boris = guest.peer.view.by_uid("anna"), guest.peer.view.by_uid("boris")
    parties = forge.parties(("anna", "boris"))

    def nine_more(tag):
        return {tag: replace(parties[tag], number=parties[tag].number + 9)}

    world.run("anna", core.receive(*forge.live(forge.agreement(ag.RESYNC, parties | nine_more(anna.tag))), world.now))
    assert core.out.drops["package"] == 1
    guest.wait(3000)
    assert [p.number for p in anna.present_packages()] == [parties[anna.tag].number + 10, parties[anna.tag].number + 11]

    R, last = guest.group.state.R[guest.group.index()], guest.group.own[-1].number
    by_anna = {forge.tag: ag.Party(last + 9, R, R), boris.tag: parties[boris.tag]}
    answer = guest.group.receive(*forge.live(forge.agreement(ag.RESYNC, by_anna, "anna")))
    assert [package.number for package in guest.group.own] == [last + 10, last + 11] and len(answer) == 2
    far = {forge.tag: ag.Party(last + 11 + 65, R, R), boris.tag: parties[boris.tag]}
    with pytest.raises(Reject, match="package"):
        guest.group.receive(*forge.live(forge.agreement(ag.RESYNC, far, "anna")))

    reference = Reference(world)
    reference.view.complete = False
    reference.view.known = Known()
    reference.view.known.identities["anna"], reference.view.known.x = world.known.identities["anna"], world.known.x
    reference.read()
    lie = forge.live(forge.agreement(ag.RESYNC, parties | nine_more(boris.tag) | forge.parties(("anna",))))
    (group,) = reference.groups.values()
    assert group.receive(*lie).what.by == ("anna",)
    events = len(world.events["anna"])
    world.run("anna", core.receive(*lie, world.now))
    assert "group" in [name for name, _ in world.events["anna"][events:]]


def test_outside(grouped):
    """Who is in no group looks at nothing of it but an agreement that takes it in, as one who enters (16.4)."""
    world, guest = grouped
    judge_of(world, guest)
    forge, core = group_refusals.GroupForge(guest, world.known), world.channels["clara"]
    parties = forge.parties(("anna", "boris"))
    ((tag, party),) = forge.parties(("clara",)).items()
    outsider = GroupPeer(Peer(guest.peer.keys, "clara", identity_secret("clara"), random.Random(9).randbytes), "main")
    frames = [
        forge.agreement(ag.ADD, parties | {tag: replace(party, number=party.number - ag.ENTERS)}),
        forge.agreement(ag.RESYNC, parties),
    ]
    before = core.out.drops["outside"]
    for count, frame in enumerate([*frames, forge.message()], before + 1):
        world.run("clara", core.receive(*forge.live(frame), world.now))
        assert core.out.drops["outside"] == count
        with pytest.raises(Reject, match="outside"):
            outsider.receive(*forge.live(frame))
