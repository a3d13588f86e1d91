"""Where the group is, and how a member gets there: asking, catching up, going back, asking to be taken in again. PROTOCOL.md 18.3 to 18.5.

After every connection we ask; whoever answers had seen our question, so its position is no older than our subscription. We
hold all that comes, reach that position by the retained slots, and then take what we held: what the position already
covers is recognised by its epoch. The longer of two branches stands; of two equal ones that of a live member.

Nobody's word moves us, only frames in hand: what is named and cannot be had gives way to what another live member names.
"""

from ..compat import const
from ..errors import Reject
from ..wire import u32
from . import ratchet as smmp
from .answers import Answers
from .control import ASK, FORKED, HEAD, LIVE, NEED, NONE, REJOIN, SYNC, WANT, Control, seal_control
from .fetch import SLOTS, Fetching
from .heads import Asking, better
from .ratchet import frame_epoch, frame_hash, frame_prev
from .suspicion import Doubt

# Stages of SYNC
_ASKED = const(1)
_ALONE = const(2)  # asked again; is a frame for our state in its slot?
_FETCH = const(3)
_NEED = const(4)
_BACK = const(5)  # looking for the frame that should stand in our last one's place
_BACK_NEED = const(6)
_DOUBT = const(7)  # of LIVE

ROUNDS = const(2)  # of asking and fetching with nothing gained, before we give up
SYNC_MS = const(4000)
FETCH_MS = const(1000)  # what is retained has come by then
NEED_MS = const(3000)
REJOIN_MS = const(30000)


