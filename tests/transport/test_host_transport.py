"""The host's MQTT link against real brokers, the embedded one and
mosquitto: DESIGN section 4 stands on what is checked here.
"""

import asyncio
import gc
import signal
import socket
import sys
import threading

import pytest

from host_support import free_port, mosquitto, start_broker
from sealcast_host.errors import UserError
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.mqttclient import Client
from sealcast_host.member.refusals import LinkError
from tls_support import certificate, tls_broker

KINDS = [
    "embedded",
    pytest.param("mosquitto", marks=pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")),
]
DEADLINE_S = 30


@pytest.fixture(params=KINDS)
def broker(request, tmp_path):
    port = free_port()
    with start_broker(request.param, port, tmp_path) as child:
        child.port = port
        yield child


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


async def link(port, will=("will/none", b"gone"), **kwargs):
    t = MqttTransport("127.0.0.1", port, **kwargs)
    await t.connect(*will)
    return t


async def take(transport, n):
    return [await transport.receive() for _ in range(n)]


def test_retained_messages_arrive_in_order_under_a_wildcard(broker):
    async def go():
        a = await link(broker.port)
        sent = [(f"zp/1/rp/p/n/{i}", bytes([i]) * 200) for i in range(40)]
        for topic, payload in sent:
            await a.publish(topic, payload, True, 1)
        await a.publish("zp/1/rp/p/n/3", b"", True, 1)  # an empty payload deletes
        b = await link(broker.port)
        await b.subscribe(["zp/1/rp/+/n/+"], 1)
        got = await take(b, 39)
        await a.publish("zp/1/rp/p/n/99", b"live", True, 1)
        got += await take(b, 1)
        await a.close()
        await b.close()
        return sent, got

    sent, got = run(go())
    assert dict(got[:39]) == {t: p for t, p in sent if not t.endswith("/3")}
    assert got[39] == ("zp/1/rp/p/n/99", b"live")


def test_live_messages_of_one_sender_keep_their_order(broker):
    async def go():
        a, b = await link(broker.port), await link(broker.port)
        await b.subscribe(["zp/1/rp/+/c"], 1)
        await asyncio.gather(*[a.publish("zp/1/rp/p/c", bytes([i]), False, 1) for i in range(100)])
        got = await take(b, 100)
        await a.close()
        await b.close()
        return [payload[0] for _, payload in got]

    assert run(go()) == list(range(100))


def test_frames_of_every_size_pass_unchanged(broker):
    async def go():
        a, b = await link(broker.port), await link(broker.port)
        await b.subscribe(["x/#"], 1)
        sizes = [1, 127, 128, 2400, 16383, 16384, 60000]
        for n in sizes:
            await a.publish(f"x/{n}", bytes(range(256)) * (n // 256) + bytes(n % 256), True, 1)
        got = await take(b, len(sizes))
        await a.close()
        await b.close()
        return sizes, got

    sizes, got = run(go())
    assert [(t, len(p)) for t, p in got] == [(f"x/{n}", n) for n in sizes]
    assert all(p == bytes(range(256)) * (len(p) // 256) + bytes(len(p) % 256) for _, p in got)


def test_the_last_will_is_published_and_retained_when_a_client_dies_or_drops_it_but_not_when_it_closes(broker):
    async def go():
        watcher = await link(broker.port)
        await watcher.subscribe(["w/#"], 1)
        polite = await link(broker.port, will=("w/polite", b"gone"))
        await polite.publish("w/polite", b"closed", True, 1)
        await polite.close()
        dying = await link(broker.port, will=("w/dying", b"gone"))
        dying._client._client.socket().shutdown(2)  # the connection breaks without a DISCONNECT
        got = await take(watcher, 2)
        dropped = await link(broker.port, will=("w/dropped", b"gone"))
        await dropped.abort()
        got += await take(watcher, 1)
        late = await link(broker.port)
        await late.subscribe(["w/#"], 1)
        kept = dict(await take(late, 3))
        for t in (watcher, late, dying, dropped):
            await t.close()
        return got, kept

    got, kept = run(go())
    assert got == [("w/polite", b"closed"), ("w/dying", b"gone"), ("w/dropped", b"gone")]
    assert kept == {"w/polite": b"closed", "w/dying": b"gone", "w/dropped": b"gone"}


def test_what_was_sent_just_before_a_clean_close_arrives(broker):
    async def go():
        watcher = await link(broker.port)
        await watcher.subscribe(["c/#"], 1)
        for i in range(20):
            sender = await link(broker.port, will=("c/will", b"wrongly sent"))
            await sender.publish(f"c/{i}", b"last words", False, 0)
            await sender.close()
        got = await take(watcher, 20)
        await watcher.close()
        return got

    assert run(go()) == [(f"c/{i}", b"last words") for i in range(20)]


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_dying_broker_is_an_oserror_for_every_pending_call(broker, signum):
    async def go():
        a = await link(broker.port)
        await a.subscribe(["x/#"], 1)
        waiting = asyncio.ensure_future(a.receive())
        await asyncio.to_thread(broker.stop, signum)
        with pytest.raises(OSError):
            await waiting
        with pytest.raises(OSError):
            await a.publish("x/y", b"late", True, 1)
        await a.close()
        with pytest.raises(LinkError) as refused:
            await link(broker.port)
        return refused.value.kind

    assert run(go()) == "refused"


def test_publishes_that_wait_for_a_frozen_broker_fail_with_an_oserror_when_it_dies(broker):
    async def go():
        a = await link(broker.port)
        await a.subscribe(["x/#"], 1)
        broker.process.send_signal(signal.SIGSTOP)
        waiting = [asyncio.ensure_future(a.publish("x/y", b"never acknowledged", True, 1)) for _ in range(3)]
        receiving = asyncio.ensure_future(a.receive())
        await asyncio.wait(waiting, timeout=0.2)
        assert not any(task.done() for task in waiting)
        await asyncio.to_thread(broker.stop, signal.SIGKILL)
        results = await asyncio.gather(*waiting, receiving, return_exceptions=True)
        await a.close()
        return results

    assert [isinstance(e, OSError) for e in run(go())] == [True] * 4


def test_publishes_go_ahead_of_their_acknowledgements_as_many_as_may_be_under_way_and_arrive_in_order(broker):
    async def go():
        a, b = await link(broker.port), await link(broker.port)
        await b.subscribe(["x/+"], 1)
        begun, most = [], a._client.at_once

        async def numbered(i):
            begun.append(i)
            await a.publish(f"x/{i}", b"%d" % i, i % 2 == 0, 1)

        broker.process.send_signal(signal.SIGSTOP)
        for i in range(most - 1):
            await a.ahead(numbered(i))
        last = asyncio.ensure_future(a.ahead(numbered(most - 1)))
        while len(begun) < most:
            await asyncio.sleep(0)
        assert len(a._flying) == most and not last.done()  # none was acknowledged, and there is no room for one more
        broker.process.send_signal(signal.SIGCONT)
        await last
        for i in range(most, 100):
            await a.ahead(numbered(i))
        await a.landed()
        got = await take(b, 100)
        await a.close()
        await b.close()
        return begun, got

    begun, got = run(go())
    assert begun == list(range(100))
    assert got == [(f"x/{i}", b"%d" % i) for i in range(100)]


def test_a_link_that_is_given_up_ends_what_is_under_way(broker):
    async def go():
        a = await link(broker.port)
        broker.process.send_signal(signal.SIGSTOP)
        for i in range(3):
            await a.ahead(a.publish(f"x/{i}", b"never acknowledged", False, 1))
        await a.abort()
        broker.process.send_signal(signal.SIGCONT)
        return len(a._flying)

    assert run(go()) == 0


@pytest.mark.parametrize("way", ["close", "abort"])
def test_an_end_that_is_cancelled_at_any_step_leaves_no_connection(broker, way):
    """Nobody has it any more: it would be kept alive for as long as the process runs."""

    async def go():
        for step in range(60):
            a = await link(broker.port)
            await a.subscribe("zp/1/rp/+/c", 1)
            client = a._client
            publishing = asyncio.ensure_future(a.publish("zp/1/rp/p/c", b"x", False, 1))
            await a.ahead(publishing)
            ending = asyncio.ensure_future(getattr(a, way)())
            for _ in range(step + 1):  # it has begun
                await asyncio.sleep(0)
            ending.cancel()
            await asyncio.gather(ending, publishing, return_exceptions=True)
            await asyncio.wait([client._disconnected])

    run(go())


def test_a_wrong_name_is_told_apart_from_a_closed_port():
    async def go():
        with pytest.raises(LinkError) as e:
            await MqttTransport("no-such-host.invalid", 1883).connect("w", b"")
        return e.value.kind

    assert run(go()) == "name"


def test_who_is_stopped_while_a_thread_still_connects_says_nothing_more(monkeypatch):
    """The thread has its socket when all tasks are cancelled, and the loop is gone when the socket is."""
    said, cancelled = [], threading.Event()
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    monkeypatch.setattr(asyncio.BaseEventLoop, "default_exception_handler", lambda loop, about: said.append(about))
    connect = Client._client_connect
    monkeypatch.setattr(Client, "_client_connect", lambda client: (cancelled.wait(60), connect(client)))
    with socket.create_server(("127.0.0.1", 0)) as server:

        async def stopped():
            await link(server.getsockname()[1])

        async def main():
            task = asyncio.create_task(stopped())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            cancelled.set()

        asyncio.run(main())
        gc.collect()
    assert said == []


def test_calls_before_connecting_fail_as_a_lost_link():
    async def go():
        t = MqttTransport("127.0.0.1", 1)
        for call in (t.receive(), t.subscribe(["x"], 1), t.publish("x", b"", False, 1)):
            with pytest.raises(LinkError):
                await call
        await t.close()

    run(go())


@pytest.fixture
def guarded(tmp_path):
    """A mosquitto that speaks TLS alone, with the certificate right.pem for "localhost"; beside it other.pem."""
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    for name in ("right", "other"):
        certificate(tmp_path, name)
    child, port = tls_broker(tmp_path, "right", "127.0.0.1")
    with child:
        child.port = port
        yield child


def test_tls_checks_the_certificate_and_its_name(guarded, tmp_path):
    port = guarded.port

    async def refused(host, ca):
        with pytest.raises(LinkError) as e:
            await MqttTransport(host, port, tls=True, ca=ca and str(ca)).connect("w", b"gone")
        return e.value.kind

    async def go():
        good = MqttTransport("localhost", port, tls=True, ca=str(tmp_path / "right.pem"))
        await good.connect("w", b"gone")
        await good.subscribe(["t"], 1)
        await good.publish("t", bytes(60000), True, 1)
        assert await good.receive() == ("t", bytes(60000))
        await good.close()
        assert await refused("localhost", tmp_path / "other.pem") == "tls"
        assert await refused("127.0.0.1", tmp_path / "right.pem") == "tls", "the name must match"
        assert await refused("localhost", None) == "tls"
        with pytest.raises(LinkError):
            await link(port)

    run(go())


def test_a_ca_file_that_is_renewed_is_taken_at_the_next_connection(guarded, tmp_path, monkeypatch):
    """An agent runs for months: it looks at the file as it is then, wherever its process stands."""
    monkeypatch.chdir(tmp_path)
    ca = tmp_path / "ca.pem"
    broker = {"host": "localhost", "port": guarded.port, "tls": True, "ca": "ca.pem"}
    with pytest.raises(UserError, match=r"cannot use the CA certificate ca\.pem: "):
        MqttTransport.to(broker)

    async def refused(link, says):
        with pytest.raises(LinkError, match=says) as e:
            await link.connect("w", b"gone")
        assert e.value.kind == "tls" and link.failure is e.value and "\n" not in str(e.value)

    async def go():
        ca.write_bytes((tmp_path / "other.pem").read_bytes())
        link = MqttTransport.to(broker)
        monkeypatch.chdir("/")
        await refused(link, "not trusted")
        ca.write_bytes((tmp_path / "right.pem").read_bytes())
        await link.connect("w", b"gone")
        ca.write_bytes((tmp_path / "other.pem").read_bytes())
        await refused(link, "not trusted")
        ca.write_text("no certificate")
        await refused(link, "cannot use the CA certificate")
        ca.unlink()
        await refused(link, f"cannot use the CA certificate {ca}: ")
        ca.write_bytes((tmp_path / "right.pem").read_bytes())
        await link.connect("w", b"gone")
        await link.close()

    run(go())
