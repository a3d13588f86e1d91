"""What we know of the other members: sessions, whether they are there, and which of their notes we have.
PROTOCOL.md 6.3, 7.

Pure bookkeeping on authenticated input: signatures and freshness are checked here, effects are the channel's.
"""

from ..compat import const
from ..errors import NoGroup, Reject
from ..wire import U32
from .heard import Heard
from .notes import Window

AWAKE = const(1)
ASLEEP = const(2)
LEFT = const(3)
GONE = const(4)  # never on the wire: what a receiver calls a member whose keepalives stopped
UNHEARD = const(5)  # known from our storage, not heard of in this run: still present until it stays silent
STATUS = ("", "awake", "asleep", "left", "gone", "unheard")  # for people
PRESENT = (AWAKE, ASLEEP, UNHEARD)

# Connections are numbered in steps of this, with a random rest: a restored state takes another one
CONN = const(65536)
WILL = U32  # the counter of a last will: after every keepalive of its connection
MAX_SESSIONS = const(3)
MAX_TOLD = const(4)
MAX_ATTEMPT = 0x7FFFFFFF  # of handshakes
JUMP = const(65536)  # so far beyond what we know of their number is believed
CONFIRMED = const(3)  # the last state of an attempt, see epochs.py
SILENT_MS = const(10000)  # first penalty of a member that stayed silent in a handshake; doubles up to
SILENT_MAX_MS = const(60000)


class Session:
    """One verified join of a member and the window on its notes."""

    def __init__(self, join):
        self.lamport = join.lamport
        self.sid = join.sid
        self.S = join.S
        self.window = Window(join.ring)

    @property
    def order(self):
        return (self.lamport, self.sid)


class Member:
    """Another member: pinned identity, its newest sessions, its presence."""

    # What most members never change stands here, once for all of them.
    refused = None  # the last identity that we refused
    told = ()  # fingerprints of those that were reported, MAX_TOLD at most
    floor = 0  # joins up to this lamport are never taken again
    willed = -1  # a last will counts once, for its own connection
    silent_until = 0  # left out of handshakes until then
    strikes = 0
    mark = b""  # of its last presence, see heard.py
    data = b""  # what its newest join says of it, UTF-8
    parts = 3  # what it takes part in, see me.py: as its presence says, before which it is not awake

    def __init__(self, name, uid):
        self.name = name
        self.tag = name[:16]
        self.uid = uid
        self.public = None  # B || E, pinned
        self.sessions = []  # ascending order, at most MAX_SESSIONS
        self.conn = 0
        self.counter = -1
        self.status = GONE
        self.deadline = 0
        self.epoch = None  # id of the epoch that it sends in, as heard in this connection
        self.place = None  # in the group: (epoch, head[:16]), the same; None also for who names none to us

    @property
    def current(self):
        return self.sessions[-1] if self.sessions else None

    def session(self, sid):
        """The session with this sid; Reject("unknown") when there is none."""
        for s in self.sessions:
            if s.sid == sid:
                return s
        raise Reject("unknown")

    def new(self, sid):
        """Raises Reject("duplicate") when a session with this sid is known."""
        if sid in [s.sid for s in self.sessions]:
            raise Reject("duplicate")

    def admit(self, join):
        """A verified join of the pinned identity -> True when it is the member's newest session.
        Reject("duplicate") when known, Reject("stale") when older than what was forgotten."""
        self.new(join.sid)
        if join.lamport <= self.floor:
            raise Reject("stale")
        session = Session(join)
        self.sessions = sorted(self.sessions + [session], key=lambda s: s.order)
        while len(self.sessions) > MAX_SESSIONS:
            gone = self.sessions.pop(0)
            if gone is session:
                raise Reject("stale")
            self.floor = min(gone.lamport, 0x7FFFFFFE)  # at the last counter there are always new ones
        if self.current is not session:
            return False
        if join.data != self.data:
            self.data = join.data
        self.conn, self.counter = 0, -1
        if self.willed >= 0:
            self.willed = -1
        self.epoch = self.place = None
        self.mark = b""
        return True

    def fresh(self, p, counter):
        """Is this presence newer than what we have, or, in a new connection of ours, the same? A will only ends the
        connection it belongs to."""
        if counter == WILL:
            return p.conn >= self.conn and p.conn > self.willed
        have = (self.conn, self.counter)
        return (p.conn, counter) > have or self.status in PRESENT and self.epoch is None and (p.conn, counter) == have

    def beside(self, p):
        """Is this another one of the connections that we know: out of a state that two use, or that came back?"""
        return p.conn != self.conn and p.conn // CONN == self.conn // CONN > 0

    def see(self, p, counter, now):
        """A fresh, verified presence."""
        again = (p.conn, counter) == (self.conn, self.counter) and self.status != UNHEARD
        if counter == WILL:
            self.willed = p.conn
            if p.conn > self.conn:
                self.conn, self.counter = p.conn, -1
        else:
            self.conn, self.counter = p.conn, counter
            self.current.window.head = max(self.current.window.head, p.head)
        self.epoch, self.place = p.epoch, p.place
        if p.parts != self.parts:
            self.parts = p.parts
        self.status = p.status
        until = now + p.sleep * 1000 * (p.status == ASLEEP) + p.keepalive * 2500
        self.deadline = min(until, self.deadline) if again else until  # what a broker shows once more is no new sign
        if p.status == LEFT:
            self.deadline = 0

    def strike(self, now):
        """A handshake came to nothing because of it."""
        self.silent_until = now + min(SILENT_MS << min(self.strikes, 8), SILENT_MAX_MS)
        self.strikes += 1

    def lapsed(self, now):
        """True once when a member that was present has not been heard of in time; it is GONE from then on."""
        if self.status in PRESENT and now >= self.deadline:
            self.status = GONE
            return True
        return False


