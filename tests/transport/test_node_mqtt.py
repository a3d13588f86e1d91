"""The node's MQTT client on the real MicroPython, against the
embedded broker, mosquitto, and servers that mean harm.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from host_support import ROOT, Child, free_port, mosquitto, start_broker
from node_support import DEADLINE_S, Program

DRIVER = Path(__file__).with_name("mqtt_driver.py")
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


@pytest.fixture
def driver(micropython):
    """Starts MQTT clients in processes of their own; all are killed at the end."""
    running = []

    def start():
        running.append(Driver(micropython))
        return running[-1]

    yield start
    for program in running:
        program.__exit__()


class Driver(Program):
    def __init__(self, micropython):
        super().__init__(micropython, DRIVER)
        self._answered = 0

    def try_(self, do, **arguments):
        """Carry out a command -> its answer: {"done"} or {"failed", "error", "kind"}."""
        self.say(json.dumps({"do": do, **arguments}))
        answers = []

        def mine(event):
            if "done" in event or "failed" in event:
                answers.append(event)
            return len(answers) > self._answered

        def answer():
            answers.clear()
            return next((e for e in self.events() if mine(e)), None)

        with self._more:
            self._more.wait_for(lambda: self._ended or answer() is not None, DEADLINE_S)
            event = answer()
        assert event is not None, f"no answer to {do} in {self.lines}"
        self._answered += 1
        return event

    def do(self, command, **arguments):
        event = self.try_(command, **arguments)
        assert event == {"done": command}, event
        return self

    def connect(self, port, **arguments):
        return self.do("connect", port=port, **arguments)

    def got(self, topic, **fields):
        return self.wait(
            lambda e: e.get("topic") == topic and all(e.get(k) == v for k, v in fields.items()), f"{topic} {fields}"
        )

    def lost(self):
        return self.wait(lambda e: "lost" in e, "lost link")["lost"]

    def stats(self):
        self.do("stats")
        return [e["stats"] for e in self.events() if "stats" in e][-1]


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
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\n")
    with Child([mosquitto(), "-v", "-c", str(config)]) as child:
        child.wait_for("running")
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


def certificate(folder, name, subject="localhost"):
    """A certificate signed by itself, name.pem, and its key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
         "-subj", f"/CN={subject}", "-addext", f"subjectAltName=DNS:{subject}", "-keyout", f"{name}.key", "-out", f"{name}.pem"],
        check=True, cwd=folder, capture_output=True,
    )  # fmt: skip
    return folder / f"{name}.pem"


def tls_broker(folder, name):
    """(mosquitto with that certificate, its port)"""
    port = free_port()
    config = folder / f"{name}.conf"
    files = f"certfile {folder}/{name}.pem\nkeyfile {folder}/{name}.key\n"
    config.write_text(f"listener {port} localhost\nallow_anonymous true\nuser root\n{files}")
    child = Child([mosquitto(), "-v", "-c", str(config)])
    child.wait_for("running")
    return child, port


@pytest.fixture
def with_tls(micropython):
    if subprocess.run([micropython, "-c", "import tls"], capture_output=True).returncode:
        pytest.skip("this MicroPython is built without TLS")


@MOSQUITTO
def test_tls_with_and_without_the_right_authority(tmp_path, with_tls, driver):
    right, other = (certificate(tmp_path, name) for name in ("right", "other"))
    both = tmp_path / "both.pem"
    both.write_text("what comes before is no certificate\n" + other.read_text() + right.read_text())
    child, port = tls_broker(tmp_path, "right")
    with child:
        good = driver().connect(port, host="localhost", ca=str(right)).do("subscribe", filter="t")
        good.do("publish", topic="t", size=2400)
        good.got("t", size=2400)
        driver().connect(port, host="localhost", id="b", ca=None).do("publish", topic="t", text="unchecked")
        good.got("t", text="unchecked")
        driver().connect(port, host="localhost", id="c", ca=str(both)).do("publish", topic="t", text="one of several")
        good.got("t", text="one of several")
        refused = driver().try_("connect", port=port, host="localhost", ca=str(other))
        assert refused["kind"] == "OSError" and "signed by nobody whom broker.ca knows" in refused["error"]
        assert driver().try_("connect", port=port, host="localhost")["kind"] == "OSError", "plain MQTT to a TLS port"
        child.stop(signal.SIGKILL)
        assert good.lost()


