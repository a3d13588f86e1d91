"""One member against the others, and whoever knows the channel's key
against the group. PROTOCOL.md 16 to 22, on CPython and MicroPython.

Each test is an attack that a review found to work; what it may cost is said in its asserts. The simulator mixes such
attacks into its stories (tests/sim/group_insider.py).
"""

from check import raises
from insider import LOW, agreement, control_of, drops, party, publish, same, three
from packed import pack_state
from room import Room
from sealcast.channel import Channel
from sealcast.crypto.keys import high_order
from sealcast.errors import NoGroup, Reject
from sealcast.smmp import agreement as formulas
from sealcast.smmp import fetch, membership, order, packages, private
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import LIVE, REJOIN, statics
from sealcast.smmp.heads import HEAD, WANT
from sealcast.smmp.outgoing import wrapped
from sealcast.smmp.ratchet import ENTERS, MAX_EPOCH
from sealcast.state import pack_places
from sealcast.stored import unpack_places
from sealcast.wire import Reader, header, u32
from sealcast.zpinc.identity import Identity
from solo import config, hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


# --- who speaks


def refused(room, ch, frame):
    """Why this member does not take a frame as the next one."""
    return raises(Reject, order.accept, ch.me, ch.others, ch.group, frame, room.now, ch.out).reason


def test_an_organizer_that_names_a_false_key_for_another_cannot_speak_as_it():
    """ann names a ratchet key of her own for cem, as one who stays
    (bob refuses) or comes in (bob takes it), and speaks as cem.
    """
    room = three()
    evil = hardware(32)

    def stays(parties):
        party(room, parties, "cem").R = suite.x25519_base(evil)

    frame, _ = agreement(room, "ann", stays)
    publish(room, "ann", "g", frame)
    room.advance(20000)
    assert drops(room, "bob")["members"] == 1 and room.members["bob"].group.state.epoch == 1

    def enters(parties):
        p = party(room, parties, "cem")
        p.number, p.K, p.R = 5 | ENTERS, suite.x25519_base(hardware(32)), suite.x25519_base(evil)

    frame, after = agreement(room, "ann", enters)
    ann, bob = room.members["ann"], room.members["bob"]
    room.run("bob", bob.receive(bob.me.topics.make(bob.group.name, "g"), wrapped(bob.me, bob.group, frame), room.now))
    assert bob.group.state.head == after.head
    at = after.tags.index(room.members["cem"].me.tag)
    keys = (after.RK, after.HK, after.NHK, after.mk, after.v, after.digest)
    as_cem = smmp.State(after.group, after.tags, after.R, at, evil, after.epoch, after.head, *keys)
    lead = b"\xff" + u32(1) + u32(1) + bytes(5)
    forged = smmp.seal(
        suite, as_cem, statics(ann.me, ann.others, ann.group), hardware(24), hardware(32), lead + b"I am cem"
    )[0]
    assert refused(room, bob, forged) == "undecryptable"
    assert not [h for h in room.heard if h[1] == "cem"]


# --- positions


def test_a_lone_claim_does_not_take_a_live_member_out():
    """bob names a position far ahead, again and again: ann and cem go on as if nothing were."""
    room = three()
    bob, ann = room.members["bob"], room.members["ann"]
    for k in range(3):
        lie = bytes(16) + b"\x01" + u32(1000 + k) + hardware(32)
        publish(room, "bob", "g", control_of(bob, HEAD, lie))
        room.pump()
        assert ann.group.phase == LIVE
        room.advance(5000)
        assert ann.group.phase == LIVE and bob.me.tag in ann.group.search.liars
    room.heard = []
    room.say("ann", b"calm")
    assert sorted(room.heard) == [("bob", "ann", b"calm", False), ("cem", "ann", b"calm", False)]
    assert not [e for e in room.events if e[1] in ("desync", "resynced", "forked")]


def test_old_words_repeated_make_no_liar():
    """bob once stood on another head, and said so; whoever recorded that says it again."""
    room = three()
    bob, ann = room.members["bob"], room.members["ann"]
    old = control_of(bob, HEAD, bytes(16) + b"\x01" + u32(ann.group.state.epoch) + hardware(32))
    publish(room, "cem", "g", old)
    room.advance(10000)
    assert same(room, "ann", "bob", "cem") and bob.me.tag not in ann.group.search.liars
    assert not [e for e in room.events if e[1] in ("desync", "resynced", "forked")]


