"""Our own messages' way into the group: queued, sealed on the present state, repeated until accepted. PROTOCOL.md 17.4 and 18.1.

One frame is on its way at a time. It moves us on when it comes back; if another's came first, what it said is sealed anew.
"""

from ..compat import const
from ..errors import NoGroup, OutboxFull, TooLong
from ..wire import RATCHET, u32
from . import private
from . import ratchet as smmp
from .control import LIVE, NONE
from .ratchet import MAX_EPOCH, frame_epoch, frame_prev

QUEUE = const(16)
MAX_MESSAGE = const(1150)  # bytes of a message: its frame fits in a group of 20
REPEAT_MS = const(5000)  # our frame has not come back: publish it again
SLOT_MS = const(100)
REFRESH_MS = const(600000)  # a silent member says something after this long, and up to twice that

# First byte of a message; what an agreement is for is its own reason byte
APPLICATION = const(0xFF)
PRIVATE = const(0x01)
REFRESH = const(0x04)
LEAVE = const(0x05)
LEAD = const(9)  # that byte and the sender's message number (8): bytes before the text


def well_formed(m):
    """Is this one of our messages, as bytes?"""
    return len(m) >= LEAD and (m[0] in (PRIVATE, REFRESH, LEAVE) or m[0] == APPLICATION and len(m) <= LEAD + MAX_MESSAGE)


class Pending:
    """Our frame on its way: kept, byte for byte, until it or another one is accepted."""

    def __init__(self, kind, frame, secret=None, entry=None, t=None, after=None, public=None):
        self.kind = kind
        self.frame = frame
        self.secret = secret  # r_new of a ratchet frame
        self.public = public  # its R_new
        self.entry = entry  # what to seal again should another frame win: (lead, text, to); None for an agreement
        self.t = t  # a private message's next secret
        self.after = after  # an agreement's State


