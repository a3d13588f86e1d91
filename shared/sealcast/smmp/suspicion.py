"""A live member hears that the group is elsewhere: it asks, and stays live until another one confirms it. PROTOCOL.md
18.3.

Else one insider, or a frame that anybody with the channel's key can make, would stop all members at once.
"""

from ..compat import const
from ..rare import load
from . import order
from .group import CALM, LIVE, SYNC

CALM_MS = const(1500)  # all who know have answered by then


def suspect(me, members, group, c, now, out):
    """A member's position is not ours, or a frame does not fit (c: None). Ask, look into the slot of our epoch, and
    stay live until it is answered."""
    heads, s = load("smmp.heads"), group.search
    s.clear(load("smmp.sync").DOUBT)
    if c:
        s.cause, s.claim = c.tag, c.position
    load("smmp.fetch").look(me, group, group.state.epoch, out)
    heads.ask_soon(me, members, group, False, now, out)


def suspect_frame(me, members, group, frame, now, out):
    """Something was missed, here or there."""
    suspect(me, members, group, None, now, out)
    keep_live(me, members, group, frame, now, out)


def keep_live(me, members, group, frame, now, out):
    """It may be what we have missed the beginning of."""
    load("smmp.heads").hold(group, frame)


def judge(me, members, group, c, now, out):
    """An answer has come: another live member elsewhere, too, makes us move, one that is with us calms us soon."""
    heads, s = load("smmp.heads"), group.search
    heads.hear(group, c)
    told = heads.said_by(group, s.cause)
    others = [tag for tag in group.state.tags if tag != s.cause and tag not in s.liars and members.awake(tag)]
    if [p for p in told if heads.elsewhere(group, p)] or not told and not others:  # nobody could contradict the cause
        _leave(me, members, group, now, out)
    elif [p for p in told if group.passed(p)]:
        s.calmed = True  # when the time is over the group may be far from there
        s.deadline = min(s.deadline or now + CALM_MS, now + CALM_MS)


def settle(me, members, group, _, now, out):
    """The time for answers is over."""
    heads, sync, s = load("smmp.heads"), load("smmp.sync"), group.search
    if s.calmed or s.claim and group.passed(s.claim):  # or the frame was on its way
        if s.cause and s.claim[0] > group.state.epoch:
            heads.refuse(group, s.cause)  # another head of our epoch may be what it said long ago, repeated by somebody
        s.clear(CALM)
    elif s.told:
        _leave(me, members, group, now, out)
    else:
        sync.start(me, members, group, False, now, out)


def _leave(me, members, group, now, out):
    """We are live no more. What came since the question is held."""
    sync = load("smmp.sync")
    group.phase, group.search.stage = SYNC, sync.ASKED
    sync.go(me, members, group, now, out)


def prove(me, members, group, frame, now, out):
    """There is more: the claim was true. One that we cannot take shows no more than one that came live."""
    order.fitting(me, members, group, frame, now, out)
    if group.phase == LIVE:
        group.phase, group.search.stage = SYNC, load("smmp.sync").ASKED
    load("smmp.fetch").gained(me, members, group, now, out)
