"""What a broker says when it does not let us in, or throws us out, reaches the user: its reason, and the way out."""

import asyncio
import ssl

import pytest
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig

from host_support import free_port, mosquitto, start_mosquitto
from scripted_broker import (
    PUBLISH,
    SUBSCRIBE,
    ScriptedBroker,
    filters,
    goodbye,
    packet,
    usual,
    with_reason,
)
from sealcast.run import link as core_link
from sealcast_host.broker import examine
from sealcast_host.broker.probe import takes_subscriptions
from sealcast_host.broker.server import EmbeddedBroker, running_broker
from sealcast_host.errors import UserError
from sealcast_host.findings import NOTE, OK, WRONG
from sealcast_host.member import mqtt
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.mqtt import MqttTransport, tls_context
from sealcast_host.member.mqttclient import Client
from sealcast_host.member.refusals import LinkError
from sealcast_host.member.session import join
from sealcast_host.member.visit import visit_alone, way_out

DEADLINE_S = 60
KEY = "A" * 42 + "E"
pytestmark = pytest.mark.usefixtures("own_home")


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


async def link(port):
    t = MqttTransport("127.0.0.1", port)
    await t.connect("zp/1/a/b/p", b"gone")
    return t


def only_old(c, code):
    """A broker that knows 3.1.1 only, and refuses that with `code`."""
    return packet(0x20, b"\0\1" if c.version == 5 else bytes((0, code)))


@pytest.mark.parametrize("connack,kind,says", [
    (lambda c: packet(0x20, b"\0" + with_reason(134)), "auth", "user name or password"),
    (lambda c: only_old(c, 4), "auth", "user name or password"),
    (lambda c: only_old(c, 5), "rights", "not allowed here"),
    (lambda c: packet(0x20, b"\0" + with_reason(135, "Will\x1b[31m topic\n" + "x" * 300)), "rights",
     'no rights to its topics (it says "Will [31m topic xxx'),
    (lambda c: packet(0x20, b"\0" + with_reason(149, "too big")), "size", '(it says "too big")'),
    (lambda c: packet(0x20, b"\0" + with_reason(151)), "quota", "(quota exceeded)"),
    (lambda c: packet(0x20, b"\0" + with_reason(154)), "lacks", "(retain not supported)"),
    (lambda c: packet(0x20, b"\0" + with_reason(138, "come back later")), "refused", '(banned) (it says "come back'),
])  # fmt: skip
def test_why_a_broker_does_not_let_us_in(connack, kind, says):
    async def go():
        async with ScriptedBroker(lambda c, kind, body: connack(c)) as broker:
            with pytest.raises(LinkError) as e:
                await link(broker.port)
            return e.value, way_out(e.value, {"host": "h", "port": broker.port})

    error, line = run(go())
    assert error.kind == kind and says in str(error)
    assert line.isprintable() and len(line) < 400
    assert ("zp/1/#" in line) == (kind == "rights")


@pytest.mark.parametrize("code,kind,says", [
    (0x8E, "taken", "another connection took this one's place"),
    (0x87, "rights", "the broker ended the connection: not authorized"),
    (0x96, "rate", "message rate too high"),
    (0x97, "quota", "quota exceeded"),
    (0x9A, "lacks", "retain not supported"),
    (0x95, "size", "packet too large"),
    (0x8B, "lost", "server shutting down"),
])  # fmt: skip
@pytest.mark.parametrize("doing", ["reading", "publishing", "subscribing"])
def test_why_a_broker_ends_the_connection(doing, code, kind, says):
    """Whoever waited for something is told, and `failure` keeps it."""
    until = {"reading": SUBSCRIBE, "publishing": PUBLISH, "subscribing": SUBSCRIBE}[doing]

    def answer(c, kind, body):
        out = goodbye(code, "see the log") if kind == until else usual(c, kind, body)
        return usual(c, kind, body) + out if doing == "reading" and kind == until else out

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = await link(broker.port)
            reading = asyncio.ensure_future(a.receive())
            with pytest.raises(LinkError) as e:
                if doing == "publishing":
                    await a.publish("zp/1/a/b/j", b"x", True, 1)
                else:
                    await a.subscribe(["zp/1/a/+/p"], 1)
                    await reading
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            kept = a.failure
            await a.close()
            return e.value, kept

    error, kept = run(go())
    assert error.kind == kind and says in str(error) and 'it says "see the log"' in str(error)
    assert str(kept) == str(error)


@pytest.mark.parametrize("says,kind", [("quota exceeded", "quota"), ("link to the broker was lost", "lost")])
def test_a_connection_that_ends_together_with_its_connack_says_why(says, kind):
    def answer(c, sort, body):
        return usual(c, sort, body) + (goodbye(0x97) if kind == "quota" else b"\xe0\0")

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = await link(broker.port)
            for work in (a.receive(), a.subscribe(["zp/1/a/+/p"], 1), a.publish("zp/1/a/b/j", b"x", True, 1)):
                with pytest.raises(LinkError) as e:
                    await work
                assert e.value.kind == a.failure.kind == kind and says in str(e.value) and says in str(a.failure)
            await a.close()

    run(go())


