"""Home Assistant: what it is told by its own schemas and over a real broker, and what it asks for."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import ClassVar

import aiomqtt
import pytest

from gateway_support import HOSTILE, Session, message, running, until
from host_support import ROOT, mosquitto, start_broker
from sealcast_host.broker.server import running_broker
from sealcast_host.errors import UserError
from sealcast_host.gateway import csv, homeassistant
from sealcast_host.gateway.config import Wish
from sealcast_host.gateway.ha_commands import Command
from sealcast_host.gateway.ha_entities import MOST_ENTITIES, Member, measured, slug
from sealcast_host.gateway.record import Message, values
from tls_support import certificate, tls_broker

PYTHON = ROOT / "build/bin/homeassistant-python"
NO_SCHEMA = "Home Assistant's schemas are not here: make test brings them"
needs_schema = pytest.mark.skipif(not PYTHON.exists(), reason=NO_SCHEMA)
needs_broker = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
COMMANDS = [
    {"member": "roof", "kind": "switch", "name": "Roof", "on": "open", "off": "close", "state": "roof"},
    {"member": "roof", "kind": "number", "name": "Gap", "send": "gap {}", "min": 0, "max": 40},
    {"member": "roof", "kind": "button", "name": "Bell", "send": "ring"},
]


def device(uid="bench-1", commands=()):
    member = Member("green house", uid, "sealcast/x")
    for given in commands:
        command = Command.of(given)
        member.add_command(command.key, command.kind, command.name, command.options())
    return member


@needs_schema
def test_home_assistant_accepts_every_kind_of_entity():
    """Its schemas judge readings with and without units, hostile names, commands; and do refuse what is wrong."""
    plain, rooms = device(), device(commands=COMMANDS)
    reading = {
        "temperature": 21.5, "soil": {"moisture": 4}, "pressure": 1013, "energy": 2, "level": 0.5, "ok": True,
        "state": "open", "outside_temperature": 70.1, "speed": 3,
    }  # fmt: skip
    for path, value in values(reading).items():
        plain.add(path, value, {"outside_temperature": "°F", "speed": "furlongs", "level": "x" * 99}.get(path))
    plain.add_text()
    hostile = [device(name) for name in HOSTILE]
    for member in hostile:
        for name in HOSTILE:
            member.add(name, 1.0, name)
    wrong = device()
    wrong.add("temperature", 1.0, None)
    wrong.entities["temperature_s"]["device_class"] = "no such class"
    unknown = device()
    unknown.add("temperature", 1.0, None)
    unknown.entities["temperature_s"]["colour"] = "red"
    payloads = [m.payload() for m in (plain, rooms, *hostile, wrong, unknown)]
    argv = [str(PYTHON.readlink()), str(ROOT / "tests/support/ha_schema.py")]
    done = subprocess.run(argv, input=json.dumps(payloads), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    *good, bad, odd = json.loads(done.stdout)
    assert [line for lines in good for line in lines if not line.endswith(": ok")] == []
    assert (len(good[0]), len(good[1])) == (len(values(reading)) + 1, 3)
    assert all(len(g) == len(HOSTILE) for g in good[2:])
    assert "ok" not in bad[0] and "colour" in odd[0]


def test_units_and_classes():
    assert measured("soil.temperature", None)["unit_of_measurement"] == "°C"
    assert measured("temperature", "°F") == {
        "state_class": "measurement", "device_class": "temperature", "unit_of_measurement": "°F",
    }  # fmt: skip
    assert measured("temperature", "bananas") == {"state_class": "measurement", "unit_of_measurement": "bananas"}
    assert measured("meter_energy", None)["state_class"] == "total_increasing"
    assert measured("whatever", None) == {"state_class": "measurement"}


def test_names_are_safe_in_topics_and_never_meet():
    names = [*HOSTILE, "a", "A", "a_b", "a-b", "", "a" * 33, "ä", "Ä", slug("A")]
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(set(s) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") and 0 < len(s) < 48 for s in slugs)


def test_entities_are_bounded():
    member = device()
    keys = [member.add(f"q{i}", 1.0, None) for i in range(MOST_ENTITIES + 5)]
    assert keys[-1] is None and member.add("q0", 2.0, None) == keys[0] and len(member.entities) == MOST_ENTITIES


def test_what_commands_send():
    switch, number, button = map(Command.of, COMMANDS)
    assert (switch.message(b"ON"), switch.message(b"OFF"), switch.message(b"on\n")) == (b"open", b"close", None)
    assert (number.message(b"12.5"), number.message(b"41"), number.message(b"nan")) == (b"gap 12.5", None, None)
    assert (button.message(b"PRESS"), button.message(b"\xff")) == (b"ring", None)
    large = Command.of(COMMANDS[1] | {"max": 2e6})
    for said in (b"1234567", b"100000.5", b"0.1"):
        assert large.message(said) == b"gap " + said
    longest = Command.of(COMMANDS[2] | {"send": "€" * 666 + "ab"})
    assert len(longest.message(b"PRESS")) == 2000
    for wrong in (
        {}, [], COMMANDS[0] | {"mode": "x"}, COMMANDS[1] | {"send": "x"}, COMMANDS[1] | {"min": 41}, {"x": 1},
        COMMANDS[1] | {"max": float("inf")}, COMMANDS[2] | {"send": "€" * 667},
    ):  # fmt: skip
        with pytest.raises(UserError):
            Command.of(wrong)


class House:
    """What stands at Home Assistant's broker: the last payload of each topic."""

    def __init__(self, port):
        self.port, self.kept = port, {}

    async def listen(self, told=lambda _: None):
        async with aiomqtt.Client("127.0.0.1", self.port) as client:
            await client.subscribe([("homeassistant/#", 1), ("sealcast/#", 1)])
            async for m in client.messages:
                self.kept[str(m.topic)] = m.payload.decode()
                told((str(m.topic), m.payload.decode()))

    async def say(self, topic, payload):
        async with aiomqtt.Client("127.0.0.1", self.port) as client:
            await client.publish(topic, payload, qos=1)


