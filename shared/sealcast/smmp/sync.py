"""Where the group is, and how a member gets there: one table of what each input does at each stage. PROTOCOL.md 18.3
to 18.5.

After every connection we ask; whoever answers had seen our question, so its position is no older than our
subscription. We hold all that comes, reach that position by the retained slots, and then take what we held: what the
position already covers is recognised by its epoch. The longer of two branches stands; of two equal ones that of a
live member.

Nobody's word moves us, only frames in hand: what is named and cannot be had gives way to what another live member
names. The procedures stand here, in fetch.py and in suspicion.py. What the table leaves out has no effect at that
stage. PROTOCOL.md shows the same table, written by tests/support/position.py.
"""

from ..compat import const
from ..errors import Reject
from ..rare import load
from . import order, outgoing
from .group import CALM, FORKED, LIVE, NONE, REJOIN, SYNC
from .ratchet import CREATE, frame_epoch, frame_hash, frame_prev

# Stages of a search. In no group, offline or forked: REST.
FOUNDING = const(1)  # in no group: does anybody know it already?
ASKED = const(2)  # SYNC: we have asked
ALONE = const(3)  # asked again; is a frame for our state in its slot?
FETCH = const(4)  # the group is ahead: reading the next slots
NEED = const(5)  # asked the others for the next frame
BACK = const(6)  # looking for the frame that should stand in our last one's place
BACK_NEED = const(7)  # asked the others for it
DOUBT = const(9)  # LIVE, and somebody says that the group is elsewhere
OUT = const(10)  # REJOIN: asked to be taken in again
STAGES = ("REST", "FOUNDING", "ASKED", "ALONE", "FETCH", "NEED", "BACK", "BACK_NEED", "CALM", "DOUBT", "OUT")

# Inputs, and what comes with them
ECHO = "our question came back"
ANSWER = "a live member answers it"  # heads.Control
CLAIM = "another says where it is"  # heads.Control
LATE = "what we waited for did not come"
NEXT = "a slot holds the next frame"  # the frame, as below
EARLY = "a slot holds one of the frames after it"
OTHER = "a slot holds a frame on another head"
CAUGHT = "a slot holds the frame for our last one's place"
ODD = "a live frame does not fit"
UNTAKEN = "a live frame fits, and we cannot take it"

TABLE = {
    (FOUNDING, ANSWER): "sync.found",
    (ASKED, ECHO): "sync.echoed",
    (ASKED, ANSWER): "sync.told",
    (ASKED, CLAIM): "sync.remember",
    (ASKED, LATE): "sync.unheard",
    (ALONE, ECHO): "sync.echoed",
    (ALONE, ANSWER): "sync.told",
    (ALONE, CLAIM): "sync.remember",
    (ALONE, NEXT): "fetch.take",
    (ALONE, LATE): "sync.nobody",
    (FETCH, ANSWER): "sync.told",
    (FETCH, CLAIM): "sync.remember",
    (FETCH, NEXT): "fetch.take",
    (FETCH, EARLY): "fetch.keep",
    (FETCH, OTHER): "fetch.branch",
    (FETCH, LATE): "fetch.need_next",
    (NEED, ANSWER): "sync.told",
    (NEED, CLAIM): "sync.remember",
    (NEED, NEXT): "fetch.take",
    (NEED, EARLY): "fetch.keep",
    (NEED, OTHER): "fetch.branch",
    (NEED, LATE): "fetch.not_there",
    (BACK, ANSWER): "sync.told",
    (BACK, CLAIM): "sync.remember",
    (BACK, EARLY): "fetch.keep",
    (BACK, CAUGHT): "fetch.back",
    (BACK, LATE): "fetch.need_other",
    (BACK_NEED, ANSWER): "sync.told",
    (BACK_NEED, CLAIM): "sync.remember",
    (BACK_NEED, EARLY): "fetch.keep",
    (BACK_NEED, CAUGHT): "fetch.back",
    (BACK_NEED, LATE): "fetch.not_back",
    (CALM, CLAIM): "suspicion.suspect",
    (CALM, ODD): "suspicion.suspect_frame",
    (CALM, UNTAKEN): "sync.start",
    (DOUBT, ECHO): "sync.echoed",
    (DOUBT, ANSWER): "suspicion.judge",
    (DOUBT, NEXT): "suspicion.prove",
    (DOUBT, ODD): "suspicion.keep_live",
    (DOUBT, UNTAKEN): "sync.start",
    (DOUBT, LATE): "suspicion.settle",
    (OUT, LATE): "fetch.want",
}


