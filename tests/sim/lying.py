"""Stories behind a broker that lies with true frames: it shows what it retains late, forgets joins, holds messages back
and repeats old ones. Nothing is live then that was made before its receiver's join, no age is wrong, and no honest
member is called a forger: checks.py asks at every message. PROTOCOL.md sections 6.5, 7.4 and 7.6."""

from sim.broker import Broker, patterns
from sim.schedule import Story

LATE_MS = (0, 500, 1000, 8000)
HELD_MS = (2000, 20000, 120000)


class LyingBroker(Broker):
    hides = True

    def __init__(self, world):
        super().__init__(world)
        self.lies = True

    def subscribe(self, connection, wanted):
        late = self.world.random.choice(LATE_MS) if self.lies else 0
        if not late or not connection.alive:
            super().subscribe(connection, wanted)
            return
        kept, self.retained = self.retained, {}
        super().subscribe(connection, wanted)
        self.retained = kept
        for topic, payload in kept.items():
            if wanted in patterns(topic):
                self.world.at(self.world.now + late, self._show, connection, topic, payload)

    def _show(self, connection, topic, payload):
        if connection.alive:
            super()._down(connection, topic, payload)

    def _down(self, connection, topic, payload):
        r = self.world.random
        if self.lies and topic.split("/")[4] in "npc" and r.random() < 0.05:
            self.world.at(self.world.now + r.choice(HELD_MS), self._show, connection, topic, payload)
        else:
            super()._down(connection, topic, payload)

    def forget(self):
        """The joins that it keeps."""
        self.retained = {t: p for t, p in self.retained.items() if t.split("/")[4] != "j"}

    def repeat(self, connection):
        """Something old, again."""
        if connection and connection.alive and self.seen:
            topic, payload = self.world.random.choice(self.seen)
            if topic.split("/")[4] in "jnpc":
                super()._down(connection, topic, payload)


class LyingStory(Story):
    def __init__(self, seed, tracing=None):
        super().__init__(seed, tracing)
        w, r = self.world, self.random
        network, w.broker = w.broker.network, LyingBroker(w)
        w.broker.network = network
        for _ in range(r.randint(2, 12)):
            w.at(r.randint(w.now, self.end), w.broker.forget)
        for _ in range(r.randint(20, 80)):
            w.at(r.randint(w.now, self.end), self._repeat)
        w.at(self.end - 1, self._honest)

    def _repeat(self):
        self.world.broker.repeat(self.random.choice(list(self.world.clients.values())).connection)

    def _honest(self):
        self.world.broker.lies = False
