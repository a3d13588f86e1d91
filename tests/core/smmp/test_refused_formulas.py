"""What the group's formulas refuse, whoever asks them: frames made
anew under the right keys, each with one thing wrong.

PROTOCOL.md 16, 17 and 20, on CPython and MicroPython. Pure functions; a member's state is as it was.
"""

from check import raises
from insider import agreement, party, three
from room import packed
from sealcast.crypto.keys import dh
from sealcast.errors import Reject
from sealcast.smmp import agreement as formulas
from sealcast.smmp import membership, order, private
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import static, statics
from sealcast.smmp.ratchet import ENTERS
from sealcast.wire import u32
from sealcast.zpinc.identity import Identity
from solo import hardware, suite

HEAP = "heapsize=700k"  # for the members, their broker and the cases in one
STRANGER = b"\x55" * 16


def refused(room, uid, frame):
    """Why this member does not take a frame as the next one; it is where it was."""
    ch = room.members[uid]
    before = ch.group.state, packed(ch.group)
    reason = raises(Reject, order.accept, ch.me, ch.others, ch.group, frame, room.now, ch.out).reason
    assert (ch.group.state, packed(ch.group)) == before
    return reason


def closed(frame, st, at, value):
    """The frame with other bytes at this place, under the group's mac again."""
    body = frame[: -smmp.TAG]
    return smmp.close(suite, body[:at] + value + body[at + len(value) :], st.v)


def message():
    """A group of three, and a message of bob that ann has not seen. -> (room, ann's statics, her state, frame)"""
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]
    lead = b"\xff" + u32(1) + u32(50) + bytes(5)
    st = bob.group.state
    frame = smmp.seal(suite, st, statics(bob.me, bob.others, bob.group), hardware(24), hardware(32), lead + b"x")[0]
    return room, statics(ann.me, ann.others, ann.group), ann.group.state, frame


def test_a_message_that_is_wrong_in_one_place():
    room, static_of, st, frame = message()

    def says(wrong):
        return raises(Reject, smmp.open_frame, suite, st, static_of, wrong).reason

    n = 54  # where j and N stand
    size_at = 56 + smmp.HEADER_BOX * (st.N - 1) + 24
    assert says(frame[:-1] + bytes((frame[-1] ^ 1,))) == "bad_hmac"
    for at, value in ((2, bytes(16)), (18, u32(st.epoch + 1)), (22, bytes(32))):
        assert says(closed(frame, st, at, value)) == "epoch"
    for at, value in ((n, bytes((st.N,))), (n, b"\xff"), (n, bytes((st.index,))), (n + 1, bytes((st.N + 1,)))):
        wrong = closed(frame, st, at, value)
        assert says(wrong) == "members" and refused(room, "ann", wrong) == "members"
    assert raises(Reject, smmp.open_frame, suite, st, static_of, frame, hardware(32)).reason == "members"  # not ours
    for short, reason in ((b"", "epoch"), (frame[:22], "epoch"), (frame[:53], "epoch"), (frame[:55], "bad_hmac")):
        assert says(short) == reason
    size = int.from_bytes(frame[size_at : size_at + 2], "big")
    for other in (0, size - 1, size + 1, 0xFFFF):
        wrong = closed(frame, st, size_at, other.to_bytes(2, "big"))
        assert says(wrong) == "format" and refused(room, "ann", wrong) == "format"
    cut = smmp.close(suite, frame[: size_at + 1], st.v)
    assert says(cut) == "format" and refused(room, "ann", cut) == "format"
    assert smmp.open_frame(suite, st, static_of, frame)[1][14:] == b"x"


def test_nothing_is_sealed_to_a_key_of_low_order():
    room, static_of, st, _ = message()
    assert raises(Reject, dh, suite, st.r, bytes(32)).reason == "neutral"
    assert raises(Reject, dh, suite, st.r, b"\x01" + bytes(31)).reason == "neutral"
    other = 1 - st.index if st.index < 2 else 0
    R = st.R.replaced(other, bytes(32))
    keys = (st.RK, st.HK, st.NHK, st.mk, st.v, st.digest)
    weak = smmp.State(st.group, st.tags, R, st.index, st.r, st.epoch, st.head, *keys)
    assert raises(Reject, smmp.seal, suite, weak, static_of, hardware(24), hardware(32), b"x").reason == "neutral"


