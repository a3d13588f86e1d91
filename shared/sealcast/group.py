"""The ratcheting group: which frame is next, for everybody alike. PROTOCOL.md sections 18 and 19.

    NONE --agreement that includes us--> LIVE          SYNC --own sync back, position reached--> LIVE
    LIVE --connection lost, frames missed--> SYNC      SYNC --cannot be reached--> REJOIN --agreement--> LIVE

The broker's order on the live topic is the group's order. A member that answers our sync has done exactly what stands
before it in that order, so its (epoch, head) is the position we must reach, by the retained slots; what came since is held.
"""

from . import private, smmp
from .compat import const
from .errors import NoGroup, OutboxFull, Reject
from .keys import siv
from .members import AWAKE
from .organize import Organizer
from .wire import AGREEMENT, CONTROL, RATCHET, TAG, Reader, header, u32

NONE = const(0)
SYNC = const(1)
LIVE = const(2)
REJOIN = const(3)

SLOTS = const(64)  # retained slots of accepted frames: how far a member may fall behind
QUEUE = const(16)
MAX_HELD = const(32)
ANSWER_MS = const(1000)  # a rank, before the next one answers a sync
SYNC_MS = const(4000)
FETCH_MS = const(3000)
REJOIN_MS = const(30000)
REPEAT_MS = const(5000)  # our frame has not come back: publish it again
SLOT_MS = const(100)
REFRESH_MS = const(600000)  # a silent member says something after this long, and up to twice that

# First byte of a message; what an agreement is for is its own reason byte
APPLICATION = const(0xFF)
PRIVATE = const(0x01)
REFRESH = const(0x04)
LEAVE = const(0x05)

# Control frames
ASK = const(1)
HEAD = const(2)
NEED = const(3)
WANT = const(4)


class Pending:
    """Our frame on its way: kept, byte for byte, until it or another one is accepted."""

    def __init__(self, kind, frame, secret, message, to=None, t=None, after=None):
        self.kind = kind
        self.frame = frame
        self.secret = secret  # r_new of a ratchet frame
        self.message = message  # what to seal again should another frame win; None for an agreement
        self.to = to  # tag of a private message's receiver
        self.t = t
        self.after = after  # an agreement's State


