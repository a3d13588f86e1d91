"""The session driver: effects in order, nothing before it is stored, acknowledged sends.

The channel is a script (tests/support/core/scripted.py), as in test_session_faults.py and test_session_links.py.
"""

import asyncio

from scripted import Memory, Note, Script, Wire, made, publish, run, running, started, until
from sealcast.channel import ONLINE
from sealcast.effects import Sent, Wanted
from sealcast.errors import Mute, NoGroup, Offline, TooWeak
from sealcast.run import aio


def test_effects_reach_the_broker_in_order():
    async def test():
        wire = Wire()
        ch = Script(
            connected=lambda: [publish(1), ("subscribe", "a/#", 1), publish(2), ("event", "x", {"n": 1}), publish(3)]
        )
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
        ch = Script(
            rekey=lambda: [publish(1), ("store", b"s"), publish(2), ("message", Note(1)), ("event", "after", {})]
        )
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
        ch = Script(
            send=lambda body, mode: [("store", body), publish(7, 42), publish(8)],
            acked=lambda token: [("store", b"done")],
        )
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


def test_a_group_message_is_sent_when_the_group_accepted_it():
    async def test():
        answers = [[("queued", 5)], [("queued", 6)], [("queued", 7)], [("queued", 8)]]
        out = NoGroup("out of the group")
        told = [("settled", 5, None)], [("settled", 6, out)], [("settled", 7, out), ("settled", 8, out)]
        ch = Script(
            send=lambda body, mode: answers.pop(0),
            change_group=lambda action, uids: answers.pop(0),
            rekey=lambda: told[ch.step],
        )
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
        ch = Script(
            send=lambda body, mode: answers.pop(0), rekey=lambda: [("event", "moved", {"generation": 1})] + settled
        )
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


def test_a_receipt_is_waited_for_and_its_time_ends():
    """What the channel learns later ends the wait; who has not confirmed in time is named; an error comes at once."""

    async def test():
        tag, wanted = b"t" * 16, Wanted({b"t" * 16: "anna"}, {}, None)
        ch = Script(send=lambda body, mode: [publish(1, 7)])
        ch.sent, ch.wanted, ch.phase = Sent("note", ["anna"], ["bert"], None, None), wanted, ONLINE
        wire = Wire()
        s = await running(ch, wire)
        waiting = asyncio.create_task(s.send(b"x", "note", receipt=True, timeout=600))
        await until(lambda: ("acked", 7) in ch.calls)
        assert not waiting.done()
        wanted.waiting.pop(tag)
        wanted.confirmed.append("anna")
        sent = await waiting
        assert (sent.confirmed, sent.unconfirmed, sent.mode) == (["anna"], ["bert"], "note")
        ch.wanted = Wanted({tag: "anna"}, {}, None)
        sent = await s.send(b"x", "note", receipt=True, timeout=0)
        assert (sent.confirmed, sent.unconfirmed) == ([], ["anna", "bert"])
        await until(lambda: ch.wanted.waiting == {})
        ch.wanted = Wanted({}, {}, None)
        sent = await s.send(b"x", "ratchet", "cleo", receipt=True, timeout=600)
        assert (sent.confirmed, sent.unconfirmed) == ([], ["cleo"])

        def refused(body, mode):
            raise TooWeak("no")

        ch.answers["send"] = refused
        try:
            await s.send(b"x", receipt=True, timeout=600)
            raise AssertionError("sent")
        except TooWeak:
            pass
        ch.answers["send"] = lambda body, mode: [publish(2, 8)]
        ch.wanted = Wanted({tag: "anna"}, {}, None)
        wire.ack.clear()
        waiting = asyncio.create_task(s.send(b"x", receipt=True, timeout=600))
        await until(lambda: wire.log[-1][1] == "t/2")
        s.give_up(None, Mute("refused"))  # sealed, and of no use: nobody waits for receipts of it
        try:
            await waiting
            raise AssertionError("sent")
        except Mute:
            pass
        await until(lambda: ch.wanted.waiting == {})
        await s.close()

    run(test())


def test_who_no_longer_waits_for_a_receipt_leaves_nothing_behind():
    """The channel kept what each of them had waited for, and looked through it at every receipt: one a minute, a
    year."""

    async def test():
        ch = Script(send=lambda body, mode: [publish(1, 7)])
        ch.sent, ch.wanted, ch.phase = Sent("note", ["anna"], [], None, None), Wanted({b"t": "anna"}, {}, None), ONLINE
        wire = Wire()
        s = await running(ch, wire)
        waiting = asyncio.create_task(s.send(b"x", "note", receipt=True, timeout=600))
        await until(lambda: ("acked", 7) in ch.calls)
        await aio.stop(waiting)
        await until(lambda: ch.wanted.waiting == {})
        await s.close()

    run(test())


def test_who_stops_waiting_for_a_receipt_before_it_is_sealed_leaves_nothing_behind():
    """The engine is busy with a state; the message is sealed all the same."""

    async def test():
        stored, gate = Memory(), asyncio.Event()

        def rekey():
            ch.state = b"state"
            return []

        async def slowly(parts):
            await gate.wait()

        stored.store = slowly
        ch = Script(send=lambda body, mode: [publish(1, 7)], rekey=rekey)
        ch.sent, ch.wanted = Sent("note", ["anna"], [], None, None), Wanted({b"t": "anna"}, {}, None)
        s = await running(ch, storage=stored)
        s.post(lambda channel, now: channel.rekey(now))
        await until(lambda: "rekey" in ch.names())
        waiting = asyncio.create_task(s.send(b"x", "note", receipt=True, timeout=600))
        await until(lambda: s._inbox)
        await aio.stop(waiting)
        assert ("send", b"x", "note") not in ch.calls
        gate.set()
        await until(lambda: ("acked", 7) in ch.calls)
        assert ch.wanted.waiting == {}
        await s.close()

    run(test())