@MOSQUITTO
def test_what_is_wrong_with_a_certificate_is_said(tmp_path, with_tls, driver):
    """Each in words of its own: the name, the clock. (The authority: above.)"""
    elsewhere = certificate(tmp_path, "elsewhere", "elsewhere")
    child, port = tls_broker(tmp_path, "elsewhere")
    with child:
        refused = driver().try_("connect", port=port, host="localhost", ca=str(elsewhere))
        assert refused["kind"] == "OSError" and "for another name than broker.host" in refused["error"]
    expired = certificate(tmp_path, "expired")
    again = ["openssl", "x509", "-in", expired, "-signkey", "expired.key", "-days", "-1", "-out", expired]
    subprocess.run(again, check=True, cwd=tmp_path, capture_output=True)
    child, port = tls_broker(tmp_path, "expired")
    with child:
        refused = driver().try_("connect", port=port, host="localhost", ca=str(expired))
        assert refused["kind"] == "OSError" and "is not valid at this board's time, 20" in refused["error"]
        assert "set the clock" in refused["error"] and "never set" not in refused["error"]


# A clock that was never set, and the board's own way to set it, recorded; the rest is the node's.
_NO_CLOCK = """
import asyncio, sys
from sealcast.run import aio
class Machine:
    class RTC:
        def datetime(self, t):
            print("set", *t)
            aio.Clock.time = lambda self: 1800000000
sys.modules["machine"] = Machine
aio.Clock.time = lambda self: 0
from node import timeofday
from node.mqtt import Client
from node.setup import context
timeofday.SERVERS = (("127.0.0.1", %d), ("127.0.0.1", %d))
async def go():
    client = Client("localhost", %d, "a", None, None, 30, context(%r))
    await client.connect(None, b"")
    print("connected")
    await client.close()
asyncio.run(go())
print(timeofday.judged("The certificate validity starts in the future"))
aio.Clock.time = lambda self: 0
print(timeofday.judged("The certificate validity starts in the future"))
"""


@MOSQUITTO
def test_a_clock_that_was_never_set_is_asked_of_the_network_first(tmp_path, with_tls, micropython):
    right = certificate(tmp_path, "right")
    servers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for server in servers:
        server.bind(("127.0.0.1", 0))
    when = 1_800_000_000  # 2027-01-15 08:00:00

    def answer(server, stratum):
        question, address = server.recvfrom(100)
        times = bytes(8) + question[40:48] + bytes(8) + (when + 2_208_988_800).to_bytes(4, "big") + bytes(4)
        server.sendto(b"\x24" + bytes([stratum]) + bytes(14) + times, address)

    threads = [threading.Thread(target=answer, args=(s, n), daemon=True) for s, n in zip(servers, (16, 2), strict=True)]
    for thread in threads:
        thread.start()
    child, port = tls_broker(tmp_path, "right")
    with child:
        ports = [server.getsockname()[1] for server in servers]
        done = subprocess.run(
            [micropython, "-c", _NO_CLOCK % (*ports, port, str(right))], capture_output=True, text=True, timeout=100,
            env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}/shared:{ROOT}/firmware"},
        )  # fmt: skip
    for server in servers:
        server.close()
    said = done.stdout.splitlines()
    assert said[:2] == ["set 2027 1 15 4 8 0 0 0", "connected"], done
    assert "not valid at this board's time" in said[2] and "clock was never set" in said[3]


class Server:
    """A TCP server that sends each of `script`'s bytes after the
    client's first packet, and then keeps silent (or closes).
    """

    def __init__(self, script, close=False, answer_pings=False):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._script, self._close, self._pings = script, close, answer_pings
        self.received = b""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        try:
            conn, _ = self._listener.accept()
        except OSError:
            return
        with conn:
            try:
                self.received += conn.recv(4096)
                for part in self._script:
                    conn.sendall(part)
                if self._close:
                    # and what still comes is read: a plain close would reset the connection
                    conn.shutdown(socket.SHUT_WR)
                while data := conn.recv(4096):
                    self.received += data
                    if self._pings and data.endswith(b"\xc0\x00"):
                        conn.sendall(b"\xd0\x00")
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


CONNACK = b"\x20\x02\x00\x00"


