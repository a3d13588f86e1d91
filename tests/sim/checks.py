"""The invariants of DESIGN.md that hold at every step of every
schedule, whatever breaks. `Broken` names the one that fails.
"""

from packed import pack_state
from sealcast.wire import NOTE, unpad_asking
from sealcast.zpinc.heard import MARK
from sim.receipts import Asked
from sim.recorder import Broken

# What one frame made without keys may cost its receiver at most: opening a box, and nothing else that is dear.
WORK = {
    "h": 5,
    "secretbox_open": 1,
    "xsalsa20_xor": 2,
    "ed25519_verify": 0,
    "ristretto_mul": 0,
    "ristretto_add": 0,
    "secretbox": 0,
}


def snapshot(ch):
    """Everything a member knows: what it would store, and what it only remembers."""
    a, c = ch.epochs, ch.reading
    t = a.attempt
    out = [pack_state(ch), ch.phase, a.rank, a.propose_at, a.not_before, a.retry_at, a.deadline, sorted(a.sent)]
    out += [
        t and (t.hid, t.state, list(t.Z), list(t.X), sorted(t.confirmed), sorted(t.early)),
        a.pending and a.pending.hid,
    ]
    out += [c.nonce, c.deadline, c.member, list(c.queue), len(c.joins), ch.keepalive.counter, ch.keepalive.due]
    for m in ch.others.by_tag.values():
        out.append(
            (
                m.uid,
                m.public,
                m.refused,
                m.floor,
                m.conn,
                m.counter,
                m.willed,
                m.status,
                m.deadline,
                m.silent_until,
                m.strikes,
            )
        )
        out += [
            (s.sid, s.window.next, sorted(s.window.held), s.window.gap_at, list(s.window.digests)) for s in m.sessions
        ]
    return out


