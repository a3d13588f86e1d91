"""One member's machine: drives its Channel as session.py and link.py do, and loses power between any two effects."""

from sealcast.channel import Channel
from sealcast.errors import SealcastError
from sim.broker import Connection
from sim.recorder import Broken

ROOM = 1500  # of a journal: small, that stories have many
ACK_MS = 4000  # a transport that hears nothing for this long gives the connection up


class PowerCut(Exception):
    pass


class Client:
    """`stored` is every state that ever became durable, oldest first; the last one is what a restart finds."""

    def __init__(self, world, uid, config, hardware):
        self.world = world
        self.uid = uid
        self.config = config
        self.suite = world.suite
        self.hardware = hardware
        self.stored = []
        kind = world.seed + len(world.clients)
        self.ahead = (0, 2, 32)[kind % 3]  # what a record says ahead
        self.prompt = kind // 3 % 2 == 0  # does it take each message at once?
        self.channel = None
        self.connection = None
        self.connected = False
        self.wake = None
        self.run = 0  # how many times it was switched on
        self.wanted = False  # should it be on and connected?
        self.cut_in = None  # lose power after so many effects
        self.out = []
        self.in_flight = None
        self.lineage = 0  # storages it has had; a rolled back one counts as another
        self.backoff = 500
        self.old = None
        self.sending = None
        self.rolled_back = False
        self.ticks = 0
        self.ticked_at = 0

    # --- power

    def switch_on(self):
        w = self.world
        self.run += 1
        self.wanted = True
        blob = self.stored[-1] if self.stored else None
        self.channel = Channel(self.suite, self.config, blob, self.hardware)
        self.channel.journal.room, self.channel.journal.ahead = ROOM, self.ahead
        self.channel.out.prompt = self.prompt
        w.switched_on(self)
        self.wake = None
        self.backoff = 500
        self.enter("start", lambda ch: ch.start(w.now))
        self._connect(self.run)

    def power_cut(self):
        """Everything but the storage is gone; the broker finds out in its own time."""
        if self.channel is None:
            return
        self.world.trace("POWER CUT", self.uid)
        self.world.cuts += 1
        self.channel = None
        self.run += 1
        self._drop(goodbye=False)

    def lose_link(self, goodbye=False):
        """The connection is gone, the machine goes on."""
        if self.connection is None:
            return
        self._drop(goodbye)
        run = self.run
        self.enter("disconnected", lambda ch: ch.disconnected(self.world.now))
        if self.wanted:
            self.world.at(self.world.now + self.backoff, self._connect, run)
            self.backoff = min(self.backoff * 2, 8000)

    def _drop(self, goodbye):
        connection, self.connection, self.connected = self.connection, None, False
        self.out = []
        self.in_flight = None
        if connection:
            w = self.world
            notices = w.random.choice((5, 50, 2000, 12000))
            w.at(w.now + (1 if goodbye else notices), w.broker.lost, connection, goodbye)
        self.old = connection

    # --- the link

    def _connect(self, run):
        w = self.world
        if run != self.run or self.channel is None or not self.wanted or self.connection:
            return
        if self.uid in w.broker.cut:
            w.at(w.now + 1000, self._connect, run)
            return
        self.enter("connecting", lambda ch: ch.connecting(w.now))

    def _established(self, connection):
        if connection is not self.connection:
            return
        if self.old:
            self.world.broker.lost(self.old, False)  # the same client again: the broker ends the older connection first
        self.connected = True
        self.enter("connected", lambda ch: ch.connected(self.world.now))
        self._write()

    def _write(self):
        """One effect at a time: the next is written when the last is acknowledged."""
        w = self.world
        if not self.connected or self.in_flight is not None or not self.out:
            return
        effect = self.out.pop(0)
        connection = self.connection
        if effect[0] == "reconnect":
            self.lose_link(goodbye=effect[1])
            return
        if effect[0] == "disconnect":
            self._drop(goodbye=True)
            self.wanted = False
            self.enter("disconnected", lambda ch: ch.disconnected(w.now))
            return
        self.in_flight = effect
        w.at(w.now + ACK_MS, self._given_up, connection, effect)
        if effect[0] == "subscribe":
            w.broker.up(connection, self._subscribed, effect)
        else:
            w.broker.up(connection, w.broker.publish, effect[1], effect[2], effect[3], effect, self._acked)

    def _subscribed(self, connection, effect):
        self.world.broker.subscribe(connection, effect[1])
        self.world.broker.back(connection, self._acked, effect)

    def _acked(self, connection, effect):
        if connection is not self.connection or self.in_flight is not effect:
            return
        self.in_flight = None
        if effect[0] == "publish" and effect[5]:
            self.enter("acked", lambda ch: ch.acked(effect[5], self.world.now))
        self._write()

    def _given_up(self, connection, effect):
        if connection is self.connection and self.in_flight is effect:
            self.world.trace("link lost", self.uid)
            self.lose_link()

    def arrived(self, connection, topic, payload):
        if connection is self.connection and self.connected:
            self.enter("receive", lambda ch: ch.receive(topic, payload, self.world.now), topic, payload)

    # --- the channel

    def enter(self, name, call, topic=None, payload=None):
        """Enter the channel and carry out what it wants; the world checks the invariants around it."""
        if self.channel is None:
            return
        w = self.world
        w.before(self, name, topic, payload)
        effects = call(self.channel)
        w.after(self, name, topic, payload, effects)
        self.perform(effects)
        w.performed(self)

    def perform(self, effects):
        w = self.world
        try:
            for effect in effects:
                self._power(effect)
                self._carry_out(effect)
        except PowerCut:
            self.power_cut()
            w.at(w.now + w.random.randint(100, 4000), w.restart, self)
            return
        self._write()

    def _power(self, effect):
        """A power cut may strike before any effect; in a store, it may strike before or after it is durable."""
        if self.cut_in is None:
            return
        self.cut_in -= 1
        if self.cut_in < 0:
            self.cut_in = None
            if effect[0] in ("store", "append") and self.world.random.random() < 0.5:
                self._store(effect)
            elif effect[0] == "append":  # a torn end
                self.stored[-1] += effect[1][: self.world.random.randrange(len(effect[1]))]
            raise PowerCut()

    def _store(self, effect):
        self.stored.append(self.stored[-1] + effect[1] if effect[0] == "append" else b"".join(effect[1]))
        self.world.lives.durable(self)
        self.world.durable(self)

    def _carry_out(self, effect):
        w, kind = self.world, effect[0]
        if kind in ("store", "append"):
            self._store(effect)
        elif kind in ("publish", "subscribe", "disconnect", "reconnect"):
            if self.connection:
                self.out.append(effect)
            elif kind == "disconnect":
                self.wanted = False
        elif kind in ("queued", "settled"):
            pass
        elif kind == "message":
            w.delivered(self, effect[1])
        elif kind == "event":
            w.event(self, effect[1], effect[2])
        elif kind == "wake":
            self.wake = effect[1]
            w.at(max(effect[1], w.now), self._tick, self.run, effect[1])
        elif kind == "connect":
            self.connection = Connection(self, (effect[1], effect[2]))
            w.at(w.now + w.random.randint(1, 50), self._established, self.connection)
        else:
            raise AssertionError("unknown effect " + kind)

    def _tick(self, run, wake):
        if run == self.run and self.wake == wake:
            self.wake = None
            self.ticks = self.ticks + 1 if self.ticked_at == self.world.now else 0
            self.ticked_at = self.world.now
            if self.ticks > 20:
                raise Broken("a tick asks for itself again and again: a board would never sleep")
            self.enter("tick", lambda ch: ch.tick(self.world.now))

    # --- the user

    def send(self, body, mode, receipt=False):
        """True when the channel took it."""
        taken = []

        def call(ch):
            effects = ch.send(body, mode, self.world.now, receipt=receipt)
            taken.append(True)
            return effects

        try:
            self.enter("send", call)
        except SealcastError as e:
            self.world.trace("refused", self.uid, e.code)
        return bool(taken)