@needs_broker
def test_a_round_trip_over_a_real_broker(mosquitto, tmp_path):
    """Told at the first reading; told again after the broker's death; what was said is taken back at the end."""
    house, said = House(mosquitto.port), []
    options = {"broker": f"mqtt://127.0.0.1:{mosquitto.port}", "command": COMMANDS}

    async def go():
        listening = asyncio.ensure_future(house.listen())
        async with running(Wish("home", "homeassistant", options), said=said) as gateway:
            await until(lambda: house.kept.get("sealcast/greenhouse/status") == "online")
            roof = "homeassistant/device/sealcast_greenhouse_roof/config"
            await until(lambda: roof in house.kept)  # told after it
            assert set(json.loads(house.kept[roof])["components"]) == {Command.of(c).key for c in COMMANDS}
            gateway.heard("message", message(body=b'{"temperature": 21.5, "roof": "open"}'))
            gateway.heard("message", message("roof", b'{"roof": "open"}', "conversation"))
            for name in HOSTILE:
                gateway.heard("message", message(name, name.encode()))
            await until(lambda: gateway.runners[0].handed == 2 + len(HOSTILE))
            config = json.loads(house.kept["homeassistant/device/sealcast_greenhouse_bench-1/config"])
            temperature = config["components"]["temperature_s"]
            assert (temperature["device_class"], house.kept[temperature["state_topic"]]) == ("temperature", "21.5")
            about = json.loads(house.kept[temperature["json_attributes_topic"]])
            assert (about["secrecy"], about["origin"], about["sender"]) == ("note", "member", "bench-1")
            # not met, only heard
            assert [house.kept[a["topic"]] for a in config["availability"]] == ["online", "offline"]
            assert house.kept[f"sealcast/greenhouse/roof/{Command.of(COMMANDS[0]).key}"] == "ON"
            assert sum(t.startswith("homeassistant/device/") for t in house.kept) == 2 + len(HOSTILE)
            # The member is not in a channel: a command is refused, and says so; nonsense is no command
            await house.say(f"sealcast/greenhouse/roof/{Command.of(COMMANDS[0]).key}/set", "sesame")
            await house.say(f"sealcast/greenhouse/roof/{Command.of(COMMANDS[0]).key}/set", "ON")
            result = f"sealcast/greenhouse/roof/{Command.of(COMMANDS[0]).key}/result"
            await until(lambda: result in house.kept)
            assert json.loads(house.kept[result])["ok"] is False and "sesame" in said[0]
            listening.cancel()
            # The broker dies, and comes back with nothing: all is told again
            mosquitto.stop()
            gateway.heard("message", message(body=b'{"temperature": 22}'))
            await until(lambda: any("trying again" in line for line in said))
            for kept in Path(tmp_path).glob("mosquitto.db"):
                kept.unlink()
            house.kept.clear()
            with start_broker("mosquitto", mosquitto.port, tmp_path):
                listening = asyncio.ensure_future(house.listen())
                await until(lambda: house.kept.get(temperature["state_topic"]) == "22")
                assert "homeassistant/device/sealcast_greenhouse_bench-1/config" in house.kept
                house.kept.clear()
                await house.say("homeassistant/status", "online")  # Home Assistant was started anew
                await until(lambda: house.kept.get(temperature["state_topic"]) == "22")
                ending = asyncio.ensure_future(gateway.runners[0].output.close())
                await until(lambda: house.kept.get("sealcast/greenhouse/status") == "offline")
                await ending
                listening.cancel()

    asyncio.run(go())


