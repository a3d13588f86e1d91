"""The ratcheting group: which frame is next, for everybody alike. PROTOCOL.md sections 18 and 19.

    NONE --agreement that includes us--> SYNC          SYNC --position reached (position.py)--> LIVE
    LIVE --connection lost, something missed--> SYNC   SYNC --cannot be reached--> REJOIN --agreement--> SYNC
    SYNC --two branches went on--> FORKED --a person says rejoin--> REJOIN

The broker's order on the live topic is the group's order: of the frames made for one state the first wins.
"""

from ..compat import const, hexlify
from ..crypto.keys import derive, dh, siv
from ..errors import Reject
from ..wire import AGREEMENT, CONTROL, MAX_FRAME, RATCHET, TAG, Reader
from . import private
from . import ratchet as smmp
from .accepting import Accepting
from .control import FORKED, LIVE, NONE, PHASE, REJOIN, SYNC
from .fetch import SLOTS
from .membership import Organizer
from .outgoing import APPLICATION, LEAD, LEAVE, PRIVATE, Speech, well_formed
from .packages import PACKAGES, Packages
from .ratchet import MAX_EPOCH, MAX_GROUP, frame_epoch, frame_prev
from .sync import Position

RECENT = const(2048)  # bytes of accepted frames kept in memory, for slots that their winner did not write


class Undo:
    """What the last accepted frame replaced, for one epoch: should the others have taken another one, we go back.

    spent: our packages that it used. job: the organizer's wish that it fulfilled. outside: the phase before, when the frame
    took us in: we stood nowhere in the group then.
    """

    def __init__(self, group, won):
        self.state = group.state
        self.pairs = group.pairs
        self.won = won  # our Pending, if the frame was ours
        self.spent = {}
        self.job = None
        self.outside = group.phase if group.phase in (NONE, REJOIN) else None


