"""Who makes which agreement when, which ones a member takes, and what it is afterwards. PROTOCOL.md sections 16.4,
18.5 and 19.

Any member can organize. An agreement is a frame like any other: if another frame comes first, it is made anew. All
that can fail is computed first: a frame that is refused has changed nothing.
"""

from ..compat import const
from ..crypto.keys import ZERO, high_order
from ..errors import NoGroup, Reject
from ..rare import load
from ..wire import AGREEMENT
from ..zpinc.me import GROUP
from . import outgoing
from .group import FORKED, LIVE, NONE, REJOIN, STEP_MS, SYNC, Entry, Pending, own_tag, static
from .order import advance, write_slot
from .ratchet import ADD, CREATE, ENTERS, MAX_EPOCH, MAX_GROUP, REMOVE, RESYNC, State

INTERVAL_MS = const(10000)  # between two agreements of ours
ASK_MS = const(4000)  # before a group is set up: does anyone know it already?


# --- taking one


def in_order(me, members, group, frame, now, out):
    """An agreement in its place in the order, its mac checked. Raises Reject."""
    st, mine = group.state, group.outgoing.own(frame)
    a = load("smmp.agreement").Agreement(frame)
    load("smmp.packages")
    if a.epoch != st.epoch or a.head != st.head:
        raise Reject("epoch")
    a.follows(st)
    if me.tag not in a.tags:
        out.event("removed", {"by": members.uid_of(a.organizer)})
        forget(group, out)
        return
    at = a.tags.index(me.tag)
    if mine:
        after = mine.after
    elif a.numbers[at]:
        after = _by_package(me, members, group, a, at, None if a.enters(at) else st.r, now, out)
    else:  # our packages had run out: our present key serves
        after = a.accept(me.suite, me.tag, me.identity.b, st.r, a.R[at], st.r, members.pinned)
    _begin(me, members, group, a, after, mine, now, out)
    if group.entry:
        load("smmp.heads").spoken(me, members, group, a.organizer)
    if not mine and a.numbers[at] == 0:
        group.outgoing.refresh_at = now + outgoing.jitter(me, outgoing.SLOT_MS * 20)  # it served: replace it


def from_outside(me, members, group, frame, live, now, out):
    """We are in no group, or cannot catch up: an agreement on our own unused package needs no other proof.
    Raises Reject."""
    packages, sync = load("smmp.packages"), load("smmp.sync")
    a = load("smmp.agreement").Agreement(frame)
    mine = group.outgoing.own(frame)
    at, before = a.tags.index(me.tag) if me.tag in a.tags else None, None
    if group.entry:
        before = group.entry.before
    elif group.state is not None:
        before = (group.state.epoch, list(group.state.tags))
    if mine:
        after = mine.after
    elif at is None or not a.enters(at) or not packages.fits(me, group, a.number(at), a.R[at]):
        if at is not None:
            packages.behind(me, group, a.number(at), now, out)
        why = 'another group was created first, by "%s"'
        if live and a.reason == CREATE and group.change.job and stopped(members, group, a.organizer, why, out):
            group.outgoing.pending = None  # of two groups set up at once the first stands, for all
        raise Reject("outside")
    elif before is not None and a.organizer not in before[1]:
        raise Reject("members")  # only those we knew may say that this is the group
    elif before is not None and a.epoch < before[0] and a.reason != CREATE:
        raise Reject("late")
    else:
        after = _by_package(me, members, group, a, at, None, now, out)
        if group.entry:
            give_back(me, group, out)
    _begin(me, members, group, a, after, mine, now, out)
    group.phase = SYNC
    group.entry = None if mine or len(a.tags) == 2 else Entry(own_tag(members, a.organizer), after.epoch, before)
    if mine and live:
        sync.go_live(me, members, group, [], now, out)  # the first frame of its group: there is nobody to ask
    else:
        sync.start(me, members, group, False, now, out)  # was it the first in its place? Those who are in know.


