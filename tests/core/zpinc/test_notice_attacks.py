"""A thief in the channel against the notice that leaves it behind. PROTOCOL.md 22, on CPython and MicroPython."""

from check import raises
from insider import LOW, package
from room import Room
from sealcast.crypto.signing import NOTICE_LABEL, PACKAGE_LABEL, seal_signed, sign_as
from sealcast.errors import NoGroup, Reject
from sealcast.smmp import packages
from sealcast.wire import NOTICE, PACKAGE, PRESENCE, header
from sealcast.zpinc import revocation
from sealcast.zpinc.identity import Identity
from sealcast.zpinc.notes import DIGEST
from sealcast.zpinc.places import notice_topic
from solo import Peer, Solo, config, hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one
ADMIN = b"\x07" * 32


def lost_room(uids=("ann", "bob", "cem", "eve")):
    """A channel with an admin; ann may have to make a notice."""
    public = suite.ed25519_public(ADMIN)
    room = Room(uids, admin=public)
    room.run("ann", room.members["ann"].disconnected(room.now))
    room.filters["ann"] = []
    room.members["ann"].places.collects = True
    room.run("ann", room.members["ann"].connecting(room.now))
    room.advance(3000)
    return room


def test_a_notice_is_opened_whatever_became_of_the_packages():
    """eve, the thief, uses up bob's packages by agreements and waits for refreshing; then she is declared lost."""
    room = lost_room()
    bob = room.members["bob"]
    room.do("eve", "change_group", "create", ["bob", "cem"])
    for _ in range(4):
        room.do("eve", "change_group", "resync", [])
        packages.renew(bob.me, bob.group, bob.out)
    assert min(bob.group.packages.mine) > 6
    room.run("ann", room.members["ann"].declare_lost("eve", ADMIN, room.now))
    root = room.members["ann"].me.root
    # all of the old place is gone
    assert bob.me.tag not in room.members["ann"].places.theirs and room.members["ann"].places.k is None
    room.pump()
    assert bob.me.root == room.members["cem"].me.root == root != room.members["eve"].me.root
    assert ("bob", "moved") in room.events and ("eve", "expelled") in room.events


def test_a_notice_that_cannot_be_opened_is_told():
    """cem loses its storage when the notice has been made: a person
    must know, or it waits at the thief's place for ever.
    """
    room = lost_room()
    cem = room.members["cem"]
    room.filters["cem"] = []
    room.run("cem", cem.disconnected(room.now))
    room.run("ann", room.members["ann"].declare_lost("eve", ADMIN, room.now))
    room.pump()
    del room.stored["cem"]
    room.switch_on("cem")
    room.advance(3000)
    assert room.events.count(("cem", "notice_unreadable")) == 1 and ("cem", "moved") not in room.events
    # Lost before the notice was made it is no matter: the new session has a new key, which ann has read
    room = lost_room()
    room.filters["cem"] = []
    del room.stored["cem"]
    room.switch_on("cem")
    room.advance(3000)
    room.run("ann", room.members["ann"].declare_lost("eve", ADMIN, room.now))
    room.pump()
    assert ("cem", "moved") in room.events


def test_a_notice_key_is_its_members_own():
    room = lost_room(("ann", "bob", "cem"))
    ann, bob, cem = [room.members[uid] for uid in ("ann", "bob", "cem")]
    true = dict(ann.places.theirs)
    assert set(true) == {bob.me.tag, cem.me.tag}
    of_bob = ann.others.by_tag[bob.me.tag]
    body = suite.x25519_base(hardware(32))
    in_his_name = package(cem, 0, body, bob.me.tag, bob.me.session.sid)
    assert raises(Reject, revocation.receive_key, ann.me, ann.places, of_bob, in_his_name).reason == "signature"
    for u in LOW:
        assert (
            raises(Reject, revocation.receive_key, ann.me, ann.places, of_bob, package(bob, 0, u)).reason == "neutral"
        )
    assert (
        raises(Reject, revocation.receive_key, ann.me, ann.places, of_bob, package(bob, 0, body + body)).reason
        == "format"
    )
    assert ann.places.theirs == true


def test_a_notice_key_of_a_session_that_was_replaced():
    anna, again = Peer("anna"), Peer("anna", 2, session=2)
    solo = Solo(ratchet=True).connect(anna.join(), again.join())
    solo.ch.places.collects = True

    def shown(peer):
        head = header(PACKAGE, peer.session.sid, 0)
        return peer.topic("k", 2), seal_signed(peer, head, peer.tag, PACKAGE_LABEL, suite.x25519_base(hardware(32)))

    solo.refuses(*(shown(anna) + ("stale",)))
    assert solo.ch.places.theirs == {}
    solo.give(*shown(again))
    assert list(solo.ch.places.theirs) == [again.tag]


def notice(me, generation, shares, removed=b"\x09" * 16, admin=ADMIN, after=b"", count=None):
    """Signed as the admin signs, whatever it says. shares: [(tag, keyed, box of 48 bytes)]. -> (topic, frame)"""
    body = suite.x25519_base(hardware(32)) + removed + bytes((len(shares) if count is None else count,))
    body += b"".join([tag + bytes((keyed,)) + box for tag, keyed, box in shares]) + after
    place = me.keys.rp[:16]
    head = header(NOTICE, place, generation)
    sig = sign_as(suite, NOTICE_LABEL, admin, suite.ed25519_public(admin), me.keys.ad(head, place), body)
    return notice_topic(me.keys, me.topics, me.channel), me.keys.seal(me.rng, head, place, body + sig)


