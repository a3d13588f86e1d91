"""Each numbered deviation of PROTOCOL.md section 21: the attack on
the paper's literal formula, and the same one on ours.
"""

import copy
import os

import nacl.bindings as na
import pytest

from model import ours, paper
from model.ours import Reject, agreement, smmp, suite

# --- 13: the organizer


def test_13_paper_a_removed_member_rekeys_the_group():
    members, secrets = paper.group(3)
    # Member 2 was removed. It knows the public keys of the others' packages, like everyone, and needs nothing else.
    broadcast, MK = paper.organize([(k[1], r[1]) for k, r in secrets[:2]])
    for i in range(2):
        assert paper.join(broadcast, i, secrets[i][0][0], secrets[i][1][0]) == MK


def test_13_ours_only_the_holder_of_a_pinned_identity_organizes():
    a, b, removed = ours.group(3)
    ours.organize(a, [a, b], a.state.epoch, a.state.head, a.state.v, 3)
    r = os.urandom(32)
    parties = [agreement.Party(a.tag, a.B, 0, None, suite.x25519_base(r)), b.party(True)]
    # In a's name, with every key that the removed member has, and the right place in the order
    frame, _ = agreement.agree(
        suite, ours.GROUP, b.state.epoch, b.state.head, 0, a.tag, removed.b, r, os.urandom(32), parties, removed.state.v
    )
    assert not smmp.authentic(suite, frame, b.state.v)
    with pytest.raises(Reject, match="forged"):
        ours.accept(b, frame, [a, b])


# --- 14: confirmation, zero results


def test_14_paper_a_changed_share_splits_the_group_in_silence():
    _, secrets = paper.group(3)
    (U, W, G), MK = paper.organize([(k[1], r[1]) for k, r in secrets])
    G[1] = bytes([G[1][0] ^ 1]) + G[1][1:]
    keys = [paper.join((U, W, G), i, k[0], r[0]) for i, (k, r) in enumerate(secrets)]
    assert keys[0] == keys[2] == MK != keys[1]  # and nobody is told


def test_14_paper_low_order_keys_make_a_share_public():
    _, secrets = paper.group(2)
    (U, W, G), MK = paper.organize([(secrets[0][0][1], secrets[0][1][1]), (bytes(32), bytes(32))])
    assert paper.hash_(paper.xor(paper.hash_(bytes(32)), paper.hash_(bytes(32)), G[1])) == MK  # no secret in it


def test_14_ours_a_changed_share_or_a_low_order_key_is_refused():
    a, b, c = ours.group(3)
    r = os.urandom(32)
    parties = [agreement.Party(a.tag, a.B, 0, None, suite.x25519_base(r)), b.party(True), c.party(True)]
    frame, _ = agreement.agree(suite, ours.GROUP, 1, a.state.head, 0, a.tag, a.b, r, os.urandom(32), parties, a.state.v)
    changed = bytearray(frame)
    changed[105 + 84 + 16 + 4 + 32] ^= 1  # b's G
    for m in (b, c):
        with pytest.raises(Reject, match="forged"):
            ours.accept(m, bytes(changed), [a, b, c])
    parties[1].K = bytes(32)
    with pytest.raises(Reject, match="neutral"):
        agreement.agree(suite, ours.GROUP, 1, a.state.head, 0, a.tag, a.b, r, os.urandom(32), parties, a.state.v)


# --- 15: headers bind the body


def test_15_paper_an_insider_puts_its_words_under_anothers_headers():
    (alice, bob, mallory), _ = paper.group(3)
    before = copy.deepcopy(mallory)
    headers, _, _ = alice.send(b"I pay 1")
    forged = [headers, paper.enc(before.mk, b"I pay 1000")]
    forged.append(before.hmac(forged))
    assert bob.receive(forged) == (0, b"I pay 1000")


