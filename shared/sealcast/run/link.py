"""Keeps a session connected: connect, read, write, notice a lost link, wait, again. The session's other half.

Any OSError of the transport is a lost link; so is a reply that does not come (transports bound their own waits) and a
broker that stops taking what we write. Publishes go out in the order of the effects, each QoS 1 publish awaiting its
acknowledgement (a computer has many under way: `ahead`). What a crash or a lost link leaves in doubt is sent again, in
the same order. The engine never waits for the broker (it appends to `outbox`), so reading can always go on.

A publish that the broker refuses (an OSError with `refused`, MQTT 5 only) or acknowledges and does not show to us (see
echo.py) is not acknowledged: event mute {reason}, and who waits for it is told. The channel keeps it for the next
connection.
"""

import asyncio

from ..compat import const
from ..effects import DISCONNECT, PUBLISH, RECONNECT, SUBSCRIBE
from ..errors import Mute
from .aio import LOST, Backoff, explain, pause, stop
from .echo import Echo

OUTBOX = const(160)  # effects waiting to be written; a channel's largest burst is two rings of 64 and a handshake
_TOGETHER = const(8)  # subscriptions in one packet, answered at once: no broker is known that takes fewer
_FIRST_MS = const(500)
_MOST_MS = const(60000)
_STABLE_MS = const(30000)  # a connection that lived this long was a good one: the next retry is quick
_TAKEN = const(4)  # so many shorter ones that the broker ended: somebody else uses our MQTT name


