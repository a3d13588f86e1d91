"""Keeps serial ports open and relays what their boards say; a port that goes away is waited for."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from sealcast_host.boards.serial import SerialPort, why
from sealcast_host.bridge.relay import BoardTransport, Relay

AGAIN_S = 0.5
AGAIN_MOST_S = 5.0


class Bridge:
    """Relays any number of ports. make(keepalive) -> a transport for one board; tell(line): what happens, for
    people."""

    def __init__(self, make: Callable[[int], BoardTransport], tell: Callable[[str], None], baud: int = 115200) -> None:
        self._make = make
        self._tell = tell
        self._baud = baud
        self._open: dict[str, SerialPort] = {}

    def type(self, path: str, line: str) -> None:
        """A line for the board itself: its console takes what is no packet. Lost when the port is gone."""
        if path in self._open:
            self._open[path].write(b"\n" + line.encode() + b"\n")  # whatever noise came before is not part of it

    async def attend(self, path: str) -> None:
        """Relay one port until cancelled; a port that goes away is waited for. Raises OSError when it cannot be
        opened at first."""
        wait, missing = AGAIN_S, False
        first = True
        while True:
            gone = asyncio.Event()
            # What arrives while the relay is being made is kept by the system.
            relay = Relay(
                self._make, lambda line: self._tell(f"{path}: {line}"), lambda data: self._open[path].write(data)
            )
            try:
                self._open[path] = SerialPort(path, self._baud, relay.feed, gone.set)
            except OSError as e:
                if first:
                    raise
                if not missing:
                    self._tell(f"{path}: {why(e)}; waiting for it")
                missing = True
                wait = await _pause(wait)
                continue
            if not first:
                self._tell(f"{path}: it is back")
            first, missing = False, False
            task = asyncio.ensure_future(relay.run())
            try:
                await gone.wait()
                self._tell(f"{path}: the port is gone")
            finally:
                task.cancel()
                await asyncio.wait({task})
                self._open.pop(path).close()
            # A port may open and end at once, again and again
            wait = AGAIN_S if relay.heard else await _pause(wait)


async def _pause(seconds: float) -> float:
    """-> how long the next one is."""
    await asyncio.sleep(seconds)
    return min(2 * seconds, AGAIN_MOST_S)


def maker(broker: dict[str, Any]) -> Callable[[int], BoardTransport]:
    """broker: as in sealcast.json -> a function that makes a transport for a board with that keepalive.

    Raises UserError when the broker's CA file cannot be used.
    """
    BoardTransport.to(broker)  # what is wrong with it is said now, not when a board comes
    return partial(BoardTransport.to, broker)
