"""What a member keeps of its ratcheting group: records, and small questions to them. PROTOCOL.md sections 16 to 18.

    NONE --agreement that includes us--> SYNC          SYNC --position reached (sync.py)--> LIVE
    LIVE --connection lost, something missed--> SYNC   SYNC --cannot be reached--> REJOIN --agreement--> SYNC
    SYNC --two branches went on--> FORKED --a person says rejoin--> REJOIN

The procedures stand elsewhere: what every frame needs in order.py and outgoing.py, the rest in modules that come and
go.
"""

from ..compat import const
from ..crypto.keys import dh, siv
from ..crypto.signing import mac
from ..errors import Reject
from ..wire import TAG
from .ratchet import MAX_EPOCH, RESYNC, frame_epoch, frame_prev

# Phases of a group
NONE = const(0)  # in no group
SYNC = const(1)  # in it, and looking where it is
LIVE = const(2)
REJOIN = const(3)  # cannot catch up
FORKED = const(4)  # ours and theirs both went on: a person must look
PHASE = ("none", "sync", "live", "rejoin", "forked")  # for people

REST = const(0)  # stage of a search that is none; most others stand in sync.py
CALM = const(8)  # LIVE, and nobody says that the group is elsewhere

SLOTS = const(64)  # retained slots of accepted frames: how far a member may fall behind
AHEAD = const(2)  # published ahead, so that a sleeping member survives two agreements
_STATICS = const(31)  # what we share with others of the channel: of a group of 20 and those who may come in
STEP_MS = const(2000)  # who answers a wish to rejoin, by place among the awake; and how soon we try again what we want


class Packages:
    """One-time packages, ours and the others'. packages.py has the procedures."""

    def __init__(self):
        self.mine = {}  # number -> (k, r): K and R are published, k and r go when an agreement used them
        self.counter = 0
        self.fresh = 0  # number of the first package that we made to be taken in again
        self.theirs = {}  # tag -> number u32 || K || R, again and again: see packages.known
        self.floor = {}  # tag -> numbers up to here are used

    def forget(self, tag):
        """A member began a new session: what it said before is void."""
        self.theirs.pop(tag, None)
        self.floor.pop(tag, None)


class Pending:
    """Our frame on its way: kept, byte for byte, until it or another one is accepted."""

    def __init__(self, kind, frame, secret=None, entry=None, t=None, after=None):
        self.kind = kind
        self.frame = frame
        self.secret = secret  # r_new of a ratchet frame
        self.entry = entry  # what to seal again should another frame win: as in the queue; None for an agreement
        self.t = t  # a private message's next secret
        self.after = after  # the State to come; of a message not stored, and None after a restart


class Outgoing:
    """What we want to say. outgoing.py has the procedures."""

    def __init__(self):
        self.queue = []  # [(lead, text, to, token)]: token 0 when nobody waits for it any more
        self.count = 0  # messages ever queued
        self.pending = None
        self.stop()

    def stop(self):
        """The connection is gone."""
        self.reseal_at = None
        self.repeat_at = None
        self.refresh_at = None

    def own(self, frame):
        """Our Pending, when this is its frame."""
        return self.pending if self.pending is not None and frame == self.pending.frame else None


class Change:
    """The change of the members that we want. membership.py has the procedures."""

    def __init__(self):
        self.job = None  # (reason, tags to add, tags to remove)
        self.at = None
        self.not_before = 0
        self.sure = False  # the same wish again
        self.failed = None  # the tags of a group that we wished for, and that somebody said there is one already
        self.together = []  # uids of those that were together before a move to another key, and are not yet again
        self.answered = []  # tags that an agreement of ours took in again, and none of another since

    def stop(self):
        if self.job and self.job[0] == RESYNC:
            self.drop()

    def drop(self):
        self.job = self.at = None

    def again(self, now):
        """Our agreement lost to another frame; the wish stands."""
        if self.job:
            self.at = now + STEP_MS


class Search:
    """Where is the group? What we asked, heard and hold. sync.py has the transitions."""

    def __init__(self):
        self.liars = ()  # tags that are not believed any more, until the next agreement
        self.asked_at = None
        self.told_at = None
        self.heard = b""  # beginnings of the last questions' nonces: repeated ones cost nothing
        self.stop()

    def stop(self):
        """The connection is gone."""
        self.trail = {}  # epoch -> how its head begins, of those that slots led us through
        self.answers = []  # that we owe: [(nonce, at, tag of a live member that has said the same)]
        self.ask_at = None
        self.epoch = -1  # ours, when we asked last
        self.rounds = 0
        self.wants = 0  # how often we asked in vain to be taken in, while others were awake
        self.clear(REST)

    def clear(self, stage):
        """A new search, or none."""
        self.stage = stage
        self.deadline = None
        self.best = None  # the furthest position of those who are looking, too
        self.target = None  # where we are going
        # Of a doubt: tag of who says that we are elsewhere, the position it names; has another been with us since?
        self.cause = self.claim = self.calmed = None
        self.held = []  # live frames that came meanwhile
        self.gone = -1  # the highest epoch of those that found no room
        self.question = None
        self.echo = False  # has it come back?
        self.nonces = []  # of all questions of this search: an answer to any will do
        self.told = {}  # tag -> (epoch, head) of live members, in answer to them
        self.failed = ()  # tags of those whose position could not be had
        self.behind = 0  # how often we have let those who are behind know
        self.backed = False  # is one that is looking, too, where we are?
        self.chased = ()  # hashes of other frames of our last epoch that we have looked for
        self.again()

    def again(self):
        """What was asked for may have been dropped."""
        self.upto = 0  # slots below this epoch have been asked for
        self.early = {}  # epoch -> frame, for when we are there
        self.other = None  # hash of the frame that should stand in our last one's place


