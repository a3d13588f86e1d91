"""The embedded broker at its limits: client ids taken twice, no descriptors, a full disk, IPv6."""

import asyncio
import socket
import sys

import pytest

from host_support import Child, environment, free_port
from sealcast_host.broker.server import running_broker
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.refusals import LinkError

DEADLINE_S = 60
CONNECT = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc"  # client id abc, clean session
CONNACK = b"\x20\x02\x00\x00"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


def test_a_second_connection_with_the_same_client_id_ends_the_first():
    """MQTT-3.1.4-2."""

    async def go():
        async with running_broker() as broker:
            ends = []
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
                writer.write(CONNECT)
                assert await reader.readexactly(4) == CONNACK
                ends.append((reader, writer))
            for reader, _ in ends[:-1]:
                assert await reader.read() == b""
            reader, writer = ends[-1]
            writer.write(b"\xc0\x00")  # PINGREQ
            assert await reader.readexactly(2) == b"\xd0\x00"
            for _, writer in ends:
                writer.close()

    run(go())


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_it_listens_on_an_ipv6_address(host):
    async def go():
        async with running_broker(host) as broker:
            link = MqttTransport("::1", broker.port)
            await link.connect("a/p", b"gone")
            await link.publish("a/1", b"x", True, 1)
            await link.close()

    run(go())


def limited(limit, tmp_path):
    """A broker as a process, under a limit of the shell."""
    port = free_port()
    argv = [sys.executable, "-m", "sealcast_host", "broker", "--with", "embedded", "--port", str(port)]
    argv += ["--persist", str(tmp_path / "kept")]
    child = Child(["sh", "-c", f'{limit}; exec "$@"', "sh", *argv], environment())
    child.wait_for("listening on")
    return child, port


def test_no_descriptors_left_is_one_line(tmp_path):
    child, port = limited("ulimit -n 40", tmp_path)
    with child:
        many = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        child.wait_for("too many open files")
        for s in many:
            s.close()

        async def go():
            while True:
                link = MqttTransport("127.0.0.1", port)
                try:
                    await link.connect("a/p", b"gone")
                    break
                except LinkError:
                    await asyncio.sleep(0.1)
            await link.close()

        run(go())
        assert len(child.lines) == 2, child.lines


def test_a_full_disk_is_one_line_and_nothing_is_acknowledged_that_is_not_kept(tmp_path):
    child, port = limited("ulimit -f 400", tmp_path)
    with child:

        async def go():
            kept = 0
            for _ in range(3):
                link = MqttTransport("127.0.0.1", port)
                await link.connect("a/p", b"gone")
                try:
                    for _ in range(100):
                        await link.publish(f"a/{kept}", bytes(20000), True, 1)
                        kept += 1
                except OSError:
                    pass
                await link.close()
            return kept

        kept = run(go())
        assert 0 < kept < 100
        child.wait_for("messages are refused until there is room again")
        assert len(child.lines) == 2, child.lines