@needs_broker
def test_what_is_told_of_devices_stays_true(mosquitto):
    """Beside another gateway that ends (as a last will of our own that comes late does), when a member goes that nobody
    has heard since our start, when one is in the channel no more, and when it went while no gateway ran."""
    house, wish = House(mosquitto.port), Wish("home", "homeassistant", {"broker": f"mqtt://127.0.0.1:{mosquitto.port}"})
    gate, bench = "sealcast/greenhouse/status", "sealcast/greenhouse/bench/status"
    told = []

    def says(topic, payload):
        return until(lambda: house.kept.get(topic) == payload)

    async def go():
        listening = asyncio.ensure_future(house.listen(told.append))
        session = Session(bench="awake")
        async with running(wish, session=session):
            await says(bench, "online")
            async with running(wish, session=session) as other:
                await until(lambda: told.count((gate, "online")) == 2)
                await until(lambda: other.runners[0].output._client is not None)
            await until(lambda: (gate, "offline") in told)
            await says(gate, "online")
        await says(gate, "offline")
        async with running(wish, session=session) as gateway:
            await says(gate, "online")
            for members, state in (({"bench": "gone"}, "offline"), ({"bench": "asleep"}, "online"), ({}, "offline")):
                session.others = members
                gateway.heard("vanished", {"uid": "bench"})
                await says(bench, state)
            session.others = {"bench": "awake"}
            gateway.heard("joined", {"uid": "bench"})
            await says(bench, "online")
        await says(gate, "offline")
        async with running(wish, session=Session()):
            await says(bench, "offline")
        listening.cancel()

    asyncio.run(go())


def test_home_assistants_start_brings_no_older_reading_back():
    """One that comes while all is told again stands at the end."""

    class Link:
        kept: ClassVar = {}
        news: ClassVar = []

        async def publish(self, topic, payload, **_):
            self.kept[topic] = payload
            if topic.endswith("/attributes") and self.news:
                await output.take([self.news.pop()])

    def reading(value):
        return Message.of(message(body=b'{"temperature": %d}' % value), 1.0)

    async def go():
        output._client = Link()
        await output.take([reading(1)])
        Link.news.append(reading(2))
        await output._tell_all()

    output = homeassistant.HomeAssistant(FakeHub())
    asyncio.run(go())
    assert Link.kept["sealcast/greenhouse/bench-1/temperature_s"] == "2"


class FakeHub:
    channel, uid = "greenhouse", "gate"
    members = (("gate", "awake"), ("bench-1", "awake"))


