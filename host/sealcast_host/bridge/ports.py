"""`sealcast bridge`: boards on serial ports reach the broker through this computer, which cannot read what they say."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealcast_host.boards.serial import SerialPort, present, why
from sealcast_host.bridge.relay import BoardTransport, Relay
from sealcast_host.cli.brokeroptions import BrokerOptions
from sealcast_host.errors import UserError
from sealcast_host.member.mqtt import LinkError, tls_context
from sealcast_host.member.privatefiles import reason
from sealcast_host.member.visit import way_out

AGAIN_S = 0.5
AGAIN_MOST_S = 5.0


def bridge(ports: list[str], baud: int, options: BrokerOptions) -> int:
    """Relay until SIGINT or SIGTERM. Raises UserError for ports or a broker that cannot be used."""
    return asyncio.run(_run(ports, baud, options.over({"host": "127.0.0.1"})))


class Bridge:
    """Relays any number of ports. make(keepalive) -> a transport for one board; tell(line): what happens, for people."""

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
        """Relay one port until cancelled; a port that goes away is waited for. Raises OSError when it cannot be opened at first."""
        wait, missing = AGAIN_S, False
        first = True
        while True:
            gone = asyncio.Event()
            # What arrives while the relay is being made is kept by the system.
            relay = Relay(self._make, lambda line: self._tell(f"{path}: {line}"), lambda data: self._open[path].write(data))
            try:
                self._open[path] = SerialPort(path, self._baud, relay.feed, gone.set)
            except OSError as e:
                if first:
                    raise
                if not missing:
                    self._tell(f"{path}: {why(e)}; waiting for it")
                missing = True
                await asyncio.sleep(wait)
                wait = min(2 * wait, AGAIN_MOST_S)
                continue
            if not first:
                self._tell(f"{path}: it is back")
            first, missing, wait = False, False, AGAIN_S
            task = asyncio.ensure_future(relay.run())
            try:
                await gone.wait()
                self._tell(f"{path}: the port is gone")
            finally:
                task.cancel()
                await asyncio.wait({task})
                self._open.pop(path).close()


async def _run(ports: list[str], baud: int, broker: dict[str, Any]) -> int:
    make = maker(broker)
    await _try_broker(make(30), broker)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    running = Bridge(make, lambda line: print(line, flush=True), baud)
    tasks = {asyncio.create_task(running.attend(path)): path for path in ports}
    stopped = asyncio.ensure_future(stop.wait())
    where = f"{broker['host']} port {_port(broker)}"
    try:
        # The ports are opened before the tasks first wait: one that cannot be is known now.
        await asyncio.sleep(0)
        _raise_failed(tasks)
        names = ", ".join(ports)
        print(f"sealcast bridge: {names} and the broker at {where}; what passes is sealed, and no key is here", flush=True)
        await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        _raise_failed(tasks)
    finally:
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.wait({*tasks, stopped})
    print("sealcast bridge: stopped", flush=True)
    return 0


def maker(broker: dict[str, Any]) -> Callable[[int], BoardTransport]:
    """broker: as in sealcast.json -> a function that makes a transport for a board with that keepalive. Raises UserError."""
    context = None
    if broker.get("tls"):
        try:
            context = tls_context(broker.get("ca"))
        except OSError as e:
            raise UserError(f"cannot use the CA certificate {broker.get('ca')}: {reason(e)}") from None

    def make(keepalive: int) -> BoardTransport:
        return BoardTransport(
            broker["host"],
            _port(broker),
            username=broker.get("username"),
            password=broker.get("password"),
            keepalive=keepalive,
            tls=context,
        )

    return make


def _port(broker: dict[str, Any]) -> int:
    return int(broker.get("port") or (8883 if broker.get("tls") else 1883))


async def _try_broker(transport: BoardTransport, broker: dict[str, Any]) -> None:
    """Connect once: a wrong address or password is better told now than when a board comes."""
    try:
        await transport.connect("zp/1/bridge", b"")  # a will that a clean goodbye takes back
    except LinkError as e:
        raise UserError(way_out(e, broker)) from None
    await transport.close()


def _raise_failed(tasks: dict[asyncio.Task[None], str]) -> None:
    for task, path in tasks.items():
        if task.done() and not task.cancelled():
            error = task.exception()
            if isinstance(error, OSError):
                raise UserError(f"{path}: {why(error)}{_known(path)}") from None
            if error is not None:
                raise error


def _known(path: str) -> str:
    if Path(path).exists():
        return ""
    found = present()
    return "; plugged in here: " + ", ".join(found) if found else "; no serial port is plugged in here"
