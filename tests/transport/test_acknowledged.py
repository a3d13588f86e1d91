"""Acknowledged means acknowledged (PROTOCOL.md section 11.2): real brokers that refuse, or throw away, what they are
sent. `send` says so and fails, `listen` says so, and `doctor` says why."""

import asyncio
import os
import subprocess
import sys

import pytest

from host_support import environment, free_port, mosquitto, sealcast, start_mosquitto
from sealcast.errors import Mute
from sealcast_host.member.mqtt import MqttTransport, RefusedError
from sealcast_host.member.mqttclient import V311
from sealcast_host.member.session import join

DEADLINE_S = 120
needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
pytestmark = needs_mosquitto


@pytest.fixture
def home(tmp_path):
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state"),
            "XDG_RUNTIME_DIR": str(tmp_path / "run")}  # fmt: skip


def command(home, *args, code=None):
    done = subprocess.run(
        [sys.executable, "-m", "sealcast_host", *args],
        env=environment(**home), capture_output=True, text=True, timeout=DEADLINE_S,
    )  # fmt: skip
    if code is not None:
        assert done.returncode == code, (done.stdout, done.stderr)
    return done


@pytest.fixture
def limited(tmp_path):
    """limited(*lines of mosquitto.conf) -> its port, once it is ready."""
    running = []

    def start(*lines):
        port = free_port()
        running.append(start_mosquitto(port, tmp_path, *lines))
        return port

    yield start
    for child in running:
        child.__exit__()


def acl(tmp_path, text):
    path = tmp_path / "acl"
    path.write_text(text)
    path.chmod(0o600)
    return f"acl_file {path}"


LIMITS = {"acl": None, "size": "message_size_limit 400"}
LONG = "hello" * 100


@pytest.mark.parametrize("limit", LIMITS)
def test_mqtt_5_says_no_and_send_and_doctor_say_why(limit, limited, home, tmp_path):
    port = limited(LIMITS[limit] or acl(tmp_path, "topic read #\n"))
    command(home, "channel", "new", "st", "--stretch", "15", "--broker", f"127.0.0.1:{port}", "--uid", "A", code=0)
    sent = command(home, "send", "st", LONG, "--mode", "note")
    assert sent.returncode != 0
    assert "refuses what this member publishes" in sent.stderr
    assert len(sent.stderr.splitlines()) == 1
    said = command(home, "doctor", "st", "--seconds", "5", code=1).stdout
    assert "message_size_limit" in said if limit == "size" else "acl_file" in said


def test_a_broker_too_small_for_anything_says_so_at_once(limited, home):
    port = limited("message_size_limit 150")
    command(home, "channel", "new", "st", "--stretch", "15", "--broker", f"127.0.0.1:{port}", "--uid", "A", code=0)
    assert "message_size_limit" in command(home, "send", "st", "hello", code=2).stderr
    assert "message_size_limit" in command(home, "doctor", "st", "--seconds", "5", code=1).stdout


@pytest.mark.parametrize("limit", LIMITS)
def test_a_broker_that_acknowledges_and_throws_away_is_found_out_by_the_missing_echo(limit, limited, home, tmp_path):
    """MQTT 3.1.1 has no negative acknowledgement."""
    port = limited(LIMITS[limit] or acl(tmp_path, "topic read #\n"))

    async def go():
        old = MqttTransport.__init__

        def older(self, *args, **more):
            old(self, *args, **more)
            self._protocol = V311

        MqttTransport.__init__ = older
        try:
            settings = {"channel": "st", "uid": "A", "password": "x" * 20, "key": None, "identity": None}
            ch = await join(settings=settings | {"broker": {"host": "127.0.0.1", "port": port}})
            events = []
            ch.on("mute", lambda name, info: events.append(info))
            online = asyncio.Event()
            ch.on("online", lambda name, info: online.set())
            await online.wait()
            with pytest.raises(Mute):
                await ch.send(LONG.encode(), "note")
            assert len(events) == 1
            assert "throws it away" in events[0]["reason"]
            await ch.close()
        finally:
            MqttTransport.__init__ = old

    old_home = {k: os.environ.get(k) for k in home}
    os.environ.update(home)
    try:
        asyncio.run(asyncio.wait_for(go(), DEADLINE_S))
    finally:
        for k, v in old_home.items():
            os.environ.pop(k) if v is None else os.environ.__setitem__(k, v)


