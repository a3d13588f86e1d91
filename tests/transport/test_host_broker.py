"""The embedded broker's own promises: what it acknowledged survives
kill -9; strangers and broken clients harm nobody.
"""

import asyncio
import signal
import sqlite3
import stat

import pytest

from host_support import free_port, start_broker
from sealcast_host.broker.retained import FILE, RetainedStore
from sealcast_host.broker.server import MAX_PACKET, running_broker
from sealcast_host.errors import UserError
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.refusals import LinkError

DEADLINE_S = 60


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


async def link(port, will=("w/none", b"gone"), **kwargs):
    t = MqttTransport("127.0.0.1", port, **kwargs)
    await t.connect(*will)
    return t


async def everything(port, pattern):
    """All retained messages under `pattern`. A marker that is published afterwards tells that they have all come."""
    t = await link(port)
    await t.subscribe([pattern], 1)
    await t.subscribe(["marker"], 1)
    await t.publish("marker", b"end", False, 1)
    got = {}
    while (message := await t.receive())[0] != "marker":
        got[message[0]] = message[1]
    await t.close()
    return got


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_acknowledged_is_there_after_a_restart(tmp_path, signum):
    port = free_port()

    async def fill(round_):
        a = await link(port, will=("w/presence", b"gone"))
        for i in range(30):
            await a.publish(f"n/{i}", f"{round_}:{i}".encode(), True, 1)
        await a.publish("n/7", b"", True, 1)
        await a.publish("w/presence", b"here", True, 1)
        return a

    for round_ in range(3):
        with start_broker("embedded", port, tmp_path) as broker:

            async def go(broker=broker, round_=round_):
                a = await fill(round_)
                await asyncio.to_thread(broker.stop, signum)
                await a.close()

            run(go())
        with start_broker("embedded", port, tmp_path):
            kept = run(everything(port, "n/#"))
            presence = run(everything(port, "w/#"))
        assert kept == {f"n/{i}": f"{round_}:{i}".encode() for i in range(30) if i != 7}
        # Hanging up on its clients is the broker's doing: it must not tell the others that they vanished.
        assert presence == {"w/presence": b"here"}


def test_a_burst_is_not_acknowledged_before_it_is_kept(tmp_path):
    """Killed in mid-stream: everything whose PUBACK arrived is there afterwards."""
    port = free_port()
    acknowledged = []
    with start_broker("embedded", port, tmp_path) as broker:

        async def go():
            a = await link(port)
            receiving = asyncio.ensure_future(a.receive())

            async def one(i):
                await a.publish(f"n/{i}", b"%d" % i, True, 1)
                acknowledged.append(i)
                if len(acknowledged) == 150:
                    broker.process.send_signal(signal.SIGKILL)

            results = await asyncio.gather(*[one(i) for i in range(600)], receiving, return_exceptions=True)
            assert all(r is None or isinstance(r, OSError) for r in results)
            await a.close()

        run(go())
    assert 150 <= len(acknowledged) < 600
    with start_broker("embedded", port, tmp_path):
        kept = run(everything(port, "n/#"))
    assert {f"n/{i}" for i in acknowledged} <= set(kept)


def test_files_are_for_the_owner_only_and_belong_to_one_broker(tmp_path):
    store = RetainedStore(tmp_path / "kept")
    store.put("t", b"x", 1)
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    for path in (tmp_path / "kept").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with pytest.raises(UserError, match="another broker"):
        RetainedStore(tmp_path / "kept")
    store.close()
    again = RetainedStore(tmp_path / "kept")
    assert list(again.load()) == [("t", b"x", 1)]
    again.close()


def test_the_order_of_topics_survives(tmp_path):
    store = RetainedStore(tmp_path)
    for i in range(10):
        store.put(str(9 - i), b"first", 1)
    store.put("5", b"second", 0)
    store.put("3", b"", 0)
    store.close()
    again = RetainedStore(tmp_path)
    assert [t for t, _, _ in again.load()] == ["9", "8", "7", "6", "5", "4", "2", "1", "0"]
    assert ("5", b"second", 0) in again.load()
    again.close()