def invites(me, members, group, frame):
    """Does another take us in than the one on whose word we are in a group? Where there is a roster, nobody outside of
    it displaces one who is in it. Raises Reject."""
    a, first = load("smmp.agreement").Agreement(frame), group.entry.organizer
    if a.organizer == first or me.tag not in a.tags or (a.epoch, a.head) == group.position():
        return False
    at = a.tags.index(me.tag)
    listed = load("smmp.heads").listed
    if listed(me, members, first) and not listed(me, members, a.organizer):
        return False
    return a.enters(at) and load("smmp.packages").fits(me, group, a.number(at), a.R[at])


def give_back(me, group, out):
    """Nobody has confirmed what took us in: we are where we were before."""
    before, st = group.entry.before, group.state
    forget(group, out)
    if before is not None:
        epoch, tags = before
        keys, keyless = [ZERO] * len(tags), [ZERO] * 6
        group.state = State(st.group, tags, keys, tags.index(me.tag), ZERO, epoch, ZERO, *keyless)
        group.phase = REJOIN


def _by_package(me, members, group, a, at, r, now, out):
    """The state an agreement gives us by our package. r: our present secret, None: the package's. Raises Reject."""
    load("smmp.packages").behind(me, group, a.number(at), now, out)
    k, secret = group.packages.mine.get(a.number(at)) or (None, None)
    if k is None or r is None and me.suite.x25519_base(secret) != a.R[at]:
        raise Reject("package")
    return a.accept(me.suite, me.tag, me.identity.b, k, me.suite.x25519_base(k), r or secret, members.pinned)


def _begin(me, members, group, a, after, mine, now, out):
    """From here on with an agreement's keys. Raises Reject; nothing has changed then."""
    pairs = {}
    for i in range(after.N):
        tag = own_tag(members, after.tags[i])
        if tag != me.tag:
            shared = static(me, members, group, tag)
            pairs[tag] = load("smmp.private").begin(me.suite, group.id, me.tag, tag, shared, after.r, after.R[i])
    old = group.state
    before = old.tags if old else []
    own, job = group.outgoing.pending, group.change.job
    if mine:
        group.outgoing.pending = None
    elif own:
        outgoing.requeue(group, now, out)
    advance(group, after, a.frame, a.organizer, own, out)
    group.pairs = pairs
    group.search.liars = ()
    group.undo.job = job
    group.undo.spent = _used(me, members, group, a, old, now, out)
    c, seen = group.change, [members.uid_of(tag) for tag in list(a.tags) + list(before)]
    # Whom we want together again (regroup.py): nobody of these any more, they are in the group or were taken out
    c.together = [uid for uid in c.together if uid not in seen]
    if c.together and c.at is None:
        c.at = now + STEP_MS
    out.event("group", {
        "reason": a.reason, "by": members.uid_of(a.organizer), "members": [members.uid_of(t) for t in a.tags],
        "added": [members.uid_of(t) for t in a.tags if t not in before],
        "removed": [members.uid_of(t) for t in before if t not in a.tags],
    })  # fmt: skip
    if mine:
        write_slot(me, group, out, True)


def _used(me, members, group, a, before, now, out):
    """An agreement was accepted: its packages are spent, ours are replaced; a change that we still want is tried again.

    before: State or None. -> those of our packages that are gone, {number: (k, r)}: kept for one epoch."""
    packages, change = load("smmp.packages"), group.change
    entered = [own_tag(members, tag) for tag in a.tags if a.enters(a.tags.index(tag))]
    change.answered = [tag for tag in change.answered if tag in a.tags and tag not in entered]
    if a.organizer == me.tag:
        change.answered += entered
    spent = {}
    for i in range(len(a.tags)):
        if a.tags[i] == me.tag:
            mine = group.packages.mine
            spent = {n: mine.pop(n) for n in list(mine) if n <= a.number(i)}
        else:
            packages.used(group, own_tag(members, a.tags[i]), a.number(i), out)
    packages.publish(me, group, out)
    if change.job:
        reason, add, remove = change.job
        change.drop()
        add = [tag for tag in add if _still(tag, a, before)]
        remove = [tag for tag in remove if tag in a.tags]
        if add or remove:
            want(group, reason, add, remove, now + STEP_MS)
    return spent