class Checks:
    """Sees every entry into every channel. Knows who sent what, because the members tell it when they send."""

    def __init__(self, world):
        self.world = world
        self.junk = set()  # (topic, payload) made without keys
        self.epochs = {}  # hid -> (hk, parties)
        self.only_pending = {}  # hid -> uid of the member whose pending epoch is all that is known of it
        self.chains = {}  # (hid, sender, number) -> key
        self.made = {}  # body -> when
        self.placed = {}  # receiver -> (sid, when its session took its place)
        self.frames = {}  # (uid, header) -> frame, of notes and conversations
        self.bodies = {}  # body -> (uid, secrecy, sid, seq, lineage)
        self.out = set()  # (uid, sid, seq) of notes that were published
        # body -> [(sid, seq)] before the last, of a note that was out and that a restored state, which did not know it,
        # sealed again: the network had lost what lies in its own ring
        self.doubled = {}
        self.got = {}  # (receiver, lineage) -> {body}
        self.live = {}  # receiver -> {body}, delivered as live
        self.order = {}  # (receiver, lineage, sid) -> last seq
        self.gaps = {}  # (receiver, lineage, sender) -> [(first, last)]
        self.doubtful = {}  # sid -> [(first, last)]: its owner was told that others may have taken these for older ones
        self.owed_from = {}  # (receiver, lineage, sid) -> seq of the first note that is owed
        self.sent = {}  # (sender, lineage, sid) -> number of notes that are durable
        self.notes = self.talks = self.historic = self.again = self.gap_count = self.live_count = 0
        self.counts = {}  # what else happened, by name
        self.asked = Asked()
        self._before = None
        self._fresh = ()

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    # --- around every call

    def before(self, client, name, topic, payload):
        self._before = None
        ch = client.channel
        if name == "receive" and (topic, payload) in self.junk:
            self._before = snapshot(ch)
            self.world.suite.calls = {}
        self._sid = ch.me.session and ch.me.session.sid
        self._fresh = [(m.uid, s) for m in ch.others.by_tag.values() for s in m.sessions if s.window.fresh]

    def after(self, client, name, topic, payload, effects):
        ch = client.channel
        if self._before is not None:
            if snapshot(ch) != self._before:
                raise Broken("invariant 7: a frame made without keys changed the state")
            for effect in effects:
                if effect[0] not in ("event", "wake"):
                    raise Broken("invariant 7: a frame made without keys caused " + effect[0])
            for what, limit in WORK.items():
                if self.world.suite.calls.get(what, 0) > limit:
                    raise Broken(
                        "invariant 7: a frame made without keys cost %d %s" % (self.world.suite.calls[what], what)
                    )
        self._epochs(ch, name == "send" or bool(topic) and topic.endswith("/c"))
        self._baselines(client, effects)
        if topic and topic.endswith("/r"):
            self.asked.check(self.got)
        if ch.me.session and ch.me.session.sid != self._sid:
            self._renewed(client, ch)
        if ch.me.joined and self.placed.get(client.uid, (None,))[0] != ch.me.session.sid:
            self.placed[client.uid] = (ch.me.session.sid, self.world.now)

    def _renewed(self, client, ch):
        """A new session: notes that were never out are sealed again in it, under other numbers."""
        for _, frame, _, seq in ch.out.outbox.entries.values():
            if seq is not None:
                pt = ch.me.keys.open(frame, NOTE, ch.me.tag)[3]
                body = unpad_asking(pt[5 + MARK * pt[4] : -64])[0]
                _, _, sid, was, _ = self.bodies[body]
                if client.rolled_back and (client.uid, sid, was) in self.out:
                    self.doubled.setdefault(body, []).append((sid, was))
                self.bodies[body] = (client.uid, "note", ch.me.session.sid, seq, client.lineage)
                self.sent[(client.uid, client.lineage, ch.me.session.sid)] = seq + 1

    def _epochs(self, ch, chains):
        """Equal names mean equal keys. Only a member whose storage was rolled back may come to another key, in an
        attempt that it has forgotten; that one is never confirmed.
        """
        a = ch.epochs
        clients = self.world.clients
        for e in (a.current, a.previous, a.pending):
            if e is None or e is a.pending and any(clients[uid].rolled_back for _, _, uid in e.parties):
                continue
            first = self.only_pending.get(e.hid)
            if first is not None and clients[first].rolled_back:  # so it has forgotten this attempt, and its y
                del self.epochs[e.hid]
                self.chains = {known: key for known, key in self.chains.items() if known[0] != e.hid}
            new = e.hid not in self.epochs
            if new and e is a.pending:
                self.only_pending[e.hid] = ch.me.uid
            elif e is not a.pending or first not in (None, ch.me.uid):
                self.only_pending.pop(e.hid, None)
            if self.epochs.setdefault(e.hid, (e.hk, e.parties)) != (e.hk, e.parties):
                raise Broken("two members hold different keys for one epoch")
            if new or chains:
                for i, (key, number) in enumerate(e.chains):
                    if self.chains.setdefault((e.hid, i, number), bytes(key)) != key:
                        raise Broken("two members hold different chain keys for one epoch")

    def _baselines(self, client, effects):
        """The moment a ring has been read for the first time says from where on its notes are owed."""
        for uid, s in self._fresh:
            if not s.window.fresh:
                first = s.window.next
                for e in effects:
                    if e[0] == "message" and e[1].sender == uid and e[1].secrecy == "note":
                        first = min(first, self.sender(e[1].body)[3] if self.sender(e[1].body)[2] == s.sid else first)
                self.owed_from[(client.uid, client.lineage, s.sid)] = first

    def published(self, uid, topic, payload):
        """A number of a session or a chain is given to one frame only, which is resent byte for byte."""
        if topic.split("/")[4] == "n":
            self.out.add((uid, payload[2:18], int.from_bytes(payload[18:22], "big")))
        if topic.split("/")[4] in ("n", "c") and not self.world.clients[uid].rolled_back:
            if self.frames.setdefault((uid, payload[:22]), payload) != payload:
                raise Broken("two different frames under one number")

    # --- messages

    def sender(self, body):
        if body not in self.bodies:
            raise Broken("a message was delivered that nobody sent")
        return self.bodies[body]

    def delivered(self, client, m):
        uid, secrecy, sid, seq, _ = self.sender(m.body)
        me = (client.uid, client.lineage)
        got = self.got.setdefault(me, set())
        for before in self.doubled.get(m.body, ()):
            late = before[1] <= self.order.get(me + (before[0],), -1)
            if before[1] == m.seq and (m.body, before) not in got and not late:
                sid, seq = before
                break
        if (uid, secrecy, seq, "member") != (m.sender, m.secrecy, m.seq, m.origin):
            raise Broken("a message was delivered under a wrong name, number or secrecy")
        self.again += m.again
        if not m.again and (m.body in got if m.body not in self.doubled else (m.body, (sid, seq)) in got):
            raise Broken("invariant 9: %s was delivered twice" % secrecy)
        if not m.again and secrecy == "note" and m.body not in self.doubled:  # of that one we only guess which it is
            if seq <= self.order.get(me + (sid,), -1):
                raise Broken("a note was delivered out of order")
            self.order[me + (sid,)] = seq
        self.young(client, m)
        if not m.historic:
            live = self.live.setdefault(client.uid, set())
            if m.body in live:
                raise Broken("invariant 9: a replay was delivered as live")
            live.add(m.body)
            self.live_count += 1
        if m.body not in got:
            self.notes += secrecy == "note"
            self.talks += secrecy == "conversation"
            self.historic += m.historic
        got |= {m.body, (m.body, (sid, seq))}

    def young(self, client, m):
        """What a message's age says is true, and nothing is live that was made before the receiver's join."""
        made = self.made[m.body]
        if m.age is not None and self.world.now - made > m.age * 1000:
            raise Broken("a message is older than its age says")
        if not m.historic and (m.age is None or m.age > 2.5 * client.config["keepalive"]):
            raise Broken("a message is live and not provably recent")
        if not m.historic and made < self.placed[client.uid][1]:
            raise Broken("a message was live that was made before the receiver's join")

    def event(self, client, name, detail):
        if name == "gap":
            self.gap_count += 1
        if name == "gap" and detail["secrecy"] == "note":
            if detail["first"] > detail["last"]:
                raise Broken("an empty gap was reported")
            self.gaps.setdefault((client.uid, client.lineage, detail["uid"]), []).append(
                (detail["first"], detail["last"])
            )
        if name in ("forged", "dropped"):
            reason = detail["reason"]
            if reason == "same_uid" and "first" in detail:
                self.doubtful.setdefault(self._sid, []).append((detail["first"], detail["last"]))
            if reason in ("signature", "identity") or reason == "ring" and not self.world.storage_lost:
                raise Broken("an honest member was taken for a forger: " + reason)
        if name == "error":
            raise Broken("error " + str(detail))

    # --- at the end

    def settled(self, clients):
        """Every note of a session whose sender kept its storage is
        delivered or reported missing (invariants 8 and 9).
        """
        for sender in clients:
            if sender.channel.out.outbox.entries:
                raise Broken("invariant 8: messages still wait for the broker")
            for receiver in clients:
                if receiver is not sender:
                    self._settled(sender, receiver)

    def twin(self, uid, sid, seq, lineage):
        """Had this number been given to another note before a state came back? Behind a broker that hides our ring from
        us, and our first presence from the others, nobody can tell (THREATS.md): such losses are not
        allowed, but counted."""
        if not self.world.broker.hides:
            return False
        return any(v[0] == uid and v[2:4] == (sid, seq) and v[4] != lineage for v in self.bodies.values())

    def _settled(self, sender, receiver):
        me = (receiver.uid, receiver.lineage)
        got = self.got.get(me, ())
        gaps = self.gaps.get(me + (sender.uid,), ())
        for body, (uid, secrecy, sid, seq, lineage) in self.bodies.items():
            if (
                uid != sender.uid
                or lineage != sender.lineage
                or secrecy != "note"
                or seq >= self.sent.get((uid, sender.lineage, sid), 0)
            ):
                continue
            if seq < self.owed_from.get(me + (sid,), 1 << 40) or body in got:
                continue
            if any(first <= seq <= last for first, last in [*gaps, *self.doubtful.get(sid, ())]):
                continue
            if not self.twin(uid, sid, seq, lineage):
                raise Broken(
                    "invariant 9: note %d of %s is missing at %s and was not reported" % (seq, uid, receiver.uid)
                )
            self.count("twins")
