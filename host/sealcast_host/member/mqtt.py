"""The MQTT link of a member on this computer: sealcast's Transport over aiomqtt. Every failure is an OSError.

A failure says what kind it was (`LinkError.kind`), so that a command can tell the user the way out on the first try.
It speaks MQTT 5 where the broker does, which says when it refuses a message; else MQTT 3.1.1.
"""

import asyncio
import contextlib
import errno
import logging
import math
import os
import secrets
import socket
import ssl
import time
from collections.abc import Coroutine
from typing import Any, Self

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from sealcast_host.errors import UserError
from sealcast_host.member.address import port_of
from sealcast_host.member.mqttclient import PRESENCE_S, V5, V311, Client, Refused, silent, speaks_older, will_expiry
from sealcast_host.member.privatefiles import reason
from sealcast_host.member.refusals import LinkError, explain, not_subscribed

PATIENCE_S = 10.0  # for each answer of the broker
SILENCE_S = 6.0  # for CONNACK in MQTT 5: a broker may know 3.1.1 only, and say nothing
AGAIN_S = 3600.0  # after a silence MQTT 5 is tried again: it may have been the network, but is not worth 6 s each time
QUIET_S = 1.0  # at most so long for the broker's answer when we part
TOGETHER = 4  # subscriptions that one packet ends: those of a large channel would be more bytes than a broker takes


class RefusedError(OSError):
    """The broker does not take this message; the link stands."""

    refused = True

    def __str__(self) -> str:
        return str(self.strerror)


