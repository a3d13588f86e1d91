"""What must hold for the ratcheting group at every step, whatever breaks: DESIGN.md's invariants 1 to 9 on it."""

from sealcast.smmp.agreement import Agreement
from sealcast.smmp.ratchet import frame_epoch, frame_hash
from sealcast.wire import AGREEMENT, TAG
from sim import sodium
from sim.checks import Checks
from sim.group_attacker import Thief
from sim.recorder import Broken

LIVE, REJOIN = 2, 3


class Node:
    """A frame that somebody accepted: the state after it."""

    def __init__(self, epoch, prev, sender, frame, tags):
        self.epoch = epoch
        self.prev = prev
        self.sender = sender
        self.frame = frame
        self.tags = tags


class GroupChecks(Checks):
    def __init__(self, world):
        super().__init__(world)
        self.states = {}  # (epoch, head) -> what all must have alike
        self.nodes = {}  # head -> Node
        self.at = {}  # uid -> (epoch, head)
        self.owed = set()  # bodies that are durable at their sender
        self.secret_to = {}  # body -> uid of its only receiver
        self.unsteady = set()  # uids that fell out, came late, were removed or forked

    # --- at every step

    def after(self, client, name, topic, payload, effects):
        super().after(client, name, topic, payload, effects)
        g = client.channel.group
        st = g.state
        where = (st.epoch, st.head) if st else None
        if where != self.at.get(client.uid):
            self._moved(client, g, where)
        if st and g.outgoing.pending is None and len(g.outgoing.queue) > 18:
            raise Broken("the queue grows beyond its bound")

    def _moved(self, client, g, where):
        before, self.at[client.uid] = self.at.get(client.uid), where
        if where is None:
            if before is not None:
                self.unsteady.add(client.uid)  # removed; the event may go with the power
            return
        if g.phase == REJOIN:  # it stands nowhere: its head is that before any group's first frame
            return
        self._same(g.state)
        if g.state.head not in self.nodes:
            uid_of = client.channel.others.uid_of
            who = [uid_of(t) for t in g.state.tags]
            self.nodes[g.state.head] = Node(g.state.epoch, g.last[22:54], uid_of(g.last_by), g.last, who)
        last = self.nodes.get(self.nodes[g.state.head].prev)
        if last and client.uid not in last.tags:
            self.unsteady.add(client.uid)  # it came late; the event may go with the power

    def _same(self, st):
        """Invariant 2: equal epoch and head mean equal keys."""
        what = (st.RK, st.HK, st.NHK, st.mk, st.v, tuple(st.R), st.digest, tuple(st.tags))
        if self.states.setdefault((st.epoch, st.head), what) != what:
            raise Broken("invariant 2: equal epoch and head, different states")
        if st.r != bytes(32) and sodium.x25519_base(st.r) != st.R[st.index]:
            raise Broken("a member holds a secret that is not that of its public key")

    def slots(self):
        """Invariant 3: a slot holds a frame that was accepted, in its epoch's place, or nothing."""
        for topic, wrapped in self.world.broker.retained.items():
            parts = topic.split("/")
            if parts[4] == "e":
                frame = wrapped[:-TAG]
                if frame_hash(sodium, frame) not in self.nodes or frame_epoch(frame) % 64 != int(parts[5]):
                    raise Broken("invariant 3: a slot holds what nobody accepted")

    # --- messages

    def delivered(self, client, m):
        if m.secrecy != "ratchet":
            super().delivered(client, m)
            return
        uid, secrecy, _, _ = self.sender(m.body)
        if (uid, secrecy) != (m.sender, "ratchet") or m.origin != "member":
            raise Broken("invariant 6: a message was delivered under a wrong name")
        self.young(client, m)
        if self.secret_to.get(m.body, client.uid) != client.uid or m.private != (m.body in self.secret_to):
            raise Broken("a private message reached somebody else")
        got = self.got.setdefault((client.uid, client.lineage), set())
        if m.body in got and not m.again and not client.rolled_back:
            raise Broken("invariant 9: a group message was delivered twice")
        got.add(m.body)
        self.count("delivered")

    def event(self, client, name, detail):
        if name in ("forged", "dropped") and detail["reason"] in (
            "bad_hmac",
            "undecryptable",
            "epoch",
            "members",
            "package",
            "forged",
        ):
            self.count(detail["reason"])
            return
        if name == "forged" and detail["reason"] == "signature" and self.world.traitor:
            self.count("signature")  # it spoke under another's name
            return
        super().event(client, name, detail)
        if name in ("desync", "forked", "removed", "resynced", "collision", "message_undecryptable", "undeliverable"):
            self.count(name)
        if name in ("desync", "forked", "undeliverable"):
            self.unsteady.add(client.uid)
        if name == "message_undecryptable" and self.world.traitor is None:
            raise Broken("a private message could not be opened")

    # --- at the end

    def settled_group(self, clients):
        """All in one state; what one had, all who were there had (invariants 2, 8, 9)."""
        first = clients[0].channel.group.state
        for c in clients:
            g = c.channel.group
            if g.state.head != first.head or g.phase != LIVE:
                raise Broken("invariant 2: the members are not in one state")
            if g.outgoing.queue or g.outgoing.pending:
                raise Broken("invariant 10: a message still waits")
        steady = [c for c in clients if c.uid not in self.unsteady and c.lineage == 0]
        for body in sorted(self.owed):
            uid = self.bodies[body][0]
            if uid == self.world.traitor:
                continue
            for c in steady:
                if c.uid != uid and any(s.uid == uid for s in steady) and self.secret_to.get(body, c.uid) == c.uid:
                    if body not in self.got.get((c.uid, c.lineage), ()):
                        raise Broken("invariant 8: %s is missing at %s" % (body[:20], c.uid))
        self.slots()

    # --- secrecy

    def thief(self, client):
        """Take everything that this member knows now."""
        if (
            client.channel is None
            or client.channel.group.state is None
            or client.channel.group.phase == REJOIN
            or client.lineage
        ):
            return None
        g = client.channel.group
        known = [p.frame for p in (g.outgoing.pending, g.undo and g.undo.own) if p]
        thief = Thief(client.config, client.stored[-1], client.hardware)
        g = thief.group
        if g.state is None:
            return None
        return (
            client.uid,
            g.state.epoch,
            g.state.head,
            thief,
            known + [p.frame for p in (g.outgoing.pending, g.undo and g.undo.own) if p],
        )

    @staticmethod
    def _served(frame, group):
        """Is this an agreement by a key that the victim still has, that of the epoch kept included?"""
        if frame[1] != AGREEMENT:
            return False
        a, tag = Agreement(frame), group.state.tags[group.state.index]
        if tag not in a.tags or a.organizer == tag:
            return False
        at = a.tags.index(tag)
        held = [st for st in (group.state, group.undo and group.undo.state) if st and tag in st.tags]
        return a.numbers[at] == 0 and a.R[at] in [st.R[st.tags.index(tag)] for st in held]

    def secrecy(self, taken):
        """Invariant 4: nothing before but the one epoch kept, and what came since an agreement that our present key
        served instead of a package (PROTOCOL.md 16.2); nothing from the second message after the victim has sent.
        """
        uid, epoch, head, thief, known = taken
        if self.world.clients[uid].lineage:
            return None  # its storage went back to a state that the thief may know, too
        thief.work(self.world.broker.seen)
        before, at = set(), self.nodes[head].prev if head in self.nodes else None
        while at in self.nodes:
            if self._served(self.nodes[at].frame, thief.group):
                before.clear()
            before.add(at)
            at = self.nodes[at].prev
        for frame in thief.opened:
            if frame_hash(sodium, frame) not in self.nodes:
                continue  # it lost: nobody took it
            if uid not in self.nodes[frame_hash(sodium, frame)].tags:
                raise Broken("invariant 5: a message of a group without the victim was opened")
            if frame_hash(sodium, frame) in before:
                raise Broken("invariant 4: a stolen state opened an earlier message")
            back, at, since = [], frame[22:54], 0
            while at != head and at in self.nodes and self.nodes[at].epoch > epoch:
                back.append(self.nodes[at])
                at = self.nodes[at].prev
            if at != head or any(uid not in node.tags for node in back):
                continue  # a branch that began before, or the victim came in anew
            for node in reversed(back):
                since += since > 0
                if since == 0 and node.sender == uid and node.frame not in known:
                    since = 1
            if since > 1 and self.world.traitor is None:  # a thief with a friend inside reads on through the friend
                raise Broken("invariant 4: a thief followed %d messages after its victim had sent" % since)
        self.count("thefts")
        return thief