def test_15_ours_the_header_opens_for_its_own_body_only():
    alice, bob, mallory = ours.group(3)
    frame, _ = alice.send(b"I pay 1")
    own, _ = mallory.send(b"I pay 1000")
    at = 56 + 48 * 2  # behind the headers
    for check in (frame[-32:-16], own[-32:-16]):
        with pytest.raises(Reject, match="undecryptable"):
            bob.receive(ours.close(mallory.state, frame[:at] + own[at:-32] + check))
    before = bob.state
    assert bob.receive(frame) == (0, b"I pay 1") and bob.state is not before


def test_15_ours_another_place_in_the_list_does_not_open():
    alice, bob, mallory = ours.group(3)
    frame, _ = mallory.send(b"as alice")
    posed = bytearray(frame[:-16])
    posed[54] = alice.state.index
    with pytest.raises(Reject, match="undecryptable"):
        bob.receive(ours.close(mallory.state, bytes(posed)))


# --- 16: the digest


def test_16_paper_digests_cancel_and_forget_the_order():
    def digest(*texts):
        return paper.xor(bytes(32), *[paper.hash_(t) for t in texts])

    assert digest(b"yes", b"yes") == bytes(32)  # the same twice: as if nothing had been said
    assert digest(b"sell", b"buy") == digest(b"buy", b"sell")


def test_16_ours_chain():
    def digest(*texts):
        members = ours.group(2)
        for t in texts:
            ours.talk(members, members[0], t)
        assert members[0].state.digest == members[1].state.digest
        return members[0].state.digest

    assert digest(b"yes", b"yes") != bytes(32)
    assert digest(b"sell", b"buy") != digest(b"buy", b"sell")


# --- 17, 18: v, and resync


def test_17_paper_who_held_v_once_authenticates_for_ever():
    (alice, bob), _ = paper.group(2)
    stolen = alice.v
    for k in range(20):
        bob.receive(alice.send(b"%d" % k))
        alice.receive(bob.send(b"%d" % k))
    assert bob.v == stolen


def test_17_ours_v_moves_with_every_message():
    members = ours.group(3)
    stolen = members[0].state.v
    assert smmp.authentic(suite, ours.talk(members, members[0], b"x"), stolen)
    for k in range(6):
        assert not smmp.authentic(suite, ours.talk(members, members[k % 3], b"x"), stolen)


def test_18_paper_a_resync_hands_everything_to_whoever_once_held_v():
    (alice, bob, carol), _ = paper.group(3)
    stolen = bob.v  # at one moment, and nothing else
    for sender, others in ((alice, (bob, carol)), (bob, (alice, carol)), (carol, (alice, bob))) * 2:
        message = sender.send(b"healing")
        for o in others:
            o.receive(message)
    for m in (alice, bob, carol):
        m.resync()
    # The keys last agreed are public: they travel in the headers, and a resync has to name them.
    public = list(alice.R)
    message = alice.send(b"after the resync")
    root = paper.hash_(stolen, paper.xor(*public))
    assert paper.dec(paper.kdf(root, 3), message[1]) == b"after the resync"


def test_18_ours_a_resync_lets_no_thief_back_in():
    members = ours.group(3)
    a, b, c = members
    thief = copy.deepcopy(b)  # all of it: state, package, identity
    for sender in (b, a, c):
        ours.talk(members, sender, b"healing")
    # Before the resync the package is the very one that was stolen
    a.package, b.package, c.package = a.package, thief.package, c.package
    r = os.urandom(32)
    parties = [agreement.Party(a.tag, a.B, 0, None, suite.x25519_base(r)), b.party(True), c.party(True)]
    frame, after = agreement.agree(
        suite, ours.GROUP, a.state.epoch, a.state.head, 0, a.tag, a.b, r, os.urandom(32), parties, a.state.v
    )
    assert ours.accept(b, frame, members).RK == after.RK
    parsed = agreement.Agreement(frame)
    pins = {m.tag: m.B for m in members}
    for k, K in ((thief.package.k, thief.package.K), (thief.state.r, thief.state.R[1])):
        for r in (thief.state.r, thief.package.r):
            with pytest.raises(Reject, match="forged"):
                parsed.accept(suite, b.tag, thief.b, k, K, r, pins.get)


