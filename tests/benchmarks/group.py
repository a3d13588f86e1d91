"""A group of channels around a perfect broker, one of them recorded: every call with its arguments and what came out.

The record is replayed on a board (protocol.py), which must produce
the same bytes: the figures are of the real protocol.
"""

import heapq

from benchmarks.reproducible import hardware
from sealcast.channel import Channel
from sealcast.crypto import host as suite_host
from sealcast.run.filestore import FileStore
from sealcast.run.settings import complete

DELAY_MS = 10
ROOM = 2048  # of the journal, as on a board


def settings(i, sign=True):
    return {
        "uid": "sensor-%02d" % i,
        "channel": "greenhouse",
        "key": bytes(range(32)),
        "identity": bytes([i + 1] * 32),
        "sign": sign,
        "broker": {"host": "broker.example"},
    }


class Step:
    """One call of the recorded channel: method, arguments, effects."""

    def __init__(self, method, arguments, effects):
        self.method, self.arguments, self.effects = method, arguments, effects

    def stream(self):
        """The stream letter of what was received, or None."""
        return self.arguments[0].split("/")[4] if self.method == "receive" else None

    def streams_out(self):
        return [effect[1].split("/")[4] for effect in self.effects if effect[0] == "publish"]

    def events(self):
        return [effect[1] for effect in self.effects if effect[0] == "event"]


class Group:
    def __init__(self, n, recorded=0, sign=True, suite=suite_host):
        self.now, self.steps, self.recorded, self.sign = 1000, [], recorded, sign
        self.published = []  # (topic, payload) of everybody
        self._queue, self._count = [], 0
        self._retained, self._filters = {}, [set() for _ in range(n)]
        self._wake = [None] * n
        self.channels = [Channel(suite, complete(settings(i, sign)), None, hardware(i)) for i in range(n)]
        for channel in self.channels:
            channel.journal.room = ROOM

    def burst(self):
        """From here on what a board's storage and node ask for: see PROTOCOL.md 12.3."""
        for channel in self.channels:
            channel.journal.ahead, channel.out.prompt = FileStore.ahead, True

    def switch_on(self, i):
        self.call(i, "start")
        self.call(i, "connecting")

    def call(self, i, method, *arguments, last=()):
        """Calls a method; `now` goes after the arguments, `last` after that."""
        every = (*arguments, self.now, *last)
        effects = getattr(self.channels[i], method)(*every)
        if i == self.recorded:
            self.steps.append(Step(method, every, effects))
        for effect in effects:
            self._carry_out(i, effect)

    def run(self, ms):
        """Lets time pass."""
        end = self.now + ms
        while self._queue and self._queue[0][0] <= end:
            self.now, _, i, method, arguments = heapq.heappop(self._queue)
            if method == "tick":
                if arguments[0] != self._wake[i]:
                    continue
                self._wake[i], arguments = None, ()
            self.call(i, method, *arguments)
        self.now = end

    def _later(self, when, i, method, *arguments):
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, i, method, arguments))

    def _carry_out(self, i, effect):
        kind = effect[0]
        if kind == "connect":
            self._later(self.now + DELAY_MS, i, "connected")
        elif kind == "subscribe":
            self._filters[i].add(effect[1])
            for topic, payload in self._retained.items():
                if _matches(effect[1], topic):
                    self._later(self.now + DELAY_MS, i, "receive", topic, payload)
        elif kind == "publish":
            _, topic, payload, retain, _, token = effect
            self.published.append((topic, payload))
            if retain:
                self._retained[topic] = payload
            if token:
                self._later(self.now + DELAY_MS, i, "acked", token)
            for j, filters in enumerate(self._filters):
                if any(_matches(one, topic) for one in filters):
                    self._later(self.now + DELAY_MS, j, "receive", topic, payload)
        elif kind == "wake" and (self._wake[i] is None or effect[1] < self._wake[i]):
            self._wake[i] = effect[1]
            self._later(max(effect[1], self.now), i, "tick", effect[1])
        elif kind == "message":
            self.channels[i].taken(effect[1])
            if i == self.recorded:
                self.steps.append(Step("taken", (), []))


def _matches(wanted, topic):
    wanted, parts = wanted.split("/"), topic.split("/")
    return len(wanted) == len(parts) and all(w in ("+", p) for w, p in zip(wanted, parts, strict=True))
