"""One board at a serial port, relayed blindly: packets on one side, on the other a broker connection of the
board's own.

The other end is firmware/node/serialport.py; docs/PROTOCOL.md section 23. What passes here is sealed: there is no
key. A message is acknowledged to the broker when the board has it, so that a slow board slows the broker and does
not fill this program's memory.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import aiomqtt

from sealcast.run.seriallink import MESSAGE, WELCOME, Lines, Link
from sealcast_host.member.ending import ended, heed
from sealcast_host.member.mqtt import MqttTransport, hang_up
from sealcast_host.member.refusals import LinkError

WINDOW = 32
TEXT = 8192
PENDING = 16  # requests of a board that wait for the broker; the node sends one at a time and a few subscriptions
PREFIX = "zp/1/"
DAMAGED = 3  # packets, before the first that is whole
ECHO = "the line echoes what is sent: its adapter must not"

# Messages (23.4)
CONNECT, SUBSCRIBE, PUBLISH, BYE = 0x01, 0x02, 0x03, 0x04
RESULT, FORWARD = 0x81, 0x82


class BadRequest(Exception):
    """The board asked for something that the protocol does not have."""


class BoardTransport(MqttTransport):
    """A board's connection to the broker: acknowledges by hand, and can end as a power cut would end it."""

    async def connect(self, will_topic: str, will_payload: bytes) -> None:
        await super().connect(will_topic, will_payload)
        self._open()._client.manual_ack_set(True)

    async def take(self) -> tuple[str, bytes, int]:
        """The next message: topic, payload, its number for done(). Raises LinkError."""
        return await self._take()

    def done(self, number: int) -> None:
        """Acknowledge it."""
        if number:  # 0: it asks for none
            self._open()._client.ack(number, 1)

    async def abort(self) -> None:
        """End without a goodbye: the broker publishes the last will."""
        client = self._client
        if client is not None and hang_up(client):
            with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
                async with asyncio.timeout(2):
                    await asyncio.shield(client._disconnected)
        await self.close()