def _still(tag, a, before):
    """Is a member to be taken in yet, after this agreement? Not if it was removed meanwhile, or taken in by it."""
    if before is None or tag not in before.tags:
        return tag not in a.tags
    return tag in a.tags and before.R[before.tags.index(tag)] == a.R[a.tags.index(tag)]


def forget(group, out):
    """We are in no group any more; every key of it goes."""
    group.state = group.undo = group.last_by = group.entry = None
    group.leaving = False
    group.last = b""
    group.pairs, group.recent = {}, {}  # what was heard stays heard, whoever says it again
    o, error = group.outgoing, NoGroup("this member is out of the group now")
    for entry in o.queue + ([o.pending.entry] if o.pending and o.pending.entry else []):
        out.settled(entry[3], error)  # what waits is never sent
    o.queue, o.pending = [], None
    group.change.drop()
    group.change.together = []
    group.phase = NONE
    group.search.stop()
    out.dirty = True


# --- wishes


def change(me, members, group, action, tags, now, out):
    """What a user asks for. Raises NoGroup."""
    sync, st = load("smmp.sync"), group.state
    inside = st is not None and not (action == "create" and group.over())
    if action == "create" and inside:
        raise NoGroup("this member is in a group already: add or remove members, or leave it first")
    if action != "create" and not inside:
        raise NoGroup("this member is in no group: create one first")
    if action in ("add", "remove") and not tags:
        raise NoGroup("nobody is named: name one member or more")
    if action == "add" and tags[0] in st.tags:
        raise NoGroup("a member of the group already: remove it first if it has lost its state")
    if action in ("create", "add"):
        tags = _willing(members, tags)
    if action == "leave":
        out.event("removed", {"by": me.uid})  # nobody hears us: we are out, they will see
        forget(group, out)
    elif action == "rejoin":
        load("smmp.fetch").rejoin(me, members, group, now, out)
    elif action == "resync":
        if group.phase == FORKED:  # a person has chosen our branch
            group.phase = SYNC
            sync.arrived(me, members, group, now, out)
        want(group, RESYNC, [], [], now)
    elif action == "remove":
        want(group, REMOVE, [], tags, now)
    elif action == "add":
        want(group, ADD, tags, [], now)
    elif action == "create":
        forget(group, out)  # of a group that nobody can follow any more, the last trace
        group.change.sure = group.change.failed == tags
        found(me, members, group, tags, now, out)
    else:
        raise NoGroup("no such wish: create, add, remove, leave, resync or rejoin")


def _willing(members, tags):
    """These; where none are named, all that are awake and take part in the group. Raises NoGroup."""
    awake = [tag for tag in sorted(members.by_tag) if members.awake(tag)]
    apart = [tag for tag in awake if not members.by_tag[tag].parts & GROUP]
    tags = tags or [tag for tag in awake if tag not in apart]
    if not tags:
        raise NoGroup("nobody else is awake and takes part: start other members first, or name members that sleep")
    for tag in tags:
        if tag in apart:
            raise NoGroup('"%s" takes no part in the group: leave it out, or change its modes' % members.uid_of(tag))
    return tags


def found(me, members, group, tags, now, out):
    """A group of ourselves and these, unless there is one already."""
    want(group, CREATE, tags, [], now + ASK_MS)
    load("smmp.sync").start(me, members, group, False, now, out)


def stopped(members, group, tag, why, out):
    """Our wish for a new group gives way: always to whom it lists; to any other once, then a person has decided."""
    c = group.change
    if c.sure and tag not in c.job[1]:
        return False
    c.failed = c.job[1]
    c.drop()
    out.dirty = True
    why += "; if that is not so, create it again: then only those whom you name can stop it"
    out.event("group_failed", {"reason": why % members.uid_of(tag)})
    return True


def leaving(me, members, group, tag, now):
    """A member said that it leaves: the first of those who stay removes it."""
    if tag != me.tag and tag in group.tags():
        want(group, REMOVE, [], [tag], now + STEP_MS * members.rank(group.state.tags, tag))


