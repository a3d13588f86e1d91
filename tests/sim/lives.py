"""The rules of tests/support/rules.py over all lives of a story's members: what was stored is what the next life begins
with, and a secret that was let go before comes back with none, unless an older storage does.
"""

from itertools import islice

from rules import Held, RuleBroken

RECALLED = 40  # states that may come back yet: World.roll_back goes no further


class Member:
    """One machine. gone: what it has let go, oldest first; kept: at each state that is durable, as Client.stored has
    them, how much of it was gone, what was kept, and how much of what is gone is in the snapshot no more."""

    def __init__(self):
        self.held = None
        self.gone, self.kept = {}, []
        self.inside = False  # a call has begun, and not returned


class Lives:
    """Told of every call, every state that is durable and every beginning. `calls` counts what was judged."""

    def __init__(self):
        self.members = {}  # uid -> Member
        self.calls = 0

    def begins(self, client):
        """A new Channel, out of what is stored: what was let go and not durably so may be there again."""
        m = self.members.setdefault(client.uid, Member())
        del m.kept[len(client.stored) :]  # an older state came back, or none
        m.kept += [None] * (len(client.stored) - len(m.kept))  # what provisioning wrote
        before = m.kept[-1] if m.kept else None
        m.gone = dict.fromkeys(islice(m.gone, before[0] if before else 0))
        m.inside = False
        m.held = Held(client.channel, m.gone)
        if before:
            by_hand = client.uid == client.world.traitor  # what an insider counts for itself no record says
            if m.held.last[:2] != before[1] and not by_hand:
                raise RuleBroken("what was stored is not what is read back")
            m.held.blob = client.stored[-1]
            m.held.search(until=before[2])

    def before(self, client):
        m = self.members[client.uid]
        if client.uid == client.world.traitor:
            m.held.by_hand()
        elif m.inside:  # the last call raised
            m.held.unchanged()
        m.inside = True

    def after(self, client, effects):
        m = self.members[client.uid]
        m.inside = False
        m.held.end(effects)
        self.calls += 1

    def durable(self, client):
        m = self.members[client.uid]
        m.kept.append((len(m.gone), m.held.kept, m.held.erased))
        if len(m.kept) > RECALLED:
            m.kept[-RECALLED - 1] = None