@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
def test_a_mosquitto_without_retained_messages_is_told_as_such(tmp_path):
    port = free_port()
    with start_mosquitto(port, tmp_path, "retain_available false"):
        with pytest.raises(LinkError) as e:
            run(link(port))
    assert e.value.kind == "lacks" and "retain not supported" in str(e.value)


@pytest.mark.parametrize("before", [0, 1])
def test_a_broker_that_hangs_up_on_the_first_publish_is_told_apart_from_a_lost_link(before):
    """MQTT-3.3.5-2: one may, where the publish is not allowed."""

    def answer(c, kind, body):
        return None if kind == PUBLISH and c.count[PUBLISH] > before else usual(c, kind, body)

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = await link(broker.port)
            await a.subscribe(["zp/1/a/+/p"], 1)
            with pytest.raises(LinkError) as e:
                for _ in range(2):
                    await a.publish("zp/1/a/b/j", b"x", True, 1)
            await a.close()
            return e.value.kind

    assert run(go()) == ("lost" if before else "cut")


@pytest.mark.parametrize("codes,kind", [
    ((0x87,), "rights"), ((0x80,), "rights"), ((1, 1, 0x97), "quota"), ((1, 1, 0x80), "quota"), ((0xA2,), "lacks"),
])  # fmt: skip
@pytest.mark.parametrize("together", [1, 3])
def test_why_a_subscription_is_refused(codes, kind, together):
    wanted = [f"zp/1/a/{i}/n" for i in range(len(codes))]

    def answer(c, sort, body):
        if sort != SUBSCRIBE:
            return usual(c, sort, body)
        return packet(0x90, body[:2] + b"\0" + bytes(codes[wanted.index(f)] for f in filters(c, body)))

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = await link(broker.port)
            with pytest.raises(LinkError) as e:
                for i in range(0, len(codes), together):
                    await a.subscribe(wanted[i : i + together], 1)
            await a.close()
            return e.value, a.failure

    error, kept = run(go())
    assert error.kind == kind and kept is error
    assert ("2 were accepted, needed are 15 and one for each other member" in str(error)) == (kind == "quota")


def test_a_broker_that_answers_for_one_of_two_subscriptions():
    def answer(c, kind, body):
        return packet(0x90, body[:2] + b"\0\1") if kind == SUBSCRIBE else usual(c, kind, body)

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = await link(broker.port)
            with pytest.raises(LinkError, match="breaks the MQTT rules"):
                await a.subscribe(["zp/1/a/b/n", "zp/1/a/c/n"], 1)
            await a.close()

    run(go())


def settings(port):
    return {"uid": "a", "channel": "barn", "key": KEY, "broker": {"host": "127.0.0.1", "port": port}}


async def told(answer, connections):
    """Events of a member until it is offline so often."""
    events, enough = [], asyncio.Event()

    def see(name, info):
        events.append((name, info))
        if sum(n == "offline" for n, _ in events) == connections:
            enough.set()

    async with ScriptedBroker(answer) as broker:
        session = await join(settings=settings(broker.port))
        session.on("*", see)
        await enough.wait()
        await session.close()
    return events


def test_a_session_taken_over_is_told_as_such_at_once():
    def answer(c, kind, body):
        return goodbye(0x8E) if kind == PUBLISH else usual(c, kind, body)

    events = run(told(answer, 1))
    assert [n for n, _ in events] == ["connected", "taken_over", "offline"]
    assert "another connection took this one's place" in events[-1][1]["reason"]


def test_a_broker_that_always_hangs_up_on_us_is_not_told_as_a_copy(monkeypatch):
    """Nobody else has the name that this member made up for the connection."""
    monkeypatch.setattr(core_link, "_MOST_MS", 4)

    def answer(c, kind, body):
        return None if kind == PUBLISH else usual(c, kind, body)

    events = run(told(answer, 6))
    assert {n for n, _ in events} == {"connected", "offline"}
    assert "hung up instead of acknowledging" in events[1][1]["reason"]


def test_a_command_whose_member_is_thrown_out_says_why_and_what_to_do():
    def answer(c, kind, body):
        return goodbye(0x97, "10 subscriptions") if kind == SUBSCRIBE else usual(c, kind, body)

    async def go():
        async with ScriptedBroker(answer) as broker:
            known = ChannelFile("barn", b"k" * 32, "a", broker={"host": "127.0.0.1", "port": broker.port})
            with pytest.raises(UserError) as e:
                async with visit_alone(known, None):
                    pass
            return str(e.value)

    line = run(go())
    assert "quota exceeded" in line and "10 subscriptions" in line and "What a broker must allow" in line
    assert "\n" not in line


