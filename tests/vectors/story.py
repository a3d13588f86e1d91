"""The stage of make_stories.py: members, a clock, and a broker between them that does what the story wants."""

from recorded import Member, digest
from sim import sodium
from sim.broker import patterns

SETTINGS = {"channel": "greenhouse", "roster": None, "sign": True, "ring": 4, "keepalive": 30, "rekey_seconds": 3600,
            "rekey_messages": 1000, "history": "all", "ratchet": False}  # fmt: skip


def identity(uid):
    return sodium.h(32, b"", b"", b"identity", uid.encode())


class World:
    """Members behind a broker that may be told to misbehave; notes every input of each and what came of it."""

    def __init__(self, **settings):
        self.now = 1000
        self.settings = dict(SETTINGS, **settings)
        self.frames, self.numbers = [], {}
        self.members, self.steps, self.filters, self.wakes = {}, {}, {}, {}
        self.retained = {}
        self.queue = []
        self.far = set()  # members that a split broker shows another view
        self.far_retained = {}
        self.lost = lambda uid, topic: False  # is what this member publishes lost?
        self.missed = lambda uid, topic: False  # does this member not get it?
        self.slow = set()  # members whose application takes no message

    def number(self, topic, payload):
        if (topic, payload) not in self.numbers:
            self.numbers[(topic, payload)] = len(self.frames)
            self.frames.append((topic, payload))
        return self.numbers[(topic, payload)]

    def add(self, uid, state=None, **settings):
        config = dict(self.settings, uid=uid, key=bytes(range(32)).hex(), identity=identity(uid).hex(), **settings)
        self.members[uid] = Member(sodium, config, self.number, self.frames.__getitem__)
        self.steps[uid] = []
        self.boot(uid, "provisioned" if state else "none", state)

    def boot(self, uid, name, state=None, connect=True):
        """Power on, with what was stored last."""
        m = self.members[uid]
        self.silence(uid)
        given = [self.now, "boot", m.calls, name] + [True] * (m.journal and not state)
        state = state or m.stored
        says, _ = m.boot(m.calls, state)
        self.steps[uid].append([given, says, state.hex() if state else None])
        self.do(uid, "start")
        if connect:
            self.connect(uid)

    def silence(self, uid):
        self.filters[uid] = []
        self.wakes.pop(uid, None)
        self.queue = [entry for entry in self.queue if entry[0] != uid]

    def connect(self, uid):
        self.do(uid, "connecting")
        self.do(uid, "connected")

    def cut(self, uid):
        """The connection ends; the member knows."""
        self.silence(uid)
        self.do(uid, "disconnected")

    def do(self, uid, method, *args):
        m = self.members[uid]
        before = m.stored
        effects = m.enter(self.now, method, *args)
        taken = len(m.messages)
        out = m.told(effects)
        state = digest(sodium, m.stored) if m.stored is not before else None
        self.steps[uid].append([[self.now, method, *args], out, state])
        for e in effects:
            if e[0] == "publish":
                self.publish(uid, *e[1:])
            elif e[0] == "subscribe":
                self.filters[uid].append(e[1])
                kept = self.far_retained if uid in self.far else self.retained
                self.queue += [(uid, "receive", self.number(*f)) for f in kept.items() if e[1] in patterns(f[0])]
            elif e[0] == "wake":
                self.wakes[uid] = e[1]
            elif e[0] == "disconnect":
                self.silence(uid)
            elif e[0] == "reconnect":
                self.queue.append((uid, "reconnect", None))
        if uid not in self.slow:
            for i in range(taken, len(m.messages)):
                self.do(uid, "taken", i)

    def publish(self, uid, topic, payload, retain, qos, token):
        if self.lost(uid, topic):
            return
        far = uid in self.far
        if retain:
            (self.far_retained if far else self.retained)[topic] = bytes(payload)
        for other, filters in self.filters.items():
            wanted = (other in self.far) == far and any(f in patterns(topic) for f in filters)
            if wanted and not self.missed(other, topic):
                self.queue.append((other, "receive", self.number(topic, bytes(payload))))
        if token:
            self.queue.append((uid, "acked", self.number(topic, bytes(payload))))

    def split(self, *uids):
        self.far, self.far_retained = set(uids), dict(self.retained)

    def later(self, ms, until=lambda: False):
        end = self.now + ms
        while not until():
            while self.queue and not until():
                uid, method, arg = self.queue.pop(0)
                if method == "reconnect":
                    self.cut(uid)
                    self.connect(uid)
                elif self.filters[uid]:
                    self.do(uid, method, arg)
            due = [(at, uid) for uid, at in self.wakes.items() if at <= end and self.filters[uid]]
            if not due:
                self.now = end
                return
            at, uid = min(due)
            self.now = max(self.now, at)
            del self.wakes[uid]
            self.do(uid, "tick")

    def say(self, uid, body, mode=None, to=None, time=0, receipt=False):
        self.do(uid, "send", body.hex(), mode, time, to, *[True] * receipt)

    def ask(self, uid, body, mode, to=None):
        """Until all who are to confirm it have."""
        self.say(uid, body, mode, to, receipt=True)
        wanted = self.channel(uid).wanted
        assert wanted.waiting
        self.later(2000)
        assert wanted.confirmed and not wanted.waiting

    def channel(self, uid):
        return self.members[uid].channel

    def phase(self, uid):
        summary = self.channel(uid).group_summary()
        return summary and summary["phase"]

    def settle(self, *uids, ms=40000):
        """Until all of these are live in one group."""

        def one():
            found = [self.channel(uid).group_summary() for uid in uids]
            return all(s and s["phase"] == "live" and s["head"] == found[0]["head"] for s in found)

        self.later(ms, one)
        assert one(), [self.phase(uid) for uid in uids]
        self.later(2000)
