"""A broker that says what a test wants it to: just enough MQTT, by 3.1.1 or 5, for what mosquitto does not do."""

import asyncio
import contextlib

CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 8, 10, 12, 14


def _size(body):
    n = len(body)
    return bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7])


def packet(first, body):
    """`body` of up to 16383 bytes behind its header."""
    return bytes([first]) + _size(body) + body


def with_reason(code, text=""):
    """What stands at the end of CONNACK, SUBACK and DISCONNECT (without the codes of a SUBACK): a reason string."""
    said = text.encode()
    properties = b"\x1f" + len(said).to_bytes(2, "big") + said if said else b""
    return bytes([code]) + _size(properties) + properties


def goodbye(code, text=""):
    """The DISCONNECT of an MQTT 5 broker."""
    return packet(0xE0, with_reason(code, text))


class Conversation:
    """One connection: what came so far."""

    def __init__(self, n):
        self.n = n  # of the connections, from 0
        self.version = 0
        self.count = dict.fromkeys(range(16), 0)  # packets of each kind, this one included


class ScriptedBroker:
    """answer(conversation, kind, body) -> bytes to send, None to hang up, or `usual(...)`. As a context: `port`."""

    def __init__(self, answer):
        self._answer = answer
        self.connections = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        c = Conversation(len(self.connections))
        self.connections.append(c)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, body = await _read(reader)
                c.count[kind] += 1
                if kind == CONNECT:
                    c.version = body[6]
                out = self._answer(c, kind, body)
                if out is None:
                    break
                writer.write(out)
                if out[:1] == b"\xe0":
                    break
        writer.close()


async def _read(reader):
    first = (await reader.readexactly(1))[0]
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first >> 4, await reader.readexactly(size)


def filters(c, body):
    """Those of a SUBSCRIBE."""
    at, found = 2 + (c.version == 5), []
    while at < len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2], "big")
        found.append(body[at + 2 : end].decode())
        at = end + 1
    return found


def usual(c, kind, body):
    """What every broker answers (nothing is passed on)."""
    five = c.version == 5
    if kind == CONNECT:
        return packet(0x20, b"\0\0" + b"\0" * five)
    if kind == PUBLISH:
        at = 2 + int.from_bytes(body[:2], "big")
        return packet(0x40, body[at : at + 2])  # of QoS 1
    if kind == SUBSCRIBE:
        return packet(0x90, body[:2] + b"\0" * five + b"\1" * len(filters(c, body)))
    if kind == UNSUBSCRIBE:
        return packet(0xB0, body[:2] + b"\0\0" * five)
    return packet(0xD0, b"") if kind == PINGREQ else None