def test_a_file_that_is_not_ours_is_refused_and_left_alone(tmp_path):
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(UserError, match="damaged"):
        RetainedStore(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"not a database" * 100
    (tmp_path / FILE).unlink()
    other = sqlite3.connect(tmp_path / FILE)
    other.execute("CREATE TABLE retained (something TEXT)")
    other.commit()
    other.close()
    with pytest.raises(UserError, match="damaged"):
        list(RetainedStore(tmp_path).load())


def test_the_tap_sees_everything_once_with_the_retained_flag():
    seen = []

    async def go():
        async with running_broker(tap=lambda *m: seen.append(m)) as broker:
            a = await link(broker.port, will=("w/a", b"gone"))
            await a.publish("n/1", b"kept", True, 1)
            await a.publish("c", b"live", False, 1)
            await a.publish("q0", b"unacknowledged", False, 0)
            await a.publish("n/1", b"", True, 1)
            b = await link(broker.port)
            await b.subscribe(["w/+"], 1)
            a._client._client.socket().shutdown(2)
            await b.receive()
            await a.close()
            await b.close()

    run(go())
    first = [("n/1", b"kept", True), ("c", b"live", False), ("q0", b"unacknowledged", False)]
    assert seen == [*first, ("n/1", b"", True), ("w/a", b"gone", True)]


def test_a_client_gets_only_what_it_asked_for():
    async def go():
        async with running_broker() as broker:
            a = await link(broker.port)
            await a.publish("n/1", b"kept", True, 1)
            await a.subscribe(["n/#"], 1)
            b = await link(broker.port)
            await b.subscribe(["marker"], 1)
            await a.publish("marker", b"end", False, 1)
            got = await b.receive()
            await a.close()
            await b.close()
            return got

    assert run(go()) == ("marker", b"end")


def test_only_the_right_user_and_password_get_in():
    async def go():
        kinds = []
        async with running_broker(credentials=("farm", "päss wörd")) as broker:
            for user, password in (
                (None, None),
                ("farm", None),
                ("farm", "x"),
                ("barn", "päss wörd"),
                ("farm", "päss wörd "),
            ):
                with pytest.raises(LinkError) as e:
                    await link(broker.port, username=user, password=password)
                kinds.append(e.value.kind)
            good = await link(broker.port, username="farm", password="päss wörd")
            await good.publish("x", b"y", True, 1)
            await good.close()
        return kinds

    assert run(go()) == ["rights"] * 5  # MQTT 3.1.1: "not authorised", which says no more


async def raw(port, data):
    """Send bytes, read until the broker hangs up or answers; what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    return reader, writer


def connect_packet(client_id=b"c", keepalive=60, will=None):
    flags, tail = 0x02, len(client_id).to_bytes(2, "big") + client_id
    if will:
        flags |= 0x2C
        for part in will:
            tail += len(part).to_bytes(2, "big") + part
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + keepalive.to_bytes(2, "big") + tail
    return bytes([0x10, len(body)]) + body


def test_a_client_that_falls_silent_is_gone_after_one_and_a_half_keepalives():
    """A board that lost its power sends nothing, not even a hang-up."""

    async def go():
        async with running_broker() as broker:
            watcher = await link(broker.port)
            await watcher.subscribe(["w/#"], 1)
            loop = asyncio.get_running_loop()
            begin = loop.time()
            reader, writer = await raw(broker.port, connect_packet(keepalive=1, will=(b"w/silent", b"gone")))
            assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
            message = await watcher.receive()
            lasted = loop.time() - begin
            writer.close()
            await watcher.close()
            return message, lasted

    message, lasted = run(go())
    assert message == ("w/silent", b"gone")
    assert lasted >= 1.4


def test_a_stranger_cannot_end_a_members_session_by_its_client_id():
    async def go():
        async with running_broker(credentials=("farm", "secret")) as broker:
            member = await link(broker.port, username="farm", password="secret")
            name = member._client._client._client_id
            await member.subscribe(["x"], 1)
            reader, writer = await raw(broker.port, connect_packet(client_id=name))
            assert await reader.readexactly(4) == b"\x20\x02\x00\x05"
            assert await reader.read() == b""
            writer.close()
            await member.publish("x", b"still here", False, 1)
            got = await member.receive()
            await member.close()
            return got

    assert run(go()) == ("x", b"still here")


GARBAGE = {
    "nothing": b"",
    "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no CONNECT": b"\x30\x03\x00\x01x",
    "MQTT 5": b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c",
    "endless length": b"\x10\xff\xff\xff\xff\xff\xff",
    "huge CONNECT": b"\x10\xff\xff\xff\x7f",
    "broken UTF-8": b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03\xff\xfe\xfd",
    "length beyond the packet": b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\xff\xffc",
    "reserved packet after CONNECT": connect_packet() + b"\xf0\x00",
    "second CONNECT": connect_packet() + connect_packet(),
    "wildcard topic": connect_packet() + b"\x30\x05\x00\x03x/#",
    "system topic": connect_packet() + b"\x32\x08\x00\x04$SYS\x00\x01",
    "empty topic": connect_packet() + b"\x30\x02\x00\x00",
    "QoS 3": connect_packet() + b"\x36\x05\x00\x01x\x00\x01",
    "QoS 2": connect_packet() + b"\x34\x05\x00\x01x\x00\x01",
    "huge PUBLISH": connect_packet() + b"\x30\xff\xff\xff\x7f\x00\x01x",
    "just too large": connect_packet() + b"\x30\x84\x80\x04\x00\x01x" + bytes(MAX_PACKET + 1),
    "SUBSCRIBE without topics": connect_packet() + b"\x82\x02\x00\x01",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_ends_only_its_own_connection(data):
    async def go():
        seen = []
        async with running_broker(tap=lambda *m: seen.append(m)) as broker:
            member = await link(broker.port)
            await member.subscribe(["x"], 1)
            reader, writer = await raw(broker.port, data)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 20)  # it hangs up, whatever it answers before
            writer.close()
            await member.publish("x", b"unharmed", True, 1)
            got = await member.receive()
            await member.close()
        return got, seen

    got, seen = run(go())
    assert got == ("x", b"unharmed")
    assert seen == [("x", b"unharmed", True)]


def test_a_port_in_use_is_a_user_error():
    async def go():
        async with running_broker() as first:
            with pytest.raises(UserError, match="in use"):
                async with running_broker(port=first.port):
                    pass

    run(go())