class Link:
    """Connects `session` to the broker through `transport` (interface: see session.py)."""

    def __init__(self, session, transport, random):
        self._session = session
        self._transport = transport
        self._backoff = Backoff(_FIRST_MS, _MOST_MS, random)
        self._outbox = []
        self._outgoing = asyncio.Event()
        self._lost = asyncio.Event()
        self._room = asyncio.Event()
        self._reason = None
        self.will = None  # (topic, payload), from the channel's CONNECT
        self.up = self.tried = False  # tried: our first connection has been made, or could not be
        self.ended = asyncio.Event()  # a DISCONNECT was carried out, or could not be: no link any more
        self._ending = False
        self._drops = 0
        self.tried_at = 0
        self._echo = Echo()
        self._short = 0  # connections in a row that the broker ended soon

    def put(self, effect):
        """Queue a subscribe, publish, disconnect or reconnect effect; offline they vanish (the channel sends
        again by itself)."""
        if effect[0] == DISCONNECT:
            self._ending = True
            if not self.up:
                self.ended.set()
                self._lost.set()
        if not self.up:
            return
        if len(self._outbox) >= OUTBOX:
            self._fail(OSError("the broker does not take what we send"))
            return
        self._outbox.append(effect)
        self._outgoing.set()

    def took(self):
        """The engine took a received frame: there is room for another."""
        self._room.set()

    def drop(self):
        """Give this connection up, made or in the making: the channel was begun anew and knows nothing of it."""
        self._drops += 1
        self._outbox = []
        self._fail(OSError("begun anew after an internal error"))

    async def run(self):
        """Connected as much of the time as possible, until a DISCONNECT."""
        while not self._ending:
            self._lost.clear()
            self._reason, self._parting = None, False  # parting: with a goodbye, to come back
            self.tried_at = self._session.clock.now()
            drops = self._drops
            lived = False
            await self._session.ask(lambda ch, now: ch.connecting(now))
            try:
                await self._connect()
                if drops != self._drops:
                    raise OSError("begun anew after an internal error")
                lived = True
                await self._live()
            except LOST as e:
                self._reason, self.tried = e, True
            finally:
                self.up, self._outbox = False, []
                await self._close(self._parting or self._reason is None and self._ending)
            if self._session.clock.now() - self.tried_at >= _STABLE_MS:
                self._backoff.reset()
                self._short = 0
            elif lived and not self._parting and isinstance(self._reason, (OSError, EOFError)) and drops == self._drops:
                self._short += 1
                if self._short == _TAKEN:
                    self._session.emit("taken_over", {"connections": _TAKEN})
            self._session.post(lambda ch, now: ch.disconnected(now))
            if self._ending:
                break
            wait = self._backoff.next()
            if not self._parting:
                self._session.emit("offline", {"reason": explain(self._reason), "retry_ms": wait})
            self._lost.clear()
            await pause(self._lost, wait)  # only a disconnect effect ends this wait early
        self.ended.set()

    async def _connect(self):
        (topic, payload), self.will = self.will, None  # each connection has its own: this one is not held any longer
        await self._transport.connect(topic, payload)
        self._echo.begin(topic.rsplit("/", 1)[0] + "/")

    async def _live(self):
        """One connection, from CONNACK until it is lost."""
        self.up = self.tried = True
        self._mute = False
        self._session.post(lambda ch, now: ch.connected(now))
        self._session.emit("connected", {})
        reader = asyncio.create_task(self._guard(self._read))
        writer = asyncio.create_task(self._guard(self._write))
        try:
            await self._lost.wait()
        finally:
            self.up = False
            await stop(reader)
            await stop(writer)
        if self._reason is not None:
            raise self._reason

    async def _guard(self, work, *given):
        """A failure of the reader or writer ends the connection, whatever it was; it is never lost in a task."""
        try:
            await work(*given)
        except Exception as e:
            if not isinstance(e, LOST):
                self._session.failed("link", e)
                e = OSError("internal error in the connection")
            self._fail(e)

    def _fail(self, error):
        if self._reason is None:
            self._reason = error
        self._lost.set()

    async def _read(self):
        while True:
            await self._hear()  # its own frame: nothing that came is held while we wait for what comes next

    async def _hear(self):
        topic, payload = await self._transport.receive()
        while self._session.full():  # the broker has to wait (TCP)
            self._room.clear()
            await self._room.wait()
        self._session.receive(topic, payload)
        token = self._echo.heard(topic, payload)
        if token:
            self._acked(token)

    async def _write(self):
        while await self._carry_out():
            pass

    async def _carry_out(self):
        """The next effect, in a frame of its own as well -> do more follow in this connection?"""
        while not self._outbox:
            self._outgoing.clear()
            await self._outgoing.wait()
        effect = self._outbox.pop(0)
        if effect[0] == PUBLISH:
            ahead, given = getattr(self._transport, "ahead", None), effect[1:]
            await (ahead(self._guard(self._publish, *given)) if ahead else self._publish(*given))
        elif effect[0] == SUBSCRIBE:
            filters = [effect[1]]
            while self._outbox and self._outbox[0][0] == SUBSCRIBE and len(filters) < _TOGETHER:
                filters.append(self._outbox.pop(0)[1])
            await self._transport.subscribe(filters, effect[2])
            self._echo.subscribed(filters)
        elif effect[0] == RECONNECT:
            self._parting, self._short = effect[1], -1  # nobody throws us out
            self._fail(OSError("to begin anew: the channel has a new key, or is full"))
        else:
            self._lost.set()  # DISCONNECT: run() says goodbye to the broker
        return effect[0] not in (RECONNECT, DISCONNECT)

    async def _publish(self, topic, payload, retain, qos, token):
        checked = retain and qos
        if checked:
            self._echo.publishing(topic, payload, token)
        try:
            await self._transport.publish(topic, payload, retain, qos)
        except OSError as e:
            if not getattr(e, "refused", False):
                raise
            self._echo.refused(topic, payload)
            self._muted(str(e), token)
            return
        if checked and not self._echo.acked(topic, payload, self._session.clock.now()):
            return  # _read() or look() says what becomes of it
        if token:
            self._acked(token)

    def look(self, now, idle):
        """Is the broker keeping what it acknowledged? idle: nothing waits for the engine."""
        if self.up and self._echo.late(now, idle):
            self._muted("the broker acknowledges what we publish and throws it away, or does not let us read it", None)

    def _muted(self, reason, token):
        """token: of the one that is refused; None: all that is under way."""
        if not self._mute:
            self._mute = True
            self._session.emit("mute", {"reason": reason})
        self._session.give_up(token, Mute(reason + "; it waits here: sealcast doctor says why"))

    def _acked(self, token):
        self._session.post(lambda ch, now: ch.acked(token, now))

    async def _close(self, goodbye):
        """With a goodbye the broker drops the last will; without one the others learn from it that we are gone."""
        try:
            await (self._transport.close() if goodbye else getattr(self._transport, "abort", self._transport.close)())
        except (OSError, EOFError):
            pass
