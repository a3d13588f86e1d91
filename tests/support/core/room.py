"""Members of a ratcheting group behind an honest broker, on CPython
and on MicroPython: whole Channels. PROTOCOL.md 16 to 20.
"""

from sealcast.channel import Channel
from sealcast.smmp import order
from sealcast.smmp import ratchet as smmp
from sealcast.smmp.group import Pending, Undo
from sealcast.wire import RATCHET
from sealcast.zpinc.members import Member
from solo import config, hardware, nothing, suite


class Room:
    """Members behind an honest broker, and a clock that jumps to whatever is next."""

    def __init__(self, uids, **changes):
        self.now = 1000
        self.changes = changes  # of the settings
        self.retained, self.filters, self.queue, self.wakes = {}, {}, [], {}
        self.stored, self.heard, self.events = {}, [], []
        self.wills, self.poor = {}, ()  # last wills at the broker; who has no hardware randomness
        self.members = {}
        for uid in uids:
            self.switch_on(uid)
        self.advance(3000)

    def switch_on(self, uid, **changes):
        self.filters[uid] = []
        settings = config(uid, ratchet=True, **self.changes)
        settings.update(changes)
        hard = nothing if uid in self.poor else hardware
        ch = self.members[uid] = Channel(suite, settings, self.stored.get(uid), hard)
        ch.journal.room = 4096
        self.run(uid, ch.start(self.now))
        self.run(uid, ch.connecting(self.now))

    def run(self, uid, effects):
        for e in effects:
            if e[0] == "store":
                self.stored[uid] = b"".join(e[1])
            elif e[0] == "append":
                self.stored[uid] += e[1]
            elif e[0] == "connect":
                self.wills[uid] = e[1:]
                self.run(uid, self.members[uid].connected(self.now))
            elif e[0] == "subscribe":
                self.filters[uid].append(e[1])
                for topic in list(self.retained):
                    if _match(e[1], topic):
                        self.queue.append((uid, topic, self.retained[topic]))
            elif e[0] == "publish":
                self.publish(e[1], e[2], e[3])
                if e[5]:
                    self.queue.append((uid, None, e[5]))
            elif e[0] == "message":
                self.heard.append((uid, e[1].sender, e[1].body, e[1].private))
                self.members[uid].taken(e[1])
            elif e[0] == "event":
                self.events.append((uid, e[1]))
            elif e[0] == "reconnect" and not self.members[uid].me.full:
                self.queue.append((uid, "reconnect", None))
            elif e[0] == "wake":
                self.wakes[uid] = e[1]

    def publish(self, topic, payload, retain):
        if retain:
            self.retained[topic] = payload
        for other in self.filters:
            if any(_match(f, topic) for f in self.filters[other]):
                self.queue.append((other, topic, payload))

    def power_cut(self, uid):
        """The broker publishes its last will."""
        self.filters[uid] = []
        self.wakes.pop(uid, None)
        self.publish(self.wills[uid][0], self.wills[uid][1], True)
        self.pump()

    def pump(self):
        while self.queue:
            uid, topic, payload = self.queue.pop(0)
            ch = self.members[uid]
            if topic == "reconnect":
                self.filters[uid], self.queue = [], [f for f in self.queue if f[0] != uid]
                self.run(uid, ch.disconnected(self.now))
                self.run(uid, ch.connecting(self.now))
                continue
            self.run(uid, ch.acked(payload, self.now) if topic is None else ch.receive(topic, payload, self.now))

    def advance(self, ms):
        end = self.now + ms
        while True:
            self.pump()
            due = [uid for uid in self.wakes if self.wakes[uid] <= end]
            if not due:
                break
            uid = min(due, key=lambda u: self.wakes[u])
            self.now = max(self.now, self.wakes.pop(uid))
            self.run(uid, self.members[uid].tick(self.now))
        self.now = end

    def do(self, uid, method, *arguments):
        self.run(uid, getattr(self.members[uid], method)(*arguments, self.now))
        self.advance(9000)

    def say(self, uid, body, to=None):
        self.run(uid, self.members[uid].send(body, "ratchet", self.now, 0, to))
        self.advance(1000)


def note(room, uid, body):
    room.run(uid, room.members[uid].send(body, "note", room.now))


def gaps(room):
    """(who is told, what) of every gap from here on."""
    told, run = [], room.run

    def listening(uid, effects):
        told.extend([(uid, e[2]) for e in effects if e[0] == "event" and e[1] == "gap"])
        run(uid, effects)

    room.run = listening
    return told


def _match(wanted, topic):
    a, b = wanted.split("/"), topic.split("/")
    return len(a) == len(b) and all(x == "+" or x == y for x, y in zip(a, b))


def full(ch, n):
    """A channel that knows n members: their tags are its own, and not counted as the group's."""
    for i in range(n):
        m = Member(bytes([i]) * 16 + bytes(16), "m%d" % i)
        ch.others.by_tag[m.tag] = m
    return ch


def big(n):
    """The group of a member of n, full: an undo, a frame on its way, a package of everyone."""
    ch = full(Channel(suite, config("m", ratchet=True), None, hardware), n)
    g = ch.group

    def state():
        tags = [bytes([i]) * 16 for i in range(n)]
        keys = [hardware(32) for _ in range(6)]
        return smmp.State(g.id, tags, [hardware(32) for _ in range(n)], 0, hardware(32), 100, hardware(32), *keys)

    g.state = state()
    tags = list(g.state.tags)
    frame = bytes(1200)
    g.last, g.last_by, g.phase = frame, g.state.tags[1], 2
    g.pairs = {tag: hardware(32) + hardware(64) for tag in tags[1:]}
    g.undo = Undo(g, None)
    g.outgoing.pending = Pending(RATCHET, frame, hardware(32), (bytes(14), b"text", None, 0))
    g.heard = {tag: bytes(8) for tag in tags}
    for tag in tags[1:]:
        g.packages.theirs[tag] = hardware(68 - 4) + hardware(8) + hardware(64)
    return g


def packed(group):
    """The group's part of the stored state."""
    return b"".join(order.pieces(group))