def test_a_broker_that_wants_a_password_is_told_with_the_way_to_give_it(tmp_path):
    """Home Assistant's own lets nobody in without one."""
    secret = tmp_path / "ha-password"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)

    async def go():
        said: list[str] = []
        async with running_broker(credentials=("farm", "open sesame")) as broker:
            async with running(Wish("h", "homeassistant", {"broker": f"mqtt://127.0.0.1:{broker.port}"}), said=said):
                await until(lambda: said)
            known = {"broker": f"mqtt://farm@127.0.0.1:{broker.port}", "password_file": str(secret)}
            async with running(Wish("h", "homeassistant", known)):
                await until(lambda: "sealcast/greenhouse/status" in broker.retained_messages)
        return said

    said = asyncio.run(go())
    assert "wrong user or password" in said[0] and "mqtt://USER@HOST" in said[0] and "password_file" in said[0]


def test_a_broker_that_is_silent_at_first_is_tried_again(monkeypatch):
    """It is busy, as one on a small computer may be: what aiomqtt cancels meanwhile ends no output."""
    monkeypatch.setattr(homeassistant, "PATIENCE_S", 1.0)
    silent: list[asyncio.StreamWriter] = []

    async def relay(reader, writer):
        if not silent:
            silent.append(writer)
            return
        there, to = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, to), copy(there, writer), return_exceptions=True)

    async def copy(source, to):
        while data := await source.read(4096):
            to.write(data)
        to.close()

    async def go():
        nonlocal port
        said: list[str] = []
        async with running_broker() as broker:
            port = broker.port
            server = await asyncio.start_server(relay, "127.0.0.1", 0)
            where = server.sockets[0].getsockname()[1]
            async with running(Wish("h", "homeassistant", {"broker": f"mqtt://127.0.0.1:{where}"}), said=said):
                await until(lambda: said)
                silent[0].close()
                await until(lambda: "sealcast/greenhouse/status" in broker.retained_messages)
                await until(lambda: len(said) == 2)
            server.close()
        return said

    port = 0
    said = asyncio.run(go())
    assert "no answer: is it an MQTT broker?" in said[0] and said[1] == "h: works again"


def test_an_output_whose_library_lets_out_a_cancellation_is_tried_again(tmp_path, monkeypatch):
    """Only who ends the gateway ends an output."""
    old, tries = csv.Csv.open, []

    async def cancelled(self):
        tries.append(None)
        if len(tries) < 3:
            raise asyncio.CancelledError
        await old(self)

    monkeypatch.setattr(csv.Csv, "open", cancelled)

    async def go():
        async with running(("csv", {"path": str(tmp_path / "a.csv")})) as gateway:
            gateway.heard("message", message(body=b'{"temperature": 21.5}'))
            await until(lambda: gateway.runners[0].handed == 1)

    asyncio.run(go())
    assert len(tries) == 3


@needs_broker
def test_a_broker_with_a_certificate_of_a_private_authority(tmp_path):
    for name in ("right", "other"):
        certificate(tmp_path, name)

    async def first_line(ca):
        said: list[str] = []
        wish = Wish("h", "homeassistant", {"broker": f"mqtts://localhost:{port}"} | ({"ca": str(ca)} if ca else {}))
        async with running(wish, said=said):
            await until(lambda: said)
        return said[0]

    async def go():
        assert "ca names the file of its authority" in await first_line(None)
        assert "ca names the file of its authority" in await first_line(tmp_path / "other.pem")
        assert "cannot use the CA certificate" in await first_line(tmp_path / "none.pem")
        wish = Wish("h", "homeassistant", {"broker": f"mqtts://localhost:{port}", "ca": str(tmp_path / "right.pem")})
        async with running(wish) as gateway:
            await until(lambda: gateway.runners[0].output is not None and gateway.runners[0].output._client is not None)
            gateway.heard("message", message(body=b'{"temperature": 21.5}'))
            await until(lambda: gateway.runners[0].handed == 1)

    child, port = tls_broker(tmp_path, "right")
    with child:
        asyncio.run(go())
