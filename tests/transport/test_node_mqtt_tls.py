"""The node's MQTT client over TLS: whom it believes, and what it says of a certificate that it does not."""

import contextlib
import os
import signal
import socket
import subprocess
import threading

import pytest

from host_support import ROOT, mosquitto
from tls_support import certificate, expired_certificate, tls_broker

pytestmark = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


@pytest.fixture
def with_tls(micropython):
    if subprocess.run([micropython, "-c", "import tls"], capture_output=True).returncode:
        pytest.skip("this MicroPython is built without TLS")


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


def test_what_is_wrong_with_a_certificate_is_said(tmp_path, with_tls, driver):
    """Each in words of its own: the name, the clock. (The authority: above.)"""
    elsewhere = certificate(tmp_path, "elsewhere", "elsewhere")
    child, port = tls_broker(tmp_path, "elsewhere")
    with child:
        refused = driver().try_("connect", port=port, host="localhost", ca=str(elsewhere))
        assert refused["kind"] == "OSError" and "for another name than broker.host" in refused["error"]
    expired = expired_certificate(tmp_path, "expired")
    child, port = tls_broker(tmp_path, "expired")
    with child:
        refused = driver().try_("connect", port=port, host="localhost", ca=str(expired))
        assert refused["kind"] == "OSError" and "is not valid at this board's time, 20" in refused["error"]
        assert "set the clock" in refused["error"] and "never set" not in refused["error"]


WHEN = 1_800_000_000  # 2027-01-15 08:00:00

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


# The same with a clock that goes wrong; when it is set anew the other broker's certificate is the right one.
_WRONG_CLOCK = """
import asyncio, sys
from sealcast.run import aio
class Machine:
    class RTC:
        def datetime(self, t):
            print("set", *t)
            client.port = %d
sys.modules["machine"] = Machine
from node import timeofday
from node.mqtt import Client
from node.setup import context
timeofday.SERVERS = (("127.0.0.1", %d),)
client = Client("localhost", %d, "a", None, None, 30, context(%r))
async def go():
    bad = client.port
    await client.connect(None, b"")
    print("connected")
    await client.close()
    client.port = bad
    try:
        await client.connect(None, b"")
    except OSError as e:
        print(e)
asyncio.run(go())
"""


@pytest.fixture
def time_server():
    """time_server(stratum, ...) -> a port for each; `asked` has the stratum of each that was asked, in order."""
    servers = []

    def answer(server, stratum):
        with contextlib.suppress(OSError):  # closed
            while True:
                question, address = server.recvfrom(100)
                begin.asked.append(stratum)
                times = bytes(8) + question[40:48] + bytes(8) + (WHEN + 2_208_988_800).to_bytes(4, "big") + bytes(4)
                server.sendto(b"\x24" + bytes([stratum]) + bytes(14) + times, address)

    def begin(*strata):
        for stratum in strata:
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("127.0.0.1", 0))
            servers.append(server)
            threading.Thread(target=answer, args=(server, stratum), daemon=True).start()
        return [server.getsockname()[1] for server in servers]

    begin.asked = []
    yield begin
    for server in servers:
        server.close()


def node_alone(micropython, program):
    """What a program with the node's code prints, line by line."""
    env = {**os.environ, "MICROPYPATH": f".frozen:{ROOT}/shared:{ROOT}/firmware"}
    done = subprocess.run([micropython, "-c", program], capture_output=True, text=True, timeout=100, env=env)
    assert not done.stderr, done
    return done.stdout.splitlines()


def test_a_clock_that_was_never_set_is_asked_of_the_network_first(tmp_path, with_tls, micropython, time_server):
    right = certificate(tmp_path, "right")
    child, port = tls_broker(tmp_path, "right")
    with child:
        said = node_alone(micropython, _NO_CLOCK % (*time_server(16, 2), port, str(right)))
    assert said[:2] == ["set 2027 1 15 4 8 0 0 0", "connected"], said
    assert "not valid at this board's time" in said[2] and "clock was never set" in said[3]


def test_a_clock_that_goes_wrong_is_set_anew_when_a_certificate_is_refused_for_its_dates(
    tmp_path, with_tls, micropython, time_server
):
    """Once an hour at most."""
    right, expired = certificate(tmp_path, "right"), expired_certificate(tmp_path, "expired")
    both = tmp_path / "both.pem"
    both.write_text(right.read_text() + expired.read_text())
    old, bad = tls_broker(tmp_path, "expired")
    new, good = tls_broker(tmp_path, "right")
    with old, new:
        said = node_alone(micropython, _WRONG_CLOCK % (good, *time_server(2), bad, str(both)))
    assert said[:2] == ["set 2027 1 15 4 8 0 0 0", "connected"] and len(said) == 3, said
    assert "is not valid at this board's time" in said[2] and time_server.asked == [2]
