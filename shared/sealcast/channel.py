"""One member of one channel, as a state machine: bytes and ticks in, effects out. PROTOCOL.md sections 6 to 11.

    OFFLINE --connected--> READING --own ring and joins read--> ONLINE --disconnected--> OFFLINE

Every public method returns a list of effects, see effects.py. Nothing here does I/O, reads a clock, or raises on what
comes from the network, but for NoRoom: no memory for rare code, nothing has happened, the same is to be given in again.

The state is in records (`me`, `others`, `epochs` ...). Bytes are opened to a frame, a procedure of its kind
changes the records and writes to `out`; what one half has to tell another goes through here.
"""

from . import rare, sending
from .compat import const, due
from .crypto.rng import Rng
from .effects import APPEND, CONNECT, DISCONNECT, RECONNECT, STORE, WAKE, Out
from .errors import Reject, TooLong
from .journal import Journal
from .rare import load, need
from .wire import HANDSHAKE, U32
from .zpinc import messages, presence
from .zpinc.epochs import ASK, STALE
from .zpinc.me import CONVERSATIONS, GROUP, Me
from .zpinc.members import ASLEEP, AWAKE, CONN, LEFT, PRESENT, Epochs, Members
from .zpinc.notes import LAST, Reading, Ring
from .zpinc.places import Places

# What a member is doing (PROTOCOL.md 9.6)
OFFLINE = const(0)
READING = const(1)
ONLINE = const(2)

CONFIRM_MS = const(50)  # a receipt that is owed waits for more twice so long, and so long for each awake one before us
SWEEP_MS = const(20000)  # between two looks at which code was not used


