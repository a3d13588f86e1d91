"""The session driver: effects in order, nothing before it is stored, acknowledged sends, reconnects, supervision, back-pressure.

The channel here is a script (what it is asked is recorded, what it answers is given), so that each rule of the driver is
seen alone; tests/transport runs the driver with the real channel against real brokers.
"""

import asyncio
import errno

from sealcast.errors import NoGroup, NoRoom, NotReady, Offline
from sealcast.run import aio, link
from sealcast.run.session import Session


class Script:
    """A channel: `answers` maps a method's name to a function of its arguments that returns the effects."""

    members = [("me", "awake")]
    epoch = None

    def __init__(self, **answers):
        self.answers = answers
        self.calls = []

    def _call(self, name, *args):
        self.calls.append((name,) + args)
        answer = self.answers.get(name)
        return answer(*args) if answer else []

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

    def send(self, body, mode, now, time=0, to=None):
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
    """A transport without a network. `log` is what reached the broker; `refuse` connections fail first; `held`: no PUBACKs."""

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

    async def subscribe(self, topic_filter, qos):
        self.log.append(("subscribe", topic_filter, qos))

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


def test_effects_reach_the_broker_in_order():
    async def test():
        wire = Wire()
        ch = Script(connected=lambda: [publish(1), ("subscribe", "a/#", 1), publish(2), ("event", "x", {"n": 1}), publish(3)])
        s = await running(ch, wire)
        await until(lambda: len(wire.log) == 5)
        assert wire.log[0] == ("connect", "will", b"bye")
        assert [entry[1] for entry in wire.log[1:]] == ["t/1", "a/#", "t/2", "t/3"]
        assert ("x", {"n": 1}) in s.events
        assert ch.names()[:3] == ["start", "connecting", "connected"]
        await s.close()

    run(test())


def test_nothing_after_a_store_happens_before_it_is_durable():
    async def test():
        wire, storage = Wire(), Memory()
        ch = Script(rekey=lambda: [publish(1), ("store", b"s"), publish(2), ("message", Note(1)), ("event", "after", {})])
        s = await running(ch, wire, storage)
        storage.failures = 2
        task = asyncio.create_task(s.rekey())
        await until(lambda: storage.failures == 1)
        await until(lambda: ("publish", "t/1", b"\x01", False, 1) in wire.log)
        assert ("publish", "t/2", b"\x02", False, 1) not in wire.log
        assert not s._messages
        wire.give(("t", b"frame"))
        await until(lambda: storage.blobs == [b"s"])
        await task
        await until(lambda: "receive" in ch.names())
        await until(lambda: ("publish", "t/2", b"\x02", False, 1) in wire.log)
        names = [event[0] for event in s.events]
        assert names.count("error") == 2
        assert s.events[names.index("error")][1]["code"] == "storage"
        assert names.index("after") > names.index("error")
        await s.close()

    run(test())


def test_send_returns_when_the_broker_has_acknowledged_and_the_channel_knows():
    async def test():
        wire, storage = Wire(), Memory()
        ch = Script(send=lambda body, mode: [("store", body), publish(7, 42), publish(8)], acked=lambda token: [("store", b"done")])
        s = await running(ch, wire, storage)
        wire.ack.clear()
        task = asyncio.create_task(s.send(b"hello", "note"))
        await until(lambda: len(wire.log) == 2)
        await aio.sleep_ms(20)
        assert not task.done()
        assert ("send", b"hello", "note") in ch.calls
        assert storage.blobs == [b"hello"]
        wire.ack.set()
        await task
        assert ("acked", 42) in ch.calls
        assert storage.blobs == [b"hello", b"done"]
        await s.close()

    run(test())


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


