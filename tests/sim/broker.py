"""A model MQTT 3.1.1 broker behind a bad network: retained messages, wildcards, last wills, QoS 1 acknowledgements.

It is honest: it changes nothing and keeps what it retains. The network between it and the members may lose, duplicate,
delay, reorder and partition, as `Network` says. A lost message to the broker shows as a missing acknowledgement.
"""

from functools import lru_cache


class Network:
    """What may happen to a message: probabilities 0..1, delays in ms. `fifo` keeps the order within one connection."""

    def __init__(self, loss_up=0.0, loss_down=0.0, dup=0.0, delay=(1, 20), fifo=True):
        self.loss_up = loss_up  # to the broker (then no acknowledgement: the client's transport gives up)
        self.loss_down = loss_down  # acknowledged, retained, and never delivered: what an overflowing queue does
        self.dup = dup
        self.delay = delay
        self.fifo = fifo


class Connection:
    def __init__(self, client, will):
        self.client = client
        self.will = will
        self.filters = set()
        self.alive = True  # as the broker sees it
        self.last_up = 0
        self.last_down = 0


class Broker:
    """`world` gives now, at(), random, and client.arrived(connection, topic, payload)."""

    hides = False  # what it retains, and what comes, for a while?

    def __init__(self, world):
        self.world = world
        self.network = Network()
        self.retained = {}
        self.by_filter = {}  # filter -> [Connection]
        self.cut = set()  # uids on the far side of a partition
        self.seen = []  # (topic, payload) as an eavesdropper has them
        self.handshakes = 0

    # --- the network

    def _delay(self, connection, up):
        w, n = self.world, self.network
        at = w.now + w.random.randint(*n.delay)
        if n.fifo:
            at = max(at, connection.last_up if up else connection.last_down)
            if up:
                connection.last_up = at
            else:
                connection.last_down = at
        return at

    def up(self, connection, what, *args):
        """Client to broker. False when it is lost."""
        if connection.client.uid in self.cut or self.world.random.random() < self.network.loss_up:
            return False
        self.world.at(self._delay(connection, True), what, connection, *args)
        return True

    def _down(self, connection, topic, payload):
        w = self.world
        if connection.client.uid in self.cut or w.random.random() < self.network.loss_down:
            w.trace("lost", connection.client.uid, topic, payload)
            return
        times = 2 if w.random.random() < self.network.dup else 1
        for _ in range(times):
            w.at(self._delay(connection, False), connection.client.arrived, connection, topic, payload)

    def back(self, connection, what, *args):
        """Broker to client, for acknowledgements: False when it is lost."""
        if connection.client.uid in self.cut or self.world.random.random() < self.network.loss_down / 2:
            return False
        self.world.at(self._delay(connection, False), what, connection, *args)
        return True

    # --- what the broker does

    def accept(self, connection):
        pass

    def lost(self, connection, goodbye):
        """The broker notices that a connection is gone; without a goodbye it publishes the last will."""
        if not connection.alive:
            return
        connection.alive = False
        for f in connection.filters:
            self.by_filter[f].remove(connection)
        if not goodbye:
            self._publish(connection.will[0], connection.will[1], True)

    def subscribe(self, connection, wanted):
        if not connection.alive:
            return
        if wanted not in connection.filters:
            connection.filters.add(wanted)
            self.by_filter.setdefault(wanted, []).append(connection)
        for topic, payload in list(self.retained.items()):
            if wanted in patterns(topic):
                self._down(connection, topic, payload)

    def publish(self, connection, topic, payload, retain, token, done):
        if not connection.alive:
            return
        self.world.checks.published(connection.client.uid, topic, payload)
        self._publish(topic, payload, retain)
        self.back(connection, done, token)

    def _publish(self, topic, payload, retain):
        self.seen.append((topic, payload))
        if topic.endswith("/h"):
            self.handshakes += 1
        if retain:
            self.retained[topic] = payload
        sent = set()
        for f in patterns(topic):
            for connection in self.by_filter.get(f, ()):
                if connection not in sent:
                    sent.add(connection)
                    self._down(connection, topic, payload)

    def restart(self):
        """All connections are gone without a trace; what is retained stays."""
        for connections in self.by_filter.values():
            for connection in connections:
                connection.alive = False
        self.by_filter = {}


@lru_cache(4096)
def patterns(topic):
    """The filters our core may have subscribed with that match this topic: the member, the slot, or both left open."""
    parts = topic.split("/")
    out = [topic, "/".join(parts[:3] + ["+"] + parts[4:])]
    if len(parts) == 6:
        out += ["/".join(parts[:5] + ["+"]), "/".join(parts[:3] + ["+", parts[4], "+"])]
    return out
