"""Sealcast's Transport over a serial port, for boards without radio:
`sealcast bridge` at the other end has the network.

docs/PROTOCOL.md section 23. The link (sealcast.run.seriallink) makes the port reliable; here are the calls: each of
connect, subscribe and publish is one message, answered by a result with its id. Every failure is an OSError.
"""

import asyncio
import select
import sys
import time

from sealcast.compat import const
from sealcast.errors import BadSettings
from sealcast.run.aio import Clock, sleep_ms, stop, within
from sealcast.run.seriallink import Lines, Link

# Messages (23.4): ours, and the bridge's
_CONNECT = const(0x01)
_SUBSCRIBE = const(0x02)
_PUBLISH = const(0x03)
_BYE = const(0x04)
_RESULT = const(0x81)
_MESSAGE = const(0x82)

_GOODBYE_MS = const(3000)
_CHUNK = const(256)  # more than a line
_FULL_MS = const(500)  # a port that takes nothing for so long has nobody who reads


class Stream:
    """Bytes in and out of a stream object: standard input and output
    (USB, or the board's first UART), or a machine.UART.
    """

    def __init__(self, source, sink):
        self._source = source
        self._sink = sink
        self._reader = asyncio.StreamReader(source)
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)
        self._one = bytearray(1)

    async def read(self, chunk):
        """Fill `chunk` with what has come -> how many bytes; waits, and lets others run, only when there is nothing.

        Byte by byte: a read of more would wait for all of it on most ports. Allocates nothing for each byte.
        """
        one, read, ready = self._one, self._source.readinto, self._poll.ipoll
        for count in range(len(chunk)):
            for _ in ready(0):
                n = read(one)
                break
            else:
                if count:
                    return count
                n = await self._reader.readinto(one)
            if not n:
                raise OSError("the serial port is closed")
            chunk[count] = one[0]
        return len(chunk)

    def write(self, data):
        """All of it. Raises OSError where nobody reads: USB takes nothing then, and the board must not stand still."""
        view, full = memoryview(data), None
        while len(view):
            n = self._sink.write(view)
            if n:
                view, full = view[n:], None
            elif full is None:
                full = time.ticks_ms()
            elif time.ticks_diff(time.ticks_ms(), full) > _FULL_MS:
                raise OSError("nobody reads the serial port")


def stream(settings):
    """The port that settings["serial"] names. A board that talks over its console keeps Ctrl-C and its log lines."""
    if settings["uart"] is None:
        return Stream(sys.stdin.buffer, sys.stdout.buffer)
    pins = {}
    for name in ("tx", "rx"):
        if settings[name] is not None:
            pins[name] = settings[name]
    try:
        from machine import UART

        uart = UART(settings["uart"], baudrate=settings["baud"], rxbuf=256 * settings["window"], **pins)
    except (ImportError, OSError, TypeError, ValueError):  # ports differ in how they say it
        raise BadSettings("serial.uart: this board has none of this number at these pins; give another, or null (USB)")
    return Stream(uart, uart)


