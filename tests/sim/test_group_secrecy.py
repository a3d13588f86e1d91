"""Secrecy as experiments: what a thief with a member's whole state
and all recorded traffic can open, counted message by message.
"""

import copy

import pytest

from sealcast.errors import Reject
from sealcast.smmp import agreement
from sealcast.smmp import ratchet as smmp
from sealcast.zpinc import epochs
from sim import sodium
from sim.group_attacker import Thief
from sim.group_world import GroupWorld
from sim.world import World

CREW = ("m00", "m01", "m02", "m03")


def group(uids=CREW, outside=()):
    """A settled group in a world where nothing breaks."""
    w = GroupWorld(1)
    w.quiet = True
    for uid in uids + tuple(outside):
        w.restart(w.add(uid))
    w.run_until(w.now + 3000)
    w.change(w.clients[uids[0]], "create", uids[1:])
    assert w.run_until(w.now + 20000, lambda: settled(w, uids))
    return w


def settled(w, uids):
    return w.one_group() and {c.uid for c in w.members()} == set(uids)


def say(w, uid, to=None):
    """One message, accepted by all. -> its frame"""
    epoch = w.clients[uid].channel.group.state.epoch
    w.say(w.clients[uid], to)
    assert w.run_until(
        w.now + 5000, lambda: all(c.channel.group.state.epoch > epoch for c in w.members()) and w.one_group()
    )
    w.run_until(w.now + 500)
    return w.clients[uid].channel.group.last


def steal(w, uid):
    c = w.clients[uid]
    return Thief(c.config, c.stored[-1], c.hardware)


def opened(w, thief, frames):
    thief.work(w.broker.seen)
    return [f in thief.opened for f in frames]


def test_forward_secrecy_and_healing_message_by_message():
    """Nothing before but the one epoch kept; everything until the
    victim has spoken; its message and one more; then nothing.
    """
    w = group()
    before = [say(w, uid) for uid in CREW * 2]
    thief = steal(w, "m02")
    following = [say(w, uid) for uid in ("m00", "m01", "m03")]
    heals = say(w, "m02")
    after = [say(w, uid) for uid in ("m00", "m01", "m02", "m03", "m00")]
    assert opened(w, thief, before) == [False] * 7 + [True]
    assert opened(w, thief, following + [heals]) == [True] * 4
    assert opened(w, thief, after) == [True] + [False] * 4


def test_a_victim_that_never_speaks_does_not_heal():
    w = group()
    thief = steal(w, "m02")
    assert all(opened(w, thief, [say(w, uid) for uid in ("m00", "m01", "m03") * 3]))


def test_two_stolen_states_heal_when_both_have_spoken():
    w = group()
    alone, both, two = steal(w, "m01"), steal(w, "m01"), steal(w, "m02")
    frames = [say(w, uid) for uid in ("m01", "m00", "m03", "m02", "m00", "m01", "m03")]
    both.secrets.update(two.secrets)
    both.identities.update(two.identities)
    assert opened(w, alone, frames) == [True] * 2 + [False] * 5
    assert opened(w, both, frames) == [True] * 5 + [False] * 2


@pytest.mark.parametrize("action", ["resync", "add", "remove"])
def test_no_agreement_lets_a_thief_back_in(action):
    w = group(outside=("m04",))
    thief = steal(w, "m02")
    for uid in ("m02", "m00", "m01"):
        say(w, uid)
    w.change(w.clients["m00"], action, {"resync": (), "add": ("m04",), "remove": ("m03",)}[action])
    left = {"resync": CREW, "add": CREW + ("m04",), "remove": CREW[:3]}[action]
    w.run_until(w.now + 3000)
    assert w.run_until(w.now + 20000, lambda: settled(w, left))
    assert not any(opened(w, thief, [say(w, uid) for uid in left]))


def test_a_snapshot_after_an_agreement_opens_nothing_before_it():
    w = group()
    before = [say(w, uid) for uid in CREW]
    w.change(w.clients["m00"], "resync")
    w.run_until(w.now + 3000)
    between = [say(w, uid) for uid in ("m00", "m01", "m03") * 2]
    # m02 has not spoken since: its ratchet key is the old one
    assert opened(w, steal(w, "m02"), before + between[:-1]) == [False] * 9


def test_a_removed_member_fails_after_and_an_added_one_before():
    w = group(outside=("m04",))
    before = [say(w, uid) for uid in CREW]
    gone = steal(w, "m03")
    w.change(w.clients["m00"], "remove", ("m03",))
    assert w.run_until(w.now + 20000, lambda: settled(w, CREW[:3]))
    between = [say(w, uid) for uid in CREW[:3]]
    w.change(w.clients["m01"], "add", ("m04",))
    assert w.run_until(w.now + 20000, lambda: settled(w, CREW[:3] + ("m04",)))
    last = [say(w, uid) for uid in CREW[:3] + ("m04",)]
    assert not any(opened(w, gone, between + last))
    assert w.clients["m03"].channel.group.state is None and not any(w.clients["m03"].channel.group.pairs)
    new = steal(w, "m04")
    assert not any(opened(w, new, before + between))
    assert opened(w, new, last)[-1]


def test_private_messages_heal_on_their_own():
    """A thief of the receiver reads what comes until the pair has
    gone to and fro; the other members never read anything.
    """
    w = group()
    thief, other = steal(w, "m01"), steal(w, "m03")
    frames = [
        say(w, "m00", "m01"),
        say(w, "m01", "m00"),
        say(w, "m00", "m01"),
        say(w, "m01", "m00"),
        say(w, "m00", "m01"),
    ]
    thief.work(w.broker.seen)
    assert frames[0] in thief.private and not any(f in thief.private for f in frames[2:])
    other.work(w.broker.seen)
    assert all(f in other.opened for f in frames) and not other.private


