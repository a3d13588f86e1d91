"""The session driver and time: reconnects, messages to the application, back-pressure, ticks, and how it ends."""

import asyncio

from scripted import Ahead, Memory, Note, Script, Wire, internal, made, publish, run, running, until
from sealcast.errors import Offline
from sealcast.run import aio, link
from sealcast.run.echo import Echo

HEAP = "heapsize=256k"  # who waits here looks at a hundred calls again each millisecond


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
            most = max(most, waiting(s))
            await aio.sleep_ms(1)
        await task
        assert 0 < most <= 16
        await until(lambda: ch.names().count("receive") == 100)
        await s.close()

    run(test())


def waiting(s):
    return sum([1 for input in s._inbox if input[3]])


def test_how_many_frames_wait_is_measured_in_bytes():
    """16 of 848 bytes were 14 KB of a board's heap while it made a ratcheting group of eight."""

    async def most(size):
        wire, storage = Wire(), Memory()
        ch = Script(receive=lambda topic, payload: [("store", b"x")])
        s = await running(ch, wire, storage)
        storage.failures = 1
        wire.give(*[("t", bytes(size))] * 40)
        seen = 0
        while ch.names().count("receive") < 40:
            seen = max(seen, waiting(s))
            await aio.sleep_ms(1)
        await s.close()
        return seen

    async def test():
        for size, frames in ((848, 3), (128, 8), (0, 16)):
            assert await most(size) == frames

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


def test_what_is_subscribed_to_in_a_row_is_one_packet_answered_before_what_follows():
    """A far broker costs its time once, and not for each. More than eight are more packets than one."""

    async def test():
        wire, answers = Wire(), asyncio.Event()

        async def subscribe(filters, qos):
            wire.log.append((filters, qos))
            await answers.wait()

        wire.subscribe = subscribe
        row = [("subscribe", f, 1) for f in "abcdefghij"]
        s = await running(Script(rekey=lambda: row + [publish(1)] + row[:2]), wire)
        await s.rekey()
        await until(lambda: len(wire.log) == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert wire.log[1:] == [(list("abcdefgh"), 1)]
        answers.set()
        await until(lambda: len(wire.log) == 5)
        assert wire.log[2::2] == [(["i", "j"], 1), (["a", "b"], 1)] and wire.log[3][0] == "publish"
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


def test_a_sleep_is_of_whole_seconds():
    """A board's program that said a quarter of 3,600.0 lost its connection by an internal error."""

    async def test():
        ch = Script(sleep=lambda seconds: [("disconnect",)])
        s = await running(ch)
        await s.sleep(900.5)
        assert s.closed and [c for c in ch.calls if c[0] == "sleep"] == [("sleep", 900)]

    run(test())


def test_a_channel_that_connects_anew_says_whether_the_will_is_published():
    """That of a session that nobody knows is not. Nothing is wrong then: no event says so, and none such counts
    as taken over by another."""

    async def test():
        for goodbye, end in ((True, "close"), (False, "abort")):
            wire, ends = Wire(), [goodbye]
            ch = Script(connected=lambda ends=ends: [publish(1), ("reconnect", ends.pop())] if ends else [])
            s = await made(ch, wire)
            s._link._short = 3  # of four that are too many
            await s.start()
            await until(lambda ch=ch: ch.names().count("connected") == 2, "the next connection")
            begun = ("connect", "will", b"bye")
            assert wire.log == [begun, ("publish", "t/1", b"\x01", False, 1), end, begun]
            names = ["connected"] + ["offline"] * (not goodbye)
            assert [name for name, _ in s.events][: len(names) + 1] == names + ["connected"]
            await s.close()

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


def test_close_ends_though_a_cancellation_is_lost():
    """It came at the moment when what was waited for came, too (asyncio.wait_for of Python 3.11: that wins)."""

    async def losing(event, ms):
        try:
            await pause(event, ms)
        except asyncio.CancelledError:
            pass

    async def test():
        session = await made(Script(), Wire(refuse=100))
        await session.start()
        await until(lambda: session.events, "offline")
        await session.close()
        assert session.closed and not internal(session)

    pause, link.pause = link.pause, losing
    try:
        run(test())
    finally:
        link.pause = pause


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


def test_rings_of_others_are_no_proof_of_ours():
    """What the broker must show us is what we published where we listen; filters on others' notes are not kept."""
    box = Echo()
    box.begin("zp/1/c/me/")
    for filter in ("zp/1/c/other/n/+", "zp/1/c/me/n/+", "zp/1/c/+/j/+"):
        box.subscribed([filter])
    box.publishing("zp/1/c/me/n/1", b"note", 7)
    box.publishing("zp/1/c/me/j/1", b"join", 8)
    box.publishing("zp/1/c/other/n/1", b"note", 9)
    assert not box.acked("zp/1/c/me/n/1", b"note", 0) and not box.acked("zp/1/c/me/j/1", b"join", 0)
    assert box.acked("zp/1/c/other/n/1", b"note", 0)
    assert box.heard("zp/1/c/me/n/1", b"note") == 7 and not box.late(6000, True) and box.late(11000, True)


def test_an_echo_behind_much_else_is_not_missing():
    """A slow link brings first what was on its way before. Where something always comes a minute is the limit."""
    box = Echo()
    box.begin("zp/1/c/me/")
    box.subscribed(["zp/1/c/me/n/+"])
    box.publishing("zp/1/c/me/n/1", b"note", 7)
    assert not box.acked("zp/1/c/me/n/1", b"note", 0)
    for now in range(0, 60000, 4000):
        assert not box.late(now, True)
        assert not box.heard("zp/1/c/other/n/1", b"another")
    assert box.late(60000, True) and box.late(60000, False)
    for now in (60000, 64000):
        box.heard("zp/1/c/other/n/1", b"another")
        box.late(now, True)
    assert box.heard("zp/1/c/me/n/1", b"note") == 7 and not box.late(200000, True)


def test_what_an_engine_at_work_has_not_read_yet_is_not_missing():
    """The echo lies behind frames for which a board needs its time: it waits only while it has nothing to do."""

    async def test():
        wire = Wire()

        def slowly(topic, payload):
            s.clock.passed += 1000
            return []

        ch = Script(receive=slowly, connected=lambda: [("subscribe", "zp/me/j/+", 1)])
        s = await running(ch, wire)
        s.clock = Ahead()
        await until(lambda: ("subscribe", "zp/me/j/+", 1) in wire.log)
        s.post(lambda c, now: [("publish", "zp/me/j/1", b"join", True, 1, 7)])
        await until(lambda: ("publish", "zp/me/j/1", b"join", True, 1) in wire.log)
        wire.give(*[("zp/other/j/1", b"%d" % i) for i in range(40)], ("zp/me/j/1", b"join"))
        await until(lambda: ("acked", 7) in ch.calls)
        assert s.clock.passed == 41000 and not [name for name, info in s.events if name == "mute"]
        await s.close()

    run(test())
