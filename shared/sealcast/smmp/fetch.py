"""Accepted frames from the retained slots, a few ahead at a time, and the one that should stand in our last one's
place.

PROTOCOL.md 18.3, 18.4.
"""

from ..compat import const
from ..crypto.keys import ZERO
from ..errors import Reject
from ..rare import load
from ..wire import u32
from . import order, outgoing
from .group import FORKED, NONE, REJOIN, REST, SLOTS, SYNC
from .ratchet import State, authentic, frame_epoch, frame_hash, frame_prev, open_frame

AHEAD = const(4)  # asked for at a time
CHASES = const(2)  # other frames of our last epoch that we look for, a round
ROUNDS = const(2)  # of asking and fetching with nothing gained, before we give up
FETCH_MS = const(1000)  # what is retained has come by then
NEED_MS = const(3000)
REJOIN_MS = const(30000)


def look(me, group, epoch, out):
    """Read this epoch's slot."""
    out.subscribe(me.topics.make(group.name, "e", epoch % SLOTS))


def everything(me, group, out):
    """Is an agreement among the retained frames that takes us in?"""
    out.subscribe(me.topics.make(group.name, "e", "+"))


def towards(me, group, target, out):
    """The next slots on the way to this epoch."""
    s, epoch = group.search, group.state.epoch
    for e in range(max(epoch, s.upto), min(target, epoch + AHEAD)):
        look(me, group, e, out)
        s.upto = e + 1


def shows(me, members, group, mine):
    """Did a member go on from our own frame, which fits our state? What came early says so."""
    st, early, frame = group.state, group.search.early.get(group.state.epoch + 1), mine.frame
    fits = frame_epoch(frame) == st.epoch and frame_prev(frame) == st.head
    if not fits or early is None or frame_prev(early) != frame_hash(me.suite, frame):
        return False
    after = mine.after or open_frame(me.suite, st, order.statics(me, members, group), frame, mine.secret)[2]
    return authentic(me.suite, early, after.v)


# --- frames from the slots


def keep(me, members, group, frame, now, out):
    """For when we are there."""
    group.search.early[frame_epoch(frame)] = frame


def take(me, members, group, frame, now, out):
    """One frame further, and those that came early."""
    load("smmp.heads"), load("smmp.sync")
    order.accept(me, members, group, frame, now, out)
    gained(me, members, group, now, out)


def gained(me, members, group, now, out):
    """Those that came early, and on from there."""
    sync, s = load("smmp.sync"), group.search
    s.rounds, s.failed, s.chased = 0, (), ()
    if s.stage == sync.NEED:
        s.again()
    while group.phase == SYNC and group.state.epoch in s.early:
        try:
            order.accept(me, members, group, s.early.pop(group.state.epoch), now, out)
        except Reject as e:
            out.complain(e.reason, None, now)
            s.again()
    if group.phase != SYNC:
        return
    if s.told or s.target is not None:
        s.stage = sync.ASKED  # the time for the next frame begins
        sync.go(me, members, group, now, out)
    elif s.stage == sync.ALONE:
        s.deadline = now + load("smmp.heads").SYNC_MS
        look(me, group, group.state.epoch, out)


def branch(me, members, group, frame, now, out):
    """The group went on from another frame than our last one."""
    keep(me, members, group, frame, now, out)
    chase(me, members, group, frame_prev(frame), now, out)
    raise Reject("outside")


def chase(me, members, group, other, now, out):
    """Our last frame is not on the others' branch: look for the one that is, if we can still go back."""
    s = group.search
    new = other not in s.chased and len(s.chased) < CHASES
    if new:
        s.chased += (other,)
    if new and group.undo is not None:
        s.other = other
        look(me, group, group.state.epoch - 1, out)
        s.stage, s.deadline = load("smmp.sync").BACK, now + FETCH_MS
    elif s.target[0] <= group.state.epoch:
        _give_up(me, members, group, now, out)


