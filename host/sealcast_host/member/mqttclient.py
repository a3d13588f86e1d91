"""aiomqtt's client with what MQTT 5 says and it does not pass on: refused publishes, the receive maximum, the largest
packet, and a server that hangs up instead of answering CONNECT."""

import asyncio
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

INFLIGHT = 20  # paho's own bound for publishes under way
V5, V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311
PRESENCE_S = 30 * 86400  # a broker may forget the presence of who was not there for so long
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
        self.v5 = protocol is V5
        self.largest: int | None = None  # packet in bytes that the broker takes, when it says so
        clean: dict[str, Any] = {"clean_start": True} if self.v5 else {"clean_session": True}
        super().__init__(host, port, protocol=protocol, **clean, **more)
        # A link that dies just after CONNACK is reported by whatever was awaited then: asyncio need not complain.
        self._disconnected.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def put(self, topic: str, payload: bytes, retain: bool, qos: int) -> None:
        """Publish; returns after the PUBACK (QoS 1). Raises Refused, MqttError."""
        if self.largest is not None and len(topic.encode()) + len(payload) + _OVERHEAD > self.largest:
            raise Refused(f"the broker takes packets of {self.largest} bytes at most")
        expires = presence_expiry(topic) if self.v5 and retain and payload else None
        info = self._client.publish(topic, payload, qos, retain, expires)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, "could not publish")
        if info.is_published():
            return
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._acks[info.mid] = answer
        try:
            async with asyncio.timeout(self.timeout):
                said = await answer
        except TimeoutError:
            raise aiomqtt.MqttError("operation timed out") from None
        finally:
            self._acks.pop(info.mid, None)
        if said:
            raise Refused(f"the broker refuses what this member publishes ({said.lower()})")

    def _on_publish(self, client: PahoClient, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        answer = self._acks.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(str(reason_code) if self.v5 and reason_code.is_failure else "")
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_connect(
        self, client: PahoClient, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if properties is not None:
            # Before any publish, though after CONNECT, where paho's own setter refuses it.
            client._max_inflight_messages = min(INFLIGHT, getattr(properties, "ReceiveMaximum", INFLIGHT))
            self.largest = getattr(properties, "MaximumPacketSize", None)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: PahoClient, userdata: Any, flags: Any, reason_code: Any, properties: Any = None
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttCodeError(reason_code, "hung up"))
            return
        for answer in self._acks.values():
            if not answer.done():
                answer.set_exception(aiomqtt.MqttCodeError(reason_code, "lost"))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_socket_register_write(self, client: PahoClient, userdata: Any, sock: Any) -> None:
        """As aiomqtt's, but a socket that was closed meanwhile (its number may be another's now) is left alone."""

        def write() -> None:
            try:
                client.loop_write()
            except Exception as e:
                if not self._disconnected.done():
                    self._disconnected.set_exception(e)

        def register() -> None:
            held = client.socket()
            if held is not None and held is sock and held.fileno() >= 0:
                self._loop.add_writer(held.fileno(), write)

        self._loop.call_soon_threadsafe(register)


def speaks_older(error: BaseException) -> bool:
    """Does this failure of an MQTT 5 connection look like a broker that knows 3.1.1 only?"""
    if isinstance(error, aiomqtt.exceptions.MqttConnectError):
        return getattr(error.rc, "value", error.rc) in (1, 132)
    return isinstance(error, aiomqtt.MqttCodeError)


def presence_expiry(topic: str) -> Properties | None:
    """The properties of a retained presence, None for anything else."""
    return _expiry(PacketTypes.PUBLISH) if topic.endswith("/p") else None


def will_expiry() -> Properties:
    """The same for a last will, which is a presence."""
    return _expiry(PacketTypes.WILLMESSAGE)


def _expiry(kind: int) -> Properties:
    out = Properties(kind)  # type: ignore[no-untyped-call]
    out.MessageExpiryInterval = PRESENCE_S
    return out
