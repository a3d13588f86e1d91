"""What we tell others who ask where the group is. PROTOCOL.md 18.3.

Two answers are enough, since one may lie: who is further back among the awake waits longer, and keeps silent if two have said
its own position.
"""

from ..compat import const
from ..wire import u32
from ..zpinc.members import AWAKE
from .control import HEAD, LIVE, SYNC, seal_control

MAX_ASKS = const(20)
ANSWER_MS = const(300)  # a rank, before the next one answers
UNSURE_MS = const(1000)  # those who look for it themselves answer after those who know
TELL_MS = const(10000)


class Answers:
    """`group`: see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch
        self._told_at = -TELL_MS
        self.stop()

    def stop(self):
        self.due = []  # [(nonce, at, tag of a live member that has said the same)]

    def owe(self, nonce, now):
        """Somebody asks."""
        if len(self.due) < MAX_ASKS and not self.g.over():
            self.due.append((nonce, now + self.rank() * ANSWER_MS + UNSURE_MS * (self.g.phase != LIVE), None))

    def heard(self, c):
        """Somebody answered. Who does not know itself leaves it to any who does. c: control.Control"""
        if self.g.phase != LIVE:
            if c.live or c.number >= self.g.state.epoch:
                self.due = [a for a in self.due if a[0] != c.nonce]
        elif c.live and self.g.passed(c.position):
            kept = [a for a in self.due if a[0] != c.nonce or a[2] in (None, c.tag)]
            self.due = [(n, at, c.tag if n == c.nonce else by) for n, at, by in kept]

    def say(self, nonce):
        st = self.g.state
        body = nonce + bytes((self.g.phase == LIVE,)) + u32(st.epoch) + st.head
        self.g.publish(seal_control(self.ch, self.g.id, HEAD, body))

    def tell(self, now):
        """Somebody does not know where the group is: say it unasked, now and then."""
        if now - self._told_at >= TELL_MS:
            self._told_at = now
            self.due.append((bytes(16), now + self.rank() * ANSWER_MS, None))

    def rank(self):
        """Our place among the awake members of the group, 4 at most."""
        before = 0
        for tag in self.g.state.tags:
            m = self.ch.members_by_tag.get(tag)
            if tag < self.ch.tag and m and m.status == AWAKE and before < 4:
                before += 1
        return before

    def tick(self, now):
        for answer in [a for a in self.due if now >= a[1]]:
            self.due.remove(answer)
            if self.g.phase in (LIVE, SYNC):
                self.say(answer[0])
                if self.g.phase == LIVE:
                    self.g.write_slot()

    def times(self):
        return [a[1] for a in self.due]