class Relay:
    """The board's side of a port. feed() it what arrives; it writes with `write`, shows the board's own lines with
    `show`."""

    def __init__(
        self, make: Callable[[int], BoardTransport], show: Callable[[str], None], write: Callable[[bytes], None]
    ) -> None:
        """make(keepalive in s) -> a transport, not yet connected."""
        self._make = make
        self._show = show
        self._write = write
        self._link: Any = Link(WINDOW)
        self._lines: Any = Lines(TEXT)
        self._turn = asyncio.Lock()
        self._moved = asyncio.Event()
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._session: asyncio.Task[None] | None = None
        self.heard = False  # anything at all
        self._told = False  # that all of it is damaged

    def feed(self, data: bytes) -> None:
        """Bytes from the port."""
        self.heard = True
        for kind, value in self._lines.put(data):
            if kind == "text":
                self._show("".join(c if c.isprintable() else "?" for c in value.decode("utf-8", "replace")))
            elif value[0] == WELCOME and self._link.up:  # a bridge's word. Its other ones would pass for the board's
                self._link.gone(ECHO)
                self._event(("gone", ECHO))
            else:
                self._event(self._link.take(value, _now()))
        if self._link.up:
            self._lines.damaged = 0
        elif self._lines.damaged >= DAMAGED and not self._told:
            self._told = True
            self._show("(what it says arrives damaged: check --baud, and that nothing on the line changes bytes)")
        self._flush()
        self._moved.set()

    async def run(self) -> None:
        """Keep time until cancelled; then the board is told, and its last will is published."""
        try:
            while True:
                self._event(self._link.tick(_now()))
                self._flush()
                self._moved.clear()
                # Not wait_for: in Python 3.11 it can swallow a cancellation.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.02, self._link.due(_now()) / 1000)):
                        await self._moved.wait()
        finally:
            self._link.gone("the bridge was stopped")
            self._flush()
            session, self._session = self._session, None
            await ended(session)

    # --- the link

    def _event(self, event: tuple[str, Any] | None) -> None:
        if event is None:
            return
        kind, value = event
        if kind == "message" and self._inbox.qsize() < PENDING:
            self._inbox.put_nowait(value)
            return
        if kind == "message":
            kind, value = "gone", "the board breaks the rules: it asks for more before it was answered"
            self._link.gone(value)
        if kind == "gone" and self._session is not None:
            self._show(f"(left: {value})")
        before, self._session = self._session, None
        if before is not None:
            before.cancel()
        if kind == "opened":
            self._inbox = asyncio.Queue()
            self._session = asyncio.ensure_future(self._serve(before, self._inbox, value))

    def _flush(self) -> None:
        out, self._link.out = self._link.out, []
        if out:
            self._write(b"".join(out))

    async def _send(self, *parts: bytes) -> None:
        """A message for the board; returns when it has it."""
        if sum(map(len, parts)) > MESSAGE:
            return  # nothing of the protocol is as long
        heed()  # this session may be over
        async with self._turn:
            session = self._link.session
            await self._idle(session)
            self._link.send(parts, _now())
            self._flush()
            self._moved.set()  # run() has a new time to wait for
            await self._idle(session)

    async def _idle(self, session: int) -> None:
        while not self._link.idle:
            if self._link.session != session:
                raise LinkError("lost", "the board has gone")
            self._moved.clear()
            await self._moved.wait()

    # --- one session

    async def _serve(self, before: asyncio.Task[None] | None, inbox: asyncio.Queue[bytes], keepalive: int) -> None:
        await ended(before)
        transport = self._make(max(5, min(3600, keepalive)))
        clean = False
        forward: asyncio.Task[None] | None = None
        request: asyncio.Task[bytes] | None = None
        try:
            if not await self._connect(transport, await inbox.get()):
                return
            forward = asyncio.create_task(self._forward(transport))
            while not clean:
                request = asyncio.create_task(inbox.get())
                await asyncio.wait({request, forward}, return_when=asyncio.FIRST_COMPLETED)
                if forward.done():
                    forward.result()  # it only ends by an error
                clean = await self._request(transport, await request)
            await transport.close()
            await self._send(bytes((RESULT, 0, 0)))
        except (OSError, BadRequest) as e:  # a publish that the broker refuses, too
            self._link.gone(str(e))
            self._flush()
            self._show(f"(disconnected: {e})")
        finally:
            for task in (forward, request):
                if task is not None:
                    task.cancel()
            await (transport.close() if clean else transport.abort())

    async def _connect(self, transport: BoardTransport, message: bytes) -> bool:
        if message[0] != CONNECT or len(message) < 4:
            raise BadRequest("the board breaks the rules: no connect")
        topic, payload = _topic(message[2:])
        try:
            await transport.connect(topic, payload)
        except LinkError as e:
            self._show(f"(no connection to the broker: {e})")
            await self._send(bytes((RESULT, 0, 1)), str(e).encode()[:100])
            return False
        self._show("(connected to the broker)")
        await self._send(bytes((RESULT, 0, 0)))
        return True

    async def _request(self, transport: BoardTransport, message: bytes) -> bool:
        """Carry out one request -> True when it was the goodbye."""
        kind = message[0]
        if kind == BYE and len(message) == 2:
            return True
        if len(message) < 4:
            raise BadRequest("the board breaks the rules: a request is too short")
        number, flags = message[1], message[2]
        if kind == SUBSCRIBE and flags in (0, 1):
            await transport.subscribe([_ours(message[3:], "+")], flags)
        elif kind == PUBLISH and flags in (0, 1, 2, 3):
            topic, payload = _topic(message[3:])
            await transport.publish(topic, payload, bool(flags & 1), flags >> 1)
        else:
            raise BadRequest("the board breaks the rules: an unknown request")
        await self._send(bytes((RESULT, number, 0)))
        return False

    async def _forward(self, transport: BoardTransport) -> None:
        while True:
            name, payload, number = await transport.take()
            topic = name.encode()
            await self._send(bytes((FORWARD,)), len(topic).to_bytes(2, "big"), topic, payload)
            transport.done(number)


def _topic(data: bytes) -> tuple[str, bytes]:
    """topic length (2) || topic || payload -> (topic, payload). Raises BadRequest."""
    end = 2 + int.from_bytes(data[:2], "big")
    if len(data) < end:
        raise BadRequest("the board breaks the rules: a topic is cut short")
    return _ours(data[2:end]), data[end:]


def _ours(data: bytes, wildcards: str = "") -> str:
    """A topic or filter inside one channel: a board gets no further with this computer's rights at the broker."""
    try:
        topic = data.decode()
    except UnicodeDecodeError:
        raise BadRequest("the board breaks the rules: a topic is no text") from None
    parts = topic.split("/")
    inside = topic.startswith(PREFIX) and len(parts) >= 5 and not set(parts[2]) & set("+#")
    if not inside or not topic.isprintable() or any(set(p) & (set("+#") - set(wildcards)) for p in parts):
        raise BadRequest("the board asked for a topic outside of its channel")
    return topic


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
