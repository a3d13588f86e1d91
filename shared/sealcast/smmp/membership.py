"""Who makes which agreement when: create, add, remove, leave, resync. PROTOCOL.md section 19.

Any member can organize. An agreement is a frame like any other: if another frame comes first, it is made anew.
"""

from ..compat import const
from ..crypto.keys import high_order
from ..errors import NoGroup, Reject
from ..wire import AGREEMENT
from ..zpinc.members import AWAKE
from . import ratchet as smmp
from .control import LIVE, NONE
from .outgoing import Pending
from .ratchet import ADD, CREATE, ENTERS, MAX_EPOCH, REMOVE, RESYNC

STEP_MS = const(2000)  # who answers a rejoin, by place among the awake
INTERVAL_MS = const(10000)  # between two agreements of ours
ASK_MS = const(4000)  # before a group is set up: does anyone know it already?


class Organizer:
    """The change we want. `group`: see group.Group."""

    def __init__(self, group):
        self.group = group
        self.ch = group.ch
        self.job = None  # (reason, tags to add, tags to remove)
        self.job_at = None
        self._not_before = 0
        self._answered = []  # tags that an agreement of ours took in again, and none of another since

    def stop(self):
        if self.job and self.job[0] == RESYNC:
            self.job = self.job_at = None

    def used(self, a, before, now):
        """An agreement was accepted: its packages are spent, ours are replaced; a change that we still want is tried again.

        before: State or None. -> those of our packages that are gone, {number: Package}: kept for one epoch.
        """
        packages = self.group.packages
        entered = [t for t in a.tags if a.enters(a.tags.index(t))]
        self._answered = [t for t in self._answered if t in a.tags and t not in entered]
        if a.organizer == self.ch.tag:
            self._answered += entered
        spent = {}
        for i in range(len(a.tags)):
            if a.tags[i] == self.ch.tag:
                spent = packages.spend(a.number(i))
            else:
                packages.used(a.tags[i], a.number(i))
        packages.publish()
        if self.job:
            reason, add, remove = self.job
            self.job = self.job_at = None
            add = [t for t in add if _still(t, a, before)]
            remove = [t for t in remove if t in a.tags]
            if add or remove:
                self._want(reason, add, remove, now + STEP_MS)
        return spent

    def restore(self, spent, job):
        """The agreement that took them was not the group's."""
        self.group.packages.mine.update(spent)
        if job and not self.job:
            self.job = job

    # --- changes

    def change(self, action, tags, now):
        """What a user asks for. Raises NoGroup."""
        inside = self.group.state is not None and not (action == "create" and self.group.over())
        if action == "create" and inside:
            raise NoGroup("this member is in a group already: add or remove members, or leave it first")
        if action != "create" and not inside:
            raise NoGroup("this member is in no group: create one first")
        if action == "add" and tags[0] in self.group.state.tags:
            raise NoGroup("a member of the group already: remove it first if it has lost its state")
        if action == "rejoin":
            self.group.where.rejoin(now)
        elif action == "resync":
            self.group.where.decree(now)
            self._want(RESYNC, [], [], now)
        elif action == "remove":
            self._want(REMOVE, [], tags, now)
        else:
            if action == "create":
                self.group.forget()  # of a group that nobody can follow any more, the last trace
            self._want(CREATE if action == "create" else ADD, tags, [], now + (0 if inside else ASK_MS))
            if not inside:
                self.group.where.sync(now)  # is there one already?

    def exists(self):
        if self.job and self.job[0] == CREATE:
            self.job = self.job_at = None
            self.ch.event("group_failed", {"reason": "a group of this name exists: ask one of its members to add this one"})

    def leaving(self, tag, now):
        """A member said that it leaves: the first of those who stay removes it."""
        if tag != self.ch.tag and self.group.state and tag in self.group.state.tags:
            self._want(REMOVE, [], [tag], now + STEP_MS * self._place(tag))

    def wanted(self, tag, number, now):
        """A member cannot catch up: answer, unless somebody else does. number: of the first package that it made for this. Raises
        Reject("stale")."""
        self.group.packages.asked(tag, number)
        if self.group.state and self.group.phase == LIVE and tag in self.group.state.tags:
            at = now + STEP_MS * self._place(tag) + int.from_bytes(self.ch.rng.bytes(2), "big") % STEP_MS
            if tag in self._answered:
                at += STEP_MS * len(self.group.state.tags)  # it did not take ours: it may not know us. Others first
            at = max(at, self._not_before)
            self._want(RESYNC, [tag], [], at)

    def _place(self, without):
        before = 0
        for tag in self.group.state.tags:
            m = self.ch.members_by_tag.get(tag)
            if tag != without and tag < self.ch.tag and m and m.status == AWAKE:
                before += 1
        return before

    def _want(self, reason, add, remove, at):
        """One more wish: the next agreement fulfils all of them."""
        if self.job:
            reason = max(reason, self.job[0])
            add = add + [t for t in self.job[1] if t not in add + remove]
            remove = remove + [t for t in self.job[2] if t not in add + remove]
            if self.job_at is not None:
                at = min(at, self.job_at)
        self.job = (reason, add, remove)
        self.job_at = at

    def again(self, now):
        """Our agreement lost to another frame; the wish stands."""
        if self.job:
            self.job_at = now + STEP_MS

    def forestalled(self):
        """Another group of this name was created before ours."""
        self.group.speech.pending = None
        self.job = self.job_at = None
        self.ch.dirty = True
        self.ch.event("group_failed", {"reason": "another group was created first"})

    def tick(self, now):
        if self.job_at is not None and now >= self.job_at and not self.group.speech.pending:
            self.job_at = None
            self._make(now)

    def _make(self, now):
        """Build the agreement and send it. Who has no usable package is told of, and waits for the next one; the rest is done."""
        ch, g = self.ch, self.group
        st = g.state
        _, add, remove = self.job
        if g.phase not in (LIVE, NONE):
            self.job_at = now + STEP_MS
            return
        entering = [tag for tag in add if self._usable(tag)]
        for tag in add:
            if tag not in entering:
                ch.event("no_package", {"uid": ch.uid_of(tag)})
        if len(entering) < len(add) and (st is None or not entering and not remove):
            self.job_at = now + INTERVAL_MS
            return
        tags = set(st.tags if st else [ch.tag])
        gone = [tag for tag in remove if tag in tags]
        new = [tag for tag in entering if tag not in tags]
        tags = sorted((tags | set(entering)) - set(remove))
        if remove and not gone and not entering:
            self.job = None  # gone already
            return
        if len(tags) < 2 and not gone or len(tags) > smmp.MAX_GROUP:
            self._failed("a group has 2 to %d members" % smmp.MAX_GROUP)
            return
        if st and st.epoch >= MAX_EPOCH:
            self._failed("the group has used up all its numbers: create a new one")
            return
        reason = CREATE if st is None else REMOVE if gone else ADD if new else RESYNC
        r = ch.rng.bytes(32)
        epoch, head, v = (st.epoch, st.head, st.v) if st else (0, bytes(32), None)
        try:
            parties = [self._party(tag, tag in entering, r) for tag in tags]
            frame, after = smmp.agree(
                ch.suite, g.id, epoch, head, reason, ch.tag, ch.identity.b, r, ch.rng.bytes(32), parties, v
            )
        except Reject:
            self._failed("a member's keys are not usable")
            return
        self._not_before = now + INTERVAL_MS
        g.speech.submit(Pending(AGREEMENT, frame, None, None, None, after), now)

    def _usable(self, tag):
        """Can this member come in?"""
        try:
            return high_order(self.ch.pinned(tag) or bytes(32)) and self.group.packages.known(tag)
        except Reject:
            return False

    def _party(self, tag, enters, r):
        """A member of the next agreement. enters: with its newest package; else with its present key and its oldest. Raises Reject."""
        ch, st, known = self.ch, self.group.state, self.group.packages.known(tag)
        if tag == ch.tag:
            return smmp.Party(tag, ch.identity.B, 0, None, ch.suite.x25519_base(r))
        B = ch.pinned(tag)
        if B is None:
            raise Reject("identity")
        if enters:
            number = max(known)
            return smmp.Party(tag, B, number | ENTERS, known[number][0], known[number][1])
        R = st.R[st.tags.index(tag)]
        number = min(known) if known else 0  # asleep for long: its packages have run out
        return smmp.Party(tag, B, number, known[number][0] if known else R, R)

    def _failed(self, why):
        self.job = None
        self.ch.event("group_failed", {"reason": why})

    def times(self):
        return [] if self.group.speech.pending else [self.job_at]


def _still(tag, a, before):
    """Is a member to be taken in yet, after this agreement? Not if it was removed meanwhile, or taken in by it."""
    if before is None or tag not in before.tags:
        return tag not in a.tags
    return tag in a.tags and before.R[before.tags.index(tag)] == a.R[a.tags.index(tag)]