def test_a_group_message_is_sent_when_the_group_accepted_it():
    async def test():
        answers = [[("queued", 5)], [("queued", 6)], [("queued", 7)], [("queued", 8)]]
        out = NoGroup("out of the group")
        told = [("settled", 5, None)], [("settled", 6, out)], [("settled", 7, out), ("settled", 8, out)]
        ch = Script(send=lambda body, mode: answers.pop(0), change_group=lambda action, uids: answers.pop(0), rekey=lambda: told[ch.step])
        ch.step = 0
        s = await running(ch)
        tasks, ended = started([s.send(b"m", "ratchet", "b") for _ in range(3)] + [s.change_group("leave")])
        await until(lambda: not answers)
        assert ("change_group", "leave", []) in ch.calls
        for done in (1, 2, 4):
            await s.rekey()
            await until(lambda done=done: len(ended) == done)
            ch.step += 1
        assert sorted(ended, key=lambda end: end[0]) == [(0, None)] + [(place, NoGroup) for place in (1, 2, 3)]
        assert len(tasks) == 4
        await s.close()

    run(test())


def test_what_was_not_sent_before_a_move_to_a_new_key_is_said_to_be_lost():
    async def test():
        answers = [[("queued", 3)], [("queued", 5)]]
        moved = Offline("moved")
        settled = [("settled", 3, moved), ("settled", 5, moved)]
        ch = Script(send=lambda body, mode: answers.pop(0), rekey=lambda: [("event", "moved", {"generation": 1})] + settled)
        s = await running(ch)
        tasks, ended = started([s.send(b"m") for _ in range(2)])
        await until(lambda: not answers)
        await s.rekey()
        await until(lambda: len(ended) == len(tasks))
        assert sorted(ended, key=lambda end: end[0]) == [(0, Offline), (1, Offline)]
        await s.close()

    run(test())


def test_send_outlives_a_lost_link():
    async def test():
        wire = Wire()
        pending = []

        def send(body, mode):
            pending.append(publish(7, 42))
            return list(pending)

        ch = Script(send=send, connected=lambda: list(pending))
        s = await running(ch, wire)
        wire.ack.clear()
        task = asyncio.create_task(s.send(b"hello"))
        await until(lambda: len(wire.log) == 2)
        wire.lose()
        await until(lambda: "disconnected" in ch.names())
        assert not task.done()
        assert not s.online
        wire.ack.set()
        await task
        assert wire.log[-2:] == [("connect", "will", b"bye"), ("publish", "t/7", b"\x07", False, 1)]
        assert ch.names().count("acked") == 1
        await s.close()

    run(test())


def test_effects_made_offline_are_dropped():
    async def test():
        wire = Wire(refuse=1)
        ch = Script(rekey=lambda: [publish(1), ("subscribe", "x", 1)], connected=lambda: [publish(2)])
        s = await made(ch, wire)
        await s.start()
        await s.rekey()
        await until(lambda: "refused" in wire.log)
        await s.rekey()
        await until(lambda: ("publish", "t/2", b"\x02", False, 1) in wire.log)
        assert ("publish", "t/1", b"\x01", False, 1) not in wire.log
        assert ("subscribe", "x", 1) not in wire.log
        await s.close()

    run(test())


def test_errors_of_the_channel_reach_who_caused_them():
    async def test():
        def send(body, mode):
            raise NotReady("not joined yet")

        ch = Script(send=send)
        s = await running(ch)
        try:
            await s.send(b"x")
            raise AssertionError("no error")
        except NotReady as e:
            assert e.code == "not_ready"
        assert s.healthy()
        await s.close()

    run(test())


def test_start_raises_what_the_channel_raises():
    async def test():
        def start():
            raise NotReady("cannot")

        s = await made(Script(start=start))
        try:
            await s.start()
            raise AssertionError("no error")
        except NotReady:
            assert s.closed

    run(test())


