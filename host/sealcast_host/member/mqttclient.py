"""aiomqtt's client with what MQTT 5 says and it does not pass on (refused publishes, reasons, the receive maximum, the
largest packet, a server that hangs up instead of answering CONNECT), and with a faster way to the socket and back."""

import asyncio
import socket
import threading
from collections import deque
from typing import Any, Self

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sealcast_host.member.refusals import LinkError, ended, words

INFLIGHT = 20  # paho's own bound for publishes under way
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
PRESENCE_S = 30 * 86400  # a broker may forget the presence of who was not there for so long, and does not sleep longer
_AT_ONCE = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)  # a small packet does not wait for the answer to another
_CORK = getattr(socket, "TCP_CORK", None)  # where the system has it: several packets go as one
_QUICK = getattr(socket, "TCP_QUICKACK", None)  # brokers that know no TCP_NODELAY wait for this before they say more
_CHUNK = 16384  # bytes
_PUBLISH, _PUBACK = 0x30, 0x40
_SUCCESS, _NONE = ReasonCode(PacketTypes.PUBACK), Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]
_OVERHEAD = 64  # of a PUBLISH beside topic and payload, with its properties: less

# mosquitto 2.0 answers so to a publish above its message_size_limit, which MQTT 5 does not foresee; paho would give the
# connection up.
_TOO_LARGE = getattr(ReasonCode, "names", {}).get(149, {}).get("Packet too large", [])
if PacketTypes.PUBACK not in _TOO_LARGE:
    _TOO_LARGE.append(PacketTypes.PUBACK)


class Refused(Exception):
    """The broker's answer to a publish: no. The text says why."""


