"""The node's MQTT client against servers that break the rules, fall silent or mean harm."""

import os
import random
import socket
import struct
import threading
import time

import pytest

from host_support import free_port


class Server:
    """A TCP server that sends each of `script`'s bytes after the
    client's first packet, and then keeps silent (or closes).
    """

    def __init__(self, script, close=False, answer_pings=False, resets=False, suback=b""):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._script, self._close, self._pings = script, close, answer_pings
        self._resets, self._suback = resets, suback
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
                if self._resets:
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                self.received += conn.recv(4096)
                for part in self._script:
                    conn.sendall(part)
                if self._close:
                    # and what still comes is read: a plain close would reset the connection
                    conn.shutdown(socket.SHUT_WR)
                while data := conn.recv(4096):
                    self.received += data
                    at = data.find(b"\x82") + 2  # a ping may come before it
                    if self._suback and at > 1:
                        conn.sendall(b"\x90" + bytes([2 + len(self._suback)]) + data[at : at + 2] + self._suback)
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


@pytest.mark.parametrize("resets", [False, True])
def test_a_broker_that_hangs_up_before_connack_is_told_as_such(resets, driver):
    """As one does that wants TLS or a certificate, or is full. The system says 32 or 104, or nothing."""
    with Server([], close=True, resets=resets) as server:
        answer = driver().try_("connect", port=server.port)
        assert answer["kind"] == "OSError" and "hung up before it let us in" in answer["error"], answer


def test_a_port_where_nothing_listens_is_no_broker_that_hangs_up(driver):
    answer = driver().try_("connect", port=free_port())
    assert answer["kind"] == "OSError" and "hung up" not in answer["error"], answer


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


@pytest.mark.parametrize("codes,says", [
    (b"\1\1", ""), (b"\1\0", ""), (b"\1\x80", "refused a subscription"), (b"\x80\1", "refused a subscription"),
    (b"\1", "breaks the MQTT rules"), (b"\1\1\1", "breaks the MQTT rules"), (b"\1" * 9, "breaks the MQTT rules"),
])  # fmt: skip
def test_one_packet_for_two_subscriptions(codes, says, driver):
    with Server([CONNACK], suback=codes) as server:
        a = driver().connect(server.port)
        answer = a.try_("subscribe", filter="there here")
        assert says in answer.get("error", "") and ("done" in answer) == (not says), answer
        assert b"\x82\x11\x00\x01\x00\x05there\x01\x00\x04here\x01" in server.received


def test_garbage_is_a_lost_link_and_nothing_worse(driver):
    seed = os.urandom(4).hex()
    print("seed", seed)
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
