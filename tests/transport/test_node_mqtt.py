"""The node's MQTT client on the real MicroPython, against the embedded broker and mosquitto. (Over TLS, and against
servers that break the rules: beside this.)
"""

import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from host_support import ROOT, free_port, mosquitto, start_broker, start_mosquitto
from node_support import DEADLINE_S

MOSQUITTO = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
KINDS = ["embedded", pytest.param("mosquitto", marks=MOSQUITTO)]
PACKET = 2816  # node.mqtt.PACKET


@pytest.fixture(params=KINDS)
def broker(request, tmp_path):
    port = free_port()
    with start_broker(request.param, port, tmp_path) as child:
        child.port = port
        child.again = lambda: start_broker(request.param, port, tmp_path)
        yield child


def test_both_qualities_of_service_and_the_retained_flag(broker, driver):
    a, b = driver().connect(broker.port, id="a"), driver().connect(broker.port, id="b")
    b.do("subscribe", filter="t/#", qos=1)
    for qos in (0, 1):
        a.do("publish", topic=f"t/{qos}", text=f"live {qos}", qos=qos, retain=False)
        b.got(f"t/{qos}", text=f"live {qos}")
        a.do("publish", topic=f"t/kept/{qos}", text="kept", qos=qos, retain=True)
        b.got(f"t/kept/{qos}", text="kept")
    c = driver().connect(broker.port, id="c").do("subscribe", filter="t/#", qos=0)
    c.got("t/kept/0", text="kept")
    c.got("t/kept/1", text="kept")
    a.do("publish", topic="t/kept/0", text="", retain=True)
    d = driver().connect(broker.port, id="d").do("subscribe", filter="t/#")
    d.got("t/kept/1", text="kept")
    a.do("publish", topic="t/end", text="end")
    d.got("t/end")
    assert [e["topic"] for e in d.events() if "topic" in e] == ["t/kept/1", "t/end"]
    assert not [e for e in c.events() if e.get("topic") in ("t/0", "t/1")], "a live message was retained"


def test_a_burst_arrives_whole_and_in_order(broker, driver):
    a, b = driver().connect(broker.port, id="a"), driver().connect(broker.port, id="b")
    b.do("subscribe", filter="t")
    for i in range(100):
        a.do("publish", topic="t", text=f"{i} {'ü' * (i % 40)}")
    b.got("t", text="99 " + "ü" * 19)
    assert [e["text"] for e in b.events() if "topic" in e] == [f"{i} {'ü' * (i % 40)}" for i in range(100)]


def test_the_last_will_comes_at_sigkill_and_at_abort_but_not_at_close(broker, driver):
    w = driver().connect(broker.port, id="w").do("subscribe", filter="will/#")
    killed = driver().connect(broker.port, id="k", will=["will/killed", "gone"])
    aborted = driver().connect(broker.port, id="a", will=["will/aborted", "gone"])
    closed = driver().connect(broker.port, id="c", will=["will/closed", "wrong"])
    closed.do("close")
    aborted.do("abort")
    w.got("will/aborted", text="gone")
    killed.end(signal.SIGKILL)
    w.got("will/killed", text="gone")
    late = driver().connect(broker.port, id="l").do("subscribe", filter="will/#")
    late.got("will/killed", text="gone")
    late.got("will/aborted", text="gone")
    assert "will/closed" not in [e.get("topic") for e in w.events() + late.events()]


def test_a_broker_that_dies_is_a_lost_link_and_its_successor_is_found(broker, driver):
    a = driver().connect(broker.port, id="a").do("subscribe", filter="t/#")
    a.do("publish", topic="t/kept", text="kept", retain=True)
    a.got("t/kept")
    broker.stop(signal.SIGKILL)
    assert a.lost()
    assert a.try_("publish", topic="t", text="x")["kind"] == "OSError"
    refused = a.try_("connect", port=broker.port)
    assert refused["kind"] == "OSError", refused
    with broker.again():
        a.connect(broker.port, id="a").do("subscribe", filter="t/#")
        before = len(a.events())
        a.do("publish", topic="t/new", text="again")
        a.wait(lambda e: e.get("topic") == "t/new", "t/new", before - 1)


