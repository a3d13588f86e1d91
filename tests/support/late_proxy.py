"""A TCP proxy before a real broker that holds the retained messages of chosen connections back, as a slow or lying
broker does: MQTT's packets are followed, what is not a retained PUBLISH passes at once."""

import asyncio
import contextlib

_PUBLISH, _RETAIN, _PUBACK = 0x30, 0x01, 0x40


class LateProxy:
    """`port` is where clients connect. `delay_s(number)` -> how long the retained messages of that connection
    (0, 1, ..) are held back."""

    def __init__(self, broker_port, delay_s):
        self._broker_port = broker_port
        self._delay_s = delay_s
        self._count = 0
        self._tasks = set()
        self._server = None
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        delay = self._delay_s(self._count)
        self._count += 1
        away = None
        try:
            back, away = await asyncio.open_connection("127.0.0.1", self._broker_port)
            up = asyncio.create_task(self._pass(reader, away))
            self._tasks.add(up)
            await self._down(back, writer, delay)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            for w in (writer, away):
                if w is not None:
                    w.close()
            self._tasks.discard(asyncio.current_task())

    async def _pass(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _down(self, reader, writer, delay):
        """Broker to client, packet by packet."""
        loop = asyncio.get_running_loop()
        async for packet, _ in _packets(reader):
            if delay and packet[0] & 0xF0 == _PUBLISH and packet[0] & _RETAIN:
                loop.call_later(delay, self._late, writer, packet)
            else:
                writer.write(packet)
                await writer.drain()

    def _late(self, writer, packet):
        if not writer.is_closing():
            writer.write(packet)


class AckProxy(LateProxy):
    """One that lets through the acknowledgements of the first `most` messages of `long` bytes, over all connections;
    held() is called for each other."""

    def __init__(self, broker_port, long, most, held):
        super().__init__(broker_port, lambda number: 0)
        self._long, self._left, self._held, self._numbers = long, most, held, set()

    async def _pass(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async for packet, at in _packets(reader):
                if packet[0] & 0xF0 == _PUBLISH and len(packet) > self._long:
                    at += 2 + int.from_bytes(packet[at : at + 2], "big")
                    self._numbers.add(packet[at : at + 2])
                writer.write(packet)
                await writer.drain()
        writer.close()

    async def _down(self, reader, writer, delay):
        async for packet, at in _packets(reader):
            if packet[0] & 0xF0 == _PUBACK and packet[at : at + 2] in self._numbers:
                self._left -= 1
                if self._left < 0:
                    self._held()
                    continue
            writer.write(packet)
            await writer.drain()


async def _packets(reader):
    """(each, where its body begins) as it comes."""
    while True:
        packet, length, shift = await reader.readexactly(1), 0, 0
        while True:
            byte = await reader.readexactly(1)
            packet += byte
            length |= (byte[0] & 127) << shift
            shift += 7
            if byte[0] < 128:
                break
        yield packet + await reader.readexactly(length), len(packet)
