"""The MQTT link of a member on this computer: sealcast's Transport over aiomqtt. Every failure is an OSError.

A failure says what kind it was (`LinkError.kind`), so that a command can tell the user the way out on the first try.
It speaks MQTT 5 where the broker does, which says when it refuses a message; else MQTT 3.1.1.
"""

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, Self

import aiomqtt
import aiomqtt.exceptions

from sealcast_host.errors import UserError
from sealcast_host.member.address import port_of
from sealcast_host.member.mqttclient import V5, V311, Client, Refused, speaks_older, will_expiry
from sealcast_host.member.privatefiles import reason

_AUTH_CODES = frozenset({4, 5, 134, 135})  # CONNACK of MQTT 3.1.1 and the same as paho's MQTT 5 reason codes
_TOO_LARGE = 149  # MQTT 5: the last will is more than the broker takes
QUIET_S = 1.0  # at most so long for the broker's answer when we part


class LinkError(OSError):
    """The link could not be made or was lost. `kind`: refused, name, auth, tls, size, timeout or lost."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(errno.ENOTCONN, text)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.strerror)


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
        tls: ssl.SSLContext | None = None,
        path: str | None = None,
    ) -> None:
        """path: of the broker's WebSocket; None: plain TCP or TLS."""
        self._host = host
        self._port = port
        self._username = username
        self._password = password
        self._keepalive = keepalive
        self._tls = tls
        self._path = path
        self._protocol = V5
        self._client: Client | None = None
        self._lost: asyncio.Future[None] | None = None
        self._filters: set[str] = set()
        self._flying: set[asyncio.Task[None]] = set()
        self._landed = asyncio.Event()
        self.failure: LinkError | None = None  # why the last attempt to connect failed

    @property
    def version(self) -> str:
        """The MQTT that is spoken, once connected."""
        return "5" if self._protocol is V5 else "3.1.1"

    @classmethod
    def to(cls, broker: dict[str, Any], keepalive: int = 30) -> Self:
        """The way to a broker as sealcast.json names it. Raises UserError when its CA file cannot be used."""
        context = None
        if broker.get("tls"):
            try:
                context = tls_context(broker.get("ca"))
            except OSError as e:
                raise UserError(f"cannot use the CA certificate {broker.get('ca')}: {reason(e)}") from None
        return cls(
            broker["host"],
            port_of(broker),
            username=broker.get("username"),
            password=broker.get("password"),
            keepalive=keepalive,
            tls=context,
            path=broker.get("path"),
        )

    async def connect(self, will_topic: str, will_payload: bytes) -> None:
        """Open the connection with this last will (retained, QoS 1). Raises LinkError."""
        await self.close()
        logger = logging.getLogger("sealcast_host.mqtt")
        logger.setLevel(logging.CRITICAL)  # the session reports what matters
        client = await self._connected(will_topic, will_payload, logger)
        self.failure = None
        self._client = client
        self._filters = set()
        self._lost = asyncio.get_running_loop().create_future()

    async def _connected(self, will_topic: str, will_payload: bytes, logger: logging.Logger) -> Client:
        """A client past its CONNACK, by MQTT 5 or by 3.1.1. Raises LinkError."""
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
            tls_context=self._tls,
            transport="websockets" if self._path else "tcp",
            websocket_path=self._path,
            logger=logger,
        )
        client.pending_calls_threshold = 1000
        try:
            await client.__aenter__()
        except asyncio.CancelledError:
            # aiomqtt leaves the socket with the loop, and its callback fails on what was cancelled: let go of both.
            client.left, client._client.on_disconnect = True, None
            hang_up(client)
            raise
        except (aiomqtt.MqttError, ValueError, UnicodeError) as e:
            if five and speaks_older(e):
                self._protocol = V311  # for good: it is the same broker
                return await self._connected(will_topic, will_payload, logger)
            self.failure = _explain(e)
            raise self.failure from None
        return client

    async def subscribe(self, topic_filter: str, qos: int) -> None:
        """Returns once the broker confirmed. Raises LinkError."""
        granted = await self._call(self._open().subscribe(topic_filter, qos))
        if any(int(getattr(code, "value", code)) >= 0x80 for code in granted):
            raise LinkError("auth", "the broker refused the subscription")
        self._filters.add(topic_filter)

    async def publish(self, topic: str, payload: bytes, retain: bool, qos: int) -> None:
        """Returns after the PUBACK (QoS 1) or once sent (QoS 0). Raises RefusedError when the broker says no (MQTT 5),
        LinkError."""
        try:
            await self._open().put(topic, payload, retain, qos)
        except Refused as e:
            raise RefusedError(errno.EACCES, str(e)) from None
        except (aiomqtt.MqttError, ValueError) as e:
            raise LinkError("lost", "the broker did not answer") from e

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
        try:
            return await self._open().take()
        except aiomqtt.MqttError:
            self._mark_lost()
            raise LinkError("lost", "the link to the broker was lost") from None

    async def close(self) -> None:
        """Disconnect cleanly (no last will) when what was published is acknowledged, soon at least; never raises."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET_S):
                await self.landed()
        await self._end(politely=True)

    async def abort(self) -> None:
        """Drop the connection: the broker publishes the last will; never raises."""
        await self._end(politely=False)

    async def _end(self, politely: bool) -> None:
        client, self._client = self._client, None
        self._mark_lost()
        flying = list(self._flying)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
        if client is not None:
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
                    await client.unsubscribe(sorted(self._filters))

    def _open(self) -> Client:
        if self._client is None:
            raise LinkError("lost", "not connected")
        return self._client

    def _mark_lost(self) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    async def _call(self, operation: Any) -> Any:
        """Run one exchange with the broker, given up at once when the link is lost (aiomqtt alone would wait 10 s)."""
        lost = self._lost
        task = asyncio.ensure_future(operation)
        try:
            await asyncio.wait({task} if lost is None else {task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise LinkError("lost", "the link to the broker was lost")
            return task.result()
        except (aiomqtt.MqttError, ValueError) as e:
            raise LinkError("lost", "the broker did not answer") from e
        finally:
            task.cancel()


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
    return ssl.create_default_context(cafile=ca_file)


def _explain(error: BaseException) -> LinkError:
    """aiomqtt's error -> LinkError. It hides the system's error behind its own; that one says what to do."""
    if isinstance(error, aiomqtt.exceptions.MqttConnectError):
        code = error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", -1)
        if code in _AUTH_CODES:
            return LinkError("auth", "the broker refused the user name or password")
        if code == _TOO_LARGE:
            return LinkError("size", "it takes only messages too small for Sealcast")
        return LinkError("refused", f"the broker refused the connection (code {code})")
    cause = error.__context__ if error.__cause__ is None else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return LinkError("tls", f"the broker's certificate is not trusted: {cause.verify_message}")
    if isinstance(cause, ssl.SSLError):
        return LinkError("tls", "no TLS connection: does the broker speak TLS on this port?")
    if isinstance(cause, socket.gaierror) or isinstance(error, UnicodeError):
        return LinkError("name", "no such host")
    if isinstance(cause, ConnectionRefusedError):
        return LinkError("refused", "nothing listens there")
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return LinkError("refused", (cause.strerror or "no connection").lower())
    return LinkError("timeout", "no answer: is it an MQTT broker?")
