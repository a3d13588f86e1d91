"""One-time key packages, and who makes which agreement when: create, add, remove, leave, resync. PROTOCOL.md section 19.

Any member can organize. An agreement is a frame like any other: if another frame comes first, it is made anew.
"""

from . import smmp
from .compat import const
from .errors import NoGroup, Reject
from .keys import ZERO
from .members import AWAKE
from .position import FORKED, LIVE, NONE, REJOIN
from .speech import Pending
from .wire import AGREEMENT, PACKAGE, Reader, header, u32

PACKAGES = const(2)  # published ahead, so that a sleeping member survives two agreements
STEP_MS = const(2000)  # who answers a rejoin, by place among the awake
INTERVAL_MS = const(10000)  # between two agreements of ours
ASK_MS = const(4000)  # before a group is set up: does anyone know it already?

_RECORD = const(68)

# Reasons (the paper's housekeeping bytes)
RESYNC = const(0x00)
CREATE = const(0x01)
ADD = const(0x02)
REMOVE = const(0x03)


class Organizer:
    """Our packages, the others', and the change we want."""

    def __init__(self, group):
        self.group = group
        self.ch = group.ch
        self.mine = {}  # number -> Package
        self.counter = 0
        self.fresh = 0  # number of the first package that we made to be taken in again
        self.theirs = {}  # tag -> number u32 || K || R, again and again: see known()
        self.floor = {}  # tag -> numbers up to here are used
        self.job = None  # (reason, tags to add, tags to remove)
        self.job_at = None
        self._not_before = 0

    def stop(self):
        if self.job and self.job[0] == RESYNC:
            self.job = self.job_at = None

    # --- packages

    def publish_packages(self):
        ch = self.ch
        while len(self.mine) < PACKAGES:
            self._new()
        for number in sorted(self.mine)[-PACKAGES:]:
            p = self.mine[number]
            head = header(PACKAGE, ch.session.sid, number)
            ch.publish("k", ch.keys.seal(ch.rng, head, ch.tag, p.K + p.R), True, number % PACKAGES)

    def renew(self):
        """New ones. The newest of the old are kept a while: an agreement on its way, or one that we missed, may name them."""
        for number in sorted(self.mine)[:-PACKAGES]:
            del self.mine[number]
        self.fresh = self.counter + 1
        for _ in range(PACKAGES):
            self._new()

    def _new(self):
        ch = self.ch
        self.counter += 1
        self.mine[self.counter] = smmp.Package(ch.suite, ch.rng.bytes(32), ch.rng.bytes(32))
        ch.dirty = True

    def fits(self, number, R):
        """Is this our unused package?"""
        return number in self.mine and self.mine[number].R == R

    def package(self, number):
        """Ours of that number. Raises Reject("package")."""
        if number not in self.mine:
            raise Reject("package")
        return self.mine[number]

    def received(self, member, frame):
        """A package of another member. Raises Reject."""
        _, sid, number, pt = self.ch.keys.open(frame, PACKAGE, member.tag)
        if member.session(sid) is not member.current:
            raise Reject("stale")
        r = Reader(pt)
        K, R = r.take(32), r.take(32)
        r.end()
        known = self.known(member.tag)
        if number in known or number <= self.floor.get(member.tag, 0):
            raise Reject("duplicate")
        known[number] = (K, R)
        self._keep(member.tag, known)

    def known(self, tag):
        """A member's packages that we know: {number: (K, R)}."""
        data, out = self.theirs.get(tag, b""), {}
        for at in range(0, len(data), _RECORD):
            out[int.from_bytes(data[at : at + 4], "big")] = (data[at + 4 : at + 36], data[at + 36 : at + 68])
        return out

    def _keep(self, tag, known):
        out = b""
        for number in sorted(known)[-PACKAGES:]:
            out += u32(number) + known[number][0] + known[number][1]
        self.theirs[tag] = out

    def newest(self, tag):
        """(number, K) of a member's last package, (0, zeros) when we have none."""
        known = self.known(tag)
        if not known:
            return 0, ZERO
        number = max(known)
        return number, known[number][0]

    def renewed(self, tag):
        """A member began a new session: its numbers start again."""
        self.theirs.pop(tag, None)
        self.floor.pop(tag, None)

    def used(self, a, before, now):
        """An agreement was accepted: its packages are spent, ours are replaced; a change that we still want is tried again.

        before: State or None. -> those of ours that are gone, {number: Package}: kept for one epoch.
        """
        spent = {}
        for i in range(len(a.tags)):
            tag, number = a.tags[i], a.numbers[i]
            if tag == self.ch.tag:
                for n in [n for n in self.mine if n <= number]:
                    spent[n] = self.mine.pop(n)
                continue
            known = self.known(tag)
            if number in known:
                self.floor[tag] = number
                for n in [n for n in known if n <= number]:
                    del known[n]
                self._keep(tag, known)
        self.publish_packages()
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
        self.mine.update(spent)
        if job and not self.job:
            self.job = job

    # --- changes

    def change(self, action, tags, now):
        """What a user asks for. Raises NoGroup."""
        inside = self.group.state is not None and not (action == "create" and self.group.phase in (REJOIN, FORKED))
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
        """A member cannot catch up: answer, unless somebody else does. number: of the first package that it made for this."""
        known = self.known(tag)
        if known and number <= max(known) + 2 * PACKAGES:  # else somebody's lie, or it will ask again
            self.floor[tag] = max(number - 1, self.floor.get(tag, 0))
            for n in [n for n in known if n < number]:
                del known[n]
            self._keep(tag, known)
        if self.group.state and self.group.phase == LIVE and tag in self.group.state.tags:
            at = max(now + STEP_MS * self._place(tag) + int.from_bytes(self.ch.rng.bytes(2), "big") % STEP_MS, self._not_before)
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
        """Build the agreement and send it. A member without a fresh package is told of; the wish waits for the package."""
        ch, g = self.ch, self.group
        reason, add, remove = self.job
        if g.phase not in (LIVE, NONE):
            self.job_at = now + STEP_MS
            return
        tags = set(g.state.tags if g.state else [ch.tag])
        tags = sorted((tags | set(add) | {ch.tag}) - set(remove))
        r = ch.rng.bytes(32)
        parties = []
        for tag in tags:
            if tag == ch.tag:
                parties.append(smmp.Party(tag, ch.identity.B, 0, None, ch.suite.x25519_base(r)))
                continue
            known = self.known(tag)
            B = ch.pinned(tag)
            number, K, R = 0, None, None
            if known:
                number = max(known) if tag in add else min(known)
                K, R = known[number]
            if tag not in add:
                R = g.state.R[g.state.tags.index(tag)]
                K = K or R  # asleep for long: its packages have run out
            if B is None or R is None:
                ch.event("no_package", {"uid": ch.uid_of(tag)})
                self.job_at = now + INTERVAL_MS
                return
            parties.append(smmp.Party(tag, B, number, K, R))
        if len(parties) < 2 and reason != REMOVE or len(parties) > smmp.MAX_GROUP:
            ch.event("group_failed", {"reason": "a group has 2 to %d members" % smmp.MAX_GROUP})
            self.job = None
            return
        st = g.state
        epoch, head, v = (st.epoch, st.head, st.v) if st else (0, bytes(32), None)
        try:
            frame, after = smmp.agree(
                ch.suite, g.id, epoch, head, reason, ch.tag, ch.identity.b, r, ch.rng.bytes(32), parties, v
            )
        except Reject:
            ch.event("group_failed", {"reason": "a member's keys are not usable"})
            self.job = None
            return
        self._not_before = now + INTERVAL_MS
        g.speech.submit(Pending(AGREEMENT, frame, None, None, None, after), now)

    def times(self):
        return [] if self.group.speech.pending else [self.job_at]


def _still(tag, a, before):
    """Is a member to be taken in yet, after this agreement? Not if it was removed meanwhile, or taken in by it."""
    if before is None or tag not in before.tags:
        return tag not in a.tags
    return tag in a.tags and before.R[before.tags.index(tag)] == a.R[a.tags.index(tag)]
