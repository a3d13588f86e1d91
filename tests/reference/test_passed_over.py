"""Keyed epochs that are passed over stay readable (PROTOCOL.md 9.5), by the reference's rule and by the core."""

import pytest
from guest import Guest
from ref_world import World

from reference import handshake as hs
from reference.conversations import Said
from reference.epochs import Epochs

CORE = ("anna", "boris")


class Silent(Guest):
    """While `withholds`, it says all of a handshake but its confirmation: it alone knows that all confirmed."""

    withholds = False

    def take(self, topic, frame):
        return [p for p in super().take(topic, frame) if not (self.withholds and self.confirms(p))]

    def confirms(self, p):
        view = self.peer.view
        t = view.keys.parse_topic(p.topic)
        sessions = view.member(t.name).sessions
        return t.stream == "h" and isinstance(hs.parse(view.keys, t.name, p.frame, sessions).body, hs.Confirm)


class Attempts:
    """Attempts of a guest among two, and what the rule says of them; `hids` in the order in which they were made."""

    def __init__(self):
        self.world = World()
        for uid in CORE:
            self.world.add(uid)
        self.world.advance(5000)
        self.guest = Silent(self.world)
        self.guest.arrive()
        self.wait(31000)
        self.rule, self.hids, self.said = Epochs(), [], {}
        self.attempt()

    def attempt(self, withholds=False):
        """All parties key its epoch, and confirm it unless the guest withholds its word."""
        self.guest.withholds = withholds
        self.rule.leave(self.world.now)
        self.guest.say(self.guest.peer.propose(list(CORE)))
        newest = max(self.guest.peer.view.attempts.values(), key=lambda attempt: attempt.number)
        assert newest.confirmed >= {self.guest.peer.keys.name(uid) for uid in CORE}, "they have keyed it"
        self.hids.append(newest.computation.hid)
        self.rule.key(self.hids[-1])
        if not withholds:
            self.rule.confirm(self.world.now)

    def wait(self, ms):
        while ms:
            step = min(ms, 10000)
            self.guest.wait(step)
            self.guest.say(self.guest.peer.presence())
            ms -= step

    def read(self):
        """The numbers of the epochs that are read."""
        return [i for i in range(len(self.hids)) if self.reads(i)]

    def reads(self, i):
        """Is this one read, by both members of the core as by the rule? The guest says something in it to see it."""
        hid = self.hids[i]
        before = {uid: self.taken(uid) for uid in CORE}
        body = b"%d in %d" % (self.said.get(hid, 0), i)
        self.say(hid, body)
        right = self.rule.reads(hid, self.world.now)
        for uid in CORE:
            taken, refused = self.taken(uid)
            assert (taken - before[uid][0], refused - before[uid][1]) == (right, not right), (uid, i)
            assert not right or bytes(self.world.messages[uid][-1].body) == body
        return right

    def taken(self, uid):
        """(messages, frames of epochs that it does not read)."""
        return len(self.world.messages[uid]), self.world.channels[uid].out.drops.get("epoch", 0)

    def say(self, hid, body):
        peer = self.guest.peer
        conversation = peer.view.conversations[hid[:16]]
        seq = self.said.get(hid, 0)
        self.said[hid] = peer.sent[hid] = seq + 1
        said = Said(seq, 0, body, heard=peer.view.heard.named(peer.sid))
        frame = conversation.build(conversation.parties[peer.name], said, peer.draw(24), peer.seed)
        self.guest.say([peer.put("c", frame)])


@pytest.mark.parametrize("over", [1, 2, 3, 4])
def test_the_last_two_that_were_passed_over(over):
    """And for their 60 s; the current one before them becomes the former."""
    attempts = Attempts()
    for _ in range(over):
        attempts.attempt(withholds=True)
        attempts.wait(1000)
    attempts.attempt()
    last = [*range(over + 2)][max(1, over - 1) :]
    assert attempts.read() == [0, *last]
    attempts.wait(58500)
    assert attempts.read() == [0, *last]
    attempts.wait(3000)
    assert attempts.read() == [over + 1]


def test_each_has_its_own_time():
    attempts = Attempts()
    for _ in range(2):
        attempts.attempt(withholds=True)
        attempts.wait(8000)
    attempts.attempt()
    assert attempts.read() == [0, 1, 2, 3]
    attempts.wait(54000)
    assert attempts.read() == [0, 2, 3]
    attempts.wait(8000)
    assert attempts.read() == [3]


def test_the_former_epoch_is_not_displaced():
    """By what is passed over after it, but by the next current one: five are read at once."""
    attempts = Attempts()
    attempts.attempt()
    for _ in range(3):
        attempts.attempt(withholds=True)
        attempts.wait(1000)
    assert attempts.read() == [0, 1, 2, 3, 4]
    attempts.rule.confirm(attempts.world.now)  # by the guest's word there, the last that was read
    assert attempts.read() == [1, 2, 3, 4]


def test_former_ones_are_read_when_the_next_ones_have_come():
    """Each for its own 60 s, two beside the last of them."""
    attempts = Attempts()
    for _ in range(2):
        attempts.wait(8000)
        attempts.attempt()
    assert attempts.read() == [0, 1, 2]
    attempts.wait(54000)
    assert attempts.read() == [1, 2]
    for _ in range(4):
        attempts.attempt()
        attempts.wait(6000)
    assert attempts.read() == [3, 4, 5, 6]


def test_an_attempt_that_ends_by_itself():
    """12 s and 1 s a party after its proposal, while the guest's word is waited for."""
    attempts = Attempts()
    attempts.attempt(withholds=True)
    end = attempts.world.now + 15000
    attempts.wait(16000)
    attempts.guest.withholds = False
    for uid in CORE:
        (failed,) = (d for name, d in attempts.world.events[uid] if name == "handshake_failed")
        assert failed == {"reason": "timeout", "uid": None, "waiting": ["guest"]}
    attempts.rule.leave(end)
    for reads in (True, True, False):
        assert attempts.reads(1) == reads
        attempts.wait(29000 + 500)