def test_the_sender_of_a_transcript_could_be_its_receiver():
    """Deniability: bob alone makes a set-up and a conversation "from
    alice" that passes bob's own verification, without a key of hers.
    """
    alice_public = sodium.x25519_base(b"\x0a" * 32)  # all that bob has of her
    b_bob = b"\x0b" * 32
    k_bob, r_bob = b"\x01" * 32, b"\x02" * 32
    K_bob, R_bob = sodium.x25519_base(k_bob), sodium.x25519_base(r_bob)
    tags, B_bob = (b"a" * 16, b"b" * 16), sodium.x25519_base(b_bob)
    pins = {tags[0]: alice_public, tags[1]: B_bob}
    # The agreement as alice would make it. ECDH(b_alice, K_bob) is
    # ECDH(k_bob, B_alice); w and her ratchet keys bob makes up.
    real_x25519, w, r = sodium.x25519, b"\x03" * 32, b"\x04" * 32
    calls = []

    class Forger:
        """The suite, with the one product that needs alice's secret computed from bob's instead."""

        def __getattr__(self, name):
            return getattr(sodium, name)

        def x25519(self, k, u):
            if k is None:
                calls.append(u)
                return real_x25519(k_bob, alice_public)
            return real_x25519(k, u)

    parties = [agreement.Party(tags[0], alice_public, 0, None, sodium.x25519_base(r))]
    parties.append(agreement.Party(tags[1], B_bob, 1 | smmp.ENTERS, K_bob, R_bob))
    frame, alice = agreement.agree(Forger(), b"g" * 16, 0, bytes(32), 1, tags[0], None, r, w, parties, None)
    assert calls == [K_bob]
    bob = agreement.Agreement(frame).accept(sodium, tags[1], b_bob, k_bob, K_bob, r_bob, pins.get)

    def both(tag):
        """What the two identities share: each of the two can compute it."""
        return real_x25519(b_bob, alice_public)

    for k in range(3):
        r = bytes([10 + k]) * 32
        message = smmp.seal(sodium, alice, both, bytes([k]) * 24, r, b"I, alice, promise %d" % k)[0]
        _, _, alice = smmp.open_frame(sodium, alice, both, message, r)
        j, text, bob = smmp.open_frame(sodium, bob, both, message)
        assert (j, text) == (0, b"I, alice, promise %d" % k)
    with pytest.raises(Reject):
        smmp.open_frame(sodium, bob, both, message[:-1] + bytes([message[-1] ^ 1]))  # the verifier does refuse


def test_no_signature_anywhere_in_the_ratchet():
    w = group()
    w.run_until(w.now + 3000)  # the last questions where the group is have been answered
    epoch = w.clients["m00"].channel.group.state.epoch
    for c in w.clients.values():
        c.channel.keepalive.due += 60000  # keepalives are signed: none in these seconds
    w.suite.calls = {}
    for uid in CREW:
        say(w, uid)
    assert (
        w.suite.calls.get("ed25519_sign", 0) == w.suite.calls.get("ed25519_verify", 0) == 0 < w.suite.calls["secretbox"]
    )
    w.change(w.clients["m00"], "resync")
    w.run_until(w.now + 2000)
    assert w.clients["m01"].channel.group.state.epoch == epoch + 5
    # the one-time packages for the next one, which name nobody else
    assert w.suite.calls["ed25519_sign"] == 2 * len(CREW)


def test_the_root_of_a_conversation_forward_secret_and_healed_by_the_next_handshake():
    """The same for Zpinc: a stolen state opens no conversation
    message of before, all until the next epoch, none then.
    """
    w = World(4)
    for uid in ("a", "b", "c"):
        client = w.add(uid)
        client.ahead = 0  # else a stored state lags behind, or is ahead of, its member (12.3)
        w.restart(client)
    for c in w.clients.values():
        c.config["rekey_seconds"] = 3600
    assert w.run_until(w.now + 60000, lambda: len(w.live()) == 3 and w.agreed())

    def talk(uid):
        w.send(w.clients[uid], "conversation")
        w.run_until(w.now + 500)
        return [(t, p) for t, p in w.broker.seen if t.endswith("/c")][-1]

    before = [talk(uid) for uid in "abcabc"]
    thief = copy.deepcopy(w.clients["b"].stored[-1])
    until = [talk(uid) for uid in "acbac"]
    w.clients["a"].enter("rekey", lambda ch: ch.rekey(w.now))
    old = w.clients["a"].channel.epoch
    assert w.run_until(w.now + 60000, lambda: w.agreed() and w.clients["a"].channel.epoch not in (None, old))
    after = [talk(uid) for uid in "abc"]
    assert [_opens(w, thief, x) for x in before] == [False] * 6
    assert [_opens(w, thief, x) for x in until] == [True] * 5
    assert [_opens(w, thief, x) for x in after] == [False] * 3


def _opens(w, blob, recorded):
    """Can a fresh copy of the stolen member open this conversation frame, whoever sent it?"""
    from sealcast.channel import Channel

    c = w.clients["b"]
    ch = Channel(sodium, c.config, blob, c.hardware)
    topic, frame = recorded
    name, _ = ch.me.topics.parse(topic)
    try:
        e = epochs.find(ch.epochs, frame[2:18])
        e.open(ch.me.keys, frame, name[:16])
    except Reject:
        return False
    return True
