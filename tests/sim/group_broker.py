"""The model broker for the ratcheting group: order within a topic is kept, what is lost stalls its connection as TCP
does, a publisher's second copy may come 30 s late, and a clustered broker may split into two halves that serve their
own members.
"""

from sim.broker import Broker, Network, patterns

LATE_MS = 30000


class GroupNetwork(Network):
    """`silent`: a lost message does not stall the connection (an
    overflowing queue). `late`: a second copy of what is published.
    """

    def __init__(self, silent=False, late=0.0, **others):
        super().__init__(**others)
        self.silent = silent
        self.late = late


class GroupBroker(Broker):
    def __init__(self, world):
        super().__init__(world)
        self.network = GroupNetwork()
        self.far = None  # uids on the far half of a split broker
        self.far_retained = {}

    # --- order, loss

    def _delay_in(self, connection, topic):
        """When it comes. The order within a topic stays also when the network changes while messages are on their way."""
        w, n = self.world, self.network
        last = connection.__dict__.setdefault("last_of", {})
        at = max(w.now + w.random.randint(*n.delay), last.get(topic, 0))
        if n.fifo:
            at = connection.last_down = max(at, connection.last_down)
        last[topic] = at
        return at

    def _down(self, connection, topic, payload):
        w, n = self.world, self.network
        if getattr(connection, "stalled", False):
            return
        if connection.client.uid in self.cut or w.random.random() < n.loss_down:
            w.trace("lost", connection.client.uid, topic, payload)
            if not n.silent:
                connection.stalled = True
                w.at(w.now + w.random.randint(100, 6000), self._stall_ends, connection)
            return
        w.at(self._delay_in(connection, topic), connection.client.arrived, connection, topic, payload)
        if w.random.random() < n.dup:
            w.at(self._delay_in(connection, topic), connection.client.arrived, connection, topic, payload)

    def _stall_ends(self, connection):
        if connection is connection.client.connection:
            self.lost(connection, False)
            connection.client.lose_link()

    # --- publishing, splitting

    def publish(self, connection, topic, payload, retain, token, done):
        if not connection.alive:
            return
        far = self.far is not None and connection.client.uid in self.far
        self._publish(topic, payload, retain, far)
        if "/g" in topic[-3:] and self.world.random.random() < self.network.late:
            self.world.at(
                self.world.now + self.world.random.randint(0, LATE_MS), self._publish, topic, payload, retain, far
            )
        self.back(connection, done, token)

    def _publish(self, topic, payload, retain, far=False):
        self.seen.append((topic, payload))
        if retain:
            (self.far_retained if far and self.far is not None else self.retained)[topic] = payload
        sent = set()
        for f in patterns(topic):
            for connection in self.by_filter.get(f, ()):
                if self.far is not None and (connection.client.uid in self.far) != far:
                    continue
                if connection not in sent:
                    sent.add(connection)
                    self._down(connection, topic, payload)

    def subscribe(self, connection, wanted):
        if self.far is None or connection.client.uid not in self.far:
            super().subscribe(connection, wanted)
            return
        near, self.retained = self.retained, self.far_retained
        super().subscribe(connection, wanted)
        self.retained = near

    def split(self, uids):
        self.far = uids
        self.far_retained = dict(self.retained)

    def unite(self):
        """One broker again: of two retained messages one stays; all clients connect anew."""
        if self.far is None:
            return
        for topic, payload in self.far_retained.items():
            if self.retained.get(topic) != payload and (topic not in self.retained or self.world.random.random() < 0.5):
                self.retained[topic] = payload
        self.far = None
        self.world.restart_broker()