def step(me, members, group, given, what, now, out):
    """One input. -> False when the stage has no use for it. Raises Reject."""
    name = TABLE.get((group.search.stage, given))
    if name is None:
        return False
    where, procedure = name.split(".")
    module = {"sync": load("smmp.sync"), "fetch": load("smmp.fetch"), "suspicion": load("smmp.suspicion")}[where]
    getattr(module, procedure)(me, members, group, what, now, out)
    return True


def slot(me, members, group, frame, now, out):
    """A retained frame. Raises Reject."""
    st, s, epoch, given = group.state, group.search, frame_epoch(frame), None
    if epoch == st.epoch:
        given = NEXT if frame_prev(frame) == st.head else OTHER
    elif st.epoch < epoch < st.epoch + load("smmp.fetch").AHEAD:
        given = EARLY
    elif epoch == st.epoch - 1 and s.other is not None and frame_hash(me.suite, frame) == s.other:
        given = CAUGHT
    if not step(me, members, group, given, frame, now, out):
        raise Reject("late" if s.stage in (ALONE, FETCH, NEED, DOUBT) and epoch != st.epoch else "outside")


# --- asking


def begin(me, members, group, now, out):
    """We are online."""
    if group.phase == REJOIN:
        load("smmp.fetch").rejoin(me, members, group, now, out)
    elif group.phase == FORKED:
        out.event("forked", {"epoch": group.state.epoch})
    elif group.phase == SYNC:
        start(me, members, group, False, now, out)


def start(me, members, group, at_once, now, out):
    """Ask where the group is; accept nothing until we know. at_once: whenever we asked last; not for UNTAKEN: the
    others may have taken that frame."""
    heads = load("smmp.heads")
    if group.phase == LIVE:
        group.phase = SYNC
    group.search.clear(FOUNDING if group.phase == NONE else ASKED)
    heads.ask_soon(me, members, group, at_once, now, out)


def echoed(me, members, group, _, now, out):
    """From here on we have everything: the time for answers begins."""
    s = group.search
    if not s.echo:
        s.echo = True
        s.deadline = now + load("smmp.heads").SYNC_MS


def found(me, members, group, c, now, out):
    """There is a group of this name."""
    if group.change.job and group.change.job[0] == CREATE:
        why = 'a group of this name exists, says "%s": ask it to add this member'
        load("smmp.membership").stopped(members, group, c.tag, why, out)


# --- what is said while we look


def told(me, members, group, c, now, out):
    """Go there, unless we are on our way to what others named, and this is no better."""
    heads, s = load("smmp.heads"), group.search
    sure = s.target in s.told.values()
    heads.hear(group, c)
    if heads.alone(members, group, c.tag) and len(s.told) == 1:
        return  # the others are asked first: its word will do when they say nothing
    if not sure or heads.better(s.told[c.tag], s.target) or group.passed(c.position):
        go(me, members, group, now, out)


def remember(me, members, group, c, now, out):
    """For when no live member answers."""
    s = group.search
    s.backed = s.backed or group.passed(c.position)
    if s.best is None or load("smmp.heads").better(c.position, s.best):
        s.best = c.position


def unheard(me, members, group, _, now, out):
    """No live member answered, or one alone."""
    if group.search.told:
        go(me, members, group, now, out)
    elif not _among_ourselves(me, members, group, now, out):
        look_ahead(me, members, group, now, out)


def nobody(me, members, group, _, now, out):
    """Again no live member answered: nobody else is."""
    if not _among_ourselves(me, members, group, now, out):
        arrived(me, members, group, now, out)


def _among_ourselves(me, members, group, now, out):
    """Those who are looking, too: is one of them further? Or did nobody get our question?"""
    heads, s = load("smmp.heads"), group.search
    if s.best is not None and heads.better(s.best, group.position()):
        s.target = s.best
        go(me, members, group, now, out)
    elif not s.echo:
        heads.ask(me, members, group, now, out)
    else:
        return False
    return True