class Speech:
    """`g` is the group; see group.Group."""

    def __init__(self, group):
        self.g = group
        self.ch = group.ch
        self.queue = []  # [(lead, text, to)]
        self.tokens = {}  # lead -> token of who waits for it
        self.count = 0  # messages ever queued
        self.pending = None
        self.stop()

    def stop(self):
        """The connection is gone."""
        self._reseal_at = None
        self._repeat_at = None
        self._refresh_at = None

    def forget(self):
        for lead in sorted(self.tokens):
            self._settled(lead, NoGroup("this member is out of the group now"))
        self.queue = []
        self.pending = None

    def _settled(self, lead, error=None):
        if lead in self.tokens:
            self.ch.settled(self.tokens.pop(lead), error)

    def send(self, kind, text, to, now):
        """Queue a message. kind: its first byte; to: tag of a private message's receiver. Raises NoGroup, TooLong, OutboxFull."""
        g = self.g
        if g.state is None:
            raise NoGroup("not in a group: an organizer must add this member first (sealcast group)")
        if g.state.epoch >= MAX_EPOCH:
            raise NoGroup("the group has used up all its numbers: create a new one")
        if to is not None and to not in g.state.tags:
            raise NoGroup("no such member in the group: private messages go to members of it")
        if len(text) > MAX_MESSAGE:
            raise TooLong("a group message has at most %d bytes, this one has %d: split it" % (MAX_MESSAGE, len(text)))
        if len(self.queue) >= QUEUE:
            raise OutboxFull("%d messages wait for their turn in the group: wait for one to be sent" % QUEUE)
        self.count += 1
        lead, token = bytes((kind,)) + u32(self.ch.session.lamport) + u32(self.count), self.ch.outbox.token()
        self.queue.append((lead, text, to))
        self.tokens[lead] = token
        self.ch.queued(token)
        self.ch.dirty = True
        self.flush(now)

    def flush(self, now):
        """Seal the next message on the present state: store, then publish; accepted when it comes back."""
        g = self.g
        if g.phase != LIVE or g.state.epoch >= MAX_EPOCH or self.pending or not self.queue:
            return
        if self._reseal_at is not None and now < self._reseal_at:
            return
        self._reseal_at = None
        entry = self.queue.pop(0)
        lead, text, to = entry
        ch, st = self.ch, g.state
        nonce, t = ch.rng.nonce(st.head, lead + text), None
        if to is not None:
            if to not in g.pairs:
                self._settled(lead, NoGroup("its receiver left the group"))
                ch.event("undeliverable", {"uid": ch.uid_of(to), "number": int.from_bytes(lead[5:], "big")})
                ch.dirty = True
                self.flush(now)
                return
            t = ch.rng.bytes(32)
            text = private.seal(ch.suite, g.pairs[to], st.epoch, ch.tag, nonce, t, text)
        r_new = ch.rng.bytes(32)
        R_new = ch.suite.x25519_base(r_new)
        frame = smmp.seal(ch.suite, st, g.static, nonce, r_new, lead + text, R_new)
        self.submit(Pending(RATCHET, frame, r_new, entry, t, None, R_new), now)

    def submit(self, pending, now):
        """Publish; also the same bytes again."""
        self.pending = pending
        self.ch.dirty = True
        self._repeat_at = now + REPEAT_MS
        self.g.publish(pending.frame)

    def own(self, frame):
        """Our Pending, when this is its frame."""
        return self.pending if self.pending is not None and frame == self.pending.frame else None

    def accepted(self, now):
        self._settled(self.pending.entry[0])
        self.pending = None
        self._refresh_at = now + REFRESH_MS + self.jitter(REFRESH_MS)

    def lost_race(self, now, winner=None):
        """Another frame came first: ours is sealed anew on the new state, after a wait that our place decides."""
        st = self.g.state
        if self.pending.entry:
            self.ch.event("collision", {"epoch": st.epoch})
            place = 0 if winner is None else (st.index - winner) % st.N
            self._reseal_at = now + place * SLOT_MS
        self.requeue(now)

    def requeue(self, now):
        """Our frame is no longer on its way; what it said goes back to the front."""
        p, self.pending = self.pending, None
        if p and p.entry:
            self.queue.insert(0, p.entry)
        elif p:
            self.g.organizer.again(now)
        self.ch.dirty = True

    def resume(self, now):
        """We are live again: the same bytes, if they still fit."""
        p, st = self.pending, self.g.state
        if p and frame_epoch(p.frame) == st.epoch and frame_prev(p.frame) == st.head:
            self.submit(p, now)
        elif p:
            self.lost_race(now)
        if self._refresh_at is None:
            self._refresh_at = now + REFRESH_MS + self.jitter(REFRESH_MS)
        self.flush(now)

    def refresh_soon(self, now):
        """Our key in the group served an agreement: replace it."""
        self._refresh_at = now + self.jitter(SLOT_MS * 20)

    def jitter(self, ms):
        return int.from_bytes(self.ch.rng.bytes(3), "big") % ms

    def tick(self, now):
        g = self.g
        if self._reseal_at is not None and now >= self._reseal_at:
            self._reseal_at = None
            self.flush(now)
        if self.pending and self._repeat_at is not None and now >= self._repeat_at and g.phase in (LIVE, NONE):
            self.submit(self.pending, now)
        if self._refresh_at is not None and now >= self._refresh_at and g.phase == LIVE:
            self._refresh_at = now + REFRESH_MS + self.jitter(REFRESH_MS)
            g.packages.renew()
            if not self.queue and not self.pending and g.state.epoch < MAX_EPOCH:
                self.send(REFRESH, b"", None, now)

    def times(self):
        out = [self._reseal_at]
        if self.g.phase == LIVE:
            out.append(self._refresh_at)
        if self.pending and self.g.phase in (LIVE, NONE):
            out.append(self._repeat_at)
        return out
