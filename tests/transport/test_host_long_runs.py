"""What months bring to a member's link: an answer that is lost once, a sleep that is longer than brokers remember."""

import asyncio

import pytest

from scripted_broker import PUBLISH, ScriptedBroker, packet, usual
from sealcast_host.member import mqtt
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.session import join

DEADLINE_S = 60
KEY = "A" * 42 + "E"
pytestmark = pytest.mark.usefixtures("own_home")


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


@pytest.mark.parametrize("again_s,refuses,versions", [
    (3600, False, [5, 4, 4]), (0, False, [5, 4, 5]), (0, True, [5, 4, 4]),
])  # fmt: skip
def test_one_answer_that_was_lost_is_no_broker_that_knows_3_1_1_only(monkeypatch, again_s, refuses, versions):
    """MQTT 5 is tried again, but not at each connection, and not where it was refused in words."""
    monkeypatch.setattr(mqtt, "SILENCE_S", 0.3)
    monkeypatch.setattr(mqtt, "AGAIN_S", again_s)

    def answer(c, kind, body):
        if c.n == 0 or refuses and c.version == 5:
            return packet(0x20, b"\0\1") if refuses else b""
        return usual(c, kind, body)

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = MqttTransport("127.0.0.1", broker.port)
            for _ in range(2):
                await a.connect("zp/1/a/b/p", b"gone")
            await a.close()
            return [c.version for c in broker.connections]

    assert run(go()) == versions


def expiry(body):
    """That of a PUBLISH of QoS 1 to a presence's topic, in seconds; None: it is another."""
    at = 2 + int.from_bytes(body[:2], "big")
    if body[at - 2 : at] != b"/p":
        return None
    assert body[at + 2 : at + 4] == b"\5\2"  # one property: this one
    return int.from_bytes(body[at + 4 : at + 8], "big")


@pytest.mark.parametrize("sleeps,kept", [
    (60, 30 * 86400), (29 * 86400 + 1, 30 * 86400 + 1), (90 * 86400, 91 * 86400), (2**32 - 2, 2**32 - 1),
])  # fmt: skip
def test_the_presence_of_who_sleeps_long_is_kept_as_long(sleeps, kept):
    """A broker forgot after 30 days who had said that it sleeps for three months."""
    said = []
    about = {"uid": "a", "channel": "barn", "key": KEY}

    def answer(c, kind, body):
        if kind == PUBLISH:
            said.append(expiry(body))
        return usual(c, kind, body)

    async def go():
        async with ScriptedBroker(answer) as broker:
            session = await join(settings=about | {"broker": {"host": "127.0.0.1", "port": broker.port}})
            online = asyncio.Event()
            session.on("online", lambda name, info: online.set())
            await online.wait()
            await session.sleep(sleeps)

    run(go())
    assert [s for s in said if s is not None][-1] == kept