# --- 19: order


def test_19_paper_two_at_once_and_the_group_is_in_two_halves():
    (alice, bob, carol, dave), _ = paper.group(4)
    one, two = alice.send(b"one"), bob.send(b"two")
    carol.receive(one)
    dave.receive(two)
    for m, message in ((carol, two), (dave, one)):
        with pytest.raises((paper.BadHMAC, paper.MessageUndecryptable)):
            m.receive(message)
    assert len({m.RK for m in (alice, bob, carol, dave)}) >= 2


def test_19_ours_the_second_is_for_a_state_that_has_passed():
    members = ours.group(4)
    a, b, c, d = members
    (one, r_one), (two, _) = a.send(b"one"), b.send(b"two")
    for m in members:
        m.receive(one, r_one if m is a else None)
        with pytest.raises(Reject, match="epoch"):
            m.receive(two)
    assert len({m.state.RK for m in members}) == 1


# --- 20: check before committing


def test_20_paper_a_wrong_key_in_one_header_is_accepted_and_breaks_the_group():
    (alice, bob, mallory), _ = paper.group(3)
    evil = paper.key_pair()[1]
    before = copy.deepcopy(mallory)
    headers, body, _ = mallory.send(b"hello")
    headers[1] = paper.enc(paper.hash_(before.HK, paper.ecdh(before.r, before.R[1])), bytes([2]) + evil)
    message = [headers, body]
    message.append(before.hmac(message))
    assert alice.receive(message) == bob.receive(message) == (2, b"hello")
    assert alice.RK != bob.RK  # found out with the next message only


def test_20_ours_nothing_is_committed():
    alice, bob, mallory = ours.group(3)
    st = mallory.state
    frame, _ = mallory.send(b"hello")
    z, statics = (
        suite.x25519_column(st.r, st.R.data, 2),
        mallory.static(alice.tag) + mallory.static(bob.tag) + bytes(32),
    )
    evil = suite.x25519_base(os.urandom(32))
    other = suite.ratchet_frame(z, statics, st.HK, st.digest, st.mk, frame[:54], frame[152:176], evil, b"hello", 2)
    assert other[152:] == frame[152:-32]
    headers = frame[56:104] + other[104:152]
    before = bob.state
    with pytest.raises(Reject, match="undecryptable"):
        bob.receive(ours.close(st, frame[:56] + headers + frame[152:-16]))
    assert bob.state is before


# --- 21: private messages


def test_21_paper_everyone_computes_the_first_private_key():
    (alice, bob, eve), _ = paper.group(3)
    key = paper.private_keys(alice.R[0], bob.R[1])
    assert paper.dec(paper.private_keys(*eve.R[:2]), paper.enc(key, b"psst")) == b"psst"


def test_21_ours_another_member_opens_nothing():
    alice, bob, eve = ours.group(3)
    nonce, t = os.urandom(24), os.urandom(32)
    payload = ours.private.seal(suite, alice.pairs[bob.tag], 1, alice.tag, nonce, t, b"psst")
    text, _ = ours.private.open_payload(suite, bob.pairs[alice.tag], 1, alice.tag, nonce, payload)
    assert text == b"psst"
    for pair in eve.pairs.values():
        assert payload[:16] != ours.private.hint(suite, pair, 1, alice.tag)
        with pytest.raises(Reject):
            ours.private.open_payload(suite, pair, 1, alice.tag, nonce, payload)
    # Nor an organizer that named ratchet keys of its own: the identities are in the root
    fake = ours.private.begin(suite, ours.GROUP, alice.tag, bob.tag, eve.static(bob.tag), eve.state.r, bob.state.R[1])
    assert fake != alice.pairs[bob.tag]


def test_x25519_of_the_model_is_the_standards():
    k = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    u = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert na.crypto_scalarmult(k, u).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