def test_a_frame_of_the_future_from_outside_does_not_either():
    room = three()
    bob = room.members["bob"]
    for k in range(3):
        future = header(smmp.RATCHET, bob.group.id, 500 + k) + hardware(32) + hardware(64)
        publish(room, "bob", "g", future)
        room.pump()
        assert [room.members[uid].group.phase for uid in room.members] == [LIVE] * 3
        room.advance(5000)
    assert same(room, "ann", "bob", "cem") and not [e for e in room.events if e[1] in ("desync", "resynced", "forked")]


def test_who_was_led_out_by_the_only_one_that_is_live_makes_a_group_without_it():
    """bob sends a frame of the future, is the first to answer all who ask, and says nothing else: it counts as two, and
    they ask it alone to be taken in (THREATS.md). A person creates the group anew; the others follow."""
    room = Room(("ann", "bob", "cem", "dan"))
    room.do("ann", "change_group", "create", ["bob", "cem", "dan"])
    bob, honest = room.members["bob"], [room.members[uid] for uid in ("ann", "cem", "dan")]
    room.filters["bob"] = []
    publish(room, "bob", "g", header(smmp.RATCHET, bob.group.id, 500) + hardware(32) + hardware(64))
    frames, room.queue = room.queue, []
    for uid, topic, payload in frames:
        room.run(uid, room.members[uid].receive(topic, payload, room.now))
    for _ in range(40):
        theirs, room.queue = room.queue, []
        for nonce in {ch.group.search.nonces[-1] for ch in honest if ch.group.search.nonces}:
            publish(room, "bob", "g", control_of(bob, HEAD, nonce + b"\x01" + u32(501) + hardware(32)))
        room.queue += theirs  # its word comes before all others
        room.advance(250)
    assert [ch.group.phase for ch in honest] == [REJOIN] * 3
    room.do("cem", "change_group", "create", ["ann", "dan"])
    assert same(room, "ann", "cem", "dan") and bob.me.tag not in honest[0].group.tags()
    room.say("dan", b"without it")
    assert [h[:3] for h in room.heard] == [("ann", "dan", b"without it"), ("cem", "dan", b"without it")]


def test_a_liar_does_not_lead_away_who_comes_back():
    """bob answers first, with a position that nobody can have; cem, who has just connected, goes where ann is."""
    room = three()
    bob, cem = room.members["bob"], room.members["cem"]
    room.run("cem", cem.disconnected(room.now))
    room.filters["cem"] = []
    for k in range(3):
        room.say("ann", b"%d" % k)
    room.run("cem", cem.connecting(room.now))
    room.pump()
    for _ in range(8):
        for nonce in cem.group.search.nonces:
            publish(room, "bob", "g", control_of(bob, HEAD, nonce + b"\x01" + u32(900) + hardware(32)))
        room.advance(1000)
    room.advance(5000)
    assert same(room, "ann", "cem") and ("cem", "desync") not in room.events
    assert [h[2] for h in room.heard if h[0] == "cem"] == [b"0", b"1", b"2"]


def test_a_removed_member_does_not_roll_its_removal_back():
    """cem is removed by a frame at epoch 1, puts one of its own into
    that slot, and names it: as bob (forged), and as itself.
    """
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    st = cem.group.state
    g = cem.group
    lead = b"\xff" + u32(1) + u32(99) + bytes(5)
    own = smmp.seal(suite, st, statics(cem.me, cem.others, g), hardware(24), hardware(32), lead + b"still here")[0]
    head = smmp.frame_hash(suite, own)
    payload = wrapped(cem.me, g, own)
    room.do("ann", "change_group", "remove", ["cem"])
    assert g.state is None and ann.group.state.N == bob.group.state.N == 2
    slot = cem.me.topics.make(g.name, "e", st.epoch % 64)

    def claim(signer, tag, lamport):
        for nonce in ann.group.search.nonces + bob.group.search.nonces + [bytes(16)]:
            frame = control_of(signer, HEAD, nonce + b"\x01" + u32(st.epoch + 1) + head, tag, lamport)
            room.run("cem", [("publish", cem.me.topics.make(g.name, "g"), wrapped(cem.me, g, frame), False, 1, 0)])

    for uid in ("ann", "bob"):  # both look for the group anew
        ch = room.members[uid]
        room.run(uid, ch.disconnected(room.now))
        room.filters[uid] = []
        room.run(uid, ch.connecting(room.now))
    for _ in range(10):
        room.run("cem", [("publish", slot, payload, True, 1, 0)])
        claim(cem, bob.me.tag, bob.me.session.lamport)
        claim(cem, cem.me.tag, cem.me.session.lamport)
        room.advance(1000)
    assert same(room, "ann", "bob") and ann.group.state.N == 2
    assert drops(room, "ann")["bad_hmac"] and drops(room, "ann")["members"]
    assert not [e for e in room.events if e[1] == "resynced"]


