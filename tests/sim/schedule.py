"""From a seed to a story: who is there, how bad the network is, what
happens to whom and when; then calm, then the verdict.
"""

from sim.broker import Network
from sim.recorder import Broken
from sim.world import KEEPALIVE_S, World

# Bounds, checked for every seed, on the way from the end of the faults to one epoch with all live members in it.
# In time: a lost member is missed (2.5 keepalives), the longest penalty of a silent one passes (60 s), an attempt times
# out (12 s and 1 s a member), another one succeeds. In rounds: an attempt is 4 rounds in which every member sends at
# most one message, repeated every 2 s.
MESSAGES = 60  # handshake messages a member: 15 attempts, or one attempt repeated 20 times


def bound_ms(n):
    return int(KEEPALIVE_S * 2500) + 60000 + 2 * (12000 + 1000 * n)


def size(random):
    roll = random.random()
    if roll < 0.93:
        return random.choice((2, 2, 3, 3, 3, 4, 4, 5, 6))
    return random.randint(7, 12) if roll < 0.992 else random.randint(13, 32)


def network(random):
    kind = random.choice(("clean", "lossy", "reorder", "dup", "slow", "bad"))
    if kind == "lossy":
        return Network(loss_up=0.03, loss_down=0.08)
    if kind == "reorder":
        return Network(delay=(1, 600), fifo=False)
    if kind == "dup":
        return Network(dup=0.3, delay=(1, 100))
    if kind == "slow":
        return Network(delay=(200, 1500))
    if kind == "bad":
        return Network(loss_up=0.02, loss_down=0.1, dup=0.1, delay=(1, 400), fifo=False)
    return Network()


class Story:
    def __init__(self, seed, tracing=None):
        self.world = w = World(seed, tracing)
        r = self.random = w.random
        self.n = size(r)
        # Big groups get short stories: what they cost grows with the square.
        self.end = w.now + (r.randint(20, 60) if self.n <= 6 else 20) * 1000
        w.broker.network = network(r)
        self.p_cut = r.choice((0, 0, 0.003, 0.01))
        self.junk = r.random() < 0.5
        for i in range(self.n):
            c = w.add("m%02d" % i, hardware=r.random() < 0.9, ring=r.choice((4, 8, 16)) if self.n <= 6 else 16)
            late = r.random() < 0.3
            w.at(w.now + (r.randint(0, 20000) if late else r.randint(0, 300)), w.restart, c)
        events = r.randint(5, 40) if self.n <= 6 else 20
        for _ in range(events):
            w.at(r.randint(w.now, self.end), self.happens)

    def happens(self):
        w, r = self.world, self.random
        client = r.choice(list(w.clients.values()))
        what = r.choice(
            ("note",) * 8 + ("talk",) * 8 + ("cut", "cut", "cut soon", "cut soon", "link", "sleep", "leave", "rekey")
            + ("partition", "broker") + ("junk",) * (8 * self.junk)
        )  # fmt: skip
        if what == "note":
            for _ in range(r.choice((1, 1, 1, 3, 25))):
                w.send(client, "note")
        elif what == "talk":
            for _ in range(r.choice((1, 1, 5))):
                w.send(client, "conversation")
        elif what == "cut":
            self.power_cut(client)
        elif what == "cut soon" and self.p_cut:
            client.cut_in = r.randint(0, 60)
        elif what == "link":
            client.lose_link()
        elif what in ("sleep", "leave") and client.channel and client.connected:
            seconds = r.randint(1, 25)
            w.trace(what.upper(), client.uid)
            if what == "sleep":
                client.enter("sleep", lambda ch: ch.sleep(seconds, w.now))
            else:
                client.enter("leave", lambda ch: ch.leave(w.now))
            w.at(w.now + seconds * 1000, self.back, client)
        elif what == "rekey":
            client.enter("rekey", lambda ch: ch.rekey(w.now))
        elif what == "partition":
            some = {uid for uid in w.clients if r.random() < 0.4}
            w.partition(some, r.randint(500, 25000))
        elif what == "broker":
            w.restart_broker()
        elif what == "junk":
            self.inject(client)

    def power_cut(self, client):
        w, r = self.world, self.random
        if client.channel is None:
            return
        client.power_cut()
        kind = r.random()
        if kind < 0.15:
            w.trace("STORAGE LOST", client.uid)
            if client.hardware:
                w.lose_storage(client)
        elif kind < 0.3 and client.hardware:
            w.trace("STORAGE ROLLED BACK", client.uid)
            w.roll_back(client)
        w.at(w.now + r.choice((300, 2000, 15000)), w.restart, client)

    def back(self, client):
        client.power_cut()  # it slept: the program begins anew
        self.world.restart(client)

    def inject(self, client):
        """What somebody without keys can make: noise, and what was seen, damaged or under another name."""
        w, r = self.world, self.random
        if not w.broker.seen or not client.connected:
            return
        for _ in range(4):
            topic, payload = r.choice(w.broker.seen[-200:])
            kind = r.choice(("flip", "cut", "noise", "topic", "version"))
            if kind == "flip":
                at = r.randrange(len(payload))
                payload = payload[:at] + bytes([payload[at] ^ (1 << r.randrange(8))]) + payload[at + 1 :]
            elif kind == "cut":
                payload = payload[: r.randrange(len(payload))]
            elif kind == "noise":
                payload = payload[:22] + r.randbytes(len(payload) - 22)
            elif kind == "version":
                payload = bytes([r.choice((0, 2, 255))]) + payload[1:]
            else:
                other, _ = r.choice(w.broker.seen)
                mine, other = topic.split("/"), other.split("/")
                if other[3] == mine[3]:
                    continue
                topic = "/".join(mine[:3] + [other[3]] + mine[4:])
            w.checks.junk.add((topic, payload))
            client.arrived(client.connection, topic, payload)

    def run(self):
        """-> the world, everything checked. Raises Broken."""
        w = self.world
        w.run_until(self.end)
        w.calm()
        for c in w.clients.values():
            c.cut_in = None
            if not c.wanted or c.channel is None:
                self.back(c)
        begin, proposals = w.now, w.broker.handshakes
        if not w.run_until(begin + bound_ms(self.n), self.converged):
            raise Broken("invariant 10: no common epoch %d s after the faults stopped" % ((w.now - begin) // 1000))
        w.settle_ms = w.now - begin
        w.settle_messages = w.broker.handshakes - proposals
        # A keepalive brings the signed head; a hole is read again, then reported.
        w.run_until(w.now + KEEPALIVE_S * 1000 + 15000)
        for c in w.live():
            w.send(c, "conversation")
        if not w.run_until(w.now + 60000, self.converged):
            raise Broken("invariant 10: the common epoch was lost again without a fault")
        w.run_until(w.now + 2000)
        w.checks.settled(w.live())
        return w

    def converged(self):
        w = self.world
        return len(w.live()) == len(w.clients) and w.agreed()
