"""What a group message costs: scalar multiplications, publishes and
bytes, counted for groups of 2 to 20. PROTOCOL.md 17.3.

Not the time, which depends on the machine: tests/bench.py measures that.
"""

import pytest

from sealcast.smmp.outgoing import MAX_MESSAGE
from sealcast.wire import MAX_FRAME
from sim.group_world import GroupWorld


def group(n):
    w = GroupWorld(1)
    w.quiet = True
    for i in range(n):
        w.restart(w.add("m%02d" % i))
    w.run_until(w.now + 3000)
    w.change(w.clients["m00"], "create", ["m%02d" % i for i in range(1, n)])
    assert w.run_until(w.now + 30000, lambda: w.one_group() and len(w.members()) == n)
    w.run_until(w.now + 4000)  # the last questions where the group is have been answered
    for c in w.clients.values():
        c.channel.keepalive.due += 60000
    return w


class Counter:
    """Counts the curve operations of each member, and what each publishes, from here on."""

    def __init__(self, w):
        self.multiplications = dict.fromkeys(w.clients, 0)
        self.published = {uid: [] for uid in w.clients}
        self.now = None
        for name in ("x25519", "x25519_base"):
            setattr(w.suite, name, self._counted(getattr(w.suite, name)))
        enter, self.w = w.before, w
        w.before = lambda client, *args: (setattr(self, "now", client.uid), enter(client, *args))
        after = w.after
        w.after = lambda client, name, topic, payload, effects: (
            self.published[client.uid].extend(e for e in effects if e[0] == "publish"),
            after(client, name, topic, payload, effects),
        )

    def _counted(self, call):
        def counted(*args):
            self.multiplications[self.now] += 1
            return call(*args)

        return counted


@pytest.mark.parametrize("n", [2, 4, 8, 16, 20])
def test_costs_of_a_message(n):
    w = group(n)
    counter = Counter(w)
    w.say(w.clients["m01"])
    w.run_until(w.now + 1000)
    assert {c.channel.group.state.epoch for c in w.clients.values()} == {2}
    # Sealing: a header each, R_new, the root; accepting one's own echo: none
    assert counter.multiplications.pop("m01") == n + 1
    assert set(counter.multiplications.values()) == {2}
    live = [e for e in counter.published["m01"] if e[1].endswith("/g")]
    slot = [e for e in counter.published["m01"] if "/e/" in e[1]]
    assert len(live) == len(slot) == 1 and live[0][2] == slot[0][2] and len(live[0][2]) <= MAX_FRAME
    assert not any(counter.published[uid] for uid in counter.published if uid != "m01")
    body = max(len(b) for b in w.checks.bodies)
    assert len(live[0][2]) <= 190 + 48 * (n - 1) + 2 * body  # 48 bytes for each of the others


@pytest.mark.parametrize("n", [2, 20])
def test_sealing_alone_and_the_largest_message(n):
    w = group(n)
    counter = Counter(w)
    ch = w.clients["m01"].channel
    counter.now = "m01"
    effects = ch.send(bytes(MAX_MESSAGE), "ratchet", w.now)
    assert counter.multiplications["m01"] == n + 1
    assert [len(e[2]) <= MAX_FRAME for e in effects if e[0] == "publish"] == [True]
    private = group(n)
    counter = Counter(private)
    counter.now = "m01"
    effects = private.clients["m01"].channel.send(bytes(MAX_MESSAGE), "ratchet", private.now, 0, "m00")
    assert counter.multiplications["m01"] == n + 2  # a private message has a key of its own inside
    assert [len(e[2]) <= MAX_FRAME for e in effects if e[0] == "publish"] == [True]


@pytest.mark.parametrize("n", [2, 20])
def test_an_agreement_is_one_publish_and_fits(n):
    w = group(n)
    counter = Counter(w)
    w.change(w.clients["m00"], "resync")
    w.run_until(w.now + 2000)
    assert {c.channel.group.state.epoch for c in w.clients.values()} == {2}
    (frame,) = [e[2] for e in counter.published["m00"] if e[1].endswith("/g")]
    assert len(frame) == 168 + 84 * n <= MAX_FRAME


@pytest.mark.parametrize("n", [2, 8])
def test_what_two_identities_share_is_computed_once_a_pair_and_start(n):
    """After a start it is in nobody's memory: N - 1 multiplications of who started, when it asks where the group is,
    and none of anybody else, nor later.
    """
    w = group(n)
    identities = {c.channel.me.identity.b: uid for uid, c in w.clients.items()}
    pairs, x25519 = [], w.suite.x25519

    def counted(k, u):
        if k in identities:
            pairs.append((identities[k], u))
        return x25519(k, u)

    w.suite.x25519 = counted
    for uid in ("m00", "m01"):
        w.clients[uid].power_cut()
        w.restart(w.clients[uid])
    assert w.run_until(w.now + 30000, w.one_group)
    w.run_until(w.now + 3000)
    expected = [(uid, c.channel.me.identity.B) for uid in ("m00", "m01") for c in w.clients.values() if c.uid != uid]
    assert sorted(pairs) == sorted(expected)
    counter = Counter(w)
    w.say(w.clients["m01"])
    w.run_until(w.now + 1000)
    assert w.one_group() and counter.multiplications.pop("m01") == n + 1
    assert set(counter.multiplications.values()) == {2} and len(pairs) == len(expected)
