"""Where the group is, and how a member gets there: asking, catching up, going back, asking to be taken in again. PROTOCOL.md 18.2 to 18.5.

After every connection we ask; whoever answers had seen our question, so its position is no older than our subscription. We
hold all that comes, reach that position by the retained slots, and then take what we held: what the position already
covers is recognised by its epoch. The longer of two branches stands; of two equal ones that of a live member.
"""

from .compat import const
from .errors import Reject
from .members import AWAKE
from .smmp import frame_epoch, frame_hash, frame_prev
from .wire import CONTROL, Reader, header, u32

# Phases of a group
NONE = const(0)  # in no group
SYNC = const(1)  # in it, and looking where it is
LIVE = const(2)
REJOIN = const(3)  # cannot catch up
FORKED = const(4)  # ours and theirs both went on: a person must look
PHASE = {NONE: "none", SYNC: "sync", LIVE: "live", REJOIN: "rejoin", FORKED: "forked"}

# Stages of SYNC
_ASKED = const(1)
_ALONE = const(2)  # asked again; is a frame for our state in its slot?
_FETCH = const(3)
_NEED = const(4)

# Control frames
ASK = const(1)
HEAD = const(2)
NEED = const(3)
WANT = const(4)

MAX_HELD = const(8)
MAX_ASKS = const(20)
SYNC_MS = const(4000)
ASK_MS = const(3000)  # between two questions of ours
FETCH_MS = const(3000)
REJOIN_MS = const(30000)
ANSWER_MS = const(300)  # a rank, before the next one answers
UNSURE_MS = const(1000)  # those who look for it themselves answer after those who know
TELL_MS = const(10000)
SLOTS = const(64)  # retained slots of accepted frames: how far a member may fall behind


