"""Brokers that end a connection before they let anybody in say nothing about it: the line names what it can be."""

import asyncio

import pytest

from host_support import free_port, mosquitto, start_mosquitto
from scripted_broker import ScriptedBroker
from sealcast_host.broker import examine
from sealcast_host.broker.mosquitto import password_line
from sealcast_host.findings import OK, WRONG
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.refusals import LinkError
from sealcast_host.member.visit import way_out
from tls_support import certificate, tls_broker

DEADLINE_S = 60
HOST = "127.0.0.1"
needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


def refused(port, host="localhost", **more):
    async def go():
        link = MqttTransport(host, port, **more)
        with pytest.raises(LinkError) as e:
            await link.connect("zp/1/a/b/p", b"gone")
        return e.value

    error = asyncio.run(asyncio.wait_for(go(), DEADLINE_S))
    return error.kind, way_out(error, {"host": host, "port": port})


@needs_mosquitto
@pytest.mark.parametrize("more", [(), ("require_certificate true", "cafile {pem}")], ids=["tls", "certificate"])
def test_a_port_that_wants_tls_or_a_certificate_of_ours(more, tmp_path):
    pem = certificate(tmp_path, "own")
    child, port = tls_broker(tmp_path, "own", "localhost", *[line.format(pem=pem) for line in more])
    with child:
        kind, line = refused(port, **({"tls": True, "ca": str(pem)} if more else {}))
    assert kind == "shut" and "--tls" in line and "certificate" in line


@pytest.fixture
def lonely(tmp_path):
    """The port of a mosquitto, without TLS, that takes one connection at a time."""
    port = free_port()
    with start_mosquitto(port, tmp_path, "max_connections 1"):
        yield port


@needs_mosquitto
def test_a_port_without_tls_or_websocket(lonely):
    kind, line = refused(lonely, HOST, tls=True)
    assert kind == "shut" and "--no-tls" in line
    kind, line = refused(lonely, HOST, path="/mqtt")
    assert kind == "timeout" and "WebSocket" in line and "sealcast broker" not in line


@needs_mosquitto
def test_a_broker_without_room_for_another_connection(lonely):
    async def go():
        link = MqttTransport(HOST, lonely)
        await link.connect("zp/1/a/b/p", b"gone")
        second = await asyncio.to_thread(refused, lonely, HOST)
        await link.close()
        return second

    kind, line = asyncio.run(asyncio.wait_for(go(), DEADLINE_S))
    assert kind == "shut" and "room for another connection" in line


def test_what_answers_in_another_language():
    async def go():
        async with ScriptedBroker(lambda c, kind, body: b"\xc8" * 200) as server:
            return await asyncio.to_thread(refused, server.port, HOST)

    kind, line = asyncio.run(asyncio.wait_for(go(), DEADLINE_S))
    assert kind == "timeout" and "no MQTT broker; check --broker" in line


@needs_mosquitto
def test_a_broker_that_takes_one_connection_of_a_user_is_found_by_doctor(tmp_path):
    """To members it is a link that is lost again and again: mosquitto gives no reason."""
    port = free_port()
    passwords = tmp_path / "passwords"
    passwords.write_text(password_line("farm", "open sesame"))
    rules = ("allow_anonymous false", "use_username_as_clientid true", f"password_file {passwords}")
    broker = {"host": HOST, "port": port, "username": "farm", "password": "open sesame"}

    async def go():
        return [f async for f in examine.look(ChannelFile("barn", b"k" * 32, "a", broker=broker), 5)]

    with start_mosquitto(port, tmp_path, *rules):
        found = asyncio.run(asyncio.wait_for(go(), DEADLINE_S))
    assert [f.verdict for f in found] == [OK, WRONG]
    assert "a user of its own" in found[-1].text