class Client(aiomqtt.Client):
    """One connection, by `protocol`: V5 or V311."""

    def __init__(self, host: str, port: int, *, protocol: aiomqtt.ProtocolVersion, **more: Any) -> None:
        self._acks: dict[int, asyncio.Future[str]] = {}
        self._arrived: deque[tuple[str, bytes, int]] = deque()
        self._more = asyncio.Event()
        self._unread = b""  # came from the socket, and was not asked for yet
        self._flushing = self._writing = False
        self._thread = threading.get_ident()
        self.left = False  # does nobody want this connection any more?
        self.v5 = protocol is V5
        self.largest: int | None = None  # packet in bytes that the broker takes, when it says so
        self.said = ""  # the reason that the broker gave last, in its own words
        self._reason: ReasonCode | None = None  # of its DISCONNECT
        self._heard = self._unheard = False  # was a publish acknowledged; was none, and one under way at the end?
        clean: dict[str, Any] = {"clean_start": True} if self.v5 else {"clean_session": True}
        super().__init__(host, port, protocol=protocol, socket_options=_AT_ONCE, **clean, **more)
        self._receive_some = self._client._sock_recv
        self._client._sock_recv = self._receive  # type: ignore[method-assign, assignment]
        self._handle_other = self._client._packet_handle
        self._client._packet_handle = self._handle  # type: ignore[method-assign]
        # A link that dies just after CONNACK is reported by whatever was awaited then: asyncio need not complain.
        self._disconnected.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._disconnected.add_done_callback(lambda ended: self.lost())

    async def __aenter__(self) -> Self:
        """As aiomqtt's, which forgets an end that came together with CONNACK."""
        await super().__aenter__()
        if self._client.socket() is None and not self._disconnected.done():
            self._disconnected.set_result(None)
        return self

    @property
    def at_once(self) -> int:
        """How many publishes may be under way."""
        return self._client._max_inflight_messages

    async def put(self, topic: str, payload: bytes, retain: bool, qos: int, presence_s: int = PRESENCE_S) -> None:
        """Publish; returns after the PUBACK (QoS 1). presence_s: when it expires, if it is a presence. Raises Refused,
        MqttError."""
        if self.largest is not None and len(topic.encode()) + len(payload) + _OVERHEAD > self.largest:
            raise Refused(f"the broker takes packets of {self.largest} bytes at most")
        expires = presence_expiry(topic, presence_s) if self.v5 and retain and payload else None
        info = self._client.publish(topic, payload, qos, retain, expires)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, "could not publish")
        if info.is_published():
            return
        answer: asyncio.Future[str] = self._loop.create_future()
        self._acks[info.mid] = answer
        patience = self._loop.call_later(self.timeout, _late, answer)
        try:
            said = await answer
        finally:
            patience.cancel()
            self._acks.pop(info.mid, None)
        if said:
            raise Refused(f"the broker refuses what this member publishes ({said.lower()})")

    async def take(self) -> tuple[str, bytes, int]:
        """The next message that came: topic, payload, number (that of paho's `ack`, 0 for QoS 0). Raises MqttError once
        the connection has ended."""
        while not self._arrived:
            if self._disconnected.done():
                raise aiomqtt.MqttError("the connection has ended")
            self._more.clear()
            await self._more.wait()
        return self._arrived.popleft()

    def why_ended(self) -> LinkError | None:
        """Why the connection has ended, None while it stands."""
        return ended(self._reason, self.said, self._unheard) if self._disconnected.done() else None

    def lost(self) -> None:
        """Nothing more will come: whoever waits is told."""
        self._more.set()
        for answer in self._acks.values():
            if not answer.done():
                answer.set_exception(aiomqtt.MqttError("the connection has ended"))

    def _on_message(self, client: PahoClient, userdata: Any, message: Any) -> None:
        self._arrived.append((message.topic, bytes(message.payload), message.mid))
        self._more.set()

    def _handle(self) -> MQTTErrorCode:
        """The two packets that come for every message, where paho makes a table of all properties that there could be
        for each."""
        client = self._client
        command, packet = client._in_packet["command"], bytes(client._in_packet["packet"])
        if command & 0xF0 == _PUBACK and len(packet) == 2:  # nothing but success
            self._heard = True
            mid = int.from_bytes(packet)
            if mid in client._out_messages:
                return client._do_on_publish(mid, _SUCCESS, _NONE)
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        if command & 0xF6 != _PUBLISH | 2:  # of QoS 1
            return self._handle_other()
        at = 2 + int.from_bytes(packet[:2])
        topic, mid = packet[2:at].decode(), int.from_bytes(packet[at : at + 2])
        at += 2
        if self.v5:
            size, shift = 0, 0
            while True:
                size |= (packet[at] & 127) << shift
                shift += 7
                at += 1
                if packet[at - 1] < 128:
                    break
            at += size
        self._arrived.append((topic, packet[at:], mid))
        self._more.set()
        return MQTTErrorCode.MQTT_ERR_SUCCESS if client._manual_ack else client._send_puback(mid)

    def _on_publish(self, client: PahoClient, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        self._heard = True
        answer = self._acks.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(str(reason_code) if self.v5 and reason_code.is_failure else "")

    def _on_connect(
        self, client: PahoClient, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if properties is not None:
            # Before any publish, though after CONNECT, where paho's own setter refuses it.
            client._max_inflight_messages = min(INFLIGHT, getattr(properties, "ReceiveMaximum", INFLIGHT))
            self.largest = getattr(properties, "MaximumPacketSize", None)
            self.said = words(properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: PahoClient, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttCodeError(reason_code, "hung up"))
            return
        if flags.is_disconnect_packet_from_server:
            self._reason, self.said = reason_code, words(properties)
        self._unheard = bool(self._acks) and not self._heard
        self.lost()
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_subscribe(
        self, client: PahoClient, userdata: Any, mid: int, reason_codes: Any, properties: Any = None
    ) -> None:
        self.said = words(properties)
        super()._on_subscribe(client, userdata, mid, reason_codes, properties)

    # --- the socket: many packets with one system call, where aiomqtt and paho take several for each

    def _receive(self, size: int) -> bytes:
        """In paho's place of recv(), which it calls for every byte of a header."""
        if not self._unread:
            self._unread = self._receive_some(max(size, _CHUNK))
        data, self._unread = self._unread[:size], self._unread[size:]
        return data

    def _on_socket_open(self, client: PahoClient, userdata: Any, sock: Any) -> None:
        plain: Any = getattr(sock, "_socket", sock)  # that of a WebSocket

        def read() -> None:
            try:
                if _QUICK is not None:
                    plain.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
                while client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS and (
                    self._unread or getattr(client._sock, "pending", int)() > 0
                ):
                    pass
            except Exception as e:
                self._broken(e)

        def opened() -> None:
            if self.left:  # while the thread still connected
                plain.close()
                return
            self._loop.add_reader(sock.fileno(), read)
            self._misc_task = self._loop.create_task(self._misc_loop())

        self._loop.call_soon_threadsafe(opened)

    def _on_socket_register_write(self, client: PahoClient, userdata: Any, sock: Any) -> None:
        """Something is to be written: together with what else is decided before the loop comes round."""
        if not self._flushing:
            self._flushing = True
            inside = threading.get_ident() == self._thread  # else paho connects in a thread
            (self._loop.call_soon if inside else self._loop.call_soon_threadsafe)(self._flush, sock)

    def _on_socket_unregister_write(self, client: PahoClient, userdata: Any, sock: Any) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(sock.fileno())

    def _flush(self, sock: Any) -> None:
        """Write all that waits. A socket that was closed meanwhile (its number may be another's now) is left alone."""
        self._flushing = False
        client = self._client
        held = client.socket()
        if held is None or held is not sock or held.fileno() < 0:
            return
        corked = _CORK is not None and len(client._out_packet) > 1
        plain: Any = getattr(sock, "_socket", sock)
        try:
            if corked:
                plain.setsockopt(socket.IPPROTO_TCP, _CORK, 1)
            client.loop_write()
            if corked and client.socket() is sock:
                plain.setsockopt(socket.IPPROTO_TCP, _CORK, 0)
            if client.want_write() and client.socket() is sock and not self._writing:  # it takes no more just now
                self._writing = True
                self._loop.add_writer(sock.fileno(), self._flush, sock)
        except Exception as e:
            self._broken(e)

    def _broken(self, error: Exception) -> None:
        if not self._disconnected.done():
            self._disconnected.set_exception(error)


def _late(answer: "asyncio.Future[str]") -> None:
    if not answer.done():
        answer.set_exception(aiomqtt.MqttError("operation timed out"))


def silent(client: aiomqtt.Client, error: BaseException) -> bool:
    """Did this failure to connect leave a socket open, to which nothing answered?"""
    return client._client.socket() is not None and isinstance(error.__context__, TimeoutError)


def speaks_older(error: BaseException) -> bool:
    """Does this failure of an MQTT 5 connection look like a broker that knows 3.1.1 only?"""
    if isinstance(error, aiomqtt.exceptions.MqttConnectError):
        return getattr(error.rc, "value", error.rc) in (1, 132)
    return isinstance(error, aiomqtt.MqttCodeError)


def presence_expiry(topic: str, seconds: int) -> Properties | None:
    """The properties of a retained presence, None for anything else."""
    return _expiry(PacketTypes.PUBLISH, seconds) if topic.endswith("/p") else None


def will_expiry() -> Properties:
    """The same for a last will, which is a presence."""
    return _expiry(PacketTypes.WILLMESSAGE, PRESENCE_S)


def _expiry(kind: int, seconds: int) -> Properties:
    out = Properties(kind)  # type: ignore[no-untyped-call]
    out.MessageExpiryInterval = seconds
    return out
