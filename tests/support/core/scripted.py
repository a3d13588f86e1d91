"""What the tests of the session driver share: a channel, a transport and a storage that do what a test says.

The channel is a script (what it is asked is recorded, what it answers is given), so that each rule of the driver is
seen alone; tests/transport runs the driver with the real channel against real brokers.
"""

import asyncio

from sealcast.channel import ONLINE
from sealcast.effects import Out
from sealcast.journal import Journal
from sealcast.run import aio
from sealcast.run.session import Session


class Joined:
    joined = True
    full = False


class Script:
    """A channel: `answers` maps a method's name to a function of its arguments that returns the effects."""

    members = [("me", "awake")]
    epoch = None
    phase = ONLINE
    me = Joined
    sent = wanted = None
    held = False
    journal, out = Journal(), Out(4)
    state = None  # what an answer leaves to be stored at the end of the turn

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    def settling(self, place):
        return False

    def _call(self, name, *args):
        self.calls.append((name,) + args)
        answer = self.answers.get(name)
        return answer(*args) if answer else []

    def commit(self):
        parts, self.state = self.state, None
        return [("store", parts)] if parts else []

    def names(self):
        return [call[0] for call in self.calls]

    def start(self, now):
        return self._call("start")

    def connecting(self, now):
        return [("connect", "will", b"bye")] + self._call("connecting")

    def connected(self, now):
        return self._call("connected")

    def disconnected(self, now):
        return self._call("disconnected")

    def receive(self, topic, payload, now):
        return self._call("receive", topic, payload)

    def acked(self, token, now):
        return self._call("acked", token) + [("settled", token, None)]

    def tick(self, now):
        return self._call("tick", now)

    def send(self, body, mode, now, time=0, to=None, min_secrecy=None, receipt=False):
        return self._call("send", body, mode)

    def change_group(self, action, uids, now):
        return self._call("change_group", action, uids)

    def taken(self, message):
        self._call("taken", message)

    def sleep(self, seconds, now):
        return self._call("sleep", seconds)

    def leave(self, now):
        return self._call("leave")

    def rekey(self, now):
        return self._call("rekey")


class Wire:
    """A transport without a network. `log` is what reached the
    broker; `refuse` connections fail first; `held`: no PUBACKs.
    """

    def __init__(self, refuse=0):
        self.log = []
        self.refuse = refuse
        self.incoming = []
        self.come = asyncio.Event()
        self.ack = asyncio.Event()
        self.ack.set()
        self.broken = False

    async def connect(self, topic, payload):
        if self.refuse:
            self.refuse -= 1
            self.log.append("refused")
            raise OSError("refused")
        self.broken = False
        self.log.append(("connect", topic, payload))

    async def subscribe(self, filters, qos):
        self.log += [("subscribe", topic_filter, qos) for topic_filter in filters]

    async def publish(self, topic, payload, retain, qos):
        self.log.append(("publish", topic, payload, retain, qos))
        await self.ack.wait()

    async def receive(self):
        while not self.incoming:
            if self.broken:
                raise OSError("lost")
            self.come.clear()
            await self.come.wait()
        return self.incoming.pop(0)

    def give(self, *frames):
        self.incoming += frames
        self.come.set()

    def lose(self):
        self.broken = True
        self.come.set()

    async def close(self):
        self.log.append("close")

    async def abort(self):
        self.log.append("abort")


class Memory:
    """Storage that keeps everything it was given, and fails `failures` times first."""

    def __init__(self, failures=0):
        self.blobs = []
        self.failures = failures

    def load(self):
        return self.blobs[-1] if self.blobs else None

    def store(self, blob):
        if self.failures:
            self.failures -= 1
            raise OSError("full")
        self.blobs.append(blob)


class Ahead(aio.Clock):
    """A clock that a test puts forward."""

    passed = 0  # ms

    def now(self):
        return aio.Clock.now(self) + self.passed


class Note:
    def __init__(self, seq):
        self.sender = "ann"
        self.seq = seq


async def until(condition, what=""):
    """Wait for a condition that other tasks bring about; a test that waits for ten seconds has failed."""
    for _ in range(10000):
        if condition():
            return
        await aio.sleep_ms(1)
    raise AssertionError("never happened: " + what)


async def made(channel, wire=None, storage=None, **more):
    session = Session(channel, wire or Wire(), storage or Memory(), aio.Clock(), lambda n: bytes(n), **more)
    session.events = []
    session.on("*", lambda name, info: session.events.append((name, info)))
    return session


async def running(channel, wire=None, storage=None, **more):
    session = await made(channel, wire, storage, **more)
    await session.start()
    await until(lambda: "connected" in channel.names(), "connected")
    return session


def internal(session):
    """(where, type, file) of the internal errors reported."""
    errors = [info for name, info in session.events if name == "error" and info["code"] == "internal"]
    return [(e["where"], e["type"], e["at"].split(":")[0]) for e in errors]


def publish(n, token=0):
    return ("publish", "t/%d" % n, bytes([n]), False, 1, token)


def run(test):
    asyncio.run(asyncio.wait_for(test, 30))


def started(waiting):
    """A task for each, and a list that gets what each ended with: (its place, its exception or None)."""
    ended = []

    async def keep(place, one):
        try:
            await one
            ended.append((place, None))
        except Exception as e:
            ended.append((place, type(e)))

    return [asyncio.create_task(keep(place, one)) for place, one in enumerate(waiting)], ended
