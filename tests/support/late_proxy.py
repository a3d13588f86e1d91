"""A TCP proxy before a real broker that holds the retained messages of chosen connections back, as a slow or lying
broker does: MQTT's packets are followed, what is not a retained PUBLISH passes at once."""

import asyncio
import contextlib

_PUBLISH, _RETAIN = 0x30, 0x01


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
        while True:
            packet = await reader.readexactly(1)
            length, shift = 0, 0
            while True:
                byte = await reader.readexactly(1)
                packet += byte
                length |= (byte[0] & 127) << shift
                shift += 7
                if byte[0] < 128:
                    break
            packet += await reader.readexactly(length)
            if delay and packet[0] & 0xF0 == _PUBLISH and packet[0] & _RETAIN:
                loop.call_later(delay, self._late, writer, packet)
            else:
                writer.write(packet)
                await writer.drain()

    def _late(self, writer, packet):
        if not writer.is_closing():
            writer.write(packet)
