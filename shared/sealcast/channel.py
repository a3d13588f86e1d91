"""One member of one channel, as a state machine: bytes and ticks in, effects out. PROTOCOL.md sections 6 to 11.

    OFFLINE --connected--> READING --own ring and joins read--> ONLINE --disconnected--> OFFLINE

Every public method returns a list of effects, to be carried out in order; whatever stands after a "store" waits until it
is durable. Nothing here does I/O, reads a clock, or raises on what comes from the network.

    ("store", parts)  ("connect", will_topic, will_payload)  ("disconnect",)  ("subscribe", filter, qos)
    ("publish", topic, payload, retain, qos, token)  ("message", Message)  ("event", name, dict)  ("wake", at_ms)
    ("queued", token): a note waits until we are online; acked(token) ends that, as for a publish. A negative one is the
        number of a message that waits for its turn in the group: the event accepted or undeliverable ends that, or removed
    ("reconnect",): drop the connection when what was published is out, and connect again
"""

from .compat import const, hexlify
from .crypto.keys import Rng, derive
from .effects import Out
from .errors import NoConversation, NotReady, Offline, Reject, TooLong
from .state import pack_parts, unpack_state
from .wire import HANDSHAKE, MAX_BODY
from .zpinc.cpace import STALE
from .zpinc.epochs import Agreement
from .zpinc.history import Catchup
from .zpinc.joins import OFFLINE, ONLINE, READING, Joins
from .zpinc.me import Me
from .zpinc.members import ASLEEP, AWAKE, LEFT, PRESENT, STATUS, Members
from .zpinc.messages import Talk
from .zpinc.notes import Ring
from .zpinc.presence import Keepalives
from .zpinc.revocation import Lost

FLUSH_MS = const(5000)  # messages the application has taken leave the stored state within this time


def group_of(ch):
    """The ratcheting half, loaded only where the settings want it."""
    if ch.config.get("ratchet", True):
        from .smmp.group import Group

        return Group(ch)
    from .smmp.absent import Apart

    return Apart()