def test_a_private_message_that_is_none():
    room, _, st, _ = message()
    pair = room.members["ann"].group.pairs[room.members["bob"].me.tag]
    sender, nonce = room.members["bob"].me.tag, hardware(24)
    good = private.seal(suite, pair, 1, sender, nonce, hardware(32), b"hello")

    def says(epoch, by, with_nonce, payload):
        return raises(Reject, private.open_payload, suite, pair, epoch, by, with_nonce, payload).reason

    assert says(1, sender, nonce, good[:-1] + bytes((good[-1] ^ 1,))) == "undecryptable"
    assert says(2, sender, nonce, good) == "undecryptable"
    assert says(1, STRANGER, nonce, good) == "undecryptable"
    assert says(1, sender, bytes(24), good) == "undecryptable"
    key = private._key(suite, pair, bytes(32), 1, sender)
    for size in (0, 31):
        short = good[: private.HINT] + suite.secretbox(key, nonce, bytes(size))
        assert says(1, sender, nonce, short) == "undecryptable"
    for size in range(private.HINT, private.HINT + 16):  # no box at all
        assert says(1, sender, nonce, good[:size]) == "undecryptable"
    assert private.open_payload(suite, pair, 1, sender, nonce, good)[0] == b"hello"


def test_an_agreement_that_no_honest_organizer_could_have_made():
    room = three()
    bob = room.members["bob"]
    st = bob.group.state
    first = 22 + 32 + 2 + 16 + 32  # where the members begin
    good, _ = agreement(room, "ann", lambda parties: None)
    a = formulas.Agreement(good)
    wrong = [
        closed(good, st, 55 - 1, b"\x04"),  # a reason that there is not
        closed(good, st, 55 - 1, bytes((smmp.CREATE,))),  # a new group that has a past
        closed(good, st, 56, STRANGER),  # its organizer is not in it
        closed(good, st, first, a.tags[1]),  # one member twice
        closed(good, st, first, b"\xff" * 16),  # not ascending
        closed(good, st, first + 116 * a.tags.index(a.organizer) + 16, u32(1)),  # a package of its own
    ]
    for frame in wrong:
        assert raises(Reject, formulas.Agreement, frame).reason == "members"
        assert refused(room, "bob", frame) == "members"
    for tag in (STRANGER, a.organizer):  # those have nothing to open
        pinned = bob.others.pinned
        assert raises(Reject, a.accept, suite, tag, bob.me.identity.b, st.r, a.R[0], st.r, pinned).reason == "members"


def test_an_agreement_under_another_key():
    room = three()
    st = room.members["bob"].group.state
    good, _ = agreement(room, "ann", lambda parties: None)
    for at in (len(good) - 48, len(good) - 17):
        assert refused(room, "bob", closed(good, st, at, bytes((good[at] ^ 1,)))) == "forged"
    W = suite.x25519_base(hardware(32))
    assert refused(room, "bob", closed(good, st, good.find(formulas.Agreement(good).W), W)) == "forged"


def test_nobody_is_taken_in_whose_identity_is_not_known():
    room = three()
    ann, bob = room.members["ann"], room.members["bob"]

    def with_a_stranger(parties):
        K = suite.x25519_base(hardware(32))
        parties.append(formulas.Party(STRANGER, Identity(suite, hardware(32)).B, 1 | ENTERS, K, K))
        parties.sort(key=lambda p: p.tag)

    frame, _ = agreement(room, "ann", with_a_stranger, smmp.ADD)
    assert refused(room, "bob", frame) == "identity"
    before = packed(ann.group)
    assert (
        raises(Reject, membership.party, ann.me, ann.others, ann.group, STRANGER, True, hardware(32)).reason
        == "identity"
    )
    assert raises(Reject, static, bob.me, bob.others, bob.group, STRANGER).reason == "identity"
    assert packed(ann.group) == before


def test_a_package_of_ours_with_another_ratchet_key():
    """ann takes bob in anew, on the package that he published, with a key of her own in R's place."""
    room = three()
    bob = room.members["bob"]
    number = min(bob.group.packages.mine)

    def enters(parties):
        p = party(room, parties, "bob")
        k, _ = bob.group.packages.mine[number]
        p.number, p.K, p.R = number | ENTERS, suite.x25519_base(k), suite.x25519_base(hardware(32))

    frame, _ = agreement(room, "ann", enters)
    assert refused(room, "bob", frame) == "package"
    assert number in bob.group.packages.mine
