"""From a seed to a story of a ratcheting group: who speaks when, what
the network does, who loses power, comes and goes; then calm.
"""

from sealcast.smmp.sync import DOUBT
from sim.group_broker import GroupNetwork
from sim.group_checks import LIVE
from sim.group_insider import attack
from sim.group_world import REJOIN, GroupWorld
from sim.recorder import Broken
from sim.schedule import Story

# after the faults stop: a missed keepalive, two askings for a new agreement (30 s each), and the queues
BOUND_MS = 240000


def size(random):
    roll = random.random()
    if roll < 0.975:
        return random.choice((2, 2, 3, 3, 3, 4, 4, 5, 6))
    return random.randint(7, 12) if roll < 0.995 else random.randint(13, 20)


def network(random):
    kind = random.choice(("clean", "lossy", "reorder", "dup", "slow", "bad", "silent"))
    if kind == "lossy":
        return kind, GroupNetwork(loss_up=0.02, loss_down=0.01)
    if kind == "reorder":
        return kind, GroupNetwork(delay=(1, 600), fifo=False)
    if kind == "dup":
        return kind, GroupNetwork(dup=0.2, delay=(1, 100), late=0.2, fifo=False)
    if kind == "slow":
        return kind, GroupNetwork(delay=(200, 1200))
    if kind == "bad":
        return kind, GroupNetwork(loss_up=0.02, loss_down=0.01, dup=0.1, delay=(1, 400), fifo=False, late=0.1)
    if kind == "silent":
        return kind, GroupNetwork(loss_down=0.03, delay=(1, 100), silent=True)
    return kind, GroupNetwork()


def apart(one, other):
    """Has one removed the other, which has not taken that and goes on by itself?"""
    a, b = one.group.state, other.group.state
    return a.head != b.head and (one.me.tag in b.tags) != (other.me.tag in a.tags)


