"""The asyncio session that boards and hosts share: turns a Channel's effects into calls, strictly in order.

One task, the engine, is the only one that enters the channel. Everything that happens (a frame, an acknowledgement, a
tick, a user's call) is an input in one queue: a procedure of the channel and the time. The engine takes those that
wait, a few at a time, lets each enter the channel, stores one state for all of them (durable.py), and only then carries
out their effects, in order. An internal error in between leaves nothing of the turn, as a power cut would.

An input that ends in NoRoom (no memory for a rare part of the code) has done nothing and is tried again. When that does
not help, the channel is begun anew from its stored state, as after any internal error: that gives back all memory.

Transport (asyncio; every failure is an OSError):
    connect(will_topic, will_payload)   subscribe(filters, qos)   publish(topic, payload, retain, qos): after the PUBACK
    receive() -> (topic, payload)       close(): says goodbye first      abort(): just drops it: the last will is sent
Storage: load() -> bytes or None, store(parts): a list of bytes, one state together, durable on return.
Clock: now() -> growing milliseconds, time() -> Unix seconds or 0; aio.Clock is one.

Messages wait in a queue of `backlog`; when it is full the oldest is given up and an "overflow" event says which, so
that an application that does not read cannot stop the channel. A message counts as taken when the application comes
back for the next one: after a power cut in between it is delivered again, marked `again`.

Its own events: connected, offline {reason, retry_ms}, overflow {sender, seq}, error, mute {reason}, taken_over.
"""

import asyncio
import gc

from ..compat import const
from ..effects import CONNECT, DISCONNECT, EVENT, KEPT, MESSAGE, PUBLISH, QUEUED, RECONNECT, SETTLED, SUBSCRIBE, WAKE
from ..errors import Offline, SealcastError
from . import crashes
from .aio import Reply, pause, place, sleep_ms, stop
from .durable import able, commit, keep
from .link import Link
from .sends import SEND, send
from .turn import take, token_of

_IDLE_MS = const(5000)  # the engine comes by at least this often: see healthy()
_STUCK_MS = const(20000)
_TRY_MS = const(300000)
_GOODBYE_MS = const(5000)
_RESTART_MS = const(200)
_RESTART_MOST_MS = const(15000)  # less than what healthy() takes for stuck
_TRIES = const(5)  # of an input for which there is no room
_HELD = const(512)  # bytes of waiting frames for each input of a turn: more of a burst would fill a board's heap
_FRAME = const(128)  # what an empty frame takes there


