"""An old copy of the storage comes back to a board without hardware randomness. PROTOCOL.md section 5, on CPython and
MicroPython.

The same seed serves two lives then. What others said in between must make the difference.
"""

from sealcast.channel import Channel
from sealcast.wire import HANDSHAKE
from solo import Peer, Solo, agree, config, nothing, suite

HEAP = "heapsize=400k"  # two lives, and what all they heard
SEED = b"\x01" + b"\x07" * 32  # the state of a board that was provisioned and never started


class Poor(Solo):
    """A member without hardware randomness, from this stored state."""

    def __init__(self, blob):
        super().__init__(blob=SEED)
        self.stored, self.published, self.events, self.messages = [blob], [], [], []
        self.ch = Channel(suite, config("solo", ratchet=True), blob, nothing)
        self.run(self.ch.start(self.now))


def life(blob, peer, word):
    """Join, agree with the peer, ask for packages; -> (the member, what it drew, all that it retained)"""
    solo = Poor(blob).connect(peer.join(), *word)
    solo.give(*peer.presence())
    a, _, _ = agree(solo, peer, 1 + solo.ch.epochs.rank[0])
    me, group = solo.ch.me, solo.ch.group
    secrets = {me.session.sid, me.session.seed, solo.ch.places.k, a.Z[a.tags.index(me.tag)]}
    for package in group.packages.mine.values():
        secrets |= set(package)
    return solo, secrets


def test_a_board_without_hardware_randomness_does_not_draw_its_secrets_twice():
    """Provisioned, started, and its first files back a day later: its member knows it by its join and its own notes."""
    first, drawn = life(SEED, Peer("anna"), ())
    first.run(first.ch.send(b"one", "note", first.now))
    kept = {topic: frame for topic, frame in first.published if topic.split("/")[4] in "jn"}
    anna = Peer("anna", lamport=7, session=1)
    second, again = life(SEED, anna, sorted(kept.items()))
    assert len(drawn) == len(again) == 8 and not drawn & again
    # As many draws as in the first life: what is heard alone differs
    _, other = life(SEED, Peer("anna", lamport=7, session=1), ())
    assert len(other) == 8 and not drawn & other
    second.run(second.ch.send(b"two", "note", second.now))
    numbers = [(f[2:18], f[18:22]) for t, f in first.published + second.published if "/n/" in t]
    assert len(set(numbers)) == 2  # nobody takes the second for the first, seen already


def test_nor_from_a_state_that_had_joined():
    anna = Peer("anna")
    start, _ = life(SEED, anna, ())
    blob = start.blob
    first, drawn = life(blob, anna, ())
    first.run(first.ch.send(b"one", "note", first.now))
    kept = {topic: frame for topic, frame in first.published if topic.split("/")[4] in "jn"}
    second, again = life(blob, Peer("anna", lamport=9, session=2), sorted(kept.items()))
    assert first.ch.me.session.sid == start.ch.me.session.sid  # nothing was lost: the same session goes on
    shares = [s for s in again if s in drawn]
    assert second.ch.me.session.sid != first.ch.me.session.sid
    packages = start.ch.group.packages.mine.values()
    assert sorted(shares) == sorted({k for k, _ in packages} | {r for _, r in packages} | {start.ch.places.k})


def test_with_nothing_else_heard_the_same_is_said_again():
    """The rule's limit: whoever plays all others again gets the very frames of the first life, and nothing beside."""
    frames = []
    for _ in range(2):
        anna = Peer("anna")
        anna.rng.bytes = bytes
        anna.rng.nonce = lambda ad, pt: suite.h(24, b"same", b"", b"", ad, pt)
        solo = Poor(SEED).connect(anna.join())
        solo.give(*anna.presence())
        solo.give(*anna.propose(anna.proposal(solo, 1)))
        frames.append(solo.published)
    assert frames[0] == frames[1] and [f for t, f in frames[0] if f[1] == HANDSHAKE]
