"""The session driver when something fails: the channel, a callback, the transport, an input without room.

Nothing that fails ends it: what can be told is told, what has to be done again is done again.
"""

import asyncio
import errno

from scripted import Ahead, Memory, Script, Wire, internal, made, publish, run, running, until
from sealcast.errors import BadState, NoRoom, NotReady, Offline, Unstored
from sealcast.journal import Journal
from sealcast.run import aio
from sealcast.run import session as driver


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
        assert internal(s) == [("engine", "ZeroDivisionError", "test_session_faults.py")]
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


def test_a_batch_that_cannot_be_appended_gives_way_to_a_snapshot():
    """And what waits for it waits for that one."""

    class Full(Memory):
        room = 100

        def append(self, batch):
            raise OSError(28, "full")

    async def test():
        wire, storage = Wire(), Full()
        ch = Script(rekey=lambda: [("append", b"batch"), publish(1)])
        ch.journal = Journal()
        ch.snapshot = lambda: [("store", b"snapshot of %d" % len(wire.log))]
        s = await running(ch, wire, storage)
        assert ch.journal.room == 100
        before = len(wire.log)
        await s.rekey()
        await until(lambda: wire.log[before:] == [publish(1)[:5]])
        assert storage.blobs == [b"snapshot of %d" % before]
        assert [info["code"] for name, info in s.events if name == "error"] == ["storage"]
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
        assert internal(s) == [("callback for x", "ZeroDivisionError", "test_session_faults.py")]
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


def test_a_storage_that_takes_no_more_says_what_to_do():
    """After 4,294,967,295 states, or for one that is too large: it said "BadState", and to make room."""

    class Worn(Memory):
        def store(self, blob):
            raise BadState("remove the state files to begin anew")

    async def test():
        ch, storage = Script(rekey=lambda: [("store", b"state")]), Worn()
        s = await running(ch, None, storage)
        try:
            await s.rekey()
            raise AssertionError("stored")
        except Unstored as e:
            assert str(e).startswith("remove the state files to begin anew; nothing is sent until"), e
        told = [info["text"] for name, info in s.events if name == "error"]
        assert told[0] == "remove the state files to begin anew" and s.healthy()
        await s.close()

    run(test())


def test_explain_shows_no_text_but_that_of_system_errors_and_our_own():
    assert aio.explain(BadState("remove the files")) == "remove the files"
    assert aio.explain(OSError("no\nroute")) == "OSError: no route"
    assert aio.explain(ValueError("hidden")) == "ValueError"
    assert aio.explain(OSError(errno.ECONNREFUSED, "x")) == "nothing listens there: check broker.host and broker.port"
    assert aio.explain(OSError(-2, "x")) == "no such host: check broker.host and the network"
    assert "9999" in aio.explain(OSError(9999))
    for number in (32, errno.ECONNRESET, errno.ECONNABORTED):  # 32: EPIPE, for which MicroPython has no name
        assert aio.explain(OSError(number, "x")) == "the broker closed the connection"
    assert aio.explain(OSError(errno.ENOMEM, "x")) == aio.explain(OSError(errno.ENOBUFS, "x")) == "no memory is left"


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
        assert not s._inbox and not s.full() and s._received == 0
        await s.close()

    run(test())


def test_a_frame_that_crashed_twice_is_not_tried_again():
    """It lies in a retained slot, say: each connection brings it again, and the channel begins anew each time."""

    async def test():
        channels, wire = [], Wire()

        def receive(topic, payload):
            if payload == bytes(40):
                raise ValueError("a short box")
            return []

        def remake():
            channels.append(Script(receive=receive))
            return channels[-1]

        s = await running(remake(), wire, remake=remake)
        for round in (1, 2):
            wire.give(("t", bytes(40)))
            await until(lambda r=round: len(channels) == r + 1 and "connected" in channels[r].names())
        wire.give(("t", bytes(40)), ("t", b"another"), ("t", bytes(40)))
        await until(lambda: [c for c in channels[2].calls if c[0] == "receive"][2:])
        assert [c[1:] for c in channels[2].calls if c[0] == "receive"] == [("t", None), ("t", b"another"), ("t", None)]
        assert len(channels) == 3 and [e[1] for e in internal(s)] == ["ValueError"] * 2
        await s.close()

    run(test())


def test_no_room_is_not_the_fault_of_a_frame():
    async def test():
        channels, wire = [], Wire()

        def receive(topic, payload):
            if len(channels) < 4:
                raise MemoryError
            return []

        def remake():
            channels.append(Script(receive=receive))
            return channels[-1]

        s = await running(remake(), wire, remake=remake)
        for round in (1, 2, 3):
            wire.give(("t", b"large"))
            await until(lambda r=round: len(channels) == r + 1 and "connected" in channels[r].names())
        wire.give(("t", b"large"))
        await until(lambda: ("receive", "t", b"large") in channels[3].calls)
        await s.close()

    run(test())


def test_an_engine_that_ran_well_begins_anew_soon():
    """The pause grows while it fails again and again, and stays below what a watchdog waits; not over months."""

    async def test():
        waits, sleep_ms = [], driver.sleep_ms

        async def noted(ms):
            waits.append(ms)
            await sleep_ms(1)

        def receive(topic, payload):
            s.clock.passed += payload[0] * 5000
            raise MemoryError

        wire = Wire()
        s = await running(Script(receive=receive), wire)
        s.clock = Ahead()
        driver.sleep_ms = noted
        try:
            for count, seconds in enumerate((0, 0, 5, 0, 0, 0, 0, 0, 295, 300, 0)):
                wire.give(("t", bytes([seconds // 5])))
                await until(lambda count=count: len(waits) > count)
        finally:
            driver.sleep_ms = sleep_ms
        assert waits == [200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000, 200, 400], waits
        await s.close()

    run(test())