def test_the_connect_packet_is_what_the_standard_says(driver):
    with Server([CONNACK]) as server:
        driver().connect(server.port, id="me", username="u", password="pw", keepalive=300, will=["w/t", "bye"])
        assert (
            server.received[:33]
            == b"\x10\x1f\x00\x04MQTT\x04\xee\x01\x2c\x00\x02me\x00\x03w/t\x00\x03bye\x00\x01u\x00\x02pw"
        )


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x01\x00",  # session present after a clean connect
        b"\x20\x03\x00\x00\x00",
        b"\x30\x05\x00\x01tab",  # PUBLISH before CONNACK
        b"\x20\xff\xff\xff\xff\x01",
        b"\x20\x02\x00\x09",
        b"",
    ],
)
def test_no_greeting_but_a_good_connack_is_accepted(greeting, driver):
    with Server([greeting], close=True) as server:
        answer = driver().try_("connect", port=server.port)
        assert answer["kind"] in ("OSError", "Refused"), answer


@pytest.mark.parametrize(
    ("name", "packet"),
    [
        ("QoS 2", b"\x34\x08\x00\x01t\x00\x01abc"),
        ("QoS 3", b"\x36\x08\x00\x01t\x00\x01abc"),
        ("no topic", b"\x30\x05\x00\x00abc"),
        ("topic longer than the packet", b"\x30\x05\x00\x04abc"),
        ("no room for the packet id", b"\x32\x03\x00\x01t"),
        ("packet id 0", b"\x32\x06\x00\x01t\x00\x00x"),
        ("topic not UTF-8", b"\x30\x05\x00\x02\xff\xfex"),
        ("wildcard in a topic", b"\x30\x05\x00\x02t#x"),
        ("NUL in a topic", b"\x30\x05\x00\x02t\x00x"),
        ("five bytes of length", b"\x30\xff\xff\xff\xff\x7f"),
        ("acknowledgement for nothing", b"\x40\x02\x00\x01"),
        ("SUBACK for nothing", b"\x90\x03\x00\x01\x00"),
        ("CONNACK again", CONNACK),
        ("PUBREC", b"\x50\x02\x00\x01"),
        ("PINGREQ from a broker", b"\xc0\x00"),
        ("PINGRESP with a tail", b"\xd0\x01\x00"),
        ("reserved type", b"\xf0\x00"),
        ("type 0", b"\x00\x00"),
    ],
)
def test_a_broker_that_breaks_the_rules_is_a_lost_link(name, packet, driver):
    with Server([CONNACK, packet]) as server:
        a = driver().connect(server.port)
        assert "breaks the MQTT rules" in a.lost(), name


def test_garbage_is_a_lost_link_and_nothing_worse(driver):
    seed = os.urandom(4).hex()
    print("seed", seed)
    import random

    rng = random.Random(seed)
    for _ in range(20):
        with Server([CONNACK, rng.randbytes(4000)], close=True) as server:
            a = driver()
            if "done" in a.try_("connect", port=server.port):
                assert a.lost()
            assert a.process.poll() is None
            a.__exit__()


def test_a_packet_byte_by_byte_and_cut_off(driver):
    packet = b"\x30\x08\x00\x03t/1abc"
    with Server([CONNACK] + [bytes([b]) for b in packet * 3] + [packet[:5]], close=True) as server:
        a = driver().connect(server.port)
        assert "closed the connection" in a.lost()
        assert [e.get("text") for e in a.events() if "topic" in e] == ["abc"] * 3


def test_a_silent_broker_is_noticed_by_the_keepalive(driver):
    with Server([CONNACK]) as server:
        a = driver()
        begun = time.monotonic()
        a.connect(server.port, keepalive=1)
        assert "silent" in a.lost()
        assert time.monotonic() - begun > 1
        assert b"\xc0\x00" in server.received


def test_a_broker_that_answers_pings_is_kept(driver):
    with Server([CONNACK], answer_pings=True) as server:
        a = driver().connect(server.port, keepalive=1)
        # gives up after the keepalive time: the link is lost
        answer = a.try_("publish", topic="t", text="never acknowledged")
        assert "does not acknowledge" in answer["error"]
        assert "does not acknowledge" in a.lost()
        assert server.received.count(b"\xc0\x00") >= 2


def test_a_server_that_never_greets_is_given_up(driver):
    with Server([]) as server:
        a = driver()
        answer = a.try_("connect", port=server.port, patience_ms=500)
        assert answer["kind"] == "OSError"
        assert "does not answer" in answer["error"]


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