class Group:
    """`ch` gives members, keys, rng and effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch
        self.name = siv(ch.suite, ch.keys.ckey, b"group", ch.config.get("group", "main").encode())
        self.id = self.name[:16]
        self.phase = NONE
        self.state = None
        self.undo = None
        self.pairs = {}  # tag -> pair, see private.py
        self.last = b""  # the frame that made `state`: it can be put back into its slot
        self.last_by = None
        self.recent = {}  # epoch -> (frame, sender's tag): the last few; only `last` is stored
        self.heard = {}  # tag -> number of its last message that we had: none is delivered twice
        self._statics = {}  # pinned B of a member -> what our identities share
        self.packages = Packages(self)
        self.organizer = Organizer(self)
        self.accepting = Accepting(self)
        self.where = Position(self)
        self.speech = Speech(self)

    def stop(self):
        """The connection is gone."""
        if self.phase == LIVE:
            self.phase = SYNC
        self.where.stop()
        self.speech.stop()
        self.organizer.stop()

    def pieces(self):
        """The group's part of the stored state, as a list of bytes."""
        from .state import pack_group

        return pack_group(self)

    def pack(self):
        return b"".join(self.pieces())

    def unpack(self, data):
        """The stored group, if there was one. Raises Reject."""
        from .state import unpack_group

        if data:
            r = Reader(data)
            unpack_group(self, r)
            r.end()

    def online(self, now):
        ch = self.ch
        for slot in range(PACKAGES):
            ch.subscribe(ch.topics.prefix + "+/k/%d" % slot)
        ch.subscribe(ch.topics.make(self.name, "g"))
        self.packages.publish()
        if self.phase == NONE:
            self.where.fetching.everything()
            if self.speech.pending:
                self.speech.submit(self.speech.pending, now)
        self.where.begin(now)

    def go_live(self, held, now):
        """We are where the group is: what came meanwhile (`held`) first, then what waits."""
        self.phase = LIVE
        for frame in held:
            try:
                if self.phase == LIVE:
                    self.live(frame, now)
                elif self.phase == SYNC:
                    self.where.asking.hold(frame)
            except Reject as e:
                self.ch.complain(e.reason, None, now)
        if self.phase == LIVE:
            self.speech.resume(now)

    # --- what a user wants

    def send(self, body, to, now):
        """to: tag of the only receiver, or None. Raises NoGroup, OutboxFull, TooLong."""
        self.speech.send(APPLICATION if to is None else PRIVATE, body, to, now)

    def change(self, action, tags, now):
        """action: "leave", or one of organize.Organizer.change. Raises NoGroup."""
        if action == "leave" and self.over():
            self.ch.event("removed", {"by": self.ch.uid})  # nobody hears us: we are out, they will see
            self.forget()
        elif action == "leave":
            self.speech.send(LEAVE, b"", None, now)
        else:
            self.organizer.change(action, tags, now)

    def over(self):
        """Can we say nothing to the group any more?"""
        return self.state is not None and (self.phase in (REJOIN, FORKED) or self.state.epoch >= MAX_EPOCH)

    def tag(self, tag):
        """The one object that stands for this tag: a board has no room for copies."""
        m = self.ch.members_by_tag.get(tag)
        return m.tag if m else tag

    def static(self, tag):
        """X25519 of our identity and that member's, both pinned: 32 bytes, computed once. Raises Reject("identity" | "neutral")."""
        B = self.ch.pinned(tag)
        if B is None:
            raise Reject("identity")
        if B not in self._statics:
            if len(self._statics) >= MAX_GROUP:
                self._statics = {}  # the group has changed a lot
            self._statics[B] = dh(self.ch.suite, self.ch.identity.b, B)
        return self._statics[B]

    def passed(self, position):
        """Is this (epoch, head) where we are, or were a few frames ago?"""
        epoch, head = position
        if epoch == self.state.epoch:
            return head == self.state.head
        return epoch in self.recent and frame_prev(self.recent[epoch][0]) == head

    # --- the wire

    def publish(self, frame, slot=None):
        """All that is the group's carries a tag under the channel's key: what outsiders make is dropped before it means anything."""
        self.ch.put(self.name, "g" if slot is None else "e", frame + self._outer(frame), slot is not None, slot)

    def _outer(self, frame):
        return derive(self.ch.suite, self.ch.keys.msgkey, b"sc/gm", self.id, frame)[:TAG]

    def receive(self, stream, wrapped, now):
        """Anything on the group's topics. Raises Reject."""
        if not 22 + 2 * TAG <= len(wrapped) <= MAX_FRAME:
            raise Reject("length")
        frame = wrapped[:-TAG]
        if frame[0] != 1:
            raise Reject("version")
        kind = frame[1]
        if kind not in (AGREEMENT, RATCHET) and (kind != CONTROL or stream == "e"):
            raise Reject("kind")
        if not self.ch.suite.equal(wrapped[-TAG:], self._outer(frame)):
            raise Reject("forged")
        if kind == CONTROL:
            self.where.controlled(frame, now)
        elif frame[2:18] != self.id or frame_epoch(frame) >= MAX_EPOCH:
            raise Reject("epoch")
        elif self.phase in (NONE, REJOIN):
            self.accepting.from_outside(frame, stream == "g", now)
        elif stream == "e":
            self.where.slot(frame, now)
        elif self.phase == SYNC:
            self.where.asking.hold(frame)
        elif self.phase == LIVE:
            self.live(frame, now)
        else:
            raise Reject("outside")

    # --- frames in their order

    def live(self, frame, now):
        """A frame in the order of the live topic. Raises Reject."""
        epoch = frame_epoch(frame)
        if epoch < self.state.epoch:
            if epoch in self.recent and self.recent[epoch][0] == frame:
                raise Reject("duplicate")
            before = self.undo.state if self.undo and self.undo.outside is None else None
            if before is None or epoch < before.epoch or frame_prev(frame) != before.head:
                self.where.answers.tell(now)  # not the loser of a race: its maker does not know where the group is
            raise Reject("late")
        if epoch > self.state.epoch or frame_prev(frame) != self.state.head:
            self.where.doubt(now, None, None, frame)  # something was missed, here or there
            raise Reject("epoch")
        try:
            self.accept(frame, now)
        except Reject as e:
            if e.reason != "bad_hmac":
                self.where.sync(now)  # made by a member, and not for us: the others may have taken it
            raise
        if self.phase == LIVE:
            self.speech.flush(now)

    def accept(self, frame, now):
        """The next frame, whatever its kind. Raises Reject; nothing has changed then."""
        if not smmp.authentic(self.ch.suite, frame, self.state.v):
            raise Reject("bad_hmac")
        if frame[1] == AGREEMENT:
            self.accepting.in_order(frame, now)
        else:
            self._message(frame, now)

    def _message(self, frame, now):
        suite, st, ch = self.ch.suite, self.state, self.ch
        mine = self.speech.own(frame)
        j, m, after = smmp.open_frame(suite, st, self.static, frame, mine.secret if mine else None, mine.public if mine else None)
        sender, kind, number, text, secret_text = self.tag(st.tags[j]), m[:1], m[1:LEAD], m[LEAD:], None
        self.advance(after, frame, sender, mine)
        kind = kind[0] if well_formed(m) else None
        if kind is None:
            ch.complain("format", ch.uid_of(sender), now)  # all see the same, and move on alike
        if kind == PRIVATE and mine:
            to = mine.entry[2]
            self.pairs[to] = private.moved(suite, self.pairs[to], mine.t)
        elif kind == PRIVATE:
            secret_text = self._open_private(sender, st, frame, text)
        fresh = kind is not None and number > self.heard.get(sender, b"")  # else it was sealed again after we had gone back
        if fresh:
            self.heard[sender] = number
        if mine:
            self.speech.accepted(now)
            self.write_slot(True)
            ch.event("accepted", {"epoch": st.epoch, "number": int.from_bytes(number[4:], "big")})
            return
        if fresh and secret_text is not None:
            ch.talk.deliver_ratchet(sender, secret_text, st.epoch, True)
        elif fresh and kind == APPLICATION:
            ch.talk.deliver_ratchet(sender, text, st.epoch, False)
        elif kind == LEAVE:
            ch.event("leaving", {"uid": ch.uid_of(sender)})
            self.organizer.leaving(sender, now)
        if self.speech.pending:
            self.speech.lost_race(now, j)

    def _open_private(self, sender, st, frame, payload):
        """The message, when the payload is for us; None for other people's."""
        suite, pair = self.ch.suite, self.pairs.get(sender)
        if pair is None or not suite.equal(payload[: private.HINT], private.hint(suite, pair, st.epoch, sender)):
            return None
        try:
            nonce = smmp.body_nonce(frame, st.N)
            text, self.pairs[sender] = private.open_payload(suite, pair, st.epoch, sender, nonce, payload)
        except Reject:
            self.ch.event("message_undecryptable", {"uid": self.ch.uid_of(sender), "private": True})
            return None
        return text

    def advance(self, after, frame, sender, won):
        """The state after a frame that is accepted. won: our Pending, if the frame was ours."""
        self.undo = Undo(self, won)
        self.pairs = dict(self.pairs)
        self.state = after
        self.last = frame
        self.last_by = sender
        self.recent[after.epoch - 1] = (frame, sender)
        room = RECENT
        for epoch in sorted(self.recent, reverse=True):
            room -= len(self.recent[epoch][0])
            if epoch >= after.epoch or room < 0 and epoch < after.epoch - 1:
                del self.recent[epoch]
        self.ch.dirty = True

    def roll_back(self, now):
        """The others did not take what we accepted last: one epoch back. Our own frame waits again, the same bytes."""
        u, self.undo = self.undo, None
        self._unwritten()
        self.speech.requeue(now)
        self.state, self.pairs, self.last, self.last_by = u.state, u.pairs, b"", None
        self.recent = {}
        self.speech.pending = u.won
        self.organizer.restore(u.spent, u.job)
        if u.outside is not None:
            self.phase = u.outside
        self.ch.dirty = True
        self.ch.event("resynced", {"epoch": u.state.epoch if u.state else 0, "rolled_back": True})

    def fall_out(self, now):
        """We cannot follow any more: the keys that we hold open nothing that is to come, so they go."""
        self.speech.requeue(now)
        self.state = smmp.outline(self.state)
        self.undo = None
        self.pairs = {}
        self.phase = REJOIN
        self.ch.dirty = True

    # --- out of it

    def forget(self):
        """We are in no group any more; every key of it goes."""
        self.state = self.undo = self.last_by = None
        self.last = b""
        self.pairs, self.recent, self.heard = {}, {}, {}
        self.speech.forget()
        self.organizer.job = self.organizer.job_at = None
        self.phase = NONE
        self.where.stop()
        self.ch.dirty = True

    def summary(self):
        """What a person or program may see of where we are, None outside of a group. Equal epoch, head and digest: equal transcripts."""
        st, ch = self.state, self.ch
        if st is None:
            return None
        members = sorted([ch.uid_of(tag) or "?" for tag in st.tags])
        return {"phase": PHASE[self.phase], "members": members, "epoch": st.epoch, "head": hexlify(st.head), "digest": hexlify(st.digest)}

    # --- slots

    def write_slot(self, won=False):
        """Put the last accepted frame into its slot: the same bytes, whoever does it. won: it is ours; see to it that it gets there."""
        ch, slot = self.ch, (self.state.epoch - 1) % SLOTS
        if won and len(ch.outbox.entries) < ch.outbox.limit:
            topic, frame = ch.topics.make(self.name, "e", slot), self.last + self._outer(self.last)
            ch.emit(("publish", topic, frame, True, 1, ch.outbox.add(topic, frame, True, None)))
        elif self.last:
            self.publish(self.last, slot)

    def _unwritten(self):
        """The last frame was not the group's: it must not reach its slot any more."""
        entries = self.ch.outbox.entries
        frame = self.last + self._outer(self.last)
        for token in [t for t in entries if entries[t][1] == frame]:
            del entries[token]

    def departed(self, tag):
        """A member went away: what it said last may not stand in its slot."""
        if self.phase == LIVE and self.where.answers.rank() == 0:
            for epoch in self.recent:
                if self.recent[epoch][1] == tag:
                    self.publish(self.recent[epoch][0], epoch % SLOTS)

    # --- time

    def tick(self, now):
        self.where.tick(now)
        self.speech.tick(now)
        self.organizer.tick(now)

    def times(self):
        return self.where.times() + self.speech.times() + self.organizer.times()
