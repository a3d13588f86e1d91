"""What a handshake costs when nothing is lost: messages, multiplications,
additions. Counted, never timed. PROTOCOL.md section 9.
"""

import pytest

from sim.recorder import Recorder
from sim.world import World


def settled(n):
    """A world of n members, each with a suite that counts, in one epoch and idle."""
    w = World(n)
    for i in range(n):
        c = w.add("m%02d" % i)
        c.config["rekey_seconds"], c.config["rekey_messages"] = 3600, 1000
        c.suite = Recorder()
        w.restart(c)
    assert w.run_until(w.now + 60000, w.agreed)
    w.run_until(w.now + 5000)
    assert w.agreed()
    return w


@pytest.mark.parametrize("n", [*range(2, 13), 16, 24, 31, 32])
def test_messages_and_group_operations(n):
    w = settled(n)
    clients = list(w.clients.values())
    before = clients[0].channel.epoch
    for c in clients:
        c.suite.calls = {}
    w.broker.handshakes = 0
    min(clients, key=lambda c: c.channel.me.tag).enter("rekey", lambda ch: ch.rekey(w.now))
    assert w.run_until(w.now + 100000, lambda: w.agreed() and clients[0].channel.epoch != before)
    w.run_until(w.now + 1000)
    assert w.broker.handshakes <= 3 * n + 1
    for c in clients:
        assert c.suite.calls["ristretto_map"] == 1
        # one makes Z_i; one on a neighbour's Z when there are two members, two when there are more
        assert c.suite.calls["ristretto_mul"] == (2 if n == 2 else 3)
        assert c.suite.calls.get("ristretto_add", 0) <= (0 if n == 2 else 2 * (n - 1) + 1)
        assert c.suite.calls["ed25519_sign"] <= 2  # the confirmation, and perhaps a keepalive


@pytest.mark.parametrize("n", [2, 4, 8, 16])
def test_of_all_that_are_switched_on_at_once_one_proposes(n):
    w = World(n)
    for i in range(n):
        w.add("m%02d" % i)
    assert w.run_until(w.now + 60000, w.agreed)
    w.run_until(w.now + 5000)
    assert w.agreed() and w.broker.handshakes <= 3 * n + 1