class GroupStory(Story):
    def __init__(self, seed, tracing=None):
        self.world = w = GroupWorld(seed, tracing)
        r = self.random = w.random
        self.n = size(r)
        self.end = w.now + 15000 + (r.randint(20, 70) if self.n <= 6 else 25) * 1000
        self.kind, later = network(r)
        self.p_cut = r.choice((0, 0, 0.003, 0.01))
        self.junk = r.random() < 0.3
        self.calm = r.random() < 0.15  # nothing breaks but the power
        self.splits = r.random() < 0.1
        self.traitor = None if self.calm or r.random() < 0.85 else "m%02d" % r.randrange(self.n)
        w.traitor = self.traitor
        self.taken = []
        self.over = self.split = self.rough = False
        self.outsiders = set()
        for i in range(self.n + (r.random() < 0.5)):
            c = w.add("m%02d" % i, hardware=True)
            w.at(w.now + r.randint(0, 300), w.restart, c)
        self.uids = list(w.clients)[: self.n]
        w.at(w.now + 3000, self.create)
        w.at(w.now + 14000, setattr, w.broker, "network", later if not self.calm else GroupNetwork())
        for _ in range(r.randint(10, 60) if self.n <= 6 else 25):
            w.at(r.randint(w.now + 12000, self.end), self.happens)

    def create(self):
        w = self.world
        w.change(w.clients[self.uids[0]], "create", self.uids[1:])

    def happens(self):
        w, r = self.world, self.random
        client = r.choice(list(w.clients.values()))
        what = r.choice(
            ("say",) * 10 + ("all", "all", "private", "private", "cut", "cut soon", "cut soon", "link", "link", "add")
            + ("remove", "leave group", "thief", "thief", "partition", "broker", "sleep", "resync")
            + ("junk",) * (4 * self.junk)
            + ("split",) * (2 * self.splits) + ("insider",) * (6 * (self.traitor is not None))
        )  # fmt: skip
        if what == "say":
            for _ in range(r.choice((1, 1, 1, 3))):
                w.say(client)
        elif what == "all":
            for c in w.clients.values():
                w.say(c)
        elif what == "private":
            w.say(client, r.choice([uid for uid in w.clients if uid != client.uid]))
        elif what == "cut":
            self.power_cut(client)
        elif what == "cut soon" and self.p_cut:
            client.cut_in = r.randint(0, 40)
        elif what == "link":
            client.lose_link()
        elif what == "insider" and w.clients[self.traitor].channel:
            attack(w, w.clients[self.traitor])
        elif what == "junk":
            self.inject(client)
        elif what in ("add", "remove"):
            if r.random() < 0.5:
                w.change(client, what, [r.choice([uid for uid in w.clients if uid != client.uid])])
        elif what == "leave group":
            if r.random() < 0.3:
                w.change(client, "leave")
        elif what == "resync":
            w.change(client, "resync")
        elif what == "thief":
            taken = w.checks.thief(client)
            if taken and len(self.taken) < 2:
                self.taken.append(taken)
        elif self.calm:
            pass
        elif what == "partition":
            self.rough = True
            w.partition({uid for uid in w.clients if r.random() < 0.4}, r.randint(500, 25000))
        elif what == "broker":
            self.rough = True
            w.restart_broker()
        elif what == "sleep" and client.channel and client.connected:
            client.enter("sleep", lambda ch: ch.sleep(5, w.now))
            w.at(w.now + r.randint(1000, 25000), self.back, client)
        elif what == "split" and w.broker.far is None:
            w.trace("SPLIT", "")
            self.split = True
            w.broker.split({uid for uid in w.clients if r.random() < 0.5})
            w.at(w.now + r.randint(1000, 15000), w.broker.unite)

    def power_cut(self, client):
        w, r = self.world, self.random
        if client.channel is None:
            return
        client.power_cut()
        if not self.calm and r.random() < 0.06:
            w.trace("STORAGE ROLLED BACK", client.uid)
            w.roll_back(client)
        w.at(w.now + r.choice((300, 2000, 15000)), w.restart, client)

    def run(self):
        """-> the world, everything checked. Raises Broken."""
        w = self.world
        w.run_until(self.end)
        w.broker.unite()
        w.calm()
        w.broker.network = GroupNetwork()
        for c in w.clients.values():
            c.cut_in = None
            if not c.wanted or c.channel is None:
                self.back(c)
        self.over = True
        begin = w.now
        w.run_until(begin + 10000)  # connections that stalled before
        # What a person does who sees that somebody ought to be in the group and is not
        for ms in (60000, 120000):
            w.at(begin + ms, self.look)
        w.at(begin + 30000, self.wake)
        if not w.run_until(begin + BOUND_MS, self.settled):
            raise Broken(
                "invariant 10: not one group %d s after the faults stopped: %s"
                % ((w.now - begin) // 1000, self.phases())
            )
        w.settle_ms, w.settle_messages = w.now - begin, 0
        for c in w.members():
            w.say(c)
        if not w.run_until(w.now + 60000, self.settled):
            raise Broken("invariant 10: messages wait although nothing breaks: %s" % self.phases())
        w.run_until(w.now + 3000)
        if not self.settled():
            raise Broken("invariant 10: the group was lost again without a fault")
        w.checks.settled_group(w.members())
        self.honest()
        for taken in self.taken:
            w.checks.secrecy(taken)
        return w

    def back(self, client):
        if not self.over or client.channel is None or not client.wanted:
            super().back(client)

    def wake(self):
        """Who was falling asleep when the faults stopped."""
        for c in self.world.clients.values():
            if not c.wanted:
                self.back(c)

    def look(self):
        """Nobody is in a group any more (all have left), a member of it does not know, or some have removed the others
        and these go on by themselves (each send says whom it does not reach): a person sets that right."""
        w = self.world
        live, inside = w.groups()
        lively = [c for c in inside if c.channel.group.phase == LIVE]
        lively.sort(key=lambda c: -c.channel.group.state.epoch)
        for c in [c for c in lively if apart(lively[0].channel, c.channel)]:
            w.checks.unsteady.add(c.uid)
            w.change(c, "leave")
        live, inside = w.groups()
        if not any(c.channel.group.phase in (1, LIVE) for c in inside):
            w.checks.unsteady.update(w.clients)
            w.change(live[0], "create", [c.uid for c in live[1:]])
        for c in inside:
            if (
                lively
                and c.channel.group.phase == REJOIN
                and not any(o.channel.me.tag in c.channel.group.state.tags for o in lively)
            ):
                w.checks.unsteady.add(c.uid)  # all whom it knew have gone
                w.change(c, "leave")
        for c in live:
            if lively and c not in inside and c.channel.me.tag in lively[0].channel.group.state.tags:
                w.checks.unsteady.add(c.uid)
                w.change(lively[0], "remove", [c.uid])

    def settled(self):
        """One group, everybody live in it, and nobody in doubt: a doubt that the last fault left may still end in SYNC
        for a moment (18.3), which is no new loss."""
        w = self.world
        certain = all(c.channel.group.search.stage != DOUBT for c in w.live())
        return len(w.live()) == len(w.clients) and w.one_group() and certain

    def phases(self):
        return [
            (
                c.uid,
                c.channel.group.phase,
                c.channel.group.state and c.channel.group.state.epoch,
                len(c.channel.group.outgoing.queue),
            )
            for c in self.world.live()
        ]

    def honest(self):
        """With nothing broken but the power, nobody falls out (DESIGN section 6). Two branches go on only (invariant 2)
        where frames were lost before their slot was written, the broker split, a backup was restored, or a member is a
        traitor.
        """
        c = self.world.checks.counts
        rough = self.kind in ("silent", "lossy", "bad") or self.rough
        if c.get("forked") and not (rough or self.split or self.traitor or self.world.storage_lost):
            raise Broken("invariant 2: forked under an honest broker")
        if self.calm and (c.get("desync") or c.get("forked")):
            raise Broken("a power cut alone made a resync necessary")
