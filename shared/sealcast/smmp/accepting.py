"""Which agreements a member takes, and what it is afterwards. PROTOCOL.md 16.4.

All that can fail is computed first: a frame that is refused has changed nothing.
"""

from ..errors import Reject
from ..wire import AGREEMENT
from . import private
from . import ratchet as smmp
from .control import SYNC


class Accepting:
    """`group`: see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch

    def in_order(self, frame, now):
        """An agreement in its place in the order, its mac checked. Raises Reject."""
        g, ch, st = self.g, self.ch, self.g.state
        a = smmp.Agreement(frame)
        if a.epoch != st.epoch or a.head != st.head:
            raise Reject("epoch")
        a.follows(st)
        mine = g.speech.own(frame)
        if ch.tag not in a.tags:
            ch.event("removed", {"by": ch.uid_of(a.organizer)})
            g.forget()
            return
        at = a.tags.index(ch.tag)
        if mine:
            after = mine.after
        elif a.enters(at):
            after = self._by_package(a, at, None, now)
        elif a.number(at):
            after = self._by_package(a, at, st.r, now)
        else:  # our packages had run out: our present key serves
            after = a.accept(ch.suite, ch.tag, ch.identity.b, st.r, a.R[at], st.r, ch.pinned)
        self._begin(a, after, mine, now)
        if not mine and a.numbers[at] == 0:
            g.speech.refresh_soon(now)

    def from_outside(self, frame, live, now):
        """We are in no group, or cannot catch up: an agreement on our own unused package needs no other proof. Raises Reject."""
        g, ch = self.g, self.ch
        if frame[1] != AGREEMENT:
            raise Reject("outside")
        a = smmp.Agreement(frame)
        mine = g.speech.own(frame)
        at = a.tags.index(ch.tag) if ch.tag in a.tags else None
        if mine:
            after = mine.after
        elif at is None or not a.enters(at) or not g.packages.fits(a.number(at), a.R[at]):
            if at is not None:
                g.packages.behind(a.number(at), now)
            if live and a.reason == smmp.CREATE and g.organizer.job:
                g.organizer.forestalled()  # of two groups set up at once the first stands, for all
            raise Reject("outside")
        elif g.state is not None and g.state.tags.find(a.organizer) < 0:
            raise Reject("members")  # only those we knew may say that this is the group
        elif g.state is not None and a.epoch < g.state.epoch and a.reason != smmp.CREATE:
            raise Reject("late")
        else:
            after = self._by_package(a, at, None, now)
        self._begin(a, after, mine, now)
        g.phase = SYNC
        if mine and live:
            g.go_live([], now)  # the first frame of its group: there is nobody to ask
        else:
            g.where.sync(now)  # was it the first in its place? Those who are in know.

    def _by_package(self, a, at, r, now):
        """The state an agreement gives us by our package. r: our present secret, None: the package's. Raises Reject."""
        ch, packages = self.ch, self.g.packages
        packages.behind(a.number(at), now)
        package = packages.get(a.number(at))
        if r is None and package.R != a.R[at]:
            raise Reject("package")
        return a.accept(ch.suite, ch.tag, ch.identity.b, package.k, package.K, r or package.r, ch.pinned)

    def _begin(self, a, after, mine, now):
        """From here on with an agreement's keys. Raises Reject; nothing has changed then."""
        g, ch = self.g, self.ch
        pairs = {}
        for i in range(after.N):
            tag = g.tag(after.tags[i])
            if tag != ch.tag:
                pairs[tag] = private.begin(ch.suite, g.id, ch.tag, tag, g.static(tag), after.r, after.R[i])
        old = g.state
        before = old.tags if old else []
        if mine:
            g.speech.pending = None
        elif g.speech.pending:
            g.speech.requeue(now)
        job = g.organizer.job
        g.advance(after, a.frame, a.organizer, mine)
        g.pairs = pairs
        g.where.asking.liars = []
        g.undo.job = job
        g.undo.spent = g.organizer.used(a, old, now)
        ch.event("group", {
            "reason": a.reason, "by": ch.uid_of(a.organizer), "members": [ch.uid_of(t) for t in a.tags],
            "added": [ch.uid_of(t) for t in a.tags if t not in before], "removed": [ch.uid_of(t) for t in before if t not in a.tags],
        })  # fmt: skip
        if mine:
            g.write_slot(True)
