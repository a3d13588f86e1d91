"""A live member hears that the group is elsewhere: it asks, and stays live until another one confirms it. PROTOCOL.md 18.3.

Else one insider, or a frame that anybody with the channel's key can make, would stop all members at once.
"""

from ..compat import const
from ..zpinc.members import AWAKE

CALM_MS = const(1500)  # all who know have answered by then


class Doubt:
    """`where`: see position.Position."""

    def __init__(self, where):
        self.where = where
        self.asking = where.asking
        self.g = where.g

    def begin(self, cause, claim):
        """cause: tag of the member that says so, or None; claim: the position that it names."""
        self.cause = cause
        self.claim = claim

    def judge(self, now):
        """An answer has come. Another live member that is elsewhere too makes us look; one that is where we are calms us."""
        told = self.asking.said_by(self.cause)
        if [p for p in told if self.asking.elsewhere(p)] or not told and self._nobody_else():
            self.where.leave(now)
        elif [p for p in told if self.g.passed(p)]:
            self.where.hurry(now + CALM_MS)

    def settle(self, now):
        """The time for answers is over."""
        if self.claim and self.g.passed(self.claim):
            self.where.clear(0)  # the frame was on its way
        elif [p for p in self.asking.said_by(self.cause) if self.g.passed(p)]:
            if self.cause and self.claim[0] > self.g.state.epoch:
                self.asking.refuse(self.cause)  # another head of our epoch may be what it said long ago, repeated by somebody
            self.where.clear(0)
        elif self.asking.told:
            self.where.leave(now)
        else:
            self.where.sync(now)

    def _nobody_else(self):
        """Is nobody awake who could contradict the cause?"""
        for tag in self.g.state.tags:
            m = self.where.ch.members_by_tag.get(tag)
            if m and tag != self.cause and tag not in self.asking.liars and m.status == AWAKE:
                return False
        return True