def test_packets_of_every_size_and_those_that_do_not_fit(broker, driver):
    a, b = driver().connect(broker.port, id="a"), driver().connect(broker.port, id="b")
    b.do("subscribe", filter="s/+")
    sizes = [0, 1, 120, 127, 128, 1000, 2400, 2700, PACKET - 20]
    for size in sizes:
        a.do("publish", topic=f"s/{size}", size=size)
        b.got(f"s/{size}")
    assert a.try_("publish", topic="s/x", size=PACKET)["kind"] == "ValueError"
    free = b.stats()["free"]
    host_publish(broker.port, "s/large", bytes(60_000))
    host_publish(broker.port, "s/edge", bytes(PACKET))
    a.do("publish", topic="s/after", text="still here")
    b.got("s/after", text="still here")
    assert b.stats()["skipped"] == 2
    assert abs(b.stats()["free"] - free) < 20_000
    a.do("publish", topic="s/done", text="and acknowledged")
    b.got("s/done")
    assert "s/large" not in [e.get("topic") for e in b.events()]


def host_publish(port, topic, payload):
    """Publish with another implementation than ours."""
    import asyncio

    from sealcast_host.member.mqtt import MqttTransport

    async def go():
        t = MqttTransport("127.0.0.1", port)
        await t.connect("none", b"")
        await t.publish(topic, payload, False, 1)
        await t.close()

    asyncio.run(asyncio.wait_for(go(), DEADLINE_S))


@pytest.fixture
def guarded(tmp_path):
    """mosquitto with a user."""
    port = free_port()
    passwords = tmp_path / "passwords"
    passwords.write_text("board:right\n")
    tool = shutil.which("mosquitto_passwd", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
    subprocess.run([tool, "-U", passwords], check=True)
    with start_mosquitto(port, tmp_path, "allow_anonymous false", f"password_file {passwords}"):
        yield port


@MOSQUITTO
def test_user_name_and_password(guarded, driver):
    a = driver()
    for wrong in ({"username": "board", "password": "wrong"}, {"username": "board"}, {}):
        answer = a.try_("connect", port=guarded, **wrong)
        assert answer["kind"] == "Refused"
        assert "user name or password" in answer["error"] or "not authorised" in answer["error"]
        assert "wrong" not in answer["error"].replace("wrong user name", "")
    a.connect(guarded, username="board", password="right").do("subscribe", filter="t")
    a.do("publish", topic="t", text="in")
    a.got("t", text="in")


# The node's own client, as its settings make it, in three connections: twice at one place, then at another.
_NAMES = """
import asyncio
from node import setup
from sealcast.crypto import best_suite
config = {"broker": {"host": "127.0.0.1", "port": %d, "username": None, "password": None, "tls": False, "ca": None},
          "identity": b"i" * 32, "channel": "greenhouse", "keepalive": 30}
async def go():
    client = setup.client(best_suite(), config)
    for place in ("one", "one", "two"):
        await client.connect("zp/1/%%s/me/p" %% place, b"will")
        await client.close()
asyncio.run(go())
"""


def test_a_board_has_another_mqtt_name_at_another_place(micropython):
    names = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(3):
            line, _ = server.accept()
            with line:
                packet = line.recv(1000)
                # 0x10, length, "MQTT" behind its length, level, flags, keepalive
                names.append(packet[14 : 14 + packet[13]])
                line.sendall(b"\x20\x02\x00\x00")
                while line.recv(1000):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    done = subprocess.run(
        [micropython, "-c", _NAMES % server.getsockname()[1]], capture_output=True, text=True, timeout=100,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}/shared:{ROOT}/firmware"},
    )  # fmt: skip
    assert done.returncode == 0, done
    thread.join(DEADLINE_S)
    server.close()
    assert len(names) == 3 and names[0] == names[1] != names[2]
    assert all(name.startswith(b"sc") and len(name) == 20 for name in names), names