class Channel:
    """config: checked settings with `key` (32 bytes, the root key) and `identity` (32 bytes) filled in.

    blob: the last stored state or None. hardware(n): n random bytes, or None when the machine has no source.
    Raises NoRandomness and BadState.
    """

    def __init__(self, suite, config, blob, hardware):
        self.me = Me(suite, config)
        self.others = Members(self.me)
        self.out = Out(config["ring"])
        self.lost = Lost(self, config["key"])
        self.place = derive(suite, config["key"], b"sc/place")[:16]  # by which a state of another key is known
        self.settle_at(config["key"])
        self.joins = Joins(self)
        self.talk = Talk(self)
        self.dirty = False
        self._flush_at = None
        self._taken = False
        self._wake = None
        stored = unpack_state(self, blob) if blob else None
        self.me.rng = Rng(suite, stored, hardware)

    def settle_at(self, root):
        """Begin at the place that this root key leads to, knowing nobody there yet."""
        self.me.settle_at(root)
        self.others.clear()
        self.out.moved()
        self.phase = OFFLINE
        self.joined = False  # has this session's join been given its place in the order?
        self.conn = 0
        self.ring = Ring(self.config["ring"])
        self.agreement = Agreement(self)
        self.catchup = Catchup(self)
        self.group = group_of(self)
        self.presence = Keepalives(self)
        self.dirty = True

    # --- what the driver calls

    def start(self, now):
        """Once, before anything else: the new seed is stored before it is used; interrupted deliveries are repeated."""
        self.dirty = True
        if self.agreement.current:
            self.agreement.current.since = now
        if self.agreement.previous:
            self.agreement.previous_until = now
        for m in self.inbox:
            m.again = True
            self.out.effects.append(("message", m))
        return self._finish(now)

    def connecting(self, now):
        """Before each connection: a number of its own, and the last will that names it."""
        if self.session is None:
            self.joins.begin(now)
        self.conn += 1
        self.dirty = True
        self.out.effects.append(("connect", self.topics.make(self.name, "p"), self.presence.will()))
        return self._finish(now)

    def connected(self, now):
        self.phase = READING
        self.catchup.begin(now)
        return self._finish(now)

    def disconnected(self, now):
        self.phase = OFFLINE
        self.presence.due = None
        self.catchup.stop()
        self.group.stop()
        return self._finish(now)

    def acked(self, token, now):
        """The broker has taken what was published with this token."""
        entry = self.outbox.entries.pop(token, None)
        if entry and not (entry[2] and entry[3] is None):  # a group's slot: written twice it is the same
            self.dirty = True
        return self._finish(now)

    def receive(self, topic, payload, now):
        """A message from the broker, which may be anything. Never raises."""
        uid = None
        try:
            if not topic.startswith(self.topics.prefix) and self.lost.at_old_place(topic, bytes(payload), now):
                return self._finish(now)
            name, stream = self.topics.parse(topic)
            member = self.members_by_tag.get(name[:16])
            uid = member.uid if member else None
            self._dispatch(name, member, stream, bytes(payload), now)
        except Reject as e:
            self.complain(e.reason, uid, now)
        return self._finish(now)

    def tick(self, now):
        self._wake = None  # the driver has used it up
        self.agreement.expire(now)
        if self.phase != OFFLINE:
            self.catchup.tick(now)
        if self.phase == ONLINE:
            for m in self.members_by_tag.values():
                if m.lapsed(now):
                    self.event("vanished", {"uid": m.uid})
                    self.group.departed(m.tag)
            if now >= self.presence.due:
                self.presence.announce(AWAKE, 0, now)
            self.agreement.tick(now)
            self.group.tick(now)
        if self._flush_at is not None and now >= self._flush_at:
            self._flush_at = None
            self.dirty = True
        return self._finish(now)

    def send(self, body, mode, now, time=0, to=None):
        """Seal and publish. mode: "note", "conversation", "ratchet", or None for the strongest available now.

        to: uid of the only receiver (mode "ratchet"). A ratchet message is sent when its turn comes, also after a reconnect.
        Raises TooLong, NotReady, Offline, NoConversation, NoGroup, OutboxFull; the state is as before then.
        """
        if len(body) > MAX_BODY:
            raise TooLong("a message has at most %d bytes, this one has %d: split it" % (MAX_BODY, len(body)))
        if not self.joined:
            raise NotReady("not joined yet: wait for the event online")
        live = self.phase == ONLINE and self.agreement.current is not None
        if mode is None:
            mode = "ratchet" if self.group.state or to is not None else "conversation" if live else "note"
        if mode == "ratchet":
            self.group.send(bytes(body), None if to is None else self.others.tag_of(to), now)
        elif mode == "note":
            self.talk.send_note(bytes(body), time)
        elif mode == "conversation":
            if self.phase != ONLINE:
                raise Offline("no connection: a conversation message needs one; a note would wait")
            if not live:
                raise NoConversation("no conversation yet: wait for the event rekeyed, or send a note")
            self.talk.send_conversation(bytes(body), time)
        else:
            raise NotReady("no such mode: use note, conversation or ratchet")
        return self._finish(now)

    def change_group(self, action, uids, now):
        """The ratcheting group. action: "create" (ourselves and these), "add", "remove", "leave", "resync", "rejoin". Raises NoGroup."""
        self.group.change(action, [self.others.tag_of(uid) for uid in uids], now)
        return self._finish(now)

    def taken(self, message):
        """The application has the message: it need not be delivered again after a power cut."""
        if message in self.inbox:
            self.inbox.remove(message)
            self._taken = True
        return []

    def sleep(self, seconds, now):
        """Go offline on purpose and stay a member of the epoch for `seconds`."""
        if self.phase == ONLINE:
            self.presence.announce(ASLEEP, seconds, now)
        self.dirty = True
        self.out.effects.append(("disconnect",))
        return self._finish(now)

    def leave(self, now):
        """Say goodbye: the others re-key without us."""
        if self.phase == ONLINE:
            self.presence.announce(LEFT, 0, now)
        self.out.effects.append(("disconnect",))
        return self._finish(now)

    def rekey(self, now):
        """Ask for a new epoch."""
        self.agreement.requested = True
        self.dirty = True
        return self._finish(now)

    def declare_lost(self, uid, admin_seed, now):
        """Leave a member behind and move the channel to a new key. admin_seed: 32 bytes. Raises NoGroup."""
        self.lost.declare(uid, admin_seed, now)
        return self._finish(now)

    def approve(self, uid, text, now):
        """A person has checked a member's changed identity: pin the one with this fingerprint (the event says it), and no other that
        came meanwhile. It is used when the member's join is read again."""
        self.joins.approve(uid, text)
        return self._finish(now)

    @property
    def epoch(self):
        """Hex name of the epoch we can send in, or None."""
        return hexlify(self.agreement.current.id) if self.agreement.current else None

    @property
    def members(self):
        """[(uid, status)] of everyone whose join we accepted, ourselves included, sorted."""
        out = [(m.uid, STATUS[m.status]) for m in self.members_by_tag.values() if m.current]
        out.append((self.uid, "awake" if self.phase == ONLINE else "offline"))
        return sorted(out)

    # --- what the parts still reach for through us

    def __getattr__(self, name):
        for part in ("me", "others", "out"):
            if part in self.__dict__ and hasattr(self.__dict__[part], name):
                return getattr(self.__dict__[part], name)
        raise AttributeError(name)

    @property
    def dirty(self):
        return self.out.dirty

    @dirty.setter
    def dirty(self, yes):
        self.out.dirty = yes

    @property
    def members_by_tag(self):
        return self.others.by_tag

    def emit(self, effect):
        self.out.effects.append(effect)

    def put(self, name, stream, frame, retain=False, slot=None):
        """Publish under a group's name."""
        self.out.publish(self.topics.make(name, stream, slot), frame, retain)

    def publish(self, stream, frame, retain=False, slot=None, token=0):
        self.out.publish(self.me.topic(stream, slot), frame, retain, token)

    def online(self, now, joins, own_order, used):
        """The joins and our own ring have been read: take our place in the order and begin."""
        self.joins.settle(joins, own_order, used, now)
        self.phase = ONLINE
        self.joins.publish()
        self.presence.announce(AWAKE, 0, now)
        for stream in "phc":
            self.subscribe(self.topics.everyone(stream))
        for token in sorted(self.outbox.entries):
            topic, frame, retain, _ = self.outbox.entries[token]
            self.out.effects.append(("publish", topic, frame, retain, 1, token))
        for _, m in sorted(self.members_by_tag.items()):  # a dict has no order on a board
            # While we were away nobody could be heard: give everyone the time of a missed keepalive.
            m.deadline = max(m.deadline, now + self.config["keepalive"] * 2500)
            self.catchup.want(m, now)
        self.lost.online()
        self.group.online(now)
        self.event("online", {"members": len(self.members_by_tag) + 1})

    # --- receiving

    def _dispatch(self, name, member, stream, frame, now):
        if name == self.name:
            self.catchup.own(stream, frame, now)
        elif stream == "x":
            self.lost.receive(frame, now)
        elif stream == "j":
            self.joins.receive(name, member, frame, now)
        elif self.phase != ONLINE:
            raise Reject("offline")
        elif stream in "ge":
            if name != self.group.name:
                raise Reject("topic")
            self.group.receive(stream, frame, now)
        elif member is None or member.name != name or not member.sessions:
            self.joins.seek(name, stream, frame, now)
        elif stream == "n":
            self.talk.on_note(member, frame, now)
        elif stream == "p":
            self.presence.receive(member, frame, now)
        elif stream == "h":
            self._on_handshake(member, frame, now)
        elif stream == "k":
            (self.group.packages if frame[18:22] != bytes(4) else self.lost).package(member, frame)
        elif stream == "c":
            self.talk.on_conversation(member, frame, now)
        else:
            raise Reject("topic")

    def _on_handshake(self, member, frame, now):
        ad, _, seq, pt = self.keys.open(frame, HANDSHAKE, member.tag)
        if pt[:1] != bytes((STALE,)):
            self.agreement.receive(member, ad, frame[2:18], seq, pt, now)
            return
        self.joins.stale(pt, now)
        self.presence.announce(AWAKE, 0, now)

    # --- the end of every call

    def _finish(self, now):
        if self.phase == ONLINE:
            self.agreement.plan(now)
        if self._taken and self._flush_at is None:
            self._flush_at = now + FLUSH_MS
        if self.dirty:
            self.out.effects.insert(0, ("store", pack_parts(self)))  # should there be no memory for it, nothing is forgotten
            self.dirty = False
            self._taken = False
            self._flush_at = None
        effects = self.out.take()
        wake = self._next_wake(now)
        if wake is not None and wake != self._wake:
            effects.append(("wake", wake))
        self._wake = wake
        return effects

    def _next_wake(self, now):
        times = [self._flush_at, self.presence.due, self.agreement.previous_until if self.agreement.previous else None]
        if self.phase != OFFLINE:
            times += self.catchup.times()
        if self.phase == ONLINE:
            times += self.agreement.times(now) + self.group.times()
            times += [m.deadline for m in self.members_by_tag.values() if m.status in PRESENT]
        times = [t for t in times if t is not None]
        return min(times) if times else None