class Position:
    """`g` is the group; see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch
        self.answers = Answers(group)
        self.asking = Asking(group)
        self.doubts = Doubt(self)
        self.fetching = Fetching(group)
        self.stop()

    def stop(self):
        self.answers.stop()
        self.asking.stop()
        self._rounds = 0
        self.clear(0)

    def clear(self, stage):
        """A new search, or none."""
        self.asking.clear()
        self._stage = stage
        self._deadline = None
        self._best = None  # the furthest position of those who are looking, too
        self._target = None  # where we are going
        self.fetching.clear()

    # --- asking

    def begin(self, now):
        if self.g.phase == REJOIN:
            self.ch.event("desync", {"epoch": self.g.state.epoch})  # again: it may have been lost with the power
            self.rejoin(now)
        elif self.g.phase == FORKED:
            self.ch.event("forked", {"epoch": self.g.state.epoch})
        elif self.g.phase == SYNC:
            self.sync(now)

    def sync(self, now, soon=False):
        """Ask where the group is; accept nothing until we know. soon: whenever we asked last."""
        if self.g.phase == LIVE:
            self.g.phase = SYNC
        self.clear(_ASKED)
        self._ask_in_time(now, soon)

    def _ask_in_time(self, now, soon=False):
        self.asking.in_time(now, soon)
        if self.asking.due == now:
            self._ask(now)

    def _ask(self, now):
        self.asking.ask(now)
        self._deadline = now + SYNC_MS

    # --- what others ask and say

    def controlled(self, frame, now):
        """A control frame. Raises Reject."""
        g = self.g
        if frame[2:18] == self.ch.tag:
            if self._stage in (_ASKED, _ALONE, _DOUBT) and self.asking.returned(frame):
                self._deadline = now + SYNC_MS
            return
        c = Control(self.ch, g.id, frame, g.state.tags if g.state else None)
        if c.kind == ASK and g.phase in (LIVE, SYNC):
            self.answers.owe(c.nonce, now)
            self._heard(c, now)
        elif c.kind == HEAD:
            self._said(c, now)
        elif c.kind == NEED and g.phase in (LIVE, SYNC) and c.number in g.recent:
            frame, slot = g.recent[c.number][0], c.number % SLOTS
            if c.head in (bytes(32), frame_hash(self.ch.suite, frame)) and self.ch.may_report("need%d" % slot, now):
                g.publish(frame, slot)
        elif c.kind == WANT and g.state is not None:
            g.organizer.wanted(c.tag, c.number, now)

    def _said(self, c, now):
        """Somebody's position; an answer to us when the nonce is ours."""
        g, q = self.g, self.asking
        ours = c.nonce in q.nonces and c.live
        if g.state is None:
            if ours:
                g.organizer.exists()
            return
        self.answers.heard(c)
        if not ours or g.phase not in (LIVE, SYNC):
            self._heard(c, now)
            return
        sure = self._target in q.told.values()
        q.hear(c.tag, c.position)
        if g.phase == LIVE:
            if self._stage == _DOUBT:
                self.doubts.judge(now)
        elif not sure or better(q.told[c.tag], self._target):
            self._go(now)

    def _heard(self, c, now):
        """Where another member says it is, to whomever."""
        g = self.g
        if not c.inside or c.tag in self.asking.liars:
            return
        if g.phase == LIVE:
            if self.asking.elsewhere(c.position) and (c.live or c.number > g.state.epoch):
                self.doubt(now, c.tag, c.position)
        elif g.phase == SYNC and (self._best is None or better(c.position, self._best)):
            self._best = c.position

    # --- live, and somebody says that the group is elsewhere

    def doubt(self, now, cause=None, claim=None, frame=None):
        """Ask, and stay live until it is answered. cause, claim: see doubt.Doubt; frame: one that does not fit."""
        if self._stage != _DOUBT:
            self.clear(_DOUBT)
            self.doubts.begin(cause, claim)
            self.fetching.look(self.g.state.epoch)
            self._ask_in_time(now)
        if frame is not None:
            self.asking.hold(frame)

    def hurry(self, at):
        self._deadline = min(self._deadline or at, at)

    def leave(self, now):
        """We are live no more. What came since the question is held."""
        self.g.phase = SYNC
        self._stage = _ASKED
        self._go(now)

    # --- getting there

    def _go(self, now):
        """Compare where we are with where we ought to be: there, ahead of it, behind it (fetch the next slots), or elsewhere."""
        g = self.g
        if g.phase != SYNC:
            return  # a frame on the way took us out of the group
        st, named = g.state, self.asking.named()
        if named:
            self._target = self.asking.furthest(named)
            if g.passed(self._target):
                self._arrived(now)
                return
        epoch, head = self._target
        if epoch > st.epoch:
            if self._stage not in (_FETCH, _NEED, _BACK, _BACK_NEED):
                self._stage = _FETCH
                self._deadline = now + FETCH_MS
            if self._stage == _FETCH:
                self.fetching.towards(epoch)
        elif epoch < st.epoch and self.asking.away() > 1:
            self._forked()  # we are alone on our branch
        elif epoch < st.epoch:
            # We know more than they do: they come after us, then we ask again.
            self.answers.say(bytes(16))
            self.asking.told = {}
            self._stage = _ASKED
            self._later(now)
        elif head == st.head:
            self._look_ahead(now)  # those who are looking themselves may have seen more since
        elif named or head < st.head:
            self._chase(head, now)
        else:
            self._later(now)

    def _later(self, now):
        self._target = self._deadline = None
        self.asking.due = now + SYNC_MS

    def _look_ahead(self, now):
        """No live member has answered: is there a frame for our state in its slot? And ask once more."""
        self._target = None
        self._stage = _ALONE
        self.fetching.look(self.g.state.epoch)
        self._ask(now)

    def _arrived(self, now):
        """We are where a live member is, or nobody is."""
        q = self.asking
        if q.hole():
            self.sync(now, self.g.state.epoch > q.epoch)
            return
        q.refuse_one()
        held, self._rounds, q.due = q.held, 0, None
        self.clear(0)
        self.g.go_live(held, now)

    def _chase(self, other, now):
        """Our last frame is not on the others' branch: look for the one that is, if we can still go back."""
        if self.fetching.chase(other):
            self._stage, self._deadline = _BACK, now + FETCH_MS
        elif self._target[0] <= self.g.state.epoch:
            self._give_up(now)

    def slot(self, frame, now):
        """A retained frame. Raises Reject."""
        g, epoch = self.g, frame_epoch(frame)
        if self._stage in (_BACK, _BACK_NEED) and self.fetching.caught(frame):
            self._back(frame, now)
            return
        if self._stage in (_FETCH, _NEED) and self.fetching.keep(epoch, frame):
            return
        if self._stage not in (_ALONE, _FETCH, _NEED, _DOUBT) or g.phase not in (LIVE, SYNC):
            raise Reject("outside")
        if epoch != g.state.epoch:
            raise Reject("late")
        if frame_prev(frame) != g.state.head:
            if self._stage in (_FETCH, _NEED):
                self._chase(frame_prev(frame), now)
            raise Reject("outside")
        if self._stage == _DOUBT:
            if not smmp.authentic(self.ch.suite, frame, g.state.v):
                raise Reject("bad_hmac")
            g.phase, self._stage = SYNC, _ASKED  # there is more: the claim was true
        g.accept(frame, now)
        self._gained(now)

    def _gained(self, now):
        """One frame further, and those that came early."""
        g = self.g
        self._rounds, self.asking.failed, self.fetching.chased = 0, [], []
        if self._stage == _NEED:
            self.fetching.again()
        while g.phase == SYNC:
            early = self.fetching.take()
            if early is None:
                break
            try:
                g.accept(early, now)
            except Reject as e:
                self.ch.complain(e.reason, None, now)
                self.fetching.again()
        if g.phase != SYNC:
            return
        if self.asking.told or self._target is not None:
            self._stage = _ASKED  # the time for the next frame begins
            self._go(now)
        elif self._stage == _ALONE:
            self._deadline = now + SYNC_MS
            self.fetching.look(g.state.epoch)

    def _back(self, frame, now):
        """The frame that the others have in our last one's place: back by one epoch, and on from there."""
        g, u, left = self.g, self.g.undo, self.g.last
        stands = u.outside is not None or frame_prev(frame) == u.state.head and smmp.authentic(self.ch.suite, frame, u.state.v)
        self._stage = _ASKED
        self.fetching.again()
        if not stands:
            self._give_up(now)  # both branches went on
            return
        g.roll_back(now)
        if g.phase == REJOIN:
            self._want(now)
        elif g.phase == NONE:
            self.fetching.everything()
        else:
            try:
                g.accept(frame, now)
            except Reject as e:
                self.ch.complain(e.reason, None, now)
                g.accept(left, now)
                self._give_up(now)
                return
            self._gained(now)

    def tick(self, now):
        if self.asking.due is not None and now >= self.asking.due:
            self._ask(now)
        self.answers.tick(now)
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._late(now)

    def _late(self, now):
        """What we waited for did not come."""
        g = self.g
        if g.phase == REJOIN:
            self._want(now)
        elif g.phase == LIVE and self._stage == _DOUBT:
            self.doubts.settle(now)
        elif g.phase != SYNC:
            return
        elif self._stage in (_FETCH, _NEED, _BACK, _BACK_NEED):
            self._not_there(now)
        elif self._best is not None and better(self._best, (g.state.epoch, g.state.head)):
            self._target = self._best
            self._go(now)
        elif not self.asking.echo:
            self._ask(now)
        elif self._stage == _ASKED:
            self._look_ahead(now)
        else:
            self._arrived(now)  # nobody else is live

    def _not_there(self, now):
        """A slot does not hold what we need."""
        g = self.g
        mine = g.speech.pending
        if mine and self.fetching.shows(mine.frame):
            # The group took our own frame, and the power went before we saw it, or wrote its slot
            g.accept(mine.frame, now)
            self._gained(now)
        elif self.asking.away() < 2 and [p for p in self.asking.named() if g.passed(p)]:
            self._arrived(now)  # a live member is content with what we have
        elif self._stage == _FETCH or self._stage == _BACK_NEED and self._target[0] > g.state.epoch:
            # After a chase, too: the slot ahead of us may have held a false one
            self._stage = _NEED
            self._deadline = now + NEED_MS
            self.fetching.again()
            self.fetching.need(g.state.epoch, bytes(32))
            self.fetching.towards(self._target[0])
        elif self._stage == _BACK:
            self._stage = _BACK_NEED
            self._deadline = now + NEED_MS
            self.fetching.chase_on()
        else:
            self._give_up(now)

    def _give_up(self, now):
        """Not this position; another, or a new round. After that nobody's help is left; with both branches gone on a person must choose."""
        g, q = self.g, self.asking
        self._deadline = None
        q.missing(self._target, self._stage in (_FETCH, _NEED))
        if self._target == self._best:
            self._best = None
        if q.named():
            self._go(now)
            return
        self._rounds += 1
        if self._rounds < ROUNDS:
            branch = self.fetching.chased[:1]  # that there is another one we remember
            self.sync(now)
            self.fetching.chased = branch and [b""]
        elif self.fetching.chased:
            self._forked()
        else:
            self.ch.event("desync", {"epoch": g.state.epoch})
            self.rejoin(now)

    def _forked(self):
        self._rounds = 0
        self.clear(0)
        self.g.phase = FORKED
        self.ch.dirty = True
        self.ch.event("forked", {"epoch": self.g.state.epoch})

    def rejoin(self, now):
        """Ask for an agreement, with fresh packages."""
        self.g.fall_out(now)
        self.stop()
        self._want(now)

    def decree(self, now):
        """A person has chosen our branch."""
        if self.g.phase == FORKED:
            self.g.phase = SYNC
            self._arrived(now)

    def _want(self, now):
        self.fetching.everything()
        self._deadline = now + REJOIN_MS
        self.g.packages.renew()
        self.g.publish(seal_control(self.ch, self.g.id, WANT, u32(self.g.packages.fresh)))

    def times(self):
        return [self.asking.due, self._deadline] + self.answers.times()
