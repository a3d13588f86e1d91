"""Our questions where the group is, what live members answered, and the frames that came meanwhile. PROTOCOL.md 18.3."""

from ..compat import const
from ..wire import u32
from .control import ASK, seal_control
from .ratchet import frame_epoch, frame_prev

MAX_HELD = const(32)
HELD_BYTES = const(6144)
ASK_MS = const(3000)  # between two questions of ours


class Asking:
    """`group`: see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch
        self.liars = []  # tags that are not believed any more, until the next agreement
        self._asked_at = -ASK_MS
        self.stop()

    def stop(self):
        self.due = None
        self.epoch = -1  # ours, when we asked last
        self.clear()

    def clear(self):
        """A new search, or none."""
        self.held = []
        self.overflow = False
        self.echo = False  # has our question come back?
        self._question = None
        self.nonces = []  # of all questions of this search: an answer to any will do
        self.told = {}  # tag -> (epoch, head) of live members, in answer to them
        self.failed = []  # tags of those whose position could not be had

    def in_time(self, now, soon):
        """Ask as soon as we may. soon: at once."""
        self.due = now if soon else max(now, self._asked_at + ASK_MS)

    def ask(self, now):
        st, nonce = self.g.state, self.ch.rng.bytes(16)
        self.due = None
        self._asked_at = now
        self.echo = False
        self.epoch = st.epoch if st else -1
        self.nonces = self.nonces[-3:] + [nonce]
        self._question = seal_control(self.ch, self.g.id, ASK, nonce + (u32(st.epoch) + st.head if st else bytes(36)))
        self.g.publish(self._question)

    def returned(self, frame):
        """Is this our question's first echo?"""
        first = frame == self._question and not self.echo
        self.echo = self.echo or first
        return first

    # --- what came

    def hold(self, frame):
        """A live frame while we are looking. Of too many the oldest goes; then we ask again once we have caught up."""
        self.held.append(frame)
        while len(self.held) > MAX_HELD or sum([len(f) for f in self.held]) > HELD_BYTES:
            self.held.pop(0)
            self.overflow = True

    def hole(self):
        """Is something missing between us and what we hold?"""
        st = self.g.state
        return self.overflow and not [f for f in self.held if frame_epoch(f) == st.epoch and frame_prev(f) == st.head]

    # --- what was said

    def hear(self, tag, position):
        """A live member's answer. Of two of one member the lower counts: whoever saw the truth from it kept silent."""
        if tag not in self.told or position[0] < self.told[tag][0]:
            self.told[tag] = position

    def elsewhere(self, position):
        """Is this ahead of us, or another head of our epoch, or of one of the last?"""
        g = self.g
        return (position[0] >= g.state.epoch or position[0] in g.recent) and not g.passed(position)

    def away(self):
        """How many live members named a position that is not ours, and that we believe? One alone may lie."""
        return len([p for p in self.said_by() if self.elsewhere(p)])

    def said_by(self, *others):
        """Positions that members other than these told us, and that we believe."""
        return [self.told[tag] for tag in self.told if tag not in others and tag not in self.liars]

    def named(self):
        """Where to go: but for what could not be had. Who is not believed counts when nobody else says anything."""
        ignored = self.liars if self.said_by() else ()
        return [self.told[tag] for tag in self.told if tag not in ignored and tag not in self.failed]

    def missing(self, position, ahead):
        """That position cannot be had; ahead: nor can any that is ahead of us."""
        for tag in self.told:
            if self.told[tag] == position or ahead and self.told[tag][0] > self.g.state.epoch:
                self.failed.append(tag)

    def furthest(self, positions):
        """Of these the one to go to: of two equally far ones our own."""
        out = positions[0]
        for p in positions:
            level = p[0] == out[0]
            if level and self.g.passed(p) or better(p, out) and not (level and self.g.passed(out)):
                out = p
        return out

    def refuse_one(self):
        """We are where we ought to be: who alone is elsewhere is not believed any more."""
        if self.away() < 2:
            for tag in self.told:
                if self.elsewhere(self.told[tag]):
                    self.refuse(tag)

    def refuse(self, tag):
        """It named what it could not show."""
        if tag not in self.liars:
            self.liars.append(tag)


def better(a, b):
    """Of two positions: the longer branch; of equally long ones that with the smaller head."""
    return a[0] > b[0] or a[0] == b[0] and a[1] < b[1]
