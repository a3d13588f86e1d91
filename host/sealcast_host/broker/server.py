"""The embedded MQTT 3.1.1 broker: amqtt, with what a gateway that must not lose notes needs on top.

amqtt (0.12) acknowledges a message before it has retained it, forgets acknowledged messages when their sender hangs up,
never notices a client that vanished (so its last will is never sent), reads packets of any length, lets a stranger end
the session of a member whose client id it knows, and greets each client with the retained messages that others asked
for. It also leaves the first of two connections with one client id open and deaf, keeps the brackets of IPv6 addresses,
and formats all subscriptions for a log line that nobody sees. The subclasses here mend all that, and keep retained
messages on disk.

The broker is not trusted with anything: all it carries is sealed. Its user name and password only keep strangers from
filling it.
"""

import asyncio
import contextlib
import errno
import hmac
import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from amqtt.adapters import ReaderAdapter, StreamReaderAdapter, StreamWriterAdapter, WriterAdapter
from amqtt.broker import Broker, RetainedApplicationMessage
from amqtt.contexts import BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError, BrokerError, MQTTError
from amqtt.mqtt.connack import NOT_AUTHORIZED, UNACCEPTABLE_PROTOCOL_VERSION, ConnackPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.session import OutgoingApplicationMessage, Session

from sealcast_host.broker.complaints import complain, watch_loop
from sealcast_host.broker.retained import NotKept, RetainedStore
from sealcast_host.errors import UserError

Tap = Callable[[str, bytes, bool], None]

MAX_PACKET = 65_536  # bytes; the largest Sealcast frame is under 3 KB
SHUTDOWN_S = 5.0
CONNECT_TIMEOUT_S = 10.0

_NAME, _VERSION, _KNOWN = b"\0\4MQTT", 4, 16  # in a CONNECT: the protocol, 3.1.1, and more than what is before both
_LISTENER = "default"
_QUIET = ("amqtt", "transitions")


class _BoundedReader(StreamReaderAdapter):
    """Closes a connection that announces a packet larger than MAX_PACKET instead of buffering it, and one whose CONNECT
    is of another MQTT version, which amqtt would misread and wait for."""

    newer = False  # it spoke another version
    _begun = b""  # the first bytes, until the version is known

    async def read(self, n: int = -1) -> bytes:
        # amqtt handles each packet in a task and cancels those tasks at end of file: let the last packet's begin first,
        # or a DISCONNECT just before the hang-up counts as a vanished client.
        await asyncio.sleep(0)
        if n > MAX_PACKET:
            raise MQTTError("packet too long")
        data = await super().read(n)
        if len(self._begun) < _KNOWN:
            self._begun += data
            _, name, version = self._begun.partition(_NAME)
            if name and version:
                self._begun = bytes(_KNOWN)
                if version[0] != _VERSION:
                    self.newer = True
                    raise MQTTError("another version of MQTT")
        return data


class _Handler(BrokerProtocolHandler):
    """One client's connection. `accept` takes a message; only then is it acknowledged."""

    accept: Callable[[Session, str, bytes, int, bool], Any]

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        topic, data, qos = publish_packet.topic_name, publish_packet.data, publish_packet.qos or 0
        session = self.session
        if session is None or topic is None or data is None:
            return
        if qos > 1 or not topic or topic[0] == "$" or "+" in topic or "#" in topic or "\0" in topic:
            # Sealcast uses neither; MQTT 3.1.1 sections 3.3.2 and 4.7.2 forbid the topics.
            await self.handle_connection_closed()
            return
        try:
            await self.accept(session, topic, data, qos, publish_packet.retain_flag)
        except NotKept:
            await self.handle_connection_closed()  # what cannot be kept is not acknowledged
            return
        if qos == 1 and publish_packet.packet_id is not None:
            await self._send_packet(PubackPacket.build(publish_packet.packet_id))

    async def mqtt_publish(
        self, topic: str, data: bytes | bytearray, qos: int | None, retain: bool, ack_timeout: int | None = None
    ) -> OutgoingApplicationMessage:
        try:
            return await super().mqtt_publish(topic, data, qos, retain, ack_timeout)
        except (TimeoutError, AMQTTError, OSError):
            # Slow to acknowledge, or gone. TCP has the message, and after a lost connection the client subscribes anew.
            return OutgoingApplicationMessage(None, topic, qos, data, retain)

    def handle_read_timeout(self) -> None:
        # MQTT 3.1.1 section 3.1.2.10: a client silent for one and a half keepalives is gone, and its will is published.
        self._closing = asyncio.ensure_future(self.handle_connection_closed())