def test_a_refusal_leaves_the_link_standing(limited, tmp_path):
    port = limited(acl(tmp_path, "topic readwrite a/#\ntopic read b/#\n"))

    async def go():
        link = MqttTransport("127.0.0.1", port)
        await link.connect("a/p", b"gone")
        assert link.version == "5"
        await link.subscribe(["a/+"], 1)
        with pytest.raises(RefusedError, match="not authorized"):
            await link.publish("b/1", b"no", True, 1)
        await link.publish("a/1", b"yes", True, 1)
        assert await link.receive() == ("a/1", b"yes")
        await link.close()

    asyncio.run(asyncio.wait_for(go(), DEADLINE_S))


def test_what_is_larger_than_the_broker_takes_is_refused_before_it_ends_the_connection(limited):
    port = limited("max_packet_size 500")

    async def go():
        link = MqttTransport("127.0.0.1", port)
        await link.connect("a/p", b"gone")
        await link.subscribe(["a/+"], 1)
        with pytest.raises(RefusedError, match="500 bytes at most"):
            await link.publish("a/1", bytes(600), True, 1)
        await link.publish("a/1", bytes(200), True, 1)
        assert (await link.receive())[0] == "a/1"
        await link.close()

    asyncio.run(asyncio.wait_for(go(), DEADLINE_S))


def test_who_parts_from_a_large_channel_does_so_in_packets_that_the_broker_takes(limited):
    """All subscriptions of 31 others ended by one packet were more than the 3,000 bytes that COOKBOOK.md asks for:
    mosquitto hung up, and told all the last will of a member that had said that it sleeps."""
    port = limited("max_packet_size 3000")

    async def go():
        watcher, link = MqttTransport("127.0.0.1", port), MqttTransport("127.0.0.1", port)
        await watcher.connect("b/p", b"gone")
        await watcher.subscribe(["a/p"], 1)
        await link.connect("a/p", b"gone")
        for i in range(31):
            await link.subscribe([f"zp/1/{'r' * 43}/{i:043d}/n/+"], 1)
        await link.publish("a/p", b"sleeps", True, 1)
        await link.close()
        await watcher.publish("a/p", b"next", False, 1)
        said = [await watcher.receive() for _ in range(2)]
        await watcher.close()
        return [payload for _, payload in said]

    assert asyncio.run(asyncio.wait_for(go(), DEADLINE_S)) == [b"sleeps", b"next"]


def test_no_more_publishes_are_under_way_than_the_broker_receives(limited):
    port = limited("max_inflight_messages 3")

    async def go():
        a, b = MqttTransport("127.0.0.1", port), MqttTransport("127.0.0.1", port)
        for link in (a, b):
            await link.connect("a/p", b"gone")
        await b.subscribe(["a/+"], 1)
        await asyncio.gather(*[a.publish(f"a/{i}", b"x", False, 1) for i in range(100)])
        assert a._client._client._max_inflight_messages == 3
        assert len({(await b.receive())[0] for _ in range(100)}) == 100
        await a.close()
        await b.close()

    asyncio.run(asyncio.wait_for(go(), DEADLINE_S))


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_a_broker_that_keeps_all_is_well(kind, limited, home, tmp_path):
    if kind == "mosquitto":
        port = limited()
    else:
        port = free_port()
    command(home, "channel", "new", "st", "--stretch", "15", "--broker", f"127.0.0.1:{port}", "--uid", "A", code=0)
    if kind == "mosquitto":
        assert "(MQTT 5)" in command(home, "doctor", "st", "--seconds", "5", code=0).stdout
        return
    with sealcast("broker", "--with", "embedded", "--port", str(port)) as child:
        child.wait_for("listening on")
        assert "(MQTT 3.1.1)" in command(home, "doctor", "st", "--seconds", "5", code=0).stdout
        assert len(child.lines) == 1, child.lines  # it has nothing to complain about