def test_a_failing_channel_is_reported_and_the_engine_goes_on():
    async def test():
        ch = Script(receive=lambda topic, payload: 1 // 0)
        wire = Wire()
        s = await running(ch, wire)
        wire.give(("t", b"secret"))
        await until(lambda: [name for name, info in s.events if name == "error"])
        assert internal(s) == [("engine", "ZeroDivisionError", "test_session.py")]
        await s.rekey()
        assert "rekey" in ch.names()
        assert "secret" not in str(s.events)
        await s.close()

    run(test())


def test_an_internal_error_is_survived_like_a_power_cut():
    """A new channel from the stored state, on a new connection; whoever waited for an acknowledgement is told."""

    async def test():
        wire, made_channels = Wire(), []

        def remake():
            if not made_channels:
                made_channels.append(None)
                raise MemoryError
            made_channels.append(Script())
            return made_channels[-1]

        def receive(topic, payload):
            raise MemoryError

        ch = Script(receive=receive, send=lambda body, mode: [publish(7, 42)])
        s = await running(ch, wire, remake=remake)
        wire.ack.clear()
        task = asyncio.create_task(s.send(b"x"))
        await until(lambda: len(wire.log) == 2)
        wire.give(("t", b"a"), ("t", b"b"))
        try:
            await task
            raise AssertionError("no error")
        except Offline:
            pass
        wire.ack.set()
        await until(lambda: len(made_channels) == 2 and "connected" in made_channels[1].names())
        assert made_channels[1].names()[0] == "start"
        assert made_channels[1].names().index("connecting") < made_channels[1].names().index("connected")
        assert "receive" not in made_channels[1].names()
        assert [e[:2] for e in internal(s)] == [("engine", "MemoryError")] * 2
        assert s.channel is made_channels[1]
        await s.rekey()
        assert "rekey" in made_channels[1].names()
        await s.close()

    run(test())


def test_an_error_that_cannot_even_be_reported_ends_nothing():
    async def test():
        ch = Script(receive=lambda topic, payload: 1 // 0)
        wire = Wire()
        s = await running(ch, wire)

        def full(name, info):
            raise MemoryError

        s.on("error", full)
        s.emit = full
        wire.give(("t", b"a"))
        await until(lambda: "receive" in ch.names())
        await s.rekey()
        await s.close()

    run(test())


def test_a_failing_callback_is_reported_and_harms_nobody():
    async def test():
        s = await made(Script(start=lambda: [("event", "x", {})]))
        seen = []
        s.on("x", lambda name, info: 1 // 0)
        s.on("x", lambda name, info: seen.append(name))
        await s.start()
        assert seen == ["x"]
        assert internal(s) == [("callback for x", "ZeroDivisionError", "test_session.py")]
        await s.close()

    run(test())


def test_a_transport_that_breaks_its_word_is_a_lost_link():
    async def test():
        wire = Wire()
        ch = Script()
        s = await running(ch, wire)
        wire.give("not a pair")
        await until(lambda: ch.names().count("connected") == 2, "reconnect")
        assert [e[1]["where"] for e in s.events if e[0] == "error"] == ["link"]
        await s.close()

    run(test())


def test_reconnects_wait_longer_each_time():
    async def test():
        wire = Wire(refuse=3)
        s = await made(Script(), wire)
        await s.start()
        await until(lambda: s.online)
        waits = [info["retry_ms"] for name, info in s.events if name == "offline"]
        assert waits == [250, 500, 1000]
        assert s.events[0][1]["reason"] == "OSError: refused"
        assert wire.log == ["refused", "abort"] * 3 + [("connect", "will", b"bye")]
        await s.close()

    run(test())


def test_backoff():
    b = aio.Backoff(500, 60000, lambda n: b"\xff" * n)
    assert [b.next() for _ in range(9)] == [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
    b.reset()
    assert b.next() == 500
    spread = aio.Backoff(1000, 1000)
    values = [spread.next() for _ in range(200)]
    assert min(values) >= 500
    assert max(values) <= 1000
    assert len(set(values)) > 20


def test_messages_in_order_and_taken_when_the_application_comes_back():
    async def test():
        wire = Wire()
        ch = Script(receive=lambda topic, payload: [("message", Note(payload[0]))])
        s = await running(ch, wire)
        wire.give(("t", b"\x01"), ("t", b"\x02"), ("t", b"\x03"))
        seen = []
        async for m in s:
            await s.rekey()
            taken = [call[1].seq for call in ch.calls if call[0] == "taken"]
            assert taken == seen
            seen.append(m.seq)
            if m.seq == 3:
                break
        assert seen == [1, 2, 3]
        await s.close()

    run(test())


def test_a_message_callback_takes_messages():
    async def test():
        wire = Wire()
        ch = Script(receive=lambda topic, payload: [("message", Note(payload[0]))])
        s = await running(ch, wire)
        seen = []
        s.on("message", lambda name, m: seen.append(m.seq))
        wire.give(("t", b"\x01"), ("t", b"\x02"))
        await until(lambda: ch.names().count("taken") == 2)
        assert seen == [1, 2]
        assert not s._messages
        await s.close()

    run(test())


def test_an_application_that_does_not_read_loses_the_oldest_and_is_told():
    async def test():
        wire = Wire()
        ch = Script(receive=lambda topic, payload: [("message", Note(payload[0]))])
        s = await running(ch, wire, backlog=4)
        wire.give(*[("t", bytes([i])) for i in range(50)])
        await until(lambda: ch.names().count("receive") == 50)
        assert [m.seq for m in s._messages] == [46, 47, 48, 49]
        assert [info["seq"] for name, info in s.events if name == "overflow"] == list(range(46))
        await s.close()

    run(test())


def test_a_flood_waits_at_the_broker_and_acknowledgements_go_on():
    async def test():
        wire, storage = Wire(), Memory()
        ch = Script(receive=lambda topic, payload: [("store", b"x")], send=lambda body, mode: [publish(1, 5)])
        s = await running(ch, wire, storage)
        storage.failures = 1  # the engine stands still for a while
        wire.give(*[("t", b"x")] * 100)
        await until(lambda: storage.failures == 0)
        task = asyncio.create_task(s.send(b"x"))
        most = 0
        while "acked" not in ch.names():
            most = max(most, s.waiting_frames())
            await aio.sleep_ms(1)
        await task
        assert 0 < most <= link.INBOX
        await until(lambda: ch.names().count("receive") == 100)
        await s.close()

    run(test())


def test_a_broker_that_takes_nothing_is_a_lost_link():
    async def test():
        wire = Wire()
        ch = Script(rekey=lambda: [publish(1)] * (link.OUTBOX + 2))
        s = await running(ch, wire)
        wire.ack.clear()
        await s.rekey()
        await until(lambda: "disconnected" in ch.names())
        await s.close()

    run(test())


def test_ticks_come_when_they_were_asked_for():
    async def test():
        ch = Script()
        s = await made(ch)
        begun = s.clock.now()
        ch.answers["start"] = lambda: [("wake", begun + 60)]
        ch.answers["tick"] = lambda now: [("wake", now + 40)] if ch.names().count("tick") == 1 else []
        await s.start()
        await until(lambda: ch.names().count("tick") == 2)
        first, second = [call[1] for call in ch.calls if call[0] == "tick"]
        assert begun + 60 <= first < begun + 1000
        assert first + 40 <= second < first + 1000
        await s.close()

    run(test())


def test_a_later_wake_replaces_the_earlier_one():
    async def test():
        ch = Script()
        s = await made(ch)
        begun = s.clock.now()
        ch.answers["start"] = lambda: [("wake", begun + 100000), ("wake", begun + 30)]
        await s.start()
        await until(lambda: "tick" in ch.names())
        await s.close()

    run(test())


def test_leave_says_goodbye_and_close_does_not():
    async def test():
        for name, action in (("leave", lambda s: s.leave()), ("sleep", lambda s: s.sleep(60))):
            wire = Wire()
            effects = [publish(9), ("disconnect",)]
            ch = Script(leave=lambda effects=effects: effects, sleep=lambda seconds, effects=effects: effects)
            s = await running(ch, wire)
            await action(s)
            assert wire.log[-2:] == [("publish", "t/9", b"\x09", False, 1), "close"], name
            assert s.closed
        wire = Wire()
        s = await running(Script(), wire)
        await s.close()
        assert wire.log[-1] == "abort"

    run(test())


def test_leave_works_without_a_link():
    async def test():
        wire = Wire(refuse=1000)
        ch = Script(leave=lambda: [("disconnect",)])
        s = await made(ch, wire)
        await s.start()
        await until(lambda: "refused" in wire.log)
        await s.leave()
        assert s.closed

    run(test())


def test_closing_ends_whoever_waits():
    async def test():
        wire = Wire()
        ch = Script(send=lambda body, mode: [publish(1, 3)])
        s = await running(ch, wire)
        wire.ack.clear()
        ends = []

        async def sender():
            try:
                await s.send(b"x")
            except Offline:
                ends.append("send")

        async def reader():
            async for _ in s:
                pass
            ends.append("read")

        tasks = [asyncio.create_task(sender()), asyncio.create_task(reader())]
        await until(lambda: len(wire.log) == 2)
        await s.close()
        for task in tasks:
            await task
        assert sorted(ends) == ["read", "send"]
        try:
            await s.send(b"y")
            raise AssertionError("a closed session sends")
        except Offline:
            pass
        assert not s.healthy()
        await s.close()

    run(test())


def test_the_clock_survives_wrapping_ticks():
    period = 1 << 30
    ticks = [period - 10]

    def diff(a, b):
        return (a - b + period // 2) % period - period // 2

    clock = aio.Clock(lambda: ticks[0] % period, diff)
    last = clock.now()
    total = 0
    for step in (5, 10, period // 4, period // 3, 1, 0, period // 2 - 1):
        ticks[0] += step
        total += step
        assert clock.now() == last + total
    ticks[0] -= 3
    assert clock.now() == last + total, "time does not run backwards"


def test_the_clock_knows_the_date_or_says_that_it_does_not():
    assert aio.Clock().time() == 0 or aio.Clock().time() > 1735689600


def test_within():
    async def test():
        async def value():
            return 5

        async def never():
            await asyncio.Event().wait()

        async def failing():
            raise ValueError("x")

        assert await aio.within(value(), 1000, "late") == 5
        try:
            await aio.within(never(), 10, "late")
            raise AssertionError("no limit")
        except OSError as e:
            assert str(e) == "late"
        try:
            await aio.within(failing(), 1000, "late")
            raise AssertionError("swallowed")
        except ValueError:
            pass

    run(test())


def test_explain_shows_no_text_but_that_of_system_errors():
    assert aio.explain(OSError("no\nroute")) == "OSError: no route"
    assert aio.explain(ValueError("hidden")) == "ValueError"
    assert aio.explain(OSError(errno.ECONNREFUSED, "x")) == "nothing listens there: check broker.host and broker.port"
    assert aio.explain(OSError(-2, "x")) == "no such host: check broker.host and the network"
    assert "9999" in aio.explain(OSError(9999))


def test_an_input_for_which_there_was_no_room_stays_the_first_and_is_tried_again():
    async def test():
        refusals = [NoRoom("zpinc.joins")] * 2

        def receive(topic, payload):
            if topic == "first" and refusals:
                raise refusals.pop()
            return []

        wire, ch = Wire(), Script(receive=receive)
        s = await running(ch, wire)
        wire.give(("first", b"1"), ("second", b"2"))
        await until(lambda: ("receive", "second", b"2") in ch.calls)
        assert [call[1] for call in ch.calls if call[0] == "receive"] == ["first", "first", "first", "second"]
        assert s.waiting_frames() == 0
        await s.close()

    run(test())