def _leads_to_a_member(me, group, head):
    """Did a member name this position, or one that stands on it by the frames that came early?"""
    epoch, early, said = group.state.epoch, group.search.early, load("smmp.heads").said_by(group)
    while (epoch, head) not in said:
        if epoch not in early or frame_prev(early[epoch]) != head:
            return False
        epoch, head = epoch + 1, frame_hash(me.suite, early[epoch])
    return True


def back(me, members, group, frame, now, out):
    """The frame that the others have in our last one's place: back by one epoch, and on from there."""
    sync, s, u, left = load("smmp.sync"), group.search, group.undo, group.last
    stands = u.outside is not None or frame_prev(frame) == u.state.head and authentic(me.suite, frame, u.state.v)
    if u.outside is not None or [tag for tag in u.state.tags if tag not in group.tags()]:
        # We have no key to judge it, or who was removed has it, too: a member must have said that the group is there
        stands = stands and _leads_to_a_member(me, group, s.other)
    s.stage = sync.ASKED
    s.again()
    if not stands:
        not_back(me, members, group, None, now, out)  # both branches went on, or it was a false one
        return
    _roll_back(me, group, now, out)
    if group.phase == REJOIN:
        want(me, members, group, None, now, out)
    elif group.phase == NONE:
        s.stage = REST
        everything(me, group, out)
    else:
        try:
            order.accept(me, members, group, frame, now, out)
        except Reject as e:
            out.complain(e.reason, None, now)
            order.accept(me, members, group, left, now, out)
            _give_up(me, members, group, now, out)
            return
        gained(me, members, group, now, out)


def _roll_back(me, group, now, out):
    """The others did not take what we accepted last: one epoch back. Our own frame of that state waits again, the same
    bytes: it may be theirs."""
    u, entries, unwritten = group.undo, out.outbox.entries, outgoing.wrapped(me, group, group.last)
    o, own = group.outgoing, u.own
    for token in [t for t in entries if entries[t][1] == unwritten]:
        del entries[token]  # it was not the group's: it must not reach its slot any more
    outgoing.requeue(group, now, out)
    group.undo = None
    group.state, group.pairs, group.last, group.last_by = u.state, u.pairs, b"", None
    group.recent = {}
    o.pending = own  # it is on its way, and its message in no queue
    if own and own.entry:
        lead, text, to, _ = own.entry
        waiting = [entry for entry in o.queue if entry[0] == lead]
        o.queue = [entry for entry in o.queue if entry[0] != lead]
        own.entry = waiting[0] if waiting else (lead, text, to, 0)  # nobody waits for it any more
    group.packages.mine.update(u.spent)
    if u.job and not group.change.job:
        group.change.job = u.job
    if u.outside is not None:
        group.phase, group.entry = u.outside, None
    out.dirty = True
    out.event("resynced", {"epoch": u.state.epoch if u.state else 0, "rolled_back": True})


# --- what we need is not in its slot


def need_next(me, members, group, _, now, out):
    """Ask the others for the next frame, whatever its hash."""
    s = group.search
    if not _there_already(me, members, group, now, out):
        s.stage, s.deadline = load("smmp.sync").NEED, now + NEED_MS
        s.again()
        load("smmp.heads").ask_frame(me, members, group, group.state.epoch, bytes(32), out)
        towards(me, group, s.target[0], out)


def need_other(me, members, group, _, now, out):
    """Ask the others for the frame of our last epoch."""
    s = group.search
    if not _there_already(me, members, group, now, out):
        s.stage, s.deadline = load("smmp.sync").BACK_NEED, now + NEED_MS
        load("smmp.heads").ask_frame(me, members, group, group.state.epoch - 1, s.other, out)


def not_back(me, members, group, _, now, out):
    """Nobody has the frame for our last one's place: the one ahead of us may have been a false one."""
    if group.search.target[0] > group.state.epoch:
        need_next(me, members, group, None, now, out)
    else:
        not_there(me, members, group, None, now, out)