def test_who_cannot_catch_up_is_taken_in_by_those_it_knew_only():
    """A stranger with the channel's key makes an agreement for a member in REJOIN, on its fresh package."""
    room = Room(("ann", "bob", "eve"))
    room.do("ann", "change_group", "create", ["bob"])
    bob, eve = room.members["bob"], room.members["eve"]
    room.filters["ann"] = []
    fetch.rejoin(bob.me, bob.others, bob.group, room.now, bob.out)
    room.run("bob", bob._finish(room.now))
    room.pump()
    known = packages.known(eve.group, bob.me.tag)
    number = max(known)
    r = hardware(32)
    parties = [formulas.Party(eve.me.tag, eve.me.identity.B, 0, None, suite.x25519_base(r))]
    parties.append(formulas.Party(bob.me.tag, bob.me.identity.B, number | ENTERS, known[number][0], known[number][1]))
    parties.sort(key=lambda p: p.tag)
    for reason, epoch, head in ((0, 7, hardware(32)), (smmp.CREATE, 0, bytes(32))):
        frame, _ = formulas.agree(
            suite, bob.group.id, epoch, head, reason, eve.me.tag, eve.me.identity.b, r, hardware(32), parties, None
        )
        publish(room, "eve", "g", frame)
        room.pump()
    assert bob.group.phase == REJOIN and drops(room, "bob")["members"] == 2
    # A person says that nobody of those is there any more: from then on bob may be taken in by anyone
    room.do("bob", "change_group", "leave", [])
    assert bob.group.state is None and ("bob", "removed") in room.events


def test_a_wish_to_rejoin_in_anothers_name_does_nothing_and_an_old_one_neither():
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    known = packages.known(ann.group, cem.me.tag)
    publish(room, "bob", "g", control_of(bob, WANT, u32(0x7FFFFFFF), cem.me.tag, cem.me.session.lamport))
    room.pump()
    assert (
        drops(room, "ann")["bad_hmac"] == 1
        and packages.known(ann.group, cem.me.tag) == known
        and ann.group.change.job is None
    )
    old = control_of(cem, WANT, u32(cem.group.packages.counter + 1))
    fetch.rejoin(cem.me, cem.others, cem.group, room.now, cem.out)
    room.run("cem", cem._finish(room.now))
    room.advance(20000)
    assert same(room, "ann", "bob", "cem")
    epoch = ann.group.state.epoch
    publish(room, "bob", "g", old)
    room.advance(20000)
    assert drops(room, "ann")["stale"] >= 1 and ann.group.state.epoch == epoch


# --- what cannot be used


def test_every_low_order_value_is_one_and_refused():
    for u in LOW + (bytes(31) + b"\x80",):
        assert suite.x25519(hardware(32), u) == bytes(32)
        assert raises(Reject, high_order, u).reason == "neutral"
    for n in range(2, 19):  # the smallest of the others, also in a spelling that is not reduced
        high_order(bytes((n,)) + bytes(31))
        high_order(bytes((0xED + n,)) + b"\xff" * 30 + b"\x7f")
    high_order(b"\x00" * 30 + b"\x01\x00")


def test_a_low_order_key_in_a_message_an_agreement_or_inside_a_private_one():
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    lead = b"\xff" + u32(1) + u32(50) + bytes(5)
    for u in LOW:
        frame = smmp.seal(
            suite, bob.group.state, statics(bob.me, bob.others, bob.group), hardware(24), hardware(32), lead, u
        )[0]
        before = ann.group.state
        assert refused(room, ann, frame) == "neutral" and ann.group.state is before
        for field in ("W", "R"):
            good, _ = agreement(room, "bob", lambda parties: None)
            at = good.find(formulas.Agreement(good).W) if field == "W" else good.find(party_R(room, good))
            bad = good[:at] + u + good[at + 32 :]
            assert raises(Reject, formulas.Agreement, bad).reason == "neutral"
    pair = ann.group.pairs[bob.me.tag]
    nonce, z = hardware(24), bytes(32)
    key = private._key(suite, pair, z, 1, bob.me.tag)
    payload = private.hint(suite, pair, 1, bob.me.tag) + suite.secretbox(key, nonce, bytes(32) + private.pad(b"x"))
    assert raises(Reject, private.open_payload, suite, pair, 1, bob.me.tag, nonce, payload).reason == "neutral"
    room.heard = []
    room.say("ann", b"all is well")
    assert len(room.heard) == 2


