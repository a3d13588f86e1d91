"""What the core decides, as data: effects, and the two boxes that outlive an input. PROTOCOL.md section 11.

An effect is a tuple with fixed places. They are carried out in order; whatever stands after a STORE or an APPEND
waits until it is durable. What is lost is said before the STORE or APPEND that forgets it.

    (STORE, parts)                   parts: list of bytes, a snapshot of the state together
    (APPEND, batch)                  bytes that follow the last snapshot and all appended since; only where
                                     Channel.journal has room
    (CONNECT, topic, payload)        before a connection: its last will
    (DISCONNECT,)                    say goodbye and stay away
    (RECONNECT, goodbye)             connect anew when what was published is out; goodbye: no last will, no "offline"
    (SUBSCRIBE, filter, qos)
    (PUBLISH, topic, payload, retain, qos, token)
    (MESSAGE, message)               see Message
    (EVENT, name, detail)            detail: a dict
    (WAKE, at_ms)                    call tick() then
    (QUEUED, token)                  it waits: until we are online, or for its turn in the group
    (SETTLED, token, error)          what waited under this token is done: error is None or a SealcastError

Tokens are positive, from one counter, and serve once; 0: nobody waits for it.
"""

from collections import namedtuple

from .compat import const
from .errors import Offline, OutboxFull
from .journal import ACKED, DELIVERED, TAKEN, WAITS, moved, waiting_fields
from .wire import U32, lv, u32

STORE = "store"
APPEND = "append"
KEPT = (STORE, APPEND)
CONNECT = "connect"
DISCONNECT = "disconnect"
RECONNECT = "reconnect"
SUBSCRIBE = "subscribe"
PUBLISH = "publish"
MESSAGE = "message"
EVENT = "event"
WAKE = "wake"
QUEUED = "queued"
SETTLED = "settled"

FORMAT = const(5)  # of the parts that a STORE has: state.py
MODES = ("note", "conversation", "ratchet")  # how a message is sent, the weakest first
QUIET = ("duplicate", "late", "outside", "topic")  # part of normal life: counted, not reported
REPORT_MS = const(10000)  # the same complaint is reported at most this often
MAX_INBOX = const(64)
MAX_OWED = const(64)  # receipts
INBOX_BYTES = const(4096)  # of bodies: the stored state must fit a board's heap


class Message:
    """What an application gets. secrecy: note | conversation | ratchet; origin: member (proved by it) | group
    (by any with the key). age: it was made at most so many seconds before it came, by our own clock, None: nothing is
    provable; historic: it is not provably recent, which is at most 2.5 keepalives."""

    private = False  # for us alone (ratchet only)
    again = False  # may have been delivered before a power cut

    def __init__(self, sender, body, secrecy, origin, time, seq, historic, epoch, age=None):
        self.sender, self.body, self.seq = sender, body, seq
        self.secrecy, self.origin, self.historic, self.age = secrecy, origin, historic, age
        self.time = time  # the sender's clock, Unix seconds; 0 when it had none
        self.epoch = epoch  # hex, or None for a note

    def fields(self):
        """As stored: how old it is nobody knows by then."""
        flags = bytes((MODES.index(self.secrecy), 1 if self.origin == "member" else 2, 1 + 2 * self.private))
        return lv(self.sender.encode(), self.body, (self.epoch or "").encode()) + flags + u32(self.time) + u32(self.seq)


# What became of a send(): the mode, and uids of the awake members that it reaches and of those that it does not reach;
# with a receipt of who has confirmed it and who has not, without one None
Sent = namedtuple("Sent", ("mode", "audience", "missing", "confirmed", "unconfirmed"))


class Wanted:
    """Who is to confirm a message of ours. PROTOCOL.md section 24; zpinc/receipts.py has the procedures."""

    def __init__(self, waiting, items, lead):
        self.waiting = waiting  # tag -> uid of who has not
        self.confirmed = []  # uids
        self.items = items  # 16 bytes that confirm it -> tag of who alone can say them; None: they are said signed
        self.lead = lead  # of a ratchet message: its first bytes; None: it is no ratchet message
        self.early = []  # (tag, item) that came before our message had its place in the group


class Outbox:
    """What the broker has not acknowledged yet, byte for byte: token -> (topic, frame, retain, seq or None)."""

    def __init__(self, limit):
        self.limit = limit
        self.entries = {}
        self.last = 0

    def token(self):
        """A new one."""
        self.last += 1
        return self.last

    def room(self):
        """Raises OutboxFull when nothing more may wait."""
        if len(self.entries) >= self.limit:
            raise OutboxFull("%d messages wait for the broker: wait for one to be acknowledged" % self.limit)

    def add(self, topic, frame, retain, seq):
        token = self.token()
        self.entries[token] = (topic, frame, retain, seq)
        return token