def look_ahead(me, members, group, now, out):
    """Is there a frame for our state in its slot? And ask once more."""
    heads, s = load("smmp.heads"), group.search
    s.target = None
    s.stage = ALONE
    load("smmp.fetch").look(me, group, group.state.epoch, out)
    heads.ask(me, members, group, now, out)


# --- getting there


def go(me, members, group, now, out):
    """Compare where we are with where we ought to be: there, ahead of it, behind it (fetch the next slots), or
    elsewhere."""
    heads, fetch, s, st = load("smmp.heads"), load("smmp.fetch"), group.search, group.state
    if group.phase != SYNC:
        return  # a frame on the way took us out of the group
    named = heads.named(group)
    if named:
        s.target = heads.furthest(group, named)
        if group.passed(s.target):
            arrived(me, members, group, now, out)
            return
    epoch, head = s.target
    if epoch > st.epoch:
        if s.stage not in (FETCH, NEED, BACK, BACK_NEED):
            s.stage, s.deadline = FETCH, now + fetch.FETCH_MS
        if s.stage == FETCH:
            fetch.towards(me, group, epoch, out)
    elif epoch < st.epoch and (heads.away(group) > 1 or group.entry and s.rounds):
        fetch.fork(me, members, group, now, out)  # we are alone on our branch, or it was not theirs that took us in
    elif epoch < st.epoch and s.behind >= fetch.ROUNDS:
        arrived(me, members, group, now, out)  # nor do they: the longer branch stands, whoever says otherwise
    elif epoch < st.epoch:
        # We know more than they do: they come after us, then we ask again.
        heads.say(me, members, group, bytes(16), out)
        s.behind += 1
        s.rounds += group.entry is not None
        s.told, s.failed = {}, ()
        s.stage = ASKED
        _ask_later(s, now)
    elif head == st.head:
        look_ahead(me, members, group, now, out)  # those who are looking themselves may have seen more since
    elif named or head < st.head:
        fetch.chase(me, members, group, head, now, out)
    else:
        _ask_later(s, now)


def _ask_later(s, now):
    s.target = s.deadline = None
    s.ask_at = now + load("smmp.heads").SYNC_MS


def arrived(me, members, group, now, out):
    """We are where a live member is, or nobody is. Not where one alone is, past where others are: they take us in."""
    heads, s = load("smmp.heads"), group.search
    said = heads.said_by(group)
    if len([p for p in said if group.passed(p)]) < 2:
        left = [tag for tag in group.tags() if tag not in s.told and members.awake(tag)]
        if left and s.deadline is not None and group.state.epoch > s.epoch:
            return  # slots led us here, and another is yet to answer
        away = [p for p in said if p[0] in s.trail and not group.passed(p)]
        if len(away) > 1:
            return load("smmp.fetch").rejoin(me, members, group, now, out, min(away)[0])
    if s.gone >= group.state.epoch > s.epoch:
        start(me, members, group, True, now, out)
        return
    # What is left of it may have lost to what found no room: anybody can see to that, so once was enough
    s.held = [frame for frame in s.held if frame_epoch(frame) > s.gone]
    if heads.away(group) < 2:  # who alone is elsewhere is not believed any more
        for tag in s.told:
            if heads.elsewhere(group, s.told[tag]):
                heads.refuse(group, tag)
    s.rounds, s.ask_at = 0, None
    go_live(me, members, group, s.held, now, out)


def go_live(me, members, group, held, now, out):
    """We are where the group is: what came meanwhile first, then what waits."""
    group.phase = LIVE
    group.search.clear(CALM)
    for frame in held:
        try:
            if group.phase == LIVE:
                order.live(me, members, group, frame, now, out)
            elif group.phase == SYNC:
                load("smmp.heads").hold(group, frame)
        except Reject as e:
            out.complain(e.reason, None, now)
    if group.phase == LIVE:
        _resume(me, members, group, now, out)


def _resume(me, members, group, now, out):
    """We are live again: the same bytes, if they still fit."""
    o, st = group.outgoing, group.state
    p = o.pending
    if p and frame_epoch(p.frame) == st.epoch and frame_prev(p.frame) == st.head:
        outgoing.submit(me, group, p, now, out)
    elif p:
        outgoing.lost_race(group, now, None, out)
    if o.refresh_at is None:
        o.refresh_at = outgoing.some_day(me, now)
    outgoing.flush(me, members, group, now, out)