@pytest.mark.parametrize("limit,others,verdict,says", [
    (99, 2, OK, "20 subscriptions"), (99, 30, OK, "45 subscriptions"), (18, 2, NOTE, "for 3 other members"),
    (10, 0, WRONG, "10 were accepted, needed are 15"), (30, 20, WRONG, "30 were accepted"),
])  # fmt: skip
@pytest.mark.parametrize("hangs_up", [False, True])
def test_how_many_subscriptions_a_broker_takes(limit, others, verdict, says, hangs_up):
    def answer(c, kind, body):
        if kind == SUBSCRIBE and c.count[SUBSCRIBE] > limit:
            return None if hangs_up else packet(0x90, body[:2] + b"\0\x97")
        return usual(c, kind, body)

    async def go():
        async with ScriptedBroker(answer) as broker:
            a = await link(broker.port)
            found = await takes_subscriptions(a, "zp/1/a/b", others, 10)
            await a.close()
            return found

    found = run(go())
    assert found.verdict == verdict and says in found.text


def test_doctor_says_that_a_broker_takes_too_few_subscriptions(monkeypatch):
    """At a real one that is made to refuse the eleventh."""
    given = EmbeddedBroker.add_subscription
    held = {}

    async def some(self, subscription, session):
        held[session.client_id] = held.get(session.client_id, 0) + 1
        return 0x80 if held[session.client_id] > 10 else await given(self, subscription, session)

    monkeypatch.setattr(EmbeddedBroker, "add_subscription", some)

    async def go():
        async with running_broker() as broker:
            known = ChannelFile("barn", b"k" * 32, "a", broker={"host": "127.0.0.1", "port": broker.port})
            return [f async for f in examine.look(known, 1)]

    found = run(go())
    assert [f.verdict for f in found] == [OK, OK, OK, NOTE, WRONG]
    assert "10 were accepted, needed are 15 and one for each other member" in found[-1].text


def test_a_broker_that_is_silent_at_mqtt_5_is_asked_by_3_1_1(monkeypatch):
    """amqtt as it is waits for more of a CONNECT that it misreads."""
    monkeypatch.setattr(mqtt, "SILENCE_S", 0.5)

    async def go():
        port = free_port()
        anyone = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        listeners = {"default": ListenerConfig(bind=f"127.0.0.1:{port}")}
        broker = Broker(BrokerConfig(listeners=listeners, plugins=anyone))
        await broker.start()
        try:
            a = await link(port)
            await a.subscribe(["x/+"], 1)
            await a.publish("x/1", b"1", True, 1)
            got = await a.receive()
            b = MqttTransport("127.0.0.1", port)
            b.speak_as(a)  # it loses no time
            monkeypatch.setattr(mqtt, "SILENCE_S", DEADLINE_S)
            await b.connect("zp/1/a/b/p", b"gone")
            await a.close()
            await b.close()
            return a.version, got
        finally:
            await broker.shutdown()

    assert run(go()) == ("3.1.1", ("x/1", b"1"))


def test_what_is_silent_for_good_is_asked_twice_and_told_as_no_broker(monkeypatch):
    """The next attempt begins with MQTT 5 again: it may have been the network."""
    monkeypatch.setattr(mqtt, "SILENCE_S", 0.3)
    monkeypatch.setattr(mqtt, "PATIENCE_S", 0.3)

    async def go():
        async with ScriptedBroker(lambda c, kind, body: b"") as broker:
            a = MqttTransport("127.0.0.1", broker.port)
            for _ in range(2):
                with pytest.raises(LinkError) as e:
                    await a.connect("zp/1/a/b/p", b"gone")
            return e.value.kind, [c.version for c in broker.connections]

    assert run(go()) == ("timeout", [5, 4, 5, 4])


def test_a_host_that_does_not_answer_at_all_is_tried_once(monkeypatch):
    """Only an open connection that stays silent may mean another MQTT."""
    tried = []

    def unreachable(self):
        tried.append(self.v5)
        raise TimeoutError("timed out")

    monkeypatch.setattr(Client, "_client_connect", unreachable)

    async def go():
        with pytest.raises(LinkError) as e:
            await link(1)
        return e.value.kind

    assert run(go()) == "timeout" and tried == [True]


def test_a_ca_of_ones_own_need_not_be_strict_and_the_systems_are(monkeypatch, tmp_path):
    """Python 3.13's default."""
    made = ssl.create_default_context

    def strict(cafile=None):
        context = made()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)
    own, systems = tls_context("ca.pem"), tls_context(None)
    assert not own.verify_flags & ssl.VERIFY_X509_STRICT and systems.verify_flags & ssl.VERIFY_X509_STRICT
    for context in (own, systems):
        assert context.check_hostname and context.verify_mode == ssl.CERT_REQUIRED