class Channel:
    """config: checked settings with `key` (32 bytes, the root key) and `identity` (32 bytes) filled in.
    blob: the last stored state or None. hardware(n): n random bytes or None. Raises NoRandomness and BadState."""

    def __init__(self, suite, config, blob, hardware):
        self.me = Me(suite, config)
        self.out, self.places, self.journal = Out(config["ring"]), Places(), Journal()
        self._sweep_at = self._confirm_at = self._wake = None
        self.sent = self.wanted = None  # of the last send(), see effects.py
        self.held = False  # or its driver takes several inputs in one turn, and calls commit() at its end
        self.settle_at(config["key"])
        self.out.dirty = False
        self.me.draw(Rng(suite, load("stored").unpack_state(self, blob) if blob else None, hardware))

    def settle_at(self, root):
        """Begin at the place that this root key leads to, knowing nobody there yet."""
        me, self.phase = self.me, OFFLINE
        me.settle_at(root)
        self.out.moved()
        self.others, self.ring = Members(me), Ring(me.config["ring"])
        if me.parts & CONVERSATIONS:  # loaded only where the settings want it
            from .zpinc import epochs as talk
        else:
            from .zpinc import silent as talk
        self.epochs, self.reading, self.keepalive = Epochs(talk), Reading(), presence.Keepalive()
        if me.parts & GROUP:
            from .smmp import order as ratchet
        else:
            from .smmp import absent as ratchet
        self.ratchet, self.group = ratchet, ratchet.begin(me)
        self.out.dirty = True

    # --- what the driver calls

    def start(self, now):
        """Once, before anything else: the new seed is stored before it is used; interrupted deliveries are repeated."""
        self.out.dirty = True
        self.epochs.talk.resume(self.epochs, now)
        self.out.deliver_again()
        return self._finish(now)

    def connecting(self, now):
        """Before each connection: a number of its own, and the last will that names it."""
        if self.me.session is None or self.keepalive.conn >= U32 - 2 * CONN or self.ring.next >= LAST:
            need("zpinc.joins").begin(self.me, self.ring, self.epochs, now, self.out)  # a session's numbers end
        will = presence.will(self.me, self.ring, self.epochs, self.keepalive, self.out)
        self.out.effects.append((CONNECT, self.me.topic("p"), will))
        return self._finish(now)

    def connected(self, now):
        need("zpinc.history").begin(self.me, self.others, self.ring, self.reading, self.places, now, self.out)
        self.phase = READING
        return self._finish(now)

    def disconnected(self, now):
        self.phase, self.keepalive.due = OFFLINE, None
        self.reading.stop()
        self.ratchet.offline(self.group)
        return self._finish(now)

    def acked(self, token, now):
        """The broker has taken what was published with this token."""
        self.out.acked(token)
        return self._finish(now, ())

    def receive(self, topic, payload, now):
        """A message from the broker, which may be anything; payload None: one that crashed us twice. Raises NoRoom."""
        if payload and "/e/" in topic and self.group.again(payload, now, self.out):
            self.journal.plan(now, self.out)  # what was taken before it; nothing else is as frequent, or changes less
            wake = min([at for at in (self._wake, self.journal.flush_at) if at is not None] or [None])
            before, self._wake = self._wake, wake
            return [(WAKE, wake)] if wake != before else []
        self.reading.fed, uid, quiet = True, None, None
        try:
            if payload is None:
                raise Reject("internal")
            old = self.places.old and not topic.startswith(self.me.topics.prefix)
            if old and need("zpinc.revocation").at_old_place(self.places, topic, bytes(payload), now, self.out):
                return self._finish(now)
            name, stream = self.me.topics.parse(topic)
            member = self.others.by_tag.get(name[:16])
            uid = member.uid if member else None
            if not self.epochs.running():  # else a message may end a handshake
                talks = stream in "nc" and member and member.name == name and member.sessions
                quiet = () if stream in "ge" else talks or None
            self._dispatch(name, member, stream, bytes(payload), now)
        except Reject as e:
            self.out.complain(e.reason, uid, now)
        return self._finish(now, quiet)

    def tick(self, now):
        me, others, epochs, reading, out = self.me, self.others, self.epochs, self.reading, self.out
        read = self.phase != OFFLINE and any([due(at, now) for at in reading.times(others)])
        if read:
            self._need_reading()
        agree = self.phase == ONLINE and epochs.talk.at_work(epochs, now)
        confirm = self.phase == ONLINE and due(self._confirm_at, now)
        if confirm:
            need("zpinc.receipts")
        if self.phase == ONLINE:
            self.ratchet.need_tick(self.group, now)
        self._wake = None  # the driver has used it up
        epochs.talk.expire(epochs, now, out)
        if read:
            if due(reading.deadline, now) and load("zpinc.history").overdue(me, reading, now, out):
                self._read(now)
            load("zpinc.history").tick(me, others, reading, now, out)
        if self.phase == ONLINE:
            for m in others.by_tag.values():
                if m.lapsed(now):
                    out.event("vanished", {"uid": m.uid})
                    self.ratchet.departed(me, others, self.group, m.tag, out)
            if now >= self.keepalive.due:
                self._announce(AWAKE, 0, now)
            if agree:
                load("zpinc.rekey").tick(me, others, epochs, now, out)
            self.ratchet.tick(me, others, self.group, now, out)
        if confirm:
            self._confirm_at = None
            load("zpinc.receipts").say(me, out)
        self.journal.tick(now, out)
        if due(self._sweep_at, now):
            self._sweep_at = None
            rare.sweep()
        return self._finish(now)

    def send(self, body, mode, now, time=0, to=None, min_secrecy=None, receipt=False):
        """Seal and publish; `sent` then says how, and whom it reaches, `wanted` who is to confirm. See sending.py."""
        self.sent, self.wanted = sending.send(
            self.me, self.others, self.ring, self.epochs, self.ratchet, self.group,
            body, mode, time, to, min_secrecy, receipt, self.phase == ONLINE, now, self.out
        )  # fmt: skip
        return self._finish(now, ())

    def change_group(self, action, uids, now):
        """action: "create" (these, or all), "add", "remove", "leave", "resync", "rejoin". Raises NoGroup."""
        tags = [self.others.tag_of(uid) for uid in uids]
        self.ratchet.change(self.me, self.others, self.group, action, tags, now, self.out)
        return self._finish(now)

    def taken(self, message):
        """The application has the message: it need not be delivered again after a power cut."""
        self.out.taken(message)
        return []

    def sleep(self, seconds, now):
        """Go offline on purpose and stay a member of the epoch for `seconds`, at most 2^32 - 1. Raises TooLong."""
        if not 0 <= seconds < U32:
            raise TooLong("nobody sleeps longer than %d seconds" % (U32 - 1))
        self.out.dirty = True
        return self.leave(now, ASLEEP, seconds)

    def leave(self, now, status=LEFT, seconds=0):
        """Say goodbye: the others re-key without us."""
        if self.phase == ONLINE:
            self._announce(status, seconds, now)
        self.out.calm()
        self.out.effects.append((DISCONNECT,))
        return self._finish(now)

    def rekey(self, now):
        """Ask for a new epoch."""
        self.epochs.requested = self.out.dirty = True
        return self._finish(now)

    def declare_lost(self, uid, admin_seed, now, keep=None):
        """Leave a member behind, and all who are not in `keep`: the channel gets a new key. Raises NoGroup."""
        revocation, uids = need("zpinc.revocation"), self.ratchet.uids(self.others, self.group)
        self._move(revocation.declare(self.me, self.others, self.places, uid, admin_seed, keep, now, self.out))
        self.ratchet.unite(self.group, [u for u in uids if u not in (uid, self.me.uid) and (keep is None or u in keep)])
        return self._finish(now)

    def approve(self, uid, text, now, admin_seed=None, time=0):
        """A person has compared this fingerprint (the event says it): pin that identity, and none that came since."""
        me, others, places, online = self.me, self.others, self.places, self.phase == ONLINE
        need("zpinc.approval", "zpinc.joins").approve(me, others, places, uid, text, admin_seed, time, online, self.out)
        return self._finish(now)

    def settling(self, place):
        """Are we connected, and do not know yet who else is there, and (place) where the group is?"""
        unsure = not self.reading.heard or place and self.ratchet.seeking(self.group)
        return self.phase == READING or self.phase == ONLINE and bool(unsure)

    @property
    def epoch(self):
        """Hex name of the epoch we can send in, or None."""
        return self.epochs.current.name if self.epochs.current else None

    def group_summary(self):
        """Where we are in the ratcheting group: phase, members, epoch, head, digest. None outside of one."""
        return self.ratchet.summary(self.others, self.group)

    @property
    def members(self):
        """[(uid, status)] of everyone whose join we accepted, ourselves included, sorted."""
        return self.others.listed(self.phase == ONLINE)

    # --- from one phase to the next, and to another place

    def _need_reading(self):
        if self.reading.first:
            need("zpinc.joins")
            self.ratchet.need_search(self.group)
        return need("zpinc.history", "zpinc.asking")

    def _read(self, now):
        """What was being read has been read. After the first reading: take our place in the order and begin."""
        me, others, reading, out = self.me, self.others, self.reading, self.out
        if not load("zpinc.history").done(me, others, reading, now, out):
            return
        joins, sid = load("zpinc.joins"), me.session.sid
        for tag in joins.settle(me, others, self.ring, self.epochs, reading, self.places, now, out):
            self.ratchet.renewed(self.group, tag)
        if me.full:
            out.event("channel_full", {"members": len(others.by_tag) + 1})
        if me.full or me.session.sid != sid:  # nobody would know the session of the last will that the broker has
            out.effects.append((RECONNECT, not me.full))
            return
        self.phase = ONLINE
        for stream in "phcr" if out.wanted else "phc":  # before anybody who learns that we are there speaks
            out.subscribe(me.topics.everyone(stream))
        joins.publish(me, out, reading.own_order)
        self._announce(AWAKE, 0, now)
        for token in sorted(out.outbox.entries):
            topic, frame, retain, _ = out.outbox.entries[token]
            out.publish(topic, frame, retain, token)
        if self.ring.unsent != self.ring.next:
            self.ring.unsent, out.dirty = self.ring.next, True
        for _, m in sorted(others.by_tag.items()):  # a dict has no order on a board
            # While we were away nobody could be heard: give everyone the time of a missed keepalive.
            m.deadline = max(m.deadline, now + me.config["keepalive"] * 2500)
            load("zpinc.history").want(me, reading, m, now, out)
        reading.heard = not others.by_tag
        joins.show_key(me, self.places, out)
        self.ratchet.online(me, others, self.group, now, out)
        out.event("online", {"members": len(others.by_tag) + 1})

    def _announce(self, status, sleep, now):
        me, others, ring, epochs, group = self.me, self.others, self.ring, self.epochs, self.group
        presence.announce(me, others, ring, epochs, self.keepalive, self.ratchet, group, status, sleep, now, self.out)

    def _move(self, root):
        """Go on where this root key leads to; None: stay."""
        if root is not None:
            self.settle_at(root)
            self.out.effects.append((RECONNECT, False))

    # --- receiving

    def _dispatch(self, name, member, stream, frame, now):
        me, others, reading, out, online = self.me, self.others, self.reading, self.out, self.phase == ONLINE
        if name == me.name:
            self._own(stream, frame, now)
        elif stream == "x":
            self._move(need("zpinc.revocation").receive(me, others, self.places, frame, now, out))
        elif stream == "a":
            need("zpinc.approval", "zpinc.joins").receive(me, others, self.places, frame, online, out)
        elif stream == "j":
            joins = need("zpinc.joins", "zpinc.history")
            tag = joins.receive(me, others, reading, self.places, name, frame, online, now, out)
            self.ratchet.renewed(self.group, tag)
        elif not online:
            raise Reject("offline")
        elif stream in "ge":
            if name != self.group.name:
                raise Reject("topic")
            self.ratchet.receive(me, others, self.group, stream, frame, now, out)
        elif member is None or member.name != name or not member.sessions:
            need("zpinc.joins").seek(me, reading, name, stream, frame, now, out)
        elif stream == "n":
            messages.receive_note(me, others, reading, member, frame, now, out)
        elif stream == "p":
            if presence.receive(me, others, self.epochs, reading, self.group, member, frame, now, out):
                self.ratchet.departed(me, others, self.group, member.tag, out)
        elif stream == "h":
            self._handshake(member, frame, now)
        elif stream == "k" and frame[18:22] == bytes(4):
            need("zpinc.revocation").receive_key(me, self.places, member, frame)
        elif stream == "k":
            self.ratchet.package(me, self.group, member, frame, now)
        elif stream == "r":
            if out.wanted:
                need("zpinc.receipts").receive(me, member, frame, out)
        elif stream == "c":
            self.epochs.talk.receive(me, others, self.epochs, member, frame, now, out)
        else:
            raise Reject("topic")

    def _own(self, stream, frame, now):
        """What stands under our own name. After the first reading only joins and barriers say anything."""
        if not self.reading.first and stream not in "sj":
            return
        history = self._need_reading()
        if stream == "j":
            need("zpinc.joins")
        if history.own(self.me, self.ring, self.reading, self.keepalive.conn, stream, frame, now, self.out):
            self._read(now)

    def _handshake(self, member, frame, now):
        me, others, epochs, out = self.me, self.others, self.epochs, self.out
        ad, sid, seq, pt = me.keys.open(frame, HANDSHAKE, member.tag)
        if seq == 0 and pt[:1] == bytes((ASK,)):
            return need("zpinc.asking", "zpinc.joins").asked(me, self.reading, pt, now, out)
        if seq or pt[:1] != bytes((STALE,)):
            if not me.parts & CONVERSATIONS:
                raise Reject("members")
            return need("zpinc.rekey", "zpinc.cpace").receive(me, others, epochs, member, ad, sid, seq, pt, now, out)
        joins = need("zpinc.joins")
        self.ratchet.need_packages()
        joins.stale(me, others, self.ring, epochs, self.keepalive.conn, pt, now, out)
        self.ratchet.session_began(me, self.group, out)
        joins.show_key(me, self.places, out)
        self._announce(AWAKE, 0, now)

    # --- the end of every call

    def commit(self):
        """What goes before all effects since the last commit: what is lost, a STORE or an APPEND. Raises NoRoom."""
        out, journal = self.out, self.journal
        if not (out.dirty or out.urgent):
            return []
        batch = journal.seal(self.me.suite, out.said())
        if batch:
            return out.stored() + [(APPEND, batch)]
        parts = load("state").pack_parts(self, journal.next_key(self.me.rng))
        journal.begin()
        return out.stored(True) + [(STORE, parts)]

    def snapshot(self):
        """In place of an APPEND that could not be carried out. Raises NoRoom."""
        self.out.dirty = True
        return self.commit()

    def _finish(self, now, quiet=None):
        """quiet: it was about messages (of these sessions): who is there, and in which epoch, is as before."""
        me, others, epochs, out = self.me, self.others, self.epochs, self.out
        quiet = None if self.reading.queue or epochs.talk.moved(me, epochs) else quiet
        if self.phase == ONLINE:
            if out.owed and self._confirm_at is None:
                self._confirm_at = now + CONFIRM_MS * (2 + others.rank(others.by_tag))
            if quiet is None:
                epochs.talk.plan(me, others, epochs, now, out)
            if not quiet:
                presence.soon(me, others, epochs, self.keepalive, self.ratchet.place(self.group), self.group, now)
        # Should there be no memory for the state, nothing is forgotten: the next input ends with it.
        effects = ([] if self.held else self.commit()) + out.take()
        self.journal.plan(now, out)
        if rare.tidy() and self._sweep_at is None:
            self._sweep_at = now + SWEEP_MS
        before, self._wake = self._wake, self._next_wake(now, quiet)
        return effects if self._wake in (None, before) else effects + [(WAKE, self._wake)]

    def _next_wake(self, now, quiet):
        epochs, others, online = self.epochs, self.others, self.phase == ONLINE
        times = [self._sweep_at, self.journal.flush_at, self.journal.until, self.keepalive.due]
        times += [self._confirm_at] + self.ratchet.times(self.group) if online else []
        if quiet is not None:
            times += [self._wake] + [s.window.gap_at for s in quiet]
        else:
            times += epochs.talk.ends(epochs) + ([] if self.phase == OFFLINE else self.reading.times(others))
        if online and quiet is None:
            times += epochs.talk.times(self.me, others, epochs, now)
            times += [m.deadline for m in others.by_tag.values() if m.status in PRESENT]
        return min([t for t in times if t is not None] or [None])