class Session:
    """A member at work. `await start()` first; then send(), `async for m in session`, on(), leave() or close()."""

    def __init__(self, channel, transport, storage, clock, random=None, backlog=32, remake=None, batch=4):
        """random(n) -> n bytes, for the jitter of reconnects only (default: os.urandom).
        remake() -> a channel from the stored state: an internal error (say MemoryError) is survived like a power
        cut, what was in the middle of a step is thrown away. Without it the engine goes on with what it has.
        batch: how many inputs that wait are taken at once, with one state stored for all of them. While 512 bytes of
        received frames for each of them wait, so does the broker."""
        self._storage, self._batch = storage, batch
        self.channel = able(channel, storage)
        self._remake = remake
        self._begun = False
        self.transport = transport
        self.clock = clock
        self._link = Link(self, transport, random)
        self.asked = []  # the Replies of the inputs that are being handled
        self._inbox = []  # (input, Reply or None, kind, size), see post
        self._received = 0  # bytes of the frames among them
        self._crashes = []  # see crashes.py
        self._tries = 0  # of the first of them, without room
        self._input = asyncio.Event()
        self._wake = None
        self.beat()
        self._unacked = {}  # token -> Reply of a send() that is under way
        self._messages = []
        self._backlog = backlog
        self._arrived = asyncio.Event()
        self._reading = None  # the message the application is working on
        self._callbacks = {}
        self._tasks = []
        self._closed = False
        self._ended = asyncio.Event()

    # What a user calls.
    async def start(self):
        """Begin. Raises SealcastError when the channel cannot start (no randomness, unusable state)."""
        for name, work in (("link", self._link.run), ("engine", self._engine)):  # its first turn has the inputs of both
            self._tasks.append(asyncio.create_task(self._supervise(name, work)))
        try:
            await self.ask(lambda ch, now: ch.start(now))
        except SealcastError:
            await self.close()
            raise
        return self

    async def send(self, body, mode=None, to=None, min_secrecy=None, receipt=False, timeout=10):
        """Send `body` (bytes or text) in `mode` (None: the strongest that reaches every awake member, "note",
        "conversation", "ratchet").
        to: uid of the only receiver (mode "ratchet"). min_secrecy: TooWeak rather than any mode below this one.
        Returns when the broker has acknowledged it, or the group accepted it in its order (mode "ratchet"), across
        reconnects if need be: a Sent, see effects.py. receipt: when its audience has confirmed it, or `timeout` seconds
        after the call; `unconfirmed` are all awake members, and `to`, who have not. Raises SealcastError."""
        return await send(self, body, mode, to, min_secrecy, receipt, timeout)

    async def change_group(self, action, uids=()):
        """The ratcheting group: "create" (no `uids`: all who take part), "add", "remove", "leave", "resync", "rejoin".

        Returns when the wish is stored ("leave": when the group has been told); the event group says that it is
        fulfilled, group_failed that it cannot be. Raises SealcastError."""
        uids = list(uids)
        await self.ask(lambda ch, now: ch.change_group(action, uids, now), SEND)

    async def declare_lost(self, uid, admin_secret, keep=None):
        """Leave a member, and all who are not in `keep` (None: all stay), behind a new key. Raises SealcastError.

        Returns when we have moved; the event followed tells who else has, and who is still waited for."""
        await self.ask(lambda ch, now: ch.declare_lost(uid, admin_secret, now, keep))

    async def approve(self, uid, text, admin_secret=None):
        """Pin a changed identity, by the fingerprint that was compared; with the admin's secret (32 bytes) for all."""
        await self.ask(lambda ch, now: ch.approve(uid, text, now, admin_secret, self.clock.time()), SEND)

    async def rekey(self):
        """Ask for a new conversation key now."""
        await self.ask(lambda ch, now: ch.rekey(now))

    async def sleep(self, seconds):
        """Tell the others that this member sleeps for `seconds`, disconnect and close; make a new session on waking."""
        await self._part(lambda ch, now, whole=int(seconds): ch.sleep(whole, now))

    async def leave(self):
        """Tell the others that this member leaves, disconnect and close."""
        await self._part(lambda ch, now: ch.leave(now))

    async def close(self):
        """Stop at once, as a power cut would: the broker publishes the last will."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            await stop(task)
        for reply in self._waiting():
            reply.fail(Offline("the session is closed"))
        self._unacked, self._inbox = {}, []
        self._arrived.set()
        self._ended.set()

    def on(self, event, callback):
        """Call callback(name, info) at every `event` ("*": at all of them). "message" passes the message
        instead of a dict, and takes it: the queue is not used then."""
        self._callbacks[event] = self._callbacks.get(event, []) + [callback]

    @property
    def members(self):
        return self.channel.members if self.channel else []

    @property
    def data(self):
        """{uid: what it says of itself in its join} of those that say anything."""
        return self.channel.others.data() if self.channel else {}

    @property
    def epoch(self):
        return self.channel.epoch if self.channel else None

    @property
    def group(self):
        """Where we are in the ratcheting group, None outside of one: {phase, members, epoch, head, digest}."""
        return self.channel.group_summary() if self.channel else None

    @property
    def online(self):
        return self._link.up

    @property
    def closed(self):
        return self._closed

    async def wait_closed(self, ms):
        """Wait until the session is closed, `ms` milliseconds at most."""
        await pause(self._ended, ms)

    def healthy(self):
        """True while the engine runs and the link is up or being tried: what a watchdog may be fed on."""
        now = self.clock.now()
        linked = self._link.up or now - self._link.tried_at < _TRY_MS
        return not self._closed and now - self._beat < _STUCK_MS and linked

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None if self._closed else await self.leave()

    def __aiter__(self):
        return self

    async def __anext__(self):
        """The next message. Coming back for it is what marks the one before as taken."""
        self._take()
        while not self._messages:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._reading = self._messages.pop(0)
        return self._reading

    def post(self, input, reply=None, kind=0, size=0):
        """Queue (channel, now) -> effects. kind: SEND has a token, and its reply waits for it. size: of a received
        frame; the broker waits for us."""
        if self._closed:
            if reply:
                reply.fail(Offline("the session is closed"))
            return
        self._received += size
        self._inbox.append((input, reply, kind, size))
        self._input.set()

    def receive(self, topic, payload):
        """Queue a received frame."""
        self.post(lambda ch, now: crashes.receive(self._crashes, ch, topic, payload, now), size=_FRAME + len(payload))

    async def ask(self, input, kind=0):
        """Queue an input and wait until its effects have been carried out. Raises what the channel raises."""
        reply = Reply()
        self.post(input, reply, kind)
        await reply.wait()

    def give_up(self, token, error):
        """The acknowledgement of `token` (None: any) will not come."""
        for t in list(self._unacked) if token is None else [token]:
            self._settled(t, error)

    def beat(self):
        self._beat = self.clock.now()

    def full(self):
        """As many received frames wait as are held here."""
        return self._received >= _HELD * self._batch

    def emit(self, name, info):
        """Tell the callbacks; one that fails is reported, and harms nobody else."""
        for callback in self._callbacks.get(name, []) + self._callbacks.get("*", []):
            try:
                callback(name, info)
            except Exception as e:
                if name != "error":
                    self.failed("callback for " + name, e)

    def failed(self, where, error):
        """Report an unexpected error: its type and place, not its text."""
        try:
            self.emit("error", {"code": "internal", "where": where, "type": type(error).__name__, "at": place(error)})
        except MemoryError:
            pass  # not even room for the report; what comes next must not depend on it

    async def _supervise(self, name, work):
        """Run `work` until it returns; when it fails, say so and run it again, more slowly each time."""
        wait = 0
        while True:
            begun = self.clock.now()
            try:
                return await work()
            except Exception as e:
                if self._closed:  # a cancellation is lost when it comes with the end of what was waited for
                    return
                self.failed(name, e)
            wait = min(2 * wait, _RESTART_MOST_MS) if wait and self.clock.now() - begun < _TRY_MS else _RESTART_MS
            await sleep_ms(wait)

    async def _engine(self):
        if self._begun and self._remake:
            await self._revive()
        self._begun = True
        while not self._closed:
            now = self._beat = self.clock.now()
            self._link.look(now, not self._inbox)
            if self._wake is not None and self._wake <= now:
                self._wake = None
                self._inbox.insert(0, (lambda ch, now: ch.tick(now), None, 0, 0))
            if self._inbox:
                await self._turn()
            else:
                if self._wake is None:
                    self._wake = now + _IDLE_MS  # whatever the channel asks for, it is never left alone for longer
                self._input.clear()
                await pause(self._input, min(_IDLE_MS, self._wake - now))

    async def _revive(self):
        """Begin again from the stored state, on a new connection."""
        self._link.drop()
        for reply in self._unacked.values():
            reply.fail(Offline("interrupted by an internal error: the message may or may not be sent"))
        self._unacked = {}
        # What users wait for; the rest belongs to the old connection
        self._inbox = [item for item in self._inbox if item[1]]
        self._received = 0
        self._link.took()
        self._messages = []  # the stored state still has those that were not taken
        self._wake = self._reading = None
        self.channel = None  # there is no room for two
        gc.collect()
        self.channel = able(self._remake(), self._storage)
        await self.perform(self.channel.start(self.clock.now()))

    async def _turn(self):
        self.channel.out.prompt = "message" in self._callbacks
        taken, room, error = take(self, self._inbox, self._batch)
        if error and self._remake:
            self._inbox = [item for item, reply, _ in taken if reply] + self._inbox  # none of this has happened
            raise error
        self.asked = [reply for _, reply, _ in taken if reply]
        await self.perform(await commit(self, self.channel.commit))
        for item, reply, effects in taken:
            token = token_of(item, effects)
            if reply and token:
                self._unacked[token] = reply
            await self.perform(effects)
            if reply and not token:
                reply.done()
        self.asked = []
        if error:
            raise error
        if room:
            await self.again(room)

    async def again(self, error):
        self._tries += 1
        if self._tries % _TRIES == 0:
            raise error
        gc.collect()
        await sleep_ms(_RESTART_MS)

    def handled(self, size):
        """An input has entered the channel."""
        self._tries = 0
        self._received -= size
        self._link.took()

    async def perform(self, effects):
        for effect in effects or ():
            kind = effect[0]
            if kind in KEPT:
                await keep(self, effect)
            elif kind in (PUBLISH, SUBSCRIBE, DISCONNECT, RECONNECT):
                self._link.put(effect)
            elif kind == MESSAGE:
                self._deliver(effect[1])
            elif kind == EVENT:
                self.emit(effect[1], effect[2])
            elif kind == WAKE:
                self._wake = effect[1]
            elif kind == CONNECT:
                self._link.will = (effect[1], effect[2])
            elif kind == SETTLED:
                self._settled(effect[1], effect[2])
            elif kind != QUEUED:
                raise ValueError("unknown effect " + kind)

    def _settled(self, token, error):
        reply = self._unacked.pop(token, None)
        if reply:
            reply.fail(error) if error else reply.done()

    def _waiting(self):
        return [reply for reply in self.asked + list(self._unacked.values()) + [i[1] for i in self._inbox] if reply]

    def _deliver(self, message):
        if "message" in self._callbacks:
            self.emit("message", message)
            self._taken(message)
            return
        if len(self._messages) >= self._backlog:
            lost = self._messages.pop(0)
            self._taken(lost)
            self.emit("overflow", {"sender": lost.sender, "seq": lost.seq})
        self._messages.append(message)
        self._arrived.set()

    def _take(self):
        if self._reading is not None:
            self._taken(self._reading)
            self._reading = None

    def _taken(self, message):
        self.post(lambda ch, now: ch.taken(message))

    async def _part(self, input):
        self._take()
        await self.ask(input)
        await pause(self._link.ended, _GOODBYE_MS)
        await self.close()
