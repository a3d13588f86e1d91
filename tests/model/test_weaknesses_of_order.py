"""Deviations 22 to 26 of PROTOCOL.md section 21, as test_weaknesses.py:
the paper's literal formula, and ours, under the same attack.
"""

import os

import nacl.bindings as na
import pytest

from model import ours, paper
from model.ours import Reject, agreement, smmp, suite
from sealcast.smmp.outgoing import wrapped
from sim.group_world import SYNC, GroupWorld

CREW = ("m00", "m01", "m02")


def world(seed):
    w = GroupWorld(seed)
    w.quiet = True
    for uid in CREW:
        w.restart(w.add(uid))
    w.run_until(w.now + 3000)
    w.change(w.clients["m00"], "create", CREW[1:])
    assert w.run_until(w.now + 20000, w.one_group)
    w.run_until(w.now + 1000)
    return w


# --- 22: message numbers


def test_22_paper_what_is_said_again_is_delivered_again():
    """A frame lost its place in the order for its sender, not for all: it says the same once more."""
    (alice, bob), _ = paper.group(2)
    for _ in range(2):
        bob.receive(alice.send(b"pay 10"))
    assert bob.got == [(0, b"pay 10")] * 2  # and nothing tells them apart from two payments


def test_22_ours_a_frame_that_lost_its_place_is_delivered_once():
    """A split of the broker: m01 has what m02 said, goes back to m00's branch with it, and gets it again there."""
    back = 0
    for seed in range(1, 9):
        w = world(seed)
        w.broker.split({"m01", "m02"})
        w.run_until(w.now + 500)
        w.say(w.clients["m00"])
        w.say(w.clients["m02"])
        w.run_until(w.now + 1000)
        (body,) = [b for b in w.checks.bodies if b.startswith(b"m02")]
        assert body in w.checks.got[("m01", 0)]
        w.broker.unite()
        # the checks raise at a second delivery
        assert w.run_until(w.now + 60000, lambda w=w: len(w.live()) == 3 and w.one_group())
        assert body in w.checks.got[("m00", 0)]
        back += w.checks.counts.get("resynced", 0) == 2
    assert back  # else both went m00's way each time


# --- 23: outsiders


def test_23_paper_an_outsiders_noise_asks_for_a_resync():
    (alice, bob), _ = paper.group(2)
    message = alice.send(b"x")
    message[0][1] = os.urandom(len(message[0][1]))
    message[2] = bob.hmac(message)  # who held v once, see 17
    with pytest.raises(paper.MessageUndecryptable):
        bob.receive(message)
    assert bob.resync_required


def test_23_ours_noise_is_dropped_and_a_frame_from_the_future_stops_nobody():
    w = world(1)
    g = w.clients["m00"].channel.group
    topic = w.clients["m00"].channel.me.topics.make(g.name, "g")
    future = smmp.header(smmp.RATCHET, g.id, 50) + os.urandom(90)
    w.broker._publish(topic, os.urandom(200), False)  # by who knows nothing
    w.broker._publish(topic, future + os.urandom(16), False)
    # by who knows the channel's password
    w.broker._publish(topic, wrapped(w.clients["m00"].channel.me, g, future), False)
    phases = set()
    assert not w.run_until(w.now + 20000, lambda: phases.update(c.channel.group.phase for c in w.live()))
    assert SYNC not in phases and w.one_group() and not w.checks.counts.get("desync")


# --- 24: header keys hold the identities


def test_24_paper_the_organizer_speaks_as_anyone():
    """alice hands out the R_i; to bob she names one of her own for carol."""
    (alice, bob, _), secrets = paper.group(3)
    evil, E = paper.key_pair()
    MK = os.urandom(32)  # as any organizer knows it
    bob = paper.Member(MK, 1, secrets[1][1][0], [alice.R[0], alice.R[1], E])
    as_carol = paper.Member(MK, 2, evil, bob.R)
    assert bob.receive(as_carol.send(b"I, carol")) == (2, b"I, carol")


def test_24_ours_the_identities_are_in_the_headers():
    members = ours.group(3)
    alice, bob, carol = members
    evil, r = os.urandom(32), os.urandom(32)
    parties = [agreement.Party(alice.tag, alice.B, 0, None, suite.x25519_base(r)), bob.party(True), carol.party(True)]
    parties[2].R = suite.x25519_base(evil)
    st = alice.state
    frame, after = agreement.agree(
        suite, ours.GROUP, st.epoch, st.head, 0, alice.tag, alice.b, r, os.urandom(32), parties, st.v
    )
    with pytest.raises(Reject, match="members"):
        agreement.Agreement(frame).follows(bob.state)  # who stays keeps its R
    parties[2].number = 1 | smmp.ENTERS  # so carol is said to come in
    frame, after = agreement.agree(
        suite, ours.GROUP, st.epoch, st.head, 0, alice.tag, alice.b, r, os.urandom(32), parties, st.v
    )
    agreement.Agreement(frame).follows(bob.state)
    bob.state = ours.accept(bob, frame, members)
    assert bob.state.RK == after.RK
    fields = ("group", "tags", "R", "epoch", "head", "RK", "HK", "NHK", "mk", "v", "digest")
    as_carol = smmp.State(*[getattr(after, f) for f in fields[:3]], 2, evil, *[getattr(after, f) for f in fields[3:]])
    with pytest.raises(Reject, match="undecryptable"):
        bob.receive(smmp.seal(suite, as_carol, alice.static, os.urandom(24), os.urandom(32), b"I, carol")[0])


# --- 26: values of low order


def test_26_paper_one_zero_key_and_a_header_says_nothing_any_more():
    (alice, bob, mallory), _ = paper.group(3)
    headers = mallory.send(b"hello")[0]
    assert headers
    alice.R[2] = bytes(32)  # what mallory moved to
    assert paper.ecdh(alice.r, alice.R[2]) == bytes(32)  # anyone who knows HK opens and makes this header


def test_26_ours_it_is_refused():
    alice, bob, mallory = ours.group(3)
    with pytest.raises(Reject, match="neutral"):
        alice.receive(
            smmp.seal(suite, mallory.state, mallory.static, os.urandom(24), os.urandom(32), b"hello", bytes(32))[0]
        )
    assert na.crypto_scalarmult_base(alice.state.r) == alice.state.R[0]