class _Subscriptions(dict[str, list[tuple[Session, int]]]):
    """amqtt formats them all, with all sessions, for a log line at each SUBSCRIBE."""

    def __repr__(self) -> str:
        return f"{len(self)} filters"


class EmbeddedBroker(Broker):
    """amqtt's broker with the mends listed at the top of this file."""

    def __init__(
        self, host: str, port: int, credentials: tuple[str, str] | None, store: RetainedStore | None, tap: Tap | None
    ) -> None:
        self._host, self._port = host.strip("[]"), port
        listeners = {_LISTENER: ListenerConfig(bind=f"{_LISTENER}:{port}")}  # the address: see below
        super().__init__(BrokerConfig(listeners=listeners, plugins={}))
        self._credentials = credentials
        self._store = store
        self._tap = tap
        self._subscriptions = _Subscriptions()
        self._stopping = False
        self._senders: set[asyncio.Task[None]] = set()

    def _split_bindaddr_port(  # type: ignore[override]
        self, port_str: str, default_port: int
    ) -> tuple[str | None, int]:
        return self._host, self._port  # amqtt's own would leave an IPv6 address in its brackets

    @property
    def port(self) -> int:
        """The port that is listened on (useful when 0 was asked for)."""
        server = cast("asyncio.Server", self._servers[_LISTENER].instance)
        return int(server.sockets[0].getsockname()[1])

    async def _start_listeners(self) -> None:
        # Before the first client can subscribe.
        if self._store is not None:
            for topic, payload, qos in self._store.load():
                self.retained_messages[topic] = RetainedApplicationMessage(None, topic, payload, qos)
        await super()._start_listeners()

    async def shutdown(self) -> None:
        self._stopping = True  # hanging up on the clients must not publish their last wills
        with contextlib.suppress(TimeoutError):  # amqtt can wait for ever for a client that was just coming
            async with asyncio.timeout(SHUTDOWN_S):
                await super().shutdown()
        for task in self._senders:
            task.cancel()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        try:
            await self._client_connected(listener_name, _BoundedReader(reader), StreamWriterAdapter(writer))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()  # hung up in the middle of a packet
        except asyncio.CancelledError:
            # the loop ends; asyncio's own callback would print a traceback for a connection that was cancelled
            writer.close()

    async def _initialize_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, remote_address: str, remote_port: int
    ) -> tuple[BrokerProtocolHandler, Session]:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                handler, session = await _Handler.init_from_connect(reader, writer, self.plugins_manager)
        except Exception as e:  # whatever a stranger's bytes do to the parser, only his connection ends
            if isinstance(reader, _BoundedReader) and reader.newer:
                with contextlib.suppress(OSError):
                    await ConnackPacket.build(0, UNACCEPTABLE_PROTOCOL_VERSION).to_stream(writer)
            await writer.close()
            raise AMQTTError("no valid CONNECT") from e
        if not self._allowed(session):
            await ConnackPacket.build(0, NOT_AUTHORIZED).to_stream(writer)
            await writer.close()
            raise AMQTTError("not authorised")
        if not session.client_id:
            session.client_id = f"anonymous-{id(handler):x}"
        # Sealcast keeps its own state, so every session is a clean one: nothing is queued for who is away.
        session.clean_session = True
        if session.client_id in self._sessions:  # MQTT-3.1.4-2: the one before it ends, with its last will
            _, before = self._sessions[session.client_id]
            await before.handle_connection_closed()
            await before.stop()
        await self._delete_session(session.client_id)
        session.parent = 0
        session.keep_alive = math.ceil(session.keep_alive * 1.5)
        cast("_Handler", handler).accept = self._accept
        return handler, session

    def _allowed(self, session: Session) -> bool:
        session.is_anonymous = self._credentials is None
        if self._credentials is None:
            return True
        user, password = self._credentials
        good_user = hmac.compare_digest((session.username or "").encode(), user.encode())
        good_password = hmac.compare_digest((session.password or "").encode(), password.encode())
        return good_user and good_password

    async def _authenticate(self, session: Session, _: ListenerConfig) -> bool:
        return True  # done before the session was touched

    async def _accept(self, session: Session, topic: str, data: bytes, qos: int, retain: bool) -> None:
        """Keep and pass on one message; it is safe on disk when this returns."""
        if self._tap is not None:
            self._tap(topic, data, retain)
        if retain:
            self._keep(topic, data, qos)
            await super().retain_message(session, topic, data, qos)
        await super()._broadcast_message(session, topic, data, None)

    async def _broadcast_message(
        self, session: Session | None, topic: str | None, data: bytes | bytearray | None, force_qos: int | None = None
    ) -> None:
        # amqtt calls this for last wills only: all else comes through _accept.
        if self._stopping or topic is None or data is None:
            return
        if self._tap is not None:
            self._tap(topic, bytes(data), bool(session and session.will_retain))
        await super()._broadcast_message(session, topic, data, force_qos)

    async def retain_message(
        self,
        source_session: Session | None,
        topic_name: str | None,
        data: bytes | bytearray | None,
        qos: int | None = None,
    ) -> None:
        if self._stopping or topic_name is None:
            return
        with contextlib.suppress(NotKept):  # a last will: nobody waits for an acknowledgement
            self._keep(topic_name, bytes(data or b""), qos or 0)
        await super().retain_message(source_session, topic_name, data, qos)

    def _keep(self, topic: str, data: bytes, qos: int) -> None:
        if self._store is None:
            return
        try:
            self._store.put(topic, data, qos)
        except NotKept as e:
            complain(f"{e}: messages are refused until there is room again")
            raise

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # amqtt calls this at every CONNECT too, for whatever anybody has subscribed to.
        if not any(subscriber is session for subscriber, _ in self.subscriptions.get(subscription[0], ())):
            return
        # amqtt waits here for every acknowledgement and answers nothing else meanwhile; the order is fixed by the
        # time the first await is reached, so it can go on beside the client's next subscription.
        task = asyncio.ensure_future(super()._publish_retained_messages_for_subscription(subscription, session))
        self._senders.add(task)
        task.add_done_callback(self._senders.discard)
        await asyncio.sleep(0)  # lets it queue its messages before any newer one


@asynccontextmanager
async def running_broker(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    credentials: tuple[str, str] | None = None,
    persist: Path | None = None,
    tap: Tap | None = None,
) -> AsyncIterator[EmbeddedBroker]:
    """A broker for the length of the block; `broker.port` says where. Port 0 takes a free one.

    tap(topic, payload, retained) is called for each message before anybody receives it.
    Raises UserError when it cannot listen there or cannot use `persist`.
    """
    for name in _QUIET:  # amqtt logs whole packets, and every hang-up as a warning
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    store = RetainedStore(persist) if persist is not None else None
    watch_loop()
    try:
        broker = EmbeddedBroker(host, port, credentials, store, tap)
        try:
            await broker.start()
        except BrokerError as e:
            raise UserError(_why_not(host, port, e)) from None
        try:
            yield broker
        finally:
            await broker.shutdown()
    finally:
        if store is not None:
            store.close()


def _why_not(host: str, port: int, error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno is not None:
        if cause.errno == errno.EADDRINUSE:
            return f"port {port} on {host} is in use: choose another with --port, or stop what listens there"
        if cause.errno == errno.EACCES:
            return f"not allowed to listen on port {port}: choose one above 1023 with --port"
    return f"cannot listen on {host}:{port}: check --host and --port"