class Group:
    """`ch` gives members, keys, rng and effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch
        self.name = siv(ch.suite, ch.keys.ckey, b"group", ch.config.get("group", "main").encode())
        self.id = self.name[:16]
        self.phase = NONE
        self.state = None
        self.undo = None  # (state, pairs, last, last_by, our Pending that won): one epoch back, until the next frame
        self.pairs = {}  # tag -> Pair
        self.last = b""  # the frame that made `state`: it can be put back into its slot
        self.last_by = None
        self.queue = []  # [(message, to)]
        self.pending = None
        self.LIVE, self.NONE = LIVE, NONE
        self.organizer = Organizer(self)
        self.stop()

    def stop(self):
        """The connection is gone."""
        if self.phase in (LIVE, SYNC):
            self.phase = SYNC
        self._nonce = None
        self._synced = False
        self._target = None
        self._held = []
        self._asks = []  # [(nonce, answer at)]
        self._deadline = None
        self._reseal_at = None
        self._repeat_at = None
        self._refresh_at = None
        self._need = 0
        self.organizer.stop()

    # --- connection and position

    def online(self, now):
        ch = self.ch
        ch.subscribe(ch.topics.everyone("k"))
        ch.subscribe(ch.topics.make(self.name, "g"))
        self.organizer.publish_packages()
        if self.state is None:
            ch.subscribe(ch.topics.make(self.name, "e") + "/+")
        self.sync(now)

    def sync(self, now):
        """Ask where the group is; accept nothing until we know."""
        if self.phase == LIVE:
            self.phase = SYNC
        self._synced = False
        self._target = None
        self._held = []
        self._nonce = self.ch.rng.bytes(16)
        self._deadline = now + SYNC_MS
        self._control(bytes((ASK,)) + self._nonce)

    def _control(self, pt):
        ch = self.ch
        head = header(CONTROL, ch.tag, 0)
        ch.put(self.name, "g", ch.keys.seal(ch.rng, head, self.id, pt))

    def receive(self, stream, frame, now):
        """Anything on the group's topics. Raises Reject."""
        if len(frame) < 22 + TAG or frame[0] != 1:
            raise Reject("length")
        kind = frame[1]
        if stream == "e":
            self._slot(frame, now)
        elif kind == CONTROL:
            self._controlled(frame, now)
        elif kind not in (AGREEMENT, RATCHET):
            raise Reject("kind")
        elif self.phase == LIVE or self.phase in (NONE, REJOIN) and kind == AGREEMENT:
            self._live(frame, now)
        elif self._synced and self.phase == SYNC:
            if len(self._held) >= MAX_HELD:
                self.sync(now)
                raise Reject("full")
            self._held.append(frame)
        else:
            raise Reject("outside" if self.state is None else "offline")

    def _controlled(self, frame, now):
        tag = frame[2:18]
        m = self.ch.members_by_tag.get(tag)
        if tag != self.ch.tag and (m is None or not m.sessions):
            raise Reject("unknown")
        _, _, _, pt = self.ch.keys.open(frame, CONTROL, self.id)
        r = Reader(pt)
        kind = r.uint(1)
        if kind == ASK:
            nonce = r.take(16)
            r.end()
            if tag != self.ch.tag:
                if self.phase == LIVE:
                    self._asks = [a for a in self._asks if a[2] != tag][-15:]
                    self._asks.append((nonce, now + self._rank() * ANSWER_MS, tag, self._position()))
            elif nonce == self._nonce:
                self._synced = True
                self._deadline = now + SYNC_MS
        elif kind == HEAD:
            nonce, epoch, head = r.take(16), r.uint(4), r.take(32)
            r.end()
            self._asks = [a for a in self._asks if a[0] != nonce]
            inside = self.state is None or tag in self.state.tags
            if tag != self.ch.tag and inside and self._synced and nonce == self._nonce and self._target is None:
                self._target = (epoch, head)
                self._pursue(now)
        elif kind == NEED:
            epoch = r.uint(4)
            r.end()
            if self.phase == LIVE and epoch + 1 == self.state.epoch:
                self.write_slot()
        elif kind == WANT:
            r.end()
            if tag != self.ch.tag:
                self.organizer.wanted(tag, now)
        else:
            raise Reject("format")

    def _rank(self):
        """Our place among the awake members of the group."""
        before = 0
        for tag in self.state.tags:
            m = self.ch.members_by_tag.get(tag)
            if tag < self.ch.tag and m and m.status == AWAKE:
                before += 1
        return before

    def _position(self):
        return u32(self.state.epoch) + self.state.head

    def _pursue(self, now):
        """Compare with the position we must reach: there, behind (fetch the next slot), or elsewhere."""
        epoch, head = self._target
        st = self.state
        if st is None:
            return  # an agreement that includes us lies in one of the slots, or comes
        if st.epoch == epoch and st.head == head:
            self._live_again(now)
        elif st.epoch < epoch:
            self.ch.subscribe(self.ch.topics.make(self.name, "e", st.epoch % SLOTS))
            self._need = 0
            self._deadline = now + FETCH_MS
        elif self._rolls_back(epoch, head):
            self._pursue(now)
        else:
            self._forked()

    def _rolls_back(self, epoch, head):
        """What we accepted last, the others did not: back by one epoch, if that explains the difference."""
        if self.undo is None:
            return False
        before = self.undo[0]
        if not (epoch == before.epoch and head == before.head or epoch == before.epoch + 1):
            return False
        self.state, self.pairs, self.last, self.last_by, won = self.undo
        self.undo = None
        if won and won.kind == RATCHET:
            self.queue.insert(0, (won.message, won.to))
        self.ch.dirty = True
        self.ch.event("resynced", {"epoch": before.epoch, "rolled_back": True})
        return True

    def _forked(self):
        self.ch.event("forked", {"epoch": self.state.epoch})
        self._deadline = None

    def _slot(self, frame, now):
        """A retained frame: the next one we need, or, without a state, an agreement that includes us."""
        if self.state is None or self.phase == REJOIN:
            if frame[1] != AGREEMENT:
                raise Reject("outside")
            self._accept_agreement(frame, now)
        elif self.phase == SYNC and self._target is not None and self.state.epoch < self._target[0]:
            if frame[18:22] != u32(self.state.epoch):
                raise Reject("epoch")
            self._accept(frame, now)
            self._pursue(now)

    def _live_again(self, now):
        self.phase = LIVE
        self._deadline = None
        self._refresh_at = self._refresh_at or now + REFRESH_MS + self._jitter(REFRESH_MS)
        held, self._held = self._held, []
        for frame in held:
            try:
                self._live(frame, now)
            except Reject as e:
                self.ch.complain(e.reason, None, now)
        if self.phase != LIVE:
            return
        if self.pending:
            if self.pending.frame[18:22] == u32(self.state.epoch) and frame_prev(self.pending.frame) == self.state.head:
                self._submit(self.pending, now)  # the same bytes again
            else:
                self._lost_race(now)
        self.flush(now)

    def _jitter(self, ms):
        return int.from_bytes(self.ch.rng.bytes(4), "big") % ms

    # --- frames

    def _live(self, frame, now):
        """A frame in the order of the live topic."""
        epoch = int.from_bytes(frame[18:22], "big")
        if self.state is None or self.phase == REJOIN:
            if frame[1] != AGREEMENT:
                raise Reject("epoch")
            self._accept_agreement(frame, now)
        elif epoch < self.state.epoch:
            raise Reject("duplicate" if frame == self.last else "late")
        elif epoch > self.state.epoch or frame_prev(frame) != self.state.head:
            # Something was missed, or this is nobody's frame: ask, but not at everyone's bidding.
            if self.ch.may_report("sync", now):
                self.sync(now)
            raise Reject("epoch")
        else:
            self._accept(frame, now)
            if self.phase == LIVE:
                self.flush(now)

    def _accept(self, frame, now):
        """The next frame, whatever its kind. Raises Reject; nothing has changed then."""
        if frame[1] == AGREEMENT:
            self._accept_agreement(frame, now)
        else:
            self._accept_message(frame, now)

    def _accept_message(self, frame, now):
        suite, st, ch = self.ch.suite, self.state, self.ch
        own = self.pending is not None and frame == self.pending.frame
        j, message, after = smmp.open_frame(suite, st, frame, self.pending.secret if own else None)
        if not message:
            raise Reject("format")
        sender = st.tags[j]
        mine = self.pending if own else None
        private_text = None
        self._advance(after, frame, sender, mine)
        if message[0] == PRIVATE:
            if mine:
                self.pairs[mine.to] = private.moved(suite, self.pairs[mine.to], mine.t)
            else:
                private_text = self._open_private(sender, st.epoch, message[1:])
        if mine:
            self.pending = None
            self.write_slot()
            ch.event("sent", {"epoch": st.epoch})
        elif private_text is not None:
            ch.talk.deliver_ratchet(sender, private_text, st.epoch, True)
        elif message[0] == APPLICATION:
            ch.talk.deliver_ratchet(sender, message[1:], st.epoch, False)
        elif message[0] == LEAVE:
            ch.event("leaving", {"uid": ch.uid_of(sender)})
            self.organizer.leaving(sender, now)
        if mine:
            self._refresh_at = now + REFRESH_MS + self._jitter(REFRESH_MS)
        elif self.pending:
            self._lost_race(now, j)

    def _open_private(self, sender, epoch, payload):
        """The message, when the payload is for us; None for other people's."""
        pair = self.pairs.get(sender)
        if pair is None or not self.ch.suite.equal(payload[: private.HINT], private.hint(self.ch.suite, pair, epoch, sender)):
            return None
        try:
            message, self.pairs[sender] = private.open_payload(self.ch.suite, pair, epoch, sender, payload)
        except Reject:
            self.ch.event("message_undecryptable", {"uid": self.ch.uid_of(sender), "private": True})
            return None
        return message

    def _advance(self, after, frame, sender, won=None):
        self.undo = (self.state, self.pairs, self.last, self.last_by, won) if self.state else None
        self.pairs = dict(self.pairs)
        self.state = after
        self.last = frame
        self.last_by = sender
        self.ch.dirty = True

    def _lost_race(self, now, winner=None):
        """Another frame came first: ours is sealed anew on the new state, after a wait that our place decides."""
        p, self.pending = self.pending, None
        self.ch.dirty = True
        if p.kind == AGREEMENT:
            self.organizer.again(now)
            return
        self.ch.event("collision", {"epoch": self.state.epoch})
        self.queue.insert(0, (p.message, p.to))
        place = 0 if winner is None else (self.state.index - winner) % self.state.N
        self._reseal_at = now + place * SLOT_MS

    def _accept_agreement(self, frame, now):
        """An agreement in its place, or one that takes us in. Raises Reject; nothing has changed then."""
        ch, st = self.ch, self.state
        a = smmp.Agreement(frame)
        if a.group != self.id:
            raise Reject("members")
        own = self.pending is not None and frame == self.pending.frame
        inside = st is not None and self.phase != REJOIN
        if inside and (a.epoch != st.epoch or a.head != st.head):
            raise Reject("epoch")
        if inside and not smmp.authentic(ch.suite, frame, st.v):
            raise Reject("bad_hmac")
        if own:
            after = self.pending.after
            self.pending = None
        elif ch.tag in a.tags:
            after = a.accept(ch.suite, ch.tag, ch.identity.b, self.organizer.package(a.R[a.tags.index(ch.tag)]), ch.pinned)
        elif inside:
            self._removed(a.organizer)
            return
        else:
            raise Reject("outside")
        before = st.tags if st else []
        if self.pending:
            self._requeue()
        self._advance(after, frame, a.organizer)
        if not inside:
            self.undo = None
        self.pairs = {}
        for i in range(after.N):
            tag = after.tags[i]
            if tag != ch.tag:
                self.pairs[tag] = private.begin(
                    ch.suite, self.id, ch.tag, tag, ch.identity.b, ch.pinned(tag), after.r, after.R[i]
                )
        self.organizer.used(a, now)
        ch.event("group", {
            "reason": a.reason, "by": ch.uid_of(a.organizer), "members": [ch.uid_of(t) for t in a.tags],
            "added": [ch.uid_of(t) for t in a.tags if t not in before], "removed": [ch.uid_of(t) for t in before if t not in a.tags],
        })  # fmt: skip
        if own:
            self.write_slot()
        if self.phase != SYNC:
            if self.phase in (NONE, REJOIN) and self._target and self._target[0] > after.epoch:
                self.phase = SYNC
                self._pursue(now)
            else:
                self._live_again(now)

    def _requeue(self):
        p, self.pending = self.pending, None
        if p.kind == RATCHET:
            self.queue.insert(0, (p.message, p.to))

    def _removed(self, by):
        self.ch.event("removed", {"by": self.ch.uid_of(by)})
        self.forget()

    def forget(self):
        """We are in no group any more; every key of it goes."""
        self.state = self.undo = self.pending = self.last_by = None
        self.last = b""
        self.pairs = {}
        self.queue = []
        self.phase = NONE
        self.ch.dirty = True

    def write_slot(self):
        """Put the last accepted frame into its slot: the same bytes, whoever does it."""
        if self.last:
            self.ch.put(self.name, "e", self.last, True, (self.state.epoch - 1) % SLOTS)

    def departed(self, tag):
        """A member went away: if its frame was the last one, somebody else must see to its slot."""
        if self.phase == LIVE and self.last_by == tag and self._rank() == 0:
            self.write_slot()

    # --- sending

    def send(self, message, to, now):
        """Queue a message (first byte: what it is); to: tag of a private message's receiver."""
        if self.state is None:
            raise NoGroup("not in a group: an organizer must add this member first (sealcast group)")
        if to is not None and to not in self.pairs:
            raise NoGroup("no such member in the group: private messages go to members of it")
        if len(self.queue) >= QUEUE:
            raise OutboxFull("%d messages wait for their turn in the group: wait for one to be sent" % QUEUE)
        self.queue.append((message, to))
        self.ch.dirty = True
        self.flush(now)

    def flush(self, now):
        """Seal the next message on the present state: store, then publish; accepted when it comes back."""
        if self.phase != LIVE or self.pending or not self.queue or self._reseal_at is not None and now < self._reseal_at:
            return
        self._reseal_at = None
        message, to = self.queue.pop(0)
        ch, st = self.ch, self.state
        t, body = None, message
        if to is not None:
            if to not in self.pairs:
                ch.event("undeliverable", {"reason": "no longer a member"})
                ch.dirty = True
                return
            t = ch.rng.bytes(32)
            body = bytes((PRIVATE,)) + private.seal(ch.suite, self.pairs[to], st.epoch, ch.tag, t, message)
        r_new = ch.rng.bytes(32)
        nonce = ch.rng.nonce(st.head, body)
        self._submit(Pending(RATCHET, smmp.seal(ch.suite, st, nonce, r_new, body), r_new, message, to, t), now)

    def propose(self, frame, after, now):
        """The organizer's agreement goes the way of every frame."""
        self._submit(Pending(AGREEMENT, frame, None, None, None, None, after), now)

    def _submit(self, pending, now):
        self.pending = pending
        self.ch.dirty = True
        self._repeat_at = now + REPEAT_MS
        self.ch.put(self.name, "g", pending.frame)

    # --- time

    def tick(self, now):
        for ask in [a for a in self._asks if now >= a[1]]:
            self._asks.remove(ask)
            if self.phase == LIVE:
                self.write_slot()
                self._control(bytes((HEAD,)) + ask[0] + ask[3])
        if self._deadline is not None and now >= self._deadline:
            self._late(now)
        if self._reseal_at is not None and now >= self._reseal_at:
            self.flush(now)
        if self.pending and self._repeat_at is not None and now >= self._repeat_at and self.phase in (LIVE, NONE):
            self._submit(self.pending, now)
        if self._refresh_at is not None and now >= self._refresh_at and self.phase == LIVE:
            self._refresh_at = now + REFRESH_MS + self._jitter(REFRESH_MS)
            if not self.queue and not self.pending:
                self.send(bytes((REFRESH,)), None, now)
        self.organizer.tick(now)

    def _late(self, now):
        """What we waited for did not come."""
        self._deadline = None
        if not self._synced:
            self.sync(now)
        elif self.phase == REJOIN:
            self.rejoin(now)
        elif self._target is None:
            if self.state is not None and self.phase == SYNC:
                self._live_again(now)  # nobody else is here
        elif self.phase == SYNC and self.state.epoch < self._target[0]:
            self._need += 1
            self._deadline = now + FETCH_MS
            if self._need == 1:
                self._control(bytes((NEED,)) + u32(self.state.epoch))
            else:
                self.rejoin(now)

    def rejoin(self, now):
        """We cannot catch up: ask for an agreement, with a fresh package."""
        if self.phase != REJOIN:
            self.ch.event("desync", {"epoch": self.state.epoch})
        self.phase = REJOIN
        self._deadline = now + REJOIN_MS
        self.organizer.publish_packages()
        self._control(bytes((WANT,)))

    def times(self):
        out = [self._deadline, self._reseal_at, self._refresh_at] + [a[1] for a in self._asks] + self.organizer.times()
        return out + [self._repeat_at] if self.pending else out


def frame_prev(frame):
    return frame[22:54]
