"""A member's life in which every rare part of zpinc is used, without
a name of any of them: for what is dropped and comes again.
"""

from sealcast.channel import Channel
from sealcast.crypto import best_suite

suite = best_suite()
_count = [0]


def hardware(n):
    _count[0] += 1
    return suite.h(n, b"life", b"", b"", _count[0].to_bytes(4, "big"))


class Two:
    """Two members and an orderly broker."""

    def __init__(self):
        self.now, self.queue, self.filters, self.retained, self.events = 1000, [], {}, {}, []
        self.members = {uid: self._channel(uid) for uid in ("ann", "bob")}

    def _channel(self, uid, blob=None):
        config = {"uid": uid, "channel": "life", "key": b"k" * 32, "identity": (uid.encode() * 32)[:32], "roster": None,
                  "sign": True, "ring": 4, "keepalive": 30, "rekey_seconds": 3600, "rekey_messages": 1000,
                  "history": "all", "ratchet": False, "admin": suite.ed25519_public(b"a" * 32)}  # fmt: skip
        return Channel(suite, config, blob, hardware)

    def connect(self):
        for uid, ch in self.members.items():
            self.filters[uid] = []
            self.run(uid, ch.start(self.now) + ch.connecting(self.now))
            self.run(uid, ch.connected(self.now))
        self.pump()

    def run(self, uid, effects):
        for e in effects:
            if e[0] == "publish":
                if e[3]:
                    self.retained[e[1]] = e[2]
                self.queue += [(to, e[1], e[2]) for to in self.members if self._wants(to, e[1])]
            elif e[0] == "subscribe":
                self.filters[uid].append(e[1])
                self.queue += [(uid, t, f) for t, f in list(self.retained.items()) if _matches(e[1], t)]
            elif e[0] == "event":
                self.events.append((uid, e[1]))

    def _wants(self, uid, topic):
        return [f for f in self.filters.get(uid, ()) if _matches(f, topic)]

    def pump(self):
        while self.queue:
            uid, topic, frame = self.queue.pop(0)
            self.run(uid, self.members[uid].receive(topic, frame, self.now))

    def later(self, ms):
        for _ in range(ms // 500):
            self.now += 500
            for uid, ch in self.members.items():
                self.run(uid, ch.tick(self.now))
            self.pump()


def _matches(pattern, topic):
    a, b = pattern.split("/"), topic.split("/")
    return len(a) == len(b) and not [1 for x, y in zip(a, b) if x not in ("+", y)]


def live(two=None, _=None):
    """Join, agree, talk, read a state back, move to another key; -> what the next life begins with."""
    two = two or Two()
    two.connect()
    two.later(6000)
    assert two.members["ann"].epoch == two.members["bob"].epoch is not None
    two.run("ann", two.members["ann"].send(b"hello", None, two.now))
    two.pump()
    two.run("ann", two.members["ann"].rekey(two.now))
    two.later(10000)
    return two, _


__all__ = ["live"]