def not_there(me, members, group, _, now, out):
    """Nobody has the next frame."""
    if not _there_already(me, members, group, now, out):
        _give_up(me, members, group, now, out)


def _there_already(me, members, group, now, out):
    """Is the frame that we miss our own, or a live member content with what we have?"""
    heads, mine = load("smmp.heads"), group.outgoing.pending
    if mine and shows(me, members, group, mine):
        # The group took our own frame, and the power went before we saw it, or wrote its slot
        take(me, members, group, mine.frame, now, out)
    elif heads.away(group) < 2 and [p for p in heads.named(group) if group.passed(p)]:
        load("smmp.sync").arrived(me, members, group, now, out)
    else:
        return False
    return True


def _give_up(me, members, group, now, out):
    """Not this position; another, or a new round.

    After that nobody's help is left; with both branches gone on a person must choose."""
    heads, sync, s = load("smmp.heads"), load("smmp.sync"), group.search
    s.deadline = None
    heads.missing(group, s.stage in (sync.FETCH, sync.NEED))
    if s.target == s.best:
        s.best = None
    if heads.named(group):
        sync.go(me, members, group, now, out)
        return
    s.rounds += 1
    if s.rounds < ROUNDS:
        chased, backed = s.chased[:1] and (b"",), s.backed  # that there is another branch we remember
        sync.start(me, members, group, False, now, out)
        s.chased, s.backed = chased, backed
    elif s.backed and heads.away(group) < 2 and max([s.target] + list(s.told.values()))[0] <= group.state.epoch:
        sync.arrived(me, members, group, now, out)  # one alone has another branch, which cannot be had
    elif s.chased and not (group.undo and group.undo.outside is not None):  # who just came in has no branch
        fork(me, members, group, now, out)
    else:
        rejoin(me, members, group, now, out)


# --- no way to get there


def fork(me, members, group, now, out):
    """Both branches went on: a person must look. Or one alone had said that ours is the group's."""
    group.search.rounds = 0
    if group.entry:
        by = members.uid_of(group.entry.organizer)
        load("smmp.membership").give_back(me, group, out)
        out.event("unconfirmed", {"by": by})
        if group.phase == REJOIN:
            want(me, members, group, None, now, out)
        else:
            everything(me, group, out)
        return
    group.search.clear(REST)
    group.phase = FORKED
    out.dirty = True
    out.event("forked", {"epoch": group.state.epoch})


def rejoin(me, members, group, now, out, epoch=None):
    """Ask for an agreement, with fresh packages. The keys that we hold open nothing that is to come, so they go.
    epoch: where the others are, if that is behind us."""
    load("smmp.packages"), load("smmp.heads")
    st, epoch = group.state, epoch or group.state.epoch
    out.event("desync", {"epoch": epoch})
    outgoing.requeue(group, now, out)
    if group.outgoing.count < 0xF0000000:  # of a backup that came back it is less than what the others have heard
        group.outgoing.count += 0x10000
    group.state = State(st.group, st.tags, st.R, st.index, ZERO, epoch, st.head, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
    group.undo = None
    group.pairs = {}
    group.phase = REJOIN
    group.search.stop()
    out.dirty = True
    want(me, members, group, None, now, out)


def want(me, members, group, _, now, out):
    """Ask to be taken in again."""
    packages, heads, sync, s = load("smmp.packages"), load("smmp.heads"), load("smmp.sync"), group.search
    everything(me, group, out)
    s.stage, s.deadline = sync.OUT, now + REJOIN_MS
    if [tag for tag in group.tags() if tag != me.tag and members.awake(tag)]:
        packages.leap(group, s.wants)
        s.wants += 1
    packages.renew(me, group, out)
    heads.speak(me, members, group, heads.WANT, u32(group.packages.fresh), out)