class Undo:
    """What the last accepted frame replaced, for one epoch: should the others have taken another one, we go back.

    own: our Pending at that state, accepted or not: whoever is shown another frame first may learn that the others took
    this one. spent: our packages that the frame used. job: the wish that it fulfilled. outside: the phase before, when
    it took us in: we stood nowhere in the group then."""

    def __init__(self, group, own):
        self.state = group.state
        self.pairs = group.pairs
        self.own = own
        self.spent = {}
        self.job = None
        self.outside = group.phase if group.phase in (NONE, REJOIN) else None


class Entry:
    """What took us in, until another than its organizer confirms it. PROTOCOL.md 16.4.

    epoch: the first after it. before: (epoch, tags) of the group that we asked to be taken into again, or None."""

    def __init__(self, organizer, epoch, before):
        self.organizer = organizer
        self.epoch = epoch
        self.before = before


class Group:
    """Everything that a member keeps of its group."""

    def __init__(self, me):
        self.name = siv(me.suite, me.keys.ckey, b"group", me.config.get("group", "main").encode())
        self.id = self.name[:16]
        me.topics.remember(self.name)
        self.phase = NONE
        self.state = None
        self.undo = None
        self.entry = None  # Entry: we are in it on one member's word
        self.leaving = False  # we have asked to be removed
        self.pairs = {}  # tag -> pair, see private.py
        self.last = b""  # the frame that made `state`: it can be put back into its slot
        self.last_by = None
        self.recent = {}  # epoch -> (frame, sender's tag): the last few; only `last` is stored
        self.heard = {}  # tag -> number of its last message that we had: none is delivered twice
        self.untaken = None  # head at which we have asked about a frame that we could not take
        self.statics = {}  # a member's pinned identity, its own object -> what it and ours share
        self.packages = Packages()
        self.outgoing = Outgoing()
        self.change = Change()
        self.search = Search()

    def tags(self):
        """Of the present set."""
        return self.state.tags if self.state else ()

    def over(self):
        """Can we say nothing to the group any more?"""
        return self.state is not None and (self.phase in (REJOIN, FORKED) or self.state.epoch >= MAX_EPOCH)

    def position(self):
        return (self.state.epoch, self.state.head)

    def passed(self, position):
        """Is this (epoch, head) where we are, or were a few frames ago?"""
        epoch, head = position
        if epoch == self.state.epoch:
            return head == self.state.head
        if epoch in self.search.trail:
            return head.startswith(self.search.trail[epoch])
        return epoch in self.recent and frame_prev(self.recent[epoch][0]) == head

    def again(self, payload, now, out):
        """Is it what came live, now in its slot? Then there is no more to do. payload: any bytes."""
        frame = self.recent.get(frame_epoch(payload), (None,))[0]
        same = self.search.stage == CALM and frame == memoryview(payload)[:-TAG]
        if same:
            out.complain("duplicate", None, now)
        return same

    def vouch(self, me, members, tags, ad, said):
        """MACs, joined, by which those with these tags believe that we said this, and can show it to nobody."""
        macs = b""
        for tag in tags:
            if tag != me.tag and members.pinned(tag):
                macs += mac(me.suite, static(me, members, self, tag), ad, self.id, me.tag, tag, said)
        return macs

    def vouched(self, me, members, tag, ad, said, items):
        """Did the member with this tag say this to us? items: MACs, joined. Raises Reject("identity" | "neutral")."""
        mine = mac(me.suite, static(me, members, self, tag), ad, self.id, tag, me.tag, said)
        return bool([at for at in range(0, len(items), TAG) if me.suite.equal(items[at : at + TAG], mine)])


def own_tag(members, tag):
    """The one object that stands for this tag: a board has no room for copies."""
    m = members.by_tag.get(tag)
    return m.tag if m else tag


def static(me, members, group, tag):
    """X25519 of our identity and that member's, both pinned: computed once. Raises Reject("identity" | "neutral")."""
    whose = me.identity if tag == me.tag else members.by_tag.get(tag)
    if not whose or not whose.public:
        raise Reject("identity")
    if whose.public not in group.statics:
        if len(group.statics) >= _STATICS:
            group.statics = {}  # the group has changed a lot
        group.statics[whose.public] = dh(me.suite, me.identity.b, whose.public[:32])
    return group.statics[whose.public]


def statics(me, members, group):
    """`static` of a tag, for the formulas."""
    return lambda tag: static(me, members, group, tag)
