"""What must be gone, stored or proven before something else happens, each by itself. PROTOCOL.md 9.2, 16.1, 18.3, 18.5,
22.

Mutants of these rules are in tests/core/cpython/test_rule_mutants.py.
"""


from insider import agreement, control_of, party, publish, three
from room import Room
from sealcast.effects import PUBLISH, STORE
from sealcast.smmp import packages, sync
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import LIVE, REJOIN, statics
from sealcast.smmp.heads import ASK
from sealcast.smmp.outgoing import wrapped
from sealcast.smmp.packages import BELIEVED
from sealcast.wire import u32
from solo import Peer, Solo, hardware, suite

ADMIN = b"\x07" * 32
HEAP = "heapsize=700k"  # for the members, their broker and the cases in one


def test_who_waits_to_rejoin_holds_no_keys():
    room = three()
    bob = room.members["bob"]
    st = bob.group.state
    held = [st.r, st.RK, st.HK, st.NHK, st.mk, st.v] + [pair[:32] for pair in bob.group.pairs.values()]
    effects = bob.change_group("rejoin", [], room.now)
    stored = b"".join([e for e in effects if e[0] == STORE][0][1])
    assert bob.group.phase == REJOIN and not [key for key in held if key in stored]


def test_a_lost_member_is_not_pinned_at_the_new_place():
    """Nor when it was pinned at an earlier place, and never seen since."""
    room = Room(("ann", "bob", "eve"), admin=suite.ed25519_public(ADMIN))
    for uid in ("ann", "bob"):
        room.members[uid].places.pins["eve"] = room.members["eve"].me.identity.public
    room.run("ann", room.members["ann"].declare_lost("eve", ADMIN, room.now))
    room.pump()
    for uid, other in (("ann", "bob"), ("bob", "ann")):
        assert other in room.members[uid].places.pins and "eve" not in room.members[uid].places.pins


def test_the_rank_of_a_handshake_is_stored_before_the_share_leaves():
    anna = Peer("anna")
    solo = Solo().connect(anna.join())
    solo.give(*anna.presence())
    effects = solo.give(*anna.propose(anna.proposal(solo, 9)))
    kinds = [e[0] for e in effects if e[0] in (STORE, PUBLISH)]
    assert kinds[:2] == [STORE, PUBLISH]
    assert Solo(blob=solo.blob).ch.epochs.rank == (9, anna.tag)


def test_an_agreement_uses_up_no_number_of_anothers_packages_that_was_never_near():
    room = three()
    ann, cem = room.members["ann"], room.members["cem"]
    believed = max(packages.known(ann.group, cem.me.tag)) + BELIEVED

    def far(parties):
        party(room, parties, "cem").number = believed + 1

    frame, _ = agreement(room, "bob", far)
    publish(room, "bob", "g", frame)
    room.pump()
    assert ann.group.packages.floor.get(cem.me.tag, 0) <= believed


def test_who_doubts_stays_live_for_a_frame_in_the_slot_that_no_member_made():
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    st = ann.group.state
    claim = control_of(bob, ASK, bytes(16) + u32(st.epoch + 3) + bytes(32))
    topic = ann.me.topics.make(ann.group.name, "g")
    ann.receive(topic, wrapped(bob.me, bob.group, claim), room.now)
    assert ann.group.search.stage == sync.DOUBT and ann.group.phase == LIVE
    both = statics(ann.me, ann.others, ann.group)
    frame, _ = smmp.seal(suite, st, both, hardware(24), hardware(32), b"\xff" + bytes(9))
    false = frame[:-1] + bytes((frame[-1] ^ 1,))
    slot = ann.me.topics.make(ann.group.name, "e", st.epoch % 64)
    ann.receive(slot, wrapped(bob.me, bob.group, false), room.now)
    assert ann.out.drops.get("bad_hmac") == 1
    assert ann.group.phase == LIVE and ann.group.search.stage == sync.DOUBT