def test_notices_that_the_admin_signed_and_that_say_nothing():
    solo = Solo(admin=suite.ed25519_public(ADMIN)).connect()
    me, box = solo.ch.me, bytes(48)
    mine = (me.tag, 0, box)
    solo.refuses(*(notice(me, 0, [mine]) + ("stale",)))  # the place's own generation
    for keyed in (2, 255):
        solo.refuses(*(notice(me, 1, [(me.tag, keyed, box)]) + ("format",)))
    solo.refuses(*(notice(me, 1, [(bytes((i,)) * 16, 0, box) for i in range(31)] + [mine]) + ("format",)))
    solo.refuses(*(notice(me, 1, [mine], after=b"\x00") + ("format",)))
    for count in (0, 2, 255):
        solo.refuses(*(notice(me, 1, [mine], count=count) + ("format",)))
    assert solo.ch.places.generation == 0 and not solo.ch.places.old


def test_a_notice_of_somebody_else_and_one_where_there_is_no_admin():
    solo = Solo(admin=suite.ed25519_public(ADMIN)).connect()
    solo.refuses(*(notice(solo.ch.me, 1, [(solo.ch.me.tag, 0, bytes(48))], admin=b"\x08" * 32) + ("signature",)))
    without = Solo().connect()
    without.refuses(*(notice(without.ch.me, 1, [(without.ch.me.tag, 0, bytes(48))]) + ("signature",)))
    assert without.ch.me.root == solo.ch.me.root and not without.event("moved")


def test_an_identity_of_low_order_blocks_nothing():
    """Nothing could be sealed to it: neither a notice nor an
    agreement could be made with such a member in the channel.
    """
    solo = Solo(ratchet=True).connect()
    for u in LOW:
        mallory = Peer("mallory")
        mallory.identity.B = u
        solo.refuses(*(mallory.join() + ("neutral",)))
    assert [uid for uid, _ in solo.ch.members] == ["solo"]


def test_who_is_in_the_roster_and_has_never_joined_gets_the_new_key():
    """dan was provisioned, and has slept since: it comes to the old place, and is led on."""
    dan = Identity(suite, config("dan")["identity"])
    room = lost_room(("ann", "bob", "eve"))
    room.members["ann"].me.roster = {"dan": dan.public}
    room.run("ann", room.members["ann"].declare_lost("eve", ADMIN, room.now))
    room.pump()
    root = room.members["ann"].me.root
    assert ("bob", "moved") in room.events and room.members["ann"].places.old[0].waiting == {"dan"}
    room.switch_on("dan")
    room.pump()
    assert room.members["dan"].me.root == root


def test_a_thief_that_joined_under_a_second_name_is_out_too():
    """The admin says who stays; several go at once. Whoever else has joined, by whatever name, gets no key."""
    room = lost_room(("ann", "bob", "eve", "eva"))
    ann = room.members["ann"]
    for wrong in (["bob", "eve"], ["bob", "nobody"]):
        raises(NoGroup, ann.declare_lost, "eve", ADMIN, room.now, wrong)
    room.run("ann", ann.declare_lost("eve", ADMIN, room.now, ["bob"]))
    room.pump()
    assert room.members["bob"].me.root == ann.me.root
    for uid in ("eve", "eva"):
        assert (uid, "expelled") in room.events and room.members[uid].me.root != ann.me.root


def test_what_is_said_at_the_old_place_fills_no_memory():
    """The thief says there what it likes in the names of those who are still waited for, in the longest frames."""
    room = lost_room()
    ann, eve = room.members["ann"], room.members["eve"]
    for uid in ("bob", "cem"):
        room.power_cut(uid)
    room.run("ann", ann.declare_lost("eve", ADMIN, room.now))
    room.pump()
    old, answers = ann.places.old[0], 0
    for uid in ("bob", "cem"):
        name = eve.me.keys.name(uid.encode())
        frame = eve.me.keys.seal(eve.me.rng, header(PRESENCE, hardware(16), 1), name[:16], bytes(2338))
        for _ in range(2):
            room.now += 2100
            effects = ann.receive(eve.me.topics.make(name, "p"), frame, room.now)
            answers += len([e for e in effects if e[0] == "publish" and e[2] == old.notice])
    assert answers == 2 and sum([len(kept) for kept in old.answered.values()]) == 2 * DIGEST


def test_names_that_a_stranger_has_filled_the_channel_with_are_no_obstacle():
    solo = Solo(admin=suite.ed25519_public(ADMIN), ring=4)
    peers = [Peer("stranger%d" % i, i + 1) for i in range(33)]
    solo.connect(*[p.join() for p in peers])
    raises(NoGroup, solo.ch.declare_lost, "stranger0", ADMIN, solo.now)
    effects = solo.ch.declare_lost("stranger0", ADMIN, solo.now, ["stranger7"])
    notices = [e[2] for e in effects if e[0] == "publish" and e[1].endswith("/x")]
    assert len(notices) == 1 and len(notices[0]) < 400  # a share for one
    assert solo.ch.places.generation == 1