class Position:
    """`g` is the group; see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch
        self.held = []
        self._asked_at = -ASK_MS
        self._told_at = -TELL_MS
        self.stop()

    def stop(self):
        self.held = []
        self._overflow = False
        self._nonce = None
        self._nonces = []  # of all questions of this search: an answer to any will do
        self._echo = False  # has our question come back?
        self._ask_at = None
        self._deadline = None
        self._stage = 0
        self._target = None  # (epoch, head)
        self._sure = False  # is the target a live member's?
        self._best = None  # the furthest position of those who are looking, too
        self._wrong = None  # head of a branch that we left
        self._astray = False
        self._answers = []  # [(nonce, at)]

    # --- asking

    def begin(self, now):
        if self.g.phase == REJOIN:
            self.ch.event("desync", {"epoch": self.g.state.epoch})  # again: it may have been lost with the power
            self.rejoin(now)
        elif self.g.phase == FORKED:
            self.ch.event("forked", {"epoch": self.g.state.epoch})
        elif self.g.phase == SYNC:
            self.sync(now)

    def sync(self, now):
        """Ask where the group is; accept nothing until we know."""
        if self.g.phase == LIVE:
            self.g.phase = SYNC
        self._target = self._best = None
        self._stage = _ASKED
        self._deadline = None
        self._nonces = []
        self._ask_at = max(now, self._asked_at + ASK_MS)
        if self._ask_at == now:
            self._ask(now)

    def _ask(self, now):
        self._ask_at = None
        self._asked_at = now
        self._echo = False
        self._deadline = now + SYNC_MS
        self._nonce = self.ch.rng.bytes(16)
        self._nonces = self._nonces[-3:] + [self._nonce]
        st = self.g.state
        self._control(bytes((ASK,)) + self._nonce + (u32(st.epoch) + st.head if st else bytes(36)))

    def hold(self, frame):
        """A live frame while we are looking. When there are too many we ask again once we have caught up."""
        if len(self.held) >= MAX_HELD:
            self.held = []
            self._overflow = True
        if not self._overflow:
            self.held.append(frame)

    def _control(self, pt):
        head = header(CONTROL, self.ch.tag, 0)
        self.g.publish(self.ch.keys.seal(self.ch.rng, head, self.g.id, pt))

    def _say(self, nonce):
        st = self.g.state
        self._control(bytes((HEAD,)) + nonce + bytes((self.g.phase == LIVE,)) + u32(st.epoch) + st.head)

    def tell(self, now):
        """Somebody does not know where the group is: say it unasked, now and then."""
        if now - self._told_at >= TELL_MS:
            self._told_at = now
            self._answers.append((bytes(16), now + self.rank() * ANSWER_MS))

    def rank(self):
        """Our place among the awake members of the group, 4 at most."""
        before = 0
        for tag in self.g.state.tags:
            m = self.ch.members_by_tag.get(tag)
            if tag < self.ch.tag and m and m.status == AWAKE and before < 4:
                before += 1
        return before

    # --- what others ask and say

    def controlled(self, frame, now):
        """A control frame. Raises Reject."""
        tag, g = frame[2:18], self.g
        m = self.ch.members_by_tag.get(tag)
        if tag != self.ch.tag and (m is None or not m.sessions):
            raise Reject("unknown")
        _, _, _, pt = self.ch.keys.open(frame, CONTROL, g.id)
        r = Reader(pt)
        kind = r.uint(1)
        if kind == ASK:
            nonce, epoch, head = r.take(16), r.uint(4), r.take(32)
            r.end()
            if tag == self.ch.tag and nonce == self._nonce and not self._echo and self._stage in (_ASKED, _ALONE):
                self._echo = True
                self._deadline = now + SYNC_MS
            if tag != self.ch.tag and g.phase in (LIVE, SYNC) and len(self._answers) < MAX_ASKS:
                self._answers.append((nonce, now + self.rank() * ANSWER_MS + UNSURE_MS * (g.phase != LIVE)))
                self._heard(tag, False, (epoch, head), now)
        elif kind == HEAD:
            nonce, live, epoch, head = r.take(16), r.uint(1), r.uint(4), r.take(32)
            r.end()
            if tag != self.ch.tag:
                self._said(tag, nonce, live == 1, (epoch, head), now)
        elif kind == NEED:
            epoch = r.uint(4)
            r.end()
            if g.phase in (LIVE, SYNC) and epoch in g.recent and self.ch.may_report("need%d" % (epoch % SLOTS), now):
                g.publish(g.recent[epoch][0], epoch % SLOTS)
        elif kind == WANT:
            number = r.uint(4)
            r.end()
            if tag != self.ch.tag:
                g.organizer.wanted(tag, number, now)
        else:
            raise Reject("format")

    def _said(self, tag, nonce, live, position, now):
        """Somebody's position; an answer to us when the nonce is ours."""
        g = self.g
        if g.state is None:
            if nonce in self._nonces and live:
                g.organizer.exists()
            return
        if live or g.phase != LIVE and position[0] >= g.state.epoch:
            self._answers = [a for a in self._answers if a[0] != nonce]
        if g.phase == SYNC and nonce in self._nonces and live and tag in g.state.tags:
            if not self._sure:
                self._pursue(position, True, now)
        else:
            self._heard(tag, live, position, now)

    def _heard(self, tag, live, position, now):
        """Where another member says it is, to whomever."""
        g = self.g
        if tag not in g.state.tags:
            return
        if g.phase == LIVE:
            ahead = position[0] > g.state.epoch
            if ahead or live and position[0] == g.state.epoch and position[1] != g.state.head:
                self.sync(now)
        elif g.phase == SYNC and (self._best is None or better(position, self._best)):
            self._best = position

    # --- getting there

    def _pursue(self, target, sure, now):
        """Compare with the position that we must reach: there, ahead of it, behind it (fetch the next slot), or elsewhere."""
        g = self.g
        self._target, self._sure = target, sure
        if g.phase != SYNC:
            return  # a frame on the way took us out of the group
        st = g.state
        epoch, head = target
        if st.epoch == epoch and st.head == head and sure:
            self._arrived(now)
        elif st.epoch == epoch and st.head == head:
            self._look_ahead(now)  # those who are looking themselves may have seen more since
        elif st.epoch > epoch:
            # We know more than they do: they come after us, then we ask again.
            self._say(bytes(16))
            self._again(now)
        elif st.epoch < epoch:
            self._stage = _FETCH
            self._deadline = now + FETCH_MS
            self._fetch()
        elif sure or head < st.head:
            self._astray_from(now)
        else:
            self._again(now)

    def _again(self, now):
        self._target = None
        self._sure = False
        self._stage = _ASKED
        self._deadline = None
        self._ask_at = now + SYNC_MS

    def _look_ahead(self, now):
        """No live member has answered: is there a frame for our state in its slot? And ask once more."""
        self._target = None
        self._stage = _ALONE
        self._fetch()
        self._ask(now)

    def _fetch(self):
        self.ch.subscribe(self.ch.topics.make(self.g.name, "e", self.g.state.epoch % SLOTS))

    def _arrived(self, now):
        if self._overflow:
            self._overflow = False
            self.sync(now)
            return
        self._nonces = []
        self._nonce = self._deadline = self._ask_at = self._target = self._best = None
        self._stage = 0
        self._sure = self._astray = False
        self._wrong = None
        self.g.go_live(now)

    def _astray_from(self, now):
        """Our last frame is not on the others' branch: back by one epoch, if we still can, and on from there."""
        g = self.g
        if g.undo is None:
            self._astray = True
            if self._stage < _FETCH:
                self._lost(now)
            return
        self._wrong = g.state.head
        target, sure = self._target, self._sure
        g.roll_back(now)
        if g.phase == REJOIN:
            self._want(now)
        elif g.phase == NONE:
            self.look()
        elif g.phase == SYNC:
            self._pursue(target, sure, now)

    def slot(self, frame, now):
        """A retained frame. Raises Reject."""
        g = self.g
        if g.phase != SYNC or self._stage < _ALONE:
            raise Reject("outside")
        if frame_epoch(frame) != g.state.epoch:
            raise Reject("late")
        if frame_hash(self.ch.suite, frame) == self._wrong:
            raise Reject("outside")
        if frame_prev(frame) != g.state.head:
            if self._target is not None:
                self._astray_from(now)
            raise Reject("outside")
        g.accept(frame, now)
        if g.phase != SYNC:
            return
        if self._target is not None:
            self._pursue(self._target, self._sure, now)
        else:
            self._deadline = now + SYNC_MS
            self._fetch()

    def tick(self, now):
        if self._ask_at is not None and now >= self._ask_at:
            self._ask(now)
        for answer in [a for a in self._answers if now >= a[1]]:
            self._answers.remove(answer)
            if self.g.phase in (LIVE, SYNC):
                self._say(answer[0])
                if self.g.phase == LIVE:
                    self.g.write_slot()
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self._late(now)

    def _late(self, now):
        """What we waited for did not come."""
        g = self.g
        if g.phase == REJOIN:
            self._want(now)
        elif g.phase != SYNC:
            return
        elif self._stage == _FETCH:
            self._stage = _NEED
            self._deadline = now + FETCH_MS
            self._control(bytes((NEED,)) + u32(g.state.epoch))
            self._fetch()
        elif self._stage == _NEED:
            self._lost(now)
        elif self._best is not None and (self._best[0] > g.state.epoch or self._best[0] == g.state.epoch and self._best[1] < g.state.head):
            self._pursue(self._best, False, now)
        elif not self._echo:
            self._ask(now)
        elif self._stage == _ASKED:
            self._look_ahead(now)
        else:
            self._arrived(now)  # nobody else is live

    def _lost(self, now):
        """We cannot get there. With both branches gone on, only a person may choose."""
        g = self.g
        self._deadline = None
        if self._astray:
            g.phase = FORKED
            g.ch.dirty = True
            self.ch.event("forked", {"epoch": g.state.epoch})
        else:
            self.ch.event("desync", {"epoch": g.state.epoch})
            self.rejoin(now)

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

    def look(self):
        """Is an agreement among the retained frames that takes us in?"""
        self.ch.subscribe(self.ch.topics.make(self.g.name, "e") + "/+")

    def _want(self, now):
        self.look()
        self._deadline = now + REJOIN_MS
        self.g.organizer.renew()
        self.g.organizer.publish_packages()
        self._control(bytes((WANT,)) + u32(self.g.organizer.fresh))

    def times(self):
        return [self._ask_at, self._deadline] + [a[1] for a in self._answers]


def better(a, b):
    """Of two positions: the longer branch; of equally long ones that with the smaller head."""
    return a[0] > b[0] or a[0] == b[0] and a[1] < b[1]