class Serial:
    """One bridge. connect(), then receive() in one task all the time, publish() and subscribe() from others."""

    connect_ms = 20000

    def __init__(self, port, keepalive_s, window):
        """port: a Stream. window: packets that the port's buffer holds while the board is busy."""
        self._port = port
        self._keepalive_s = keepalive_s
        self._link = Link(window)
        self._lines = Lines()
        self._chunk = bytearray(_CHUNK)
        self._found = []  # in what was read, not looked at yet
        self._clock = Clock()
        self._room = asyncio.Event()
        self._session = time.ticks_us() & 0xFFFF
        self._ticker = None
        self.on_text = None  # on_text(bytes): a line that is no packet
        self._reset()

    def _reset(self):
        self._lock = asyncio.Lock()  # where `async with` finds no memory for its end, it stays taken
        self._dead = None
        self._receiver = None
        self._waiting = {}  # id -> [Event, None or reason]
        self._id = 0

    async def connect(self, will_topic, will_payload):
        """Have the bridge connect to the broker with this last will. Raises OSError."""
        self._reset()
        self._session = self._session % 0xFFFF + 1
        self._link.open(self._session, self._keepalive_s, self._clock.now())
        self._ticker = asyncio.create_task(self._tick())
        try:
            connecting = self._connect(will_topic.encode(), will_payload)
            await within(connecting, self.connect_ms, "no bridge answers at the serial port")
        except OSError:
            await self.abort()
            raise

    async def _connect(self, topic, payload):
        while not self._link.up:
            await self._event()
        self._link.send([bytes((_CONNECT, 0)), len(topic).to_bytes(2, "big"), topic, payload], self._clock.now())
        self._flush()
        while True:
            message = await self._event()
            if message and message[0] == _RESULT and message[1] == 0:
                return _refuse(message)

    async def subscribe(self, filters, qos):
        """Returns when the broker confirmed. Raises OSError."""
        for topic_filter in filters:
            await self._call(_SUBSCRIBE, bytes((qos,)), topic_filter.encode())

    async def publish(self, topic, payload, retain=False, qos=0):
        """Returns when the broker has it (QoS 1), or the bridge has sent it (QoS 0). Raises OSError."""
        text = topic.encode()
        flags = bytes((qos << 1 | (1 if retain else 0),))
        await self._call(_PUBLISH, flags, len(text).to_bytes(2, "big"), text, payload)

    async def receive(self):
        """The next message as (topic, payload). Raises OSError when the link is lost."""
        self._alive()
        self._receiver = asyncio.current_task()
        try:
            while True:
                message = await self._event()
                if not message:
                    continue
                if message[0] == _MESSAGE and len(message) > 3:
                    end = 3 + (message[1] << 8 | message[2])
                    try:
                        return str(message[3:end], "utf-8"), message[end:]
                    except UnicodeError:
                        raise OSError("the bridge breaks the rules")
                if message[0] == _RESULT and len(message) > 2:
                    waiting = self._waiting.get(message[1])
                    if waiting:
                        waiting[1] = message
                        waiting[0].set()
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

    async def close(self):
        """Say goodbye: the bridge disconnects cleanly, the broker drops the last will."""
        if not self._dead and self._link.up:
            try:
                await within(self._goodbye(), _GOODBYE_MS, "")
            except OSError:
                pass
        await self.abort()

    async def abort(self):
        """Stop without goodbye: the broker publishes the last will,
        when the bridge finds us silent or starting again.
        """
        self._die(OSError("closed"))
        ticker, self._ticker = self._ticker, None
        await stop(ticker)
        if self._link.up:
            self._link.gone("the board gave up")
            try:
                self._flush()
            except OSError:  # the port is gone: that says it as well
                pass

    async def _goodbye(self):
        async with self._lock:
            while not self._link.idle:
                await self._event()
            self._link.send([bytes((_BYE, 0))], self._clock.now())
            self._flush()
            message = None
            while message is None or message[0] != _RESULT or message[1]:
                message = await self._event()

    # --- inside

    async def _event(self):
        """Read until something happens -> a message, or None for any
        other step forward. Raises OSError when it is over.
        """
        while True:
            if not self._found:
                n = await self._port.read(self._chunk)
                self._found = self._lines.put(bytes(memoryview(self._chunk)[:n]))
                continue
            found = self._found.pop(0)
            if found[0] == "text":
                if self.on_text:
                    self.on_text(found[1])
                continue
            event = self._link.take(found[1], self._clock.now())
            self._flush()
            if self._link.idle:
                self._room.set()
            if event and event[0] == "gone":
                raise OSError(event[1])
            return event[1] if event and event[0] == "message" else None

    async def _call(self, kind, *parts):
        """Send one message and wait for its result; a broker's refusal ends the link, as over TCP."""
        self._id = self._id % 255 + 1
        number = self._id
        waiting = self._waiting[number] = [asyncio.Event(), None]
        try:
            async with self._lock:
                while not self._link.idle:
                    self._alive()
                    self._room.clear()
                    await within(self._room.wait(), self._keepalive_s * 1000, "the bridge does not take what we send")
                self._alive()
                self._link.send((bytes((kind, number)),) + parts, self._clock.now())
                self._flush()
            await within(waiting[0].wait(), self._keepalive_s * 1000, "the broker does not acknowledge")
            self._alive()
            _refuse(waiting[1])
        except OSError as e:
            self._die(e)
            raise
        finally:
            self._waiting.pop(number, None)

    def _alive(self):
        if self._dead:
            raise self._dead

    def _flush(self):
        out = self._link.out
        while out:
            self._port.write(out.pop(0))

    async def _tick(self):
        while not self._dead:
            try:
                now = self._clock.now()
                event = self._link.tick(now)
                self._flush()
                if event:
                    raise OSError(event[1])
            except Exception as e:  # also one that found no memory: nobody else would send again what is lost
                return self._die(e)
            await sleep_ms(max(10, min(1000, self._link.due(now))))

    def _die(self, error):
        if self._dead is None:
            self._dead = error
        self._room.set()
        for waiting in self._waiting.values():
            waiting[0].set()
        if self._receiver:
            self._receiver.cancel()


def _refuse(result):
    """A result's code: 0 is good."""
    if len(result) < 3 or result[2]:
        raise OSError("".join([chr(c) if 32 <= c < 127 else "?" for c in result[3:]]) or "the bridge refused")
