"""The simulated world with a ratcheting group in it. Handshakes have
their own simulator: most stories leave them out.
"""

from sealcast.errors import SealcastError
from sealcast.smmp import outgoing
from sim.group_broker import GroupBroker, GroupNetwork
from sim.group_checks import LIVE, GroupChecks
from sim.world import World

REFRESH_MS = 60000  # short enough to happen in a story
NEVER_MS = 1 << 40
SYNC, REJOIN, FORKED = 1, 3, 4


class GroupWorld(World):
    ratchet = True

    def __init__(self, seed, tracing=None):
        super().__init__(seed, tracing)
        self.broker = GroupBroker(self)
        self.checks = GroupChecks(self)
        self.quiet = self.random.random() < 0.9  # no handshakes
        outgoing.REFRESH_MS = REFRESH_MS

    def add(self, uid, hardware=True, ring=16):
        client = super().add(uid, hardware, ring)
        client.config["keepalive"] = 20
        return client

    def switched_on(self, client):
        super().switched_on(client)
        if self.quiet:
            client.channel.epochs.not_before = NEVER_MS  # nobody proposes

    def durable(self, client):
        body, client.sending = client.sending, None
        if body:
            self.checks.owed.add(body)

    # --- the group's users

    def say(self, client, to=None):
        """A message to the group, or to one member of it."""
        ch = client.channel
        if ch is None or ch.group.state is None or not ch.me.joined:
            return
        body = ("%s>%s/%d" % (client.uid, to or "", len(self.checks.bodies))).encode()
        body += b"." * self.random.choice((0, 0, 30, 400))
        self.checks.bodies[body] = (client.uid, "ratchet", None, None)
        self.checks.made[body] = self.now
        if to:
            self.checks.secret_to[body] = to
        client.sending = body
        asks = self.checks.asked.asks(ch, len(self.checks.bodies))
        if not self.ask(client, "send", lambda ch: ch.send(body, "ratchet", self.now, 0, to, receipt=asks)):
            del self.checks.bodies[body]
        elif asks:
            self.checks.asked.sent(ch, body)
        client.sending = None

    def change(self, client, action, uids=()):
        if client.channel is not None and client.channel.me.joined:
            self.trace("CHANGE " + action, client.uid, ",".join(uids))
            self.ask(client, "change", lambda ch: ch.change_group(action, list(uids), self.now))

    def ask(self, client, name, call):
        """True when the channel took it."""
        taken = []

        def enter(ch):
            effects = call(ch)
            taken.append(True)
            return effects

        try:
            client.enter(name, enter)
        except SealcastError as e:
            self.trace("refused", client.uid, e.code)
        return bool(taken)

    def event(self, client, name, detail):
        super().event(client, name, detail)
        if name == "forked":
            self.at(self.now + self.random.randint(1000, 20000), self.person, client)

    def person(self, client):
        """Somebody looks at a member that has forked: it joins the others, if any stands; else all follow this one."""
        if client.channel is None or client.channel.group.phase != FORKED:
            return
        phases = [c.channel.group.phase for c in self.live()]
        self.change(client, "rejoin" if LIVE in phases or SYNC in phases else "resync")

    # --- is it one group?

    def groups(self):
        """(clients that stand in the group, clients that ought to)."""
        live = self.live()
        inside = [c for c in live if c.channel.group.state is not None]
        return live, inside

    def one_group(self):
        live, inside = self.groups()
        if not inside:
            return False
        best = max(inside, key=lambda c: (c.channel.group.phase == LIVE, c.channel.group.state.epoch))
        g = best.channel.group
        tags = [c for c in live if c.channel.me.tag in g.state.tags]
        for c in tags:
            o = c.channel.group
            if (
                o.phase != LIVE
                or o.state.head != g.state.head
                or o.outgoing.queue
                or o.outgoing.pending
                or o.change.job
            ):
                return False
        return all(c in tags or c.channel.group.phase != LIVE for c in live)

    def members(self):
        """The clients of the settled group."""
        _, inside = self.groups()
        best = max(inside, key=lambda c: (c.channel.group.phase == LIVE, c.channel.group.state.epoch))
        return [c for c in self.live() if c.channel.me.tag in best.channel.group.state.tags]


__all__ = ["GroupNetwork", "GroupWorld"]