class Members:
    """The other members by tag, and how far the order of joins has come. What is asked by tag knows ourselves, too."""

    def __init__(self, me):
        self._me = me
        self.by_tag = {}
        self.lamport = 0  # the largest that any accepted join carried
        self.heard = Heard()
        self.approvals = (0, ())  # the admin's last list: its number, [(tag, fingerprint)] if heard in this run

    def listed(self, online):
        """[(uid, status)] of everyone whose join we accepted, ourselves included, sorted. GONE also by a last will."""
        found = [(m, GONE if m.status == LEFT and m.willed == m.conn else m.status) for m in self.by_tag.values()]
        out = [(m.uid, STATUS[status]) for m, status in found if m.current]
        return sorted(out + [(self._me.uid, "awake" if online else "offline")])

    def data(self):
        """{uid: what it says of itself} of those that say anything, ourselves included."""
        return {m.uid: m.data.decode() for m in list(self.by_tag.values()) + [self._me] if m.data}

    def tag_of(self, uid):
        for m in self.by_tag.values():
            if m.uid == uid and m.current:
                return m.tag
        raise NoGroup("no member of that name has joined this channel yet")

    def uid_of(self, tag):
        m = self.by_tag.get(tag)
        return self._me.uid if tag == self._me.tag else m.uid if m else None

    def pinned(self, tag):
        """B(32) of a member's pinned identity, or None."""
        m = self.by_tag.get(tag)
        return self._me.identity.B if tag == self._me.tag else m.public[:32] if m and m.public else None

    def awake(self, tag):
        m = self.by_tag.get(tag)
        return m is not None and m.status == AWAKE

    def rank(self, tags, without=None):
        """How many of these members are awake and come before us: the first acts, the others wait a step each.
        without: not counted."""
        return len([tag for tag in tags if tag < self._me.tag and tag != without and self.awake(tag)])


class Epochs:
    """What a member knows of its channel's epochs. talk: epochs.py, or silent.py where conversations are left out."""

    def __init__(self, talk):
        self.talk = talk
        self.attempt = None  # the attempt in progress, or the last one confirmed (to answer those who still wait)
        # (attempt, proposer) of the highest proposal we took part in: never again at or below
        self.rank = (0, bytes(16))
        self.current = None  # the epoch we send in
        self.pending = None  # keyed, not yet confirmed by all: readable
        self.previous = None
        self.previous_until = 0
        self.passed = []  # [(epoch, until)]: former ones of before, and keyed ones that not all had confirmed
        self.requested = False
        self.propose_at = None
        self.turn_at = None  # when the first in order would propose
        self.not_before = 0
        self.sent = {}  # message type -> body, of this attempt
        self.retry_at = None
        self.deadline = None
        self.answer_at = 0
        self.spent_until = -(1 << 29)  # how far back others' proposals have used up their allowance
        self.apart_at = None  # when the others have all named another epoch for long enough

    def readable(self):
        some = [e for e in (self.current, self.pending, self.previous) if e]
        return some + [e for e, _ in self.passed] if self.passed else some

    def running(self):
        return self.attempt is not None and self.attempt.state != CONFIRMED

    def learn(self, attempt, out):
        """A member's presence names a higher attempt than we knew: catch up, by at most JUMP."""
        if not self.running() and attempt > self.rank[0]:
            self.rank = (min(attempt, self.rank[0] + JUMP, MAX_ATTEMPT), bytes(16))
            out.dirty = True