class Out:
    """What the present input decides: every procedure of the core writes here and nowhere else."""

    def __init__(self, limit):
        """limit: how many publishes may wait for the broker."""
        self.effects = []
        self.losses = []  # events that say what is lost: they go before the STORE that forgets it
        self.dirty = False  # does what changed need a new snapshot?
        self.records = []  # else: what changed, in order, for the journal
        self.urgent = False  # is any of them to be durable before anything else happens?
        self.burst = False  # does another message come soon? One was recorded
        self.block = 0  # so many of the next ones does its record say ahead
        self.ahead = {}  # (session,) or (epoch, index) -> (number, our chain's key there): stored as if it were there
        self.moves = []  # which of them have moved since
        self.unsaid = []  # tokens of the outbox that nothing stored knows
        self.prompt = False  # does the application take each message the moment it is handed over? Its driver says it
        self.drops = {}  # reason -> count
        self.outbox = Outbox(limit)
        self.inbox = []  # messages delivered, not yet taken by the application
        self.owed = []  # (are they said signed?, item) of messages that we have and whose senders ask for a receipt
        self.wanted = []  # Wanted: receipts that we wait for
        self._waiting = []  # tokens that are queued and not settled
        self._reported = {}

    def publish(self, topic, payload, retain=False, token=0):
        self.effects.append((PUBLISH, topic, payload, retain, 1, token))

    def subscribe(self, filter):
        self.effects.append((SUBSCRIBE, filter, 1))

    def event(self, name, detail):
        self.effects.append((EVENT, name, detail))

    def record(self, record):
        """For the journal, with this turn."""
        self.records.append(record)
        self.urgent = self.burst = True

    def move(self, where, upto, skipped=(), suite=None):
        """(session,): its window, or (epoch, index): its chain has come to `upto` -> was it said ahead? Then nothing is
        written now. skipped: see journal.moved. suite: the chain is our own."""
        if (suite or self.prompt) and not skipped:
            if upto <= self.ahead.get(where, (0,))[0]:
                if where not in self.moves:
                    self.moves.append(where)
                return True
            if self.block:
                key = suite.chain(where[0].chains[where[1]][0], self.block, 0) if suite else b""
                self.ahead[where] = min(upto + self.block, U32), key
        self.record(moved(where, self.ahead, skipped))
        return False

    def calm(self):
        """No more messages come for now: what is left of what was said ahead is taken back."""
        self.moves += [where for where in self.ahead if where not in self.moves]
        self.ahead, self.block, self.urgent = {}, 0, self.urgent or bool(self.records or self.moves)

    def said(self):
        """Records of all that is not stored; None: it needs a snapshot."""
        if self.dirty:
            self.ahead = {}  # of epochs, say, that are no more
            return None
        return self.records + [moved(where, self.ahead) for where in self.moves]

    def wait(self, entry, unsent, later=False):
        """Another frame that the broker is to acknowledge -> its token. unsent: see journal.waiting_fields.
        later: nothing is written; after a power cut it is gone, and who sent it was not told that it was sent."""
        token = self.outbox.add(*entry)
        if later:
            self.unsaid.append(token)
        else:
            self.record(bytes((WAITS,)) + waiting_fields(entry, unsent))
        return token

    def acked(self, token):
        """The broker has it. A power cut may make us publish it again, byte for byte."""
        waiting = self.outbox.entries
        if token in waiting:
            if token in self.unsaid:
                self.unsaid.remove(token)
            else:
                stored = [t for t in sorted(waiting) if t not in self.unsaid]
                self.records.append(bytes((ACKED, stored.index(token))))
            del waiting[token]
        self.settled(token)

    def taken(self, message):
        """The application has it. A power cut may make us deliver it again, marked so."""
        if message in self.inbox:
            at = self.inbox.index(message)
            del self.inbox[at]
            self.records.append(bytes((TAKEN, at)))

    def stored(self, whole=False):
        """All that changed is in an effect (whole: a snapshot) -> the events that go before it."""
        self.unsaid = [] if whole else self.unsaid
        losses, self.losses, self.records, self.moves = self.losses, [], [], []
        self.dirty = self.urgent = False
        return losses

    def lost(self, name, detail):
        """Something that was said is lost. A power cut makes this event come twice rather than never."""
        self.losses.append((EVENT, name, detail))
        self.dirty = True

    def deliver(self, message, later=False):
        """later: it was said ahead, and is taken at once."""
        if not later:
            self.keep(message)
            self.record(bytes((DELIVERED,)) + message.fields())
        self.effects.append((MESSAGE, message))

    def deliver_again(self):
        """After a start: a power cut may have come between."""
        for m in self.inbox:
            m.again = True
            self.effects.append((MESSAGE, m))

    def keep(self, message):
        self.inbox.append(message)
        size = sum([len(m.body) for m in self.inbox])
        while len(self.inbox) > MAX_INBOX or len(self.inbox) > 1 and size > INBOX_BYTES:
            # The application does not keep up: this one is no longer kept for after a power cut.
            size -= len(self.inbox.pop(0).body)

    def owe(self, signed, item):
        """A message was delivered whose sender asks for a receipt."""
        self.owed = (self.owed + [(signed, item)])[-MAX_OWED:]

    def queued(self, token):
        self._waiting.append(token)
        self.effects.append((QUEUED, token))

    def settled(self, token, error=None):
        if token in self._waiting:
            self._waiting.remove(token)
        if token:
            self.effects.append((SETTLED, token, error))

    def complain(self, reason, uid, now):
        """Count what was not accepted; say so, but not more often than every ten seconds."""
        self.drops[reason] = self.drops.get(reason, 0) + 1
        if reason not in QUIET and self.may_report(reason, now):
            name = "forged" if reason in ("forged", "signature", "ring") else "dropped"
            self.event(name, {"reason": reason, "uid": uid, "count": self.drops[reason]})

    def may_report(self, what, now):
        if now - self._reported.get(what, -REPORT_MS) < REPORT_MS:
            return False
        self._reported[what] = now
        return True

    def moved(self):
        """The channel has another key: what waits could be read by nobody there."""
        for token in sorted(set(self.outbox.entries) | set(self._waiting)):
            self.settled(token, Offline("the channel moved to a new key before this was sent: send it again"))
        self.outbox.entries = {}
        self.owed, self.wanted = [], []

    def take(self):
        """The effects so far."""
        effects, self.effects = self.effects, []
        return effects
