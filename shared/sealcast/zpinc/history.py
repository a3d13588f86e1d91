"""Reading what the broker retains, one ring at a time, and noticing what it withholds. PROTOCOL.md sections 6.2 and 7.4.

MQTT 3.1.1 does not say when the retained messages of a subscription have all been sent; a sealed nonce published to
ourselves after subscribing comes back behind them. One ring is read at a time, so a board holds one ring, not all.
"""

from ..compat import const
from ..errors import Reject
from ..wire import BARRIER, NOTE, PRESENCE, header
from .identity import open_join
from .members import GAP_MS, WILL
from .notes import check_signed, frame_digest
from .presence import presence_conn

BARRIER_MS = const(5000)  # a broker that does not answer in this time is taken to have nothing more
MAX_HELD_JOINS = const(128)


class Catchup:
    """`ch` gives members, keys and effects; see channel.Channel."""

    def __init__(self, ch):
        self.ch = ch
        self.stop()

    def stop(self):
        self.queue = []
        self.reading = None  # the member whose ring is being read
        self._nonce = None
        self._deadline = None
        self._joins = []
        self._own_order = None
        self._used = False

    # --- the first reading: joins, and our own ring

    def begin(self, now):
        self.stop()
        ch = self.ch
        for m in ch.members_by_tag.values():
            for s in m.sessions:
                s.window.calm()
        ch.subscribe(ch.topics.make(ch.name, "s"))
        ch.lost.watch()
        ch.subscribe(ch.topics.ring(ch.name))
        ch.subscribe(ch.topics.make(ch.name, "p"))
        ch.subscribe(ch.topics.everyone("j"))
        self._barrier(now)

    def hold(self, join, member):
        """A join that came during the first reading: admitted in Lamport order when all are there."""
        if len(self._joins) >= MAX_HELD_JOINS:
            raise Reject("full")
        self._joins.append((join, member))

    def own(self, stream, frame, now):
        """What stands under our own name. Raises Reject."""
        ch = self.ch
        if stream == "s":
            _, sid, _, pt = ch.keys.open(frame, BARRIER, ch.tag)
            if sid != ch.session.sid or self._nonce is None or not ch.suite.equal(pt, self._nonce):
                raise Reject("stale")
            self._done(now)
        elif stream == "j":
            join = open_join(ch.keys, frame, ch.tag)
            if join.public != ch.identity.public or not self._first() and join.order > ch.session.order:
                ch.complain("same_uid", ch.uid, now)
            elif self._first():
                self._own_order = max(self._own_order or join.order, join.order)
        elif stream == "n" and self._first():
            ad, sid, seq, pt = ch.keys.open(frame, NOTE, ch.tag)
            if sid == ch.session.sid and not ch.ring.wrote(seq, frame_digest(ch.suite, frame)):
                check_signed(ch.keys, ch.session.S, ad, pt, b"", ch.config["sign"])
                self._used = True
        elif stream == "p" and self._first():
            ad, sid, counter, pt = ch.keys.open(frame, PRESENCE, ch.tag)
            if sid == ch.session.sid and presence_conn(pt) >= ch.conn + (counter == WILL):  # the broker has this one's will
                check_signed(ch.keys, ch.session.S, ad, pt, b"", True)
                self._used = True

    def _first(self):
        return self.reading is None and self._nonce is not None

    # --- the members' rings

    def want(self, member, now):
        """Read this member's ring when its turn comes."""
        if member is not self.reading and member not in self.queue:
            self.queue.append(member)
        self._next(now)

    def _next(self, now):
        if self._nonce is None and self.queue:
            self.reading = self.queue.pop(0)
            self.ch.subscribe(self.ch.topics.ring(self.reading.name))
            self._barrier(now)

    def _barrier(self, now):
        ch = self.ch
        self._nonce = ch.rng.bytes(16)
        self._deadline = now + BARRIER_MS
        ch.publish("s", ch.keys.seal(ch.rng, header(BARRIER, ch.session.sid, 0), ch.tag, self._nonce))

    def _done(self, now):
        """The barrier is back (or overdue): what was being read has been read."""
        first, member = self._first(), self.reading
        self._nonce = None
        self._deadline = None
        self.reading = None
        if first:
            joins, self._joins = self._joins, []
            self.ch.online(now, joins, self._own_order, self._used)
            return
        for s in member.sessions:
            if s.window.next is None:
                s.window.baseline()
                self.ch.dirty = True
        self.drain(member, now, self.ch.config["history"] == "latest")
        self._next(now)

    def drain(self, member, now, latest=False):
        """Deliver what is in order; watch over what is missing. Nothing while the member's ring is still to be read."""
        if member is self.reading or member in self.queue:
            return
        notes = []
        for s in member.sessions:
            if s.window.next is None:
                self.want(member, now)
                return
            notes += s.window.ready()
            s.window.hole(now)
        self.ch.talk.deliver(member, notes[-1:] if latest else notes)
        if notes:
            self.ch.dirty = True

    def tick(self, now):
        if self._deadline is not None and now >= self._deadline:
            self._done(now)
        for member in list(self.ch.members_by_tag.values()):
            for s in member.sessions:
                w = s.window
                if w.gap_at is None or now < w.gap_at or member is self.reading or member in self.queue:
                    continue
                if not w.reread:
                    w.reread = True
                    w.gap_at = now + GAP_MS
                    self.want(member, now)
                else:
                    first, last = w.skip()
                    self.ch.event("gap", {"uid": member.uid, "first": first, "last": last, "secrecy": "note"})
                    self.ch.dirty = True
                    self.drain(member, now)

    def times(self):
        out = [self._deadline]
        for member in self.ch.members_by_tag.values():
            if member is not self.reading and member not in self.queue:
                for s in member.sessions:
                    out.append(s.window.gap_at)
        return out