class MqttTransport:
    """One MQTT session at a time, always a clean one; `connect` may be called again after a failure."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        username: str | None = None,
        password: str | None = None,
        keepalive: int = 30,
        tls: bool = False,
        ca: str | None = None,
        path: str | None = None,
    ) -> None:
        """ca: file with the authority of its certificate, read at each connection; None: the system's. path: of the
        broker's WebSocket; None: plain TCP or TLS."""
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._keepalive = keepalive
        self._tls = tls
        self._ca = ca
        self._path = path
        self._protocol = V5
        self._presence_s = PRESENCE_S
        self._five_at = math.inf  # when MQTT 5 is tried again, by the monotonic clock in seconds
        self._client: Client | None = None
        self._lost: asyncio.Future[None] | None = None
        self._filters: set[str] = set()
        self._flying: set[asyncio.Task[None]] = set()
        self._landed = asyncio.Event()
        self.failure: LinkError | None = None  # why the last attempt to connect failed, or the link was lost

    @property
    def version(self) -> str:
        """The MQTT that is spoken, once connected."""
        return "5" if self._protocol is V5 else "3.1.1"

    def speak_as(self, other: "MqttTransport") -> None:
        """Begin with the MQTT that another link to the same broker speaks."""
        self._protocol, self._five_at = other._protocol, other._five_at

    def sleeps(self, seconds: int) -> None:
        """What is published from here on says that we sleep so long: the broker keeps it a day longer (MQTT 5)."""
        self._presence_s = min(max(PRESENCE_S, seconds + 86400), 2**32 - 1)

    @classmethod
    def to(cls, broker: dict[str, Any], keepalive: int = 30) -> Self:
        """The way to a broker as sealcast.json names it. Raises UserError when its CA file cannot be used."""
        ca = broker.get("ca") if broker.get("tls") else None
        if ca is not None:
            try:
                tls_context(ca)
            except OSError as e:
                raise UserError(f"cannot use the CA certificate {ca}: {reason(e)}") from None
            ca = os.path.abspath(ca)
        return cls(
            broker["host"],
            port_of(broker),
            username=broker.get("username"),
            password=broker.get("password"),
            keepalive=keepalive,
            tls=bool(broker.get("tls")),
            ca=ca,
            path=broker.get("path"),
        )

    async def connect(self, will_topic: str, will_payload: bytes) -> None:
        """Open the connection with this last will (retained, QoS 1). Raises LinkError."""
        await self.close()
        if time.monotonic() >= self._five_at:
            self._protocol, self._five_at = V5, math.inf
        logger = logging.getLogger("sealcast_host.mqtt")
        logger.setLevel(logging.CRITICAL)  # the session reports what matters
        client = await self._connected(will_topic, will_payload, logger)
        self.failure = None
        self._client = client
        self._filters = set()
        self._lost = asyncio.get_running_loop().create_future()

    async def _connected(self, will_topic: str, will_payload: bytes, logger: logging.Logger) -> Client:
        """A client past its CONNACK, by MQTT 5 or by 3.1.1. Raises LinkError."""
        try:
            context = tls_context(self._ca) if self._tls else None
        except OSError as e:
            self.failure = LinkError("tls", f"cannot use the CA certificate {self._ca}: {reason(e)}")
            raise self.failure from None
        client = self._made(will_topic, will_payload, logger, context)
        try:
            await client.__aenter__()
        except asyncio.CancelledError:
            let_go(client)
            raise
        except (aiomqtt.MqttError, ValueError, UnicodeError) as e:
            quiet = silent(client, e)
            let_go(client)
            if client.v5 and (quiet or speaks_older(e)):
                said = isinstance(e, MqttConnectError)
                return await self._connected_older(will_topic, will_payload, logger, for_good=said)
            self.failure = explain(e, client.said)
            raise self.failure from None
        client.timeout = PATIENCE_S
        return client

    async def _connected_older(
        self, will_topic: str, will_payload: bytes, logger: logging.Logger, for_good: bool
    ) -> Client:
        """The same by 3.1.1, and from now on, for it is the same broker; unless `for_good`, only when it answers, and
        for AGAIN_S: one answer that was lost does not take from us for ever what MQTT 5 says."""
        self._protocol = V311
        self._five_at = math.inf if for_good else time.monotonic() + AGAIN_S
        try:
            return await self._connected(will_topic, will_payload, logger)
        except LinkError:
            if not for_good:
                self._protocol = V5
            raise

    def _made(
        self, will_topic: str, will_payload: bytes, logger: logging.Logger, context: ssl.SSLContext | None
    ) -> Client:
        """A client that is not connected yet."""
        five = self._protocol is V5
        properties = {"properties": will_expiry()} if five else {}
        client = Client(
            self._host,
            self._port,
            protocol=self._protocol,
            username=self._username,
            password=self._password,
            identifier="sc" + secrets.token_hex(8),  # a fresh one each time: the broker need not link connections
            keepalive=self._keepalive,
            will=aiomqtt.Will(will_topic, will_payload, qos=1, retain=True, **properties),
            tls_context=context,
            transport="websockets" if self._path else "tcp",
            websocket_path=self._path,
            logger=logger,
            timeout=SILENCE_S if five else PATIENCE_S,
        )
        client.pending_calls_threshold = 1000
        return client

    async def subscribe(self, filters: list[str], qos: int) -> None:
        """Returns once the broker confirmed. Raises LinkError."""
        client = self._open()
        codes = await self._call(client, client.subscribe([(topic_filter, qos) for topic_filter in filters]))
        if len(codes) != len(filters):
            raise self._lost_by(client, "the broker breaks the MQTT rules: an answer for fewer topics than asked for")
        for topic_filter, code in zip(filters, codes, strict=True):
            value = int(getattr(code, "value", code))
            if value >= 0x80:
                self.failure = not_subscribed(value, client.said, len(self._filters))
                raise self.failure
            self._filters.add(topic_filter)

    async def publish(self, topic: str, payload: bytes, retain: bool, qos: int) -> None:
        """Returns after the PUBACK (QoS 1) or once sent (QoS 0). Raises RefusedError when the broker says no (MQTT 5),
        LinkError."""
        client = self._open()
        try:
            await client.put(topic, payload, retain, qos, self._presence_s)
        except Refused as e:
            raise RefusedError(errno.EACCES, str(e)) from None
        except (aiomqtt.MqttError, ValueError) as e:
            raise self._lost_by(client, "the broker did not answer") from e

    async def ahead(self, publishing: Coroutine[Any, Any, None]) -> None:
        """Begin a publish and return when there is room for the next: they go out in this order, and none waits for
        another's PUBACK. `publishing` deals with its own failures."""
        task = asyncio.ensure_future(publishing)
        self._flying.add(task)
        task.add_done_callback(self._land)
        await self.landed(self._client.at_once - 1 if self._client else 0)

    async def landed(self, but: int = 0) -> None:
        """Returns when no more than `but` publishes are under way."""
        while len(self._flying) > but:
            self._landed.clear()
            await self._landed.wait()

    def _land(self, task: "asyncio.Task[None]") -> None:
        self._flying.discard(task)
        self._landed.set()

    async def receive(self) -> tuple[str, bytes]:
        """The next message: (topic, payload). Raises LinkError when the link is lost."""
        topic, payload, _ = await self._take()
        return topic, payload

    async def _take(self) -> tuple[str, bytes, int]:
        client = self._open()
        try:
            return await client.take()
        except aiomqtt.MqttError:
            self._mark_lost()
            raise self._lost_by(client) from None

    async def close(self) -> None:
        """Disconnect cleanly (no last will) when what was published is acknowledged, soon at least; never raises."""
        await self._end(politely=True)

    async def abort(self) -> None:
        """Drop the connection: the broker publishes the last will; never raises."""
        await self._end(politely=False)

    async def _end(self, politely: bool) -> None:
        client = self._client
        try:
            await self._part(client, politely)
        except asyncio.CancelledError:
            if client is not None:
                hang_up(client)  # nobody has it any more: aiomqtt would keep it alive
            raise

    async def _part(self, client: Client | None, politely: bool) -> None:
        if politely:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    await self.landed()
        self._client = None
        self._mark_lost()
        flying = list(self._flying)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
        if client is None:
            return
        client.lost()
        if politely:
            await self._quiet(client)
        else:
            hang_up(client)
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            await client.__aexit__(None, None, None)
        # Look at why it ended, or asyncio complains on standard error that nobody did.
        ended = client._disconnected
        if ended.done() and not ended.cancelled():
            ended.exception()

    async def _quiet(self, client: aiomqtt.Client) -> None:
        """Have the broker send nothing more. A socket that is closed with something unread in it resets the
        connection, which can overtake our goodbye: the broker would publish the last will of a member that sleeps."""
        if self._filters and not client._disconnected.done():
            with contextlib.suppress(aiomqtt.MqttError, OSError, ValueError, TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    filters = sorted(self._filters)
                    pieces = [filters[i : i + TOGETHER] for i in range(0, len(filters), TOGETHER)]
                    await asyncio.gather(*(client.unsubscribe(piece) for piece in pieces), return_exceptions=True)

    def _open(self) -> Client:
        if self._client is None:
            raise LinkError("lost", "not connected")
        return self._client

    def _lost_by(self, client: Client, otherwise: str = "the link to the broker was lost") -> LinkError:
        """The broker's reason where it has one."""
        why = client.why_ended()
        if why is None:
            return LinkError("lost", otherwise)
        self.failure = why
        return why

    def _mark_lost(self) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    async def _call(self, client: Client, operation: Any) -> Any:
        """Run one exchange with the broker, given up at once when the link is lost (aiomqtt alone would wait 10 s)."""
        task = asyncio.ensure_future(operation)
        ends: set[asyncio.Future[None]] = {client._disconnected} | ({self._lost} if self._lost else set())
        try:
            await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise self._lost_by(client)
            return task.result()
        except (aiomqtt.MqttError, ValueError) as e:
            raise self._lost_by(client, "the broker did not answer") from e
        finally:
            task.cancel()


def let_go(client: aiomqtt.Client) -> None:
    """Of a client that was not connected: aiomqtt leaves the socket with the loop, and its callback fails on what was
    cancelled."""
    client._client.on_disconnect = None
    if isinstance(client, Client):
        client.left = True
    hang_up(client)


def hang_up(client: aiomqtt.Client) -> bool:
    """End the client's connection without a goodbye. False: there was none."""
    sock = client._client.socket()
    sock = getattr(sock, "_socket", sock)  # that of a WebSocket
    if not isinstance(sock, socket.socket):
        return False
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    return True


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """A context that checks the broker's certificate, against `ca_file` or the system's authorities. Raises OSError."""
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is not None:
        # Set from Python 3.13 on; it refuses a CA without keyUsage, as mosquitto-tls(7) has its readers make.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
