"""A small MQTT 3.1.1 client for asyncio: clean session, QoS 0 and 1, last will, keepalive, TLS if given a context.

It has the interface that sealcast.run.session asks of a transport. Source: MQTT Version 3.1.1, OASIS Standard (section
numbers below). Buffers are allocated once. Whatever goes wrong (errors of the network, end of file, silence, a packet
that breaks the rules) is an OSError: the link is lost and the caller connects again. Received packets that are too
large are read past, acknowledged and counted in `skipped`, never stored.
"""

import asyncio
import time

from sealcast.compat import const, hexlify
from sealcast.run.aio import sleep_ms, stop, within

from . import forget
from .inbuf import violation

PACKET = const(2816)  # the largest frame of the protocol (2,400), its topic, and MQTT's own bytes
IN = const(512)  # of the buffers: a topic is far shorter,
OUT = const(1024)  # and most packets are; a longer one leaves in pieces
_GOODBYE_MS = const(1000)
SILENT = "the broker does not answer"

# Given with every packet, said now and then: within a function each of them would load a board's texts (merge.py)
_UNHEARD = "the broker does not acknowledge"
_STUCK = "the broker does not take what we send"

# First bytes of packets, flags included (2.2)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_SUBSCRIBE = const(0x82)
_SUBACK = const(0x90)
_PINGREQ = const(0xC0)
_PINGRESP = const(0xD0)
_DISCONNECT = const(0xE0)


class Refused(OSError):
    """The broker answered, and said no."""


def pseudonym(suite, identity):
    """A client's id, made of the last will's topic: always the same at one place, so that the broker drops a dead one.
    At another place (a lost member was left behind) it is another, and does not lead there.
    """
    return lambda will: "sc" + hexlify(suite.h(9, identity, b"", b"sc/mqtt-id", will.encode()))


