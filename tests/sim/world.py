"""A simulated world: virtual time, a broker, members that come and go. Everything random comes from one seed.

Run a seed with `python tests/sim/run.py --seed N --trace`.
"""

import hashlib
import heapq
import random

from sim.broker import Broker, Network
from sim.checks import Checks
from sim.client import Client
from sim.lives import Lives
from sim.recorder import Broken, Recorder

KEEPALIVE_S = 10


class World:
    ratchet = False  # do members take part in the ratcheting group?
    traitor = None  # uid of the malicious insider, in a group

    def __init__(self, seed, tracing=None):
        self.seed = seed
        self.random = random.Random(seed)
        self.tracing = tracing  # print function, or None
        self.now = 1000
        self.suite = Recorder()
        self.broker = Broker(self)
        self.checks = Checks(self)
        self.lives = Lives()
        self.clients = {}
        self.cuts = 0
        self.storage_lost = False
        self.rekeys = 0
        self._events = []
        self._n = 0
        self._names = {}

    # --- time

    def at(self, when, what, *args):
        self._n += 1
        heapq.heappush(self._events, (when, self._n, what, args))

    def run_until(self, end, done=None):
        """Let things happen until `end`, or until done() is true at the end of some step; -> was it?"""
        while self._events and self._events[0][0] <= end:
            self.now, _, what, args = heapq.heappop(self._events)
            what(*args)
            if done and done():
                return True
        self.now = end
        return bool(done and done())

    # --- what clients report

    def before(self, client, *args):
        self.lives.before(client)
        self.checks.before(client, *args)

    def after(self, client, name, topic, payload, effects):
        if self.tracing:
            self.trace(name, client.uid, topic, payload, effects)
        self.lives.after(client, effects)
        self.checks.after(client, name, topic, payload, effects)

    def performed(self, client):
        pass

    def durable(self, client):
        pending, client.sending = client.sending, None
        if pending:
            sid, seq = pending
            where = (client.uid, client.lineage, sid)
            self.checks.sent[where] = max(self.checks.sent.get(where, 0), seq + 1)

    def switched_on(self, client):
        client.sending = None
        self.lives.begins(client)

    def delivered(self, client, m):
        self.checks.delivered(client, m)
        when = 0 if client.prompt else self.random.choice((0, 0, 0, 500, 8000))
        if not when:
            client.channel.taken(m)
        else:
            self.at(self.now + when, self._taken, client, client.run, m)

    def _taken(self, client, run, m):
        if client.channel and client.run == run:
            client.channel.taken(m)

    def event(self, client, name, detail):
        self.checks.event(client, name, detail)
        self.rekeys += name == "rekeyed" and detail["epoch"] is not None

    def restart(self, client):
        if client.channel is None:
            client.switch_on()

    # --- members

    def add(self, uid, hardware=True, ring=16):
        config = {
            "uid": uid, "channel": "greenhouse", "key": hashlib.sha256(b"%d" % self.seed).digest(), "roster": None,
            "identity": hashlib.sha256(b"%d %s" % (self.seed, uid.encode())).digest(), "sign": True, "ring": ring,
            "keepalive": KEEPALIVE_S, "rekey_seconds": self.random.choice((25, 60, 3600)),
            "rekey_messages": self.random.choice((6, 30, 1000)), "history": "all", "ratchet": self.ratchet,
        }  # fmt: skip
        client = Client(self, uid, config, self.random.randbytes if hardware else None)
        if not hardware:
            client.stored.append(b"\x01" + self.random.randbytes(32))  # what provisioning writes
        self.clients[uid] = client
        return client

    def lose_storage(self, client):
        self.storage_lost = True
        client.stored = []
        client.lineage += 1
        client.rolled_back = False

    def roll_back(self, client):
        """An older state comes back: a restored backup, or the other slot after the newer went bad."""
        if len(client.stored) > 1:
            self.storage_lost = True
            keep = self.random.randint(max(1, len(client.stored) - 30), len(client.stored) - 1)
            client.stored = client.stored[:keep]
            client.lineage += 1
            client.rolled_back = True

    def send(self, client, mode):
        ch = client.channel
        if ch is None:
            return
        body = ("%s/%s/%d" % (client.uid, mode, len(self.checks.bodies))).encode()
        body += b"." * self.random.choice((0, 0, 30, 400))
        if mode == "note":
            sid, seq = (ch.me.session.sid if ch.me.session else None), ch.ring.next
        else:
            e = ch.epochs.current
            sid = e.hid if e else None
            seq = e.chains[e.index(ch.me.tag)][1] if e else 0
        self.checks.bodies[body] = (client.uid, mode, sid, seq, client.lineage)
        self.checks.made[body] = self.now
        client.sending = (sid, seq)
        asks = self.checks.asked.asks(ch, len(self.checks.bodies))
        if not client.send(body, mode, asks) or client.sending and not (mode == "conversation" and client.ahead):
            del self.checks.bodies[body]  # refused, or the power went before it was durable
        elif asks:
            self.checks.asked.sent(ch, body)
        client.sending = None

    def partition(self, uids, ms):
        self.trace("PARTITION", ",".join(sorted(uids)), str(ms))
        self.broker.cut |= uids
        for uid in sorted(uids):
            client = self.clients[uid]
            if client.connection:
                self.at(self.now + KEEPALIVE_S * 1500, self._unreachable, client, client.connection)
        self.at(self.now + ms, self._heal, uids)

    def _unreachable(self, client, connection):
        """Neither side has heard the other for one and a half keepalives."""
        if client.uid in self.broker.cut and client.connection is connection:
            self.broker.lost(connection, False)
            client.lose_link()

    def _heal(self, uids):
        self.trace("HEALED", ",".join(sorted(uids)))
        self.broker.cut -= uids

    def restart_broker(self):
        self.trace("BROKER RESTARTS", "")
        self.broker.restart()
        for client in self.clients.values():
            client.lose_link()

    def calm(self):
        """The faults stop."""
        self.trace("CALM", "")
        self.broker.network = Network()
        self.broker.cut.clear()

    # --- is it one group?

    def live(self):
        return [c for c in self.clients.values() if c.wanted and c.channel and c.connected]

    def agreed(self):
        """All live members are in one epoch, and it has exactly them in it."""
        live = self.live()
        epochs = [c.channel.epochs.current for c in live]
        if not live or None in epochs or any(c.channel.epochs.running() for c in live):
            return len(live) < 2
        first = epochs[0]
        if any(e.hid != first.hid or e.hk != first.hk for e in epochs):
            return False
        return {c.uid for c in live} == {uid for _, _, uid in first.parties}

    # --- the trace

    def trace(self, what, uid, *args):
        if self.tracing:
            from sim import trace

            calls = dict(self.suite.calls)
            self.tracing(trace.line(self, what, uid, *args))
            self.suite.calls = calls


__all__ = ["Broken", "World"]
