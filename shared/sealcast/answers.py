"""What we tell others who ask where the group is. PROTOCOL.md 18.3.

One answer is enough: who is further back among the awake waits longer, and keeps silent if its own position has been said.
"""

from .compat import const
from .control import HEAD, LIVE, SYNC, seal_control
from .members import AWAKE
from .wire import u32

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
        self.due = []  # [(nonce, at)]

    def owe(self, nonce, now):
        """Somebody asks."""
        if len(self.due) < MAX_ASKS and not self.g.over():
            self.due.append((nonce, now + self.rank() * ANSWER_MS + UNSURE_MS * (self.g.phase != LIVE)))

    def heard(self, nonce, live, position):
        """Somebody answered: no need to say the same. Who does not know itself leaves it to any who does."""
        g = self.g
        enough = g.passed(position) if g.phase == LIVE else live or position[0] >= g.state.epoch
        if enough and (live or g.phase != LIVE):
            self.due = [a for a in self.due if a[0] != nonce]

    def say(self, nonce):
        st = self.g.state
        body = nonce + bytes((self.g.phase == LIVE,)) + u32(st.epoch) + st.head
        self.g.publish(seal_control(self.ch, self.g.id, HEAD, body))

    def tell(self, now):
        """Somebody does not know where the group is: say it unasked, now and then."""
        if now - self._told_at >= TELL_MS:
            self._told_at = now
            self.due.append((bytes(16), now + self.rank() * ANSWER_MS))

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