class Client:
    """One broker. Use: connect(), then receive() in one task all the time, publish() and subscribe() from others."""

    connect_ms = 20000  # the limit for a connection up to its CONNACK; TLS takes seconds on a board

    def __init__(self, host, port, client_id, username=None, password=None, keepalive_s=30, ssl=None, wifi=None):
        """client_id: str, or what makes one of the last will's topic. username, password: str. ssl: an ssl.SSLContext,
        or None for plain TCP. wifi: a wifi.Wifi that gives the network.
        """
        self.host = host
        self.port = port
        self.client_id = client_id
        self.username = None if username is None else username.encode()
        self.password = None if password is None else password.encode()
        self.keepalive_s = keepalive_s
        self.ssl = ssl
        self.asked = None  # when the time of day was asked for last, in ticks (timeofday.py)
        self.wifi = wifi
        self.address = None  # the last one that the host's name led to
        self.input = None  # the buffers are made at the first connect(): connecting.py
        self.stream = None
        self._pinger = None
        self.skipped = 0
        self._reset()

    def _reset(self):
        self._lock = asyncio.Lock()  # where `async with` finds no memory for its end, it stays taken
        self._dead = None  # why the connection ended
        self._receiver = None  # the task inside receive()
        self._acks = {}  # packet id -> [Event, (first byte of the answer, its size), its return code]
        self._id = 0

    async def connect(self, will_topic, will_payload):
        """Connect with a retained QoS 1 last will (will_topic None:
        without). Raises OSError; Refused if the broker says no.
        """
        from . import connecting

        self._reset()
        try:
            await connecting.connect(self, will_topic, will_payload)
        finally:
            forget("connecting")
        self._pinger = asyncio.create_task(self._keep_alive())

    async def reach(self):
        """Open the connection that the next connect() takes: its memory is best taken before other things take theirs.
        Raises OSError.
        """
        from . import connecting

        try:
            await within(connecting.dial(self), self.connect_ms, SILENT)
        finally:
            forget("connecting")

    async def close(self):
        """Say goodbye (the broker drops the last will) and close."""
        if self.stream and not self._dead:
            try:
                await within(self.send(_DISCONNECT), _GOODBYE_MS, "")
            except OSError:
                pass
        await self.abort()

    async def abort(self):
        """Close without goodbye: the broker publishes the last will."""
        self._die(OSError("closed"))
        pinger, self._pinger = self._pinger, None
        await stop(pinger)
        stream, self.stream = self.stream, None
        if stream:
            stream.close()
            try:
                await stream.wait_closed()
            except OSError:
                pass

    async def subscribe(self, filters, qos):
        """Up to eight. Returns after SUBACK. Raises OSError if the broker refuses one."""
        parts = []
        for text in filters:
            text = text.encode()
            parts += [len(text).to_bytes(2, "big"), text, bytes((qos,))]
        if await self._transact(_SUBSCRIBE, (_SUBACK, 2 + len(filters)), lambda pid: [pid] + parts) > 1:
            raise OSError("the broker refused a subscription: check its access rules for zp/1/#, and its limit")

    async def publish(self, topic, payload, retain=False, qos=0):
        """QoS 0: returns when written; QoS 1: when acknowledged. Payload: bytes-like."""
        text = topic.encode()
        size = len(text).to_bytes(2, "big")
        first = _PUBLISH | (1 if retain else 0)
        if not qos:
            await self.send(first, size, text, payload)
        else:
            await self._transact(first | 2, (_PUBACK, 2), lambda pid: (size, text, pid, payload))

    async def receive(self):
        """The next PUBLISH as (topic, payload); acknowledgements are handled on the way. Raises OSError."""
        if self._dead:
            raise self._dead
        self._receiver = asyncio.current_task()
        try:
            while True:
                first, size = await self.input.head()
                if first & 0xF0 == _PUBLISH:
                    message = await self._published(first, size)
                    if message:
                        return message
                else:
                    await self._answer(first, size)
        except asyncio.CancelledError:
            if self._dead:  # _die() woke us
                raise self._dead
            raise
        except OSError as e:
            self._receiver = None
            self._die(e)
            raise
        finally:
            self._receiver = None

    async def _published(self, first, size):
        """A PUBLISH (3.3): -> (topic, payload), or None for one that does not fit."""
        qos = (first >> 1) & 3
        if qos > 1:
            raise violation("a QoS that was not subscribed")
        await self.input.need(2)
        length = self.input.u16(0)
        rest = size - 2 - length - 2 * qos
        if rest < 0 or not length:
            raise violation("a malformed PUBLISH")
        message = None
        if size <= PACKET and size - rest <= IN:
            await self.input.need(size - rest)
            try:
                topic = str(self.input.view(2, length), "utf-8")
            except UnicodeError:
                raise violation("a topic that is not UTF-8")
            if "+" in topic or "#" in topic or "\x00" in topic:
                raise violation("a wildcard in a topic")
            pid = bytes(self.input.view(2 + length, 2 * qos))
            self.input.use(size - rest)
            message = topic, await self.input.take(rest)
        else:
            self.skipped += 1
            await self.input.skip(2 + length)
            await self.input.need(2 * qos)
            pid = bytes(self.input.view(0, 2 * qos))
            await self.input.skip(size - 2 - length)
        if qos:
            if pid == b"\x00\x00":
                raise violation("packet id 0")
            await self.send(_PUBACK, pid)
        return message

    async def _answer(self, first, size):
        """PUBACK, SUBACK or PINGRESP, exactly as the standard has them (3.4, 3.9, 3.13); nothing else is expected."""
        if first == _PINGRESP and size == 0:
            return
        if first not in (_PUBACK, _SUBACK) or not 2 <= size <= 10:
            raise violation("an unexpected packet")
        await self.input.need(size)
        ack = self._acks.get(self.input.u16(0))
        if ack is None or ack[1] != (first, size):
            raise violation("an acknowledgement for nothing")
        ack[2] = max([0] + [self.input.byte(i) for i in range(2, size)])
        ack[0].set()
        self.input.use(size)

    async def _transact(self, first, answer, parts):
        """Send a packet with a fresh id and wait for its answer (first byte, size) ->
        return code, the worst of several. Raises OSError; silence ends the link.
        """
        if self._dead:
            raise self._dead
        self._id = self._id % 0xFFFF + 1
        pid = self._id
        ack = self._acks[pid] = [asyncio.Event(), answer, None]
        try:
            await self.send(first, *parts(pid.to_bytes(2, "big")))
            await within(ack[0].wait(), self.keepalive_s * 1000, _UNHEARD)
        except OSError as e:
            self._die(e)
            raise
        finally:
            self._acks.pop(pid, None)
        if ack[2] is None:
            raise self._dead
        return ack[2]

    async def send(self, first, *parts):
        """Write one packet. It is put together first: small writes would each wait for the network's delayed ACK."""
        size = 0
        for part in parts:
            size += len(part)
        if size > PACKET - 5:
            raise ValueError("packet too large")
        async with self._lock:
            if self._dead or not self.stream:
                raise self._dead or OSError("not connected")
            tx = self.tx
            tx[0] = first
            at = 1
            left = size
            while True:
                tx[at] = left & 127 | (128 if left > 127 else 0)
                at += 1
                left >>= 7
                if not left:
                    break
            for part in parts:
                done = 0
                while done < len(part):
                    if at == OUT:
                        await self._flush(at)
                        at = 0
                    step = min(len(part) - done, OUT - at)
                    tx[at : at + step] = part if step == len(part) else memoryview(part)[done : done + step]
                    at += step
                    done += step
            await self._flush(at)

    async def _flush(self, n):
        self.stream.write(self.txv[:n])
        await self.stream.drain()

    async def _keep_alive(self):
        """Ping in every half of the keepalive time; a broker that is silent for a whole one is gone (3.12)."""
        limit = self.keepalive_s * 1000
        try:
            while time.ticks_diff(time.ticks_ms(), self.input.heard) < limit:
                await within(self.send(_PINGREQ), limit, _STUCK)
                await sleep_ms(limit // 2)
            self._die(OSError("the broker is silent"))
        except Exception as e:  # nobody else would find out that the broker is gone. (A tuple here would take memory)
            self._die(e)

    def _die(self, error):
        """The connection is over: wake everyone who waits on it."""
        if self._dead is None:
            self._dead = error
        for ack in self._acks.values():
            ack[0].set()
        if self._receiver:
            self._receiver.cancel()