def wanted(me, members, group, tag, number, now, out):
    """A member cannot catch up: answer, unless somebody else does. number: of the first package that it made for
    this. Raises Reject("stale")."""
    load("smmp.packages").asked(group, tag, number, out)
    c = group.change
    if group.phase == LIVE and tag in group.tags():
        tags = group.state.tags
        at = now + STEP_MS * members.rank(tags, tag) + int.from_bytes(me.rng.bytes(2), "big") % STEP_MS
        if tag in c.answered:
            at += STEP_MS * len(tags)  # it did not take ours: it may not know us. Others first
        want(group, RESYNC, [tag], [], max(at, c.not_before))


def want(group, reason, add, remove, at):
    """One more wish: the next agreement fulfils all of them, but takes in nobody who is to be removed."""
    c = group.change
    if c.job:
        reason, remove = max(reason, c.job[0]), remove + [tag for tag in c.job[2] if tag not in remove]
        add = add + [tag for tag in c.job[1] if tag not in add]
        add = [tag for tag in add if tag not in remove]
        if c.at is not None:
            at = min(at, c.at)
    c.job = (reason, add, remove)
    c.at = at


# --- making one


def make(me, members, group, now, out):
    """Build the agreement and send it.

    Who has no usable package is told of, and waits for the next one; the rest is done."""
    agreement, packages, st, c = load("smmp.agreement"), load("smmp.packages"), group.state, group.change
    c.at = None
    if c.job is None:
        load("smmp.regroup").regroup(me, members, group, now, out)
        return
    _, add, remove = c.job
    if group.phase not in (LIVE, NONE):
        c.at = now + STEP_MS
        return
    entering = [tag for tag in add if usable(members, packages.known(group, tag), tag)]
    for tag in add:
        if tag not in entering:
            out.event("no_package", {"uid": members.uid_of(tag)})
    if len(entering) < len(add) and (st is None or not entering and not remove):
        c.at = now + INTERVAL_MS
        return
    tags = set(st.tags if st else [me.tag])
    gone = [tag for tag in remove if tag in tags]
    new = [tag for tag in entering if tag not in tags]
    tags = sorted((tags | set(entering)) - set(remove))
    if remove and not gone and not entering:
        c.job = None  # gone already
        return
    if len(tags) < 2 and not gone or len(tags) > MAX_GROUP:
        _failed(group, "a group has 2 to %d members" % MAX_GROUP, out)
        return
    if st and st.epoch >= MAX_EPOCH:
        _failed(group, "the group has used up all its numbers: create a new one", out)
        return
    reason = CREATE if st is None else REMOVE if gone else ADD if new else RESYNC
    r = me.rng.bytes(32)
    epoch, head, v = (st.epoch, st.head, st.v) if st else (0, bytes(32), None)
    try:
        parties = [party(me, members, group, tag, tag in entering, r) for tag in tags]
        frame, after = agreement.agree(
            me.suite, group.id, epoch, head, reason, me.tag, me.identity.b, r, me.rng.bytes(32), parties, v
        )
    except Reject:
        _failed(group, "a member's keys are not usable", out)
        return
    c.not_before = now + INTERVAL_MS
    outgoing.submit(me, group, Pending(AGREEMENT, frame, None, None, None, after), now, out)


def usable(members, known, tag):
    """Can this member come in?"""
    try:
        return high_order(members.pinned(tag) or bytes(32)) and known
    except Reject:
        return False


def party(me, members, group, tag, enters, r):
    """A member of the next agreement. enters: with its newest package; else with its present key and its oldest.

    Raises Reject."""
    agreement, known, st = load("smmp.agreement"), load("smmp.packages").known(group, tag), group.state
    B = members.pinned(tag)
    if tag == me.tag:
        return agreement.Party(tag, B, 0, None, me.suite.x25519_base(r))
    if B is None:
        raise Reject("identity")
    if enters:
        number = max(known)
        return agreement.Party(tag, B, number | ENTERS, known[number][0], known[number][1])
    R = st.R[st.tags.index(tag)]
    number = min(known) if known else 0  # asleep for long: its packages have run out
    return agreement.Party(tag, B, number, known[number][0] if known else R, R)


def _failed(group, why, out):
    group.change.job = None
    out.event("group_failed", {"reason": why})