def party_R(room, frame):
    a = formulas.Agreement(frame)
    return a.R[a.tags.index(room.members["cem"].me.tag)]


def test_numbers_that_end():
    """An agreement at the last epoch is refused; a group that got there
    sends nothing more, stays storable, and gives way to a new one.
    """
    room = three()
    ann = room.members["ann"]
    for epoch in (MAX_EPOCH, 0x80000000, 0xFFFFFFFF):
        frame, _ = agreement(room, "ann", lambda parties: None, 0, epoch)
        assert raises(Reject, formulas.Agreement, frame).reason == "epoch"
        publish(room, "ann", "g", frame)
        room.pump()
    assert drops(room, "bob")["epoch"] == 3
    for uid in room.members:
        group = room.members[uid].group
        fields = list(group.state)
        fields[6] = MAX_EPOCH
        group.state = type(group.state)(*fields)
    assert raises(NoGroup, lambda: ann.send(b"x", "ratchet", room.now)).code == "no_group"
    room.do("ann", "change_group", "remove", ["bob"])
    assert ("ann", "group_failed") in room.events
    again = Channel(suite, config("ann", ratchet=True), pack_state(ann), hardware)
    assert again.group.state.epoch == MAX_EPOCH
    for uid in ("bob", "cem"):
        room.do(uid, "change_group", "leave", [])
    room.do("ann", "change_group", "create", ["bob"])
    room.advance(20000)
    assert ann.group.state.epoch == 1


def test_an_agreement_says_what_it_does():
    room = three()
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    for reason in (smmp.ADD, smmp.REMOVE):
        frame, _ = agreement(room, "ann", lambda parties: None, reason)
        assert refused(room, bob, frame) == "members"
    frame, _ = agreement(room, "ann", lambda parties: parties.remove(party(room, parties, "cem")), smmp.RESYNC)
    assert refused(room, bob, frame) == "members"
    assert refused(room, cem, frame) == "members" and cem.group.state is not None
    # Made by one who is not in the set, with the help of one who is
    eve = Identity(suite, hardware(32))
    st = ann.group.state
    parties = [
        membership.party(ann.me, ann.others, ann.group, tag, False, hardware(32))
        for tag in st.tags
        if tag != ann.me.tag
    ]
    parties.append(formulas.Party(b"\x55" * 16, eve.B, 0, None, suite.x25519_base(hardware(32))))
    parties.append(formulas.Party(ann.me.tag, ann.me.identity.B, 1, ann.me.identity.B, st.R[st.index]))
    parties.sort(key=lambda p: p.tag)
    frame, _ = formulas.agree(
        suite, st.group, st.epoch, st.head, smmp.ADD, b"\x55" * 16, eve.b, hardware(32), hardware(32), parties, st.v
    )
    assert refused(room, bob, frame) == "members"


# --- what must not be blocked


def test_a_member_without_packages_blocks_no_removal():
    """bob's packages are gone; he asks to be taken in again; ann
    removes cem all the same, and takes bob in when she has one.
    """
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    ann.group.packages.theirs.pop(bob.me.tag)
    membership.want(ann.group, smmp.RESYNC, [bob.me.tag], [], room.now)
    room.do("ann", "change_group", "remove", ["cem"])
    assert ("ann", "no_package") in room.events and ("cem", "removed") in room.events
    room.advance(30000)
    assert same(room, "ann", "bob") and ann.group.state.N == 2 and ann.group.change.job is None


def test_what_a_state_counts_may_be_many():
    ch = Channel(suite, config("m", ratchet=True), None, hardware)
    for k in range(300):
        ch.places.pins["m%d" % k] = bytes(64)
        ch.group.packages.floor[suite.h(16, b"", b"", b"", u32(k))] = k + 1
        ch.group.heard[suite.h(16, b"", b"", b"", u32(k))] = bytes(8)
    ch.group.change.job = (0, [bytes(16)] * 300, [])
    other = Channel(suite, config("m", ratchet=True), None, hardware)
    order.unpack(other.me, other.others, other.group, b"".join(order.pieces(ch.group)))
    assert other.group.packages.floor == ch.group.packages.floor and len(other.group.heard) == 300
    assert other.group.change.job == ch.group.change.job
    pieces = []
    pack_places(pieces, ch.me, ch.places)
    unpack_places(Reader(b"".join(pieces)), other.me, other.places)
    assert other.places.pins == ch.places.pins
