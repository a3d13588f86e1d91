"""A connection's beginning: name, TCP, TLS, CONNECT and CONNACK (3.1, 3.2). A part of mqtt.Client that is loaded for it
and forgotten.
"""

import asyncio
import socket

from sealcast.compat import const
from sealcast.run.aio import Clock, within

from .inbuf import CLOSED, Input, violation
from .mqtt import IN, OUT, SILENT, Refused
from .watchdog import Fed

_CONNECT = const(0x10)
_CONNACK = const(0x20)
_REFUSED = {
    1: "it does not speak MQTT 3.1.1",
    2: "it does not accept the client id",
    3: "it is unavailable",
    4: "wrong user name or password",
    5: "not authorised: check broker.username and broker.password",
}
_HUNG_UP = (CLOSED, 32, 104)  # EPIPE and ECONNRESET, which not every port names
_SHUT = (
    "the broker hung up before it let us in; its log says why: TLS wanted or not, a certificate, no room, or a last"
    " will (retained, QoS 1) that it does not take"
)


async def connect(client, will_topic, will_payload):
    """Client.connect() up to its CONNACK."""
    if client.input is None:
        client.input = Input(IN)
        client.tx = bytearray(OUT)
        client.txv = memoryview(client.tx)
    try:
        await within(_open(client, will_topic, will_payload), client.connect_ms, SILENT)
    except Refused:
        await client.abort()
        raise
    except OSError:
        if client.wifi:
            client.wifi.reached(False)
        await client.abort()
        raise
    except ValueError as e:  # how the TLS module says it
        await client.abort()
        from .timeofday import again, judged

        if await again(client, str(e)):
            client._reset()
            return await connect(client, will_topic, will_payload)
        raise OSError("the broker's certificate " + judged(str(e)))
    if client.wifi:
        client.wifi.reached(True)


async def dial(client):
    """The way to the broker, up to where MQTT begins. Raises OSError."""
    if client.wifi:
        await client.wifi.ready()  # no name is looked up before there is a network
    address = _look_up(client)
    if client.ssl:
        if client.ssl.verify_mode and not Clock().time():
            from .timeofday import ask

            await ask(client)
        client.stream, _ = await asyncio.open_connection(address, client.port, client.ssl, client.host)
    else:
        client.stream, _ = await asyncio.open_connection(address, client.port)


def _look_up(client):
    """The broker's numeric address; the last good one when no name
    server answers. Raises OSError when there never was one.
    """
    try:
        with Fed():
            found = socket.getaddrinfo(client.host, client.port, 0, socket.SOCK_STREAM)[0][-1]
        client.address = found[0] if isinstance(found, tuple) else client.host  # the unix port tells no numbers
    except OSError:
        if client.address is None:
            raise
    return client.address


async def _open(client, will_topic, will_payload):
    if not client.stream:
        await dial(client)
    name = client.client_id(will_topic or "") if callable(client.client_id) else client.client_id
    flags, fields = 0x02, [name.encode()]  # clean session (3.1.2.4)
    if will_topic is not None:
        flags |= 0x2C  # will, QoS 1, retained
        fields += [will_topic.encode(), will_payload]
    if client.username is not None:
        flags |= 0x80
        fields.append(client.username)
        if client.password is not None:
            flags |= 0x40
            fields.append(client.password)
    parts = [b"\x00\x04MQTT\x04", bytes((flags,)), client.keepalive_s.to_bytes(2, "big")]
    for field in fields:
        parts += [len(field).to_bytes(2, "big"), field]
    try:
        await client.send(_CONNECT, *parts)
        client.input.attach(client.stream)
        first, size = await client.input.head()
    except OSError as e:
        if e.errno in _HUNG_UP or isinstance(e.errno, tuple):  # as the TLS library says it
            raise OSError(_SHUT)
        raise
    if first != _CONNACK or size != 2:
        raise violation("no CONNACK")
    await client.input.need(2)
    session, code = client.input.byte(0), client.input.byte(1)
    client.input.use(2)
    if code:
        raise Refused("the broker refused: " + _REFUSED.get(code, "code " + str(code)))
    if session:
        raise violation("an old session after a clean connect")
