"""`sealcast bridge`: boards on serial ports reach the broker through this computer, which cannot read what they say."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealcast_host.cli.arguments import whole
from sealcast_host.cli.options import BrokerOptions, add_broker, broker_of
from sealcast_host.cli.signals import on_stop
from sealcast_host.errors import UserError
from sealcast_host.member.address import place_of

if TYPE_CHECKING:
    from sealcast_host.bridge.relay import BoardTransport


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument(
        "--port", action="append", required=True, metavar="PORT", help="a board's port; again for each further board"
    )
    p.add_argument(
        "--baud",
        type=whole(1200, 4_000_000),
        default=115200,
        metavar="N",
        help="speed of UART ports (default: %(default)s)",
    )
    add_broker(p)
    p.set_defaults(run=lambda args: bridge(args.port, args.baud, broker_of(args)))


def bridge(ports: list[str], baud: int, options: BrokerOptions) -> int:
    """Relay until SIGINT or SIGTERM. Raises UserError for ports or a broker that cannot be used."""
    double = [port for i, port in enumerate(ports) if port in ports[:i]]
    if double:
        raise UserError(f"--port {double[0]} is given twice; name each board's port once")
    return asyncio.run(_run(ports, baud, options.over({"host": "127.0.0.1"})))


async def _run(ports: list[str], baud: int, broker: dict[str, Any]) -> int:
    from sealcast_host.bridge.ports import Bridge, maker

    make = maker(broker)
    await _try_broker(make(30), broker)
    stop = asyncio.Event()
    on_stop(stop.set)
    unwritable: list[OSError] = []

    def tell(line: str) -> None:
        try:
            print(line, flush=True)
        except OSError as e:  # it ends the bridge, not what a board is in the middle of
            unwritable.append(e)
            stop.set()

    running = Bridge(make, tell, baud)
    tasks = {asyncio.create_task(running.attend(path)): path for path in ports}
    stopped = asyncio.ensure_future(stop.wait())
    try:
        # The ports are opened before the tasks first wait: one that cannot be is known now.
        await asyncio.sleep(0)
        _raise_failed(tasks)
        names = ", ".join(ports)
        print(
            f"sealcast bridge: {names} and the broker at {place_of(broker)}; what passes is sealed, and no key is here",
            flush=True,
        )
        await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        _raise_failed(tasks)
    finally:
        for task in (*tasks, stopped):
            task.cancel()
        await asyncio.wait({*tasks, stopped})
    if unwritable:
        raise unwritable[0]
    print("sealcast bridge: stopped", flush=True)
    return 0


async def _try_broker(transport: "BoardTransport", broker: dict[str, Any]) -> None:
    """Connect once: a wrong address or password is better told now than when a board comes."""
    from sealcast_host.member.refusals import LinkError
    from sealcast_host.member.visit import way_out

    try:
        await transport.connect("zp/1/bridge", b"")  # a will that a clean goodbye takes back
    except LinkError as e:
        raise UserError(way_out(e, broker)) from None
    await transport.close()


def _raise_failed(tasks: dict[asyncio.Task[None], str]) -> None:
    from sealcast_host.boards.serial import why

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
    from sealcast_host.boards.serial import present

    found = present()
    return "; plugged in here: " + ", ".join(found) if found else "; no serial port is plugged in here"


_ABOUT = """\
Connect boards without radio (and emulated ones) to the broker: each talks over its serial port, USB or UART, and gets a
connection of its own to the broker, with its own last will. The bridge relays sealed frames; it holds no key and
can read nothing. A board's settings say "transport": "serial". Its log lines are shown behind the port's name.
Stop with Ctrl-C."""
_EXAMPLES = """\
examples:
  sealcast bridge --port /dev/ttyACM0                                   to the broker on this computer
  sealcast bridge --port /dev/ttyACM0 --port /dev/ttyUSB0 --broker 192.168.1.10
  sealcast bridge --port /dev/pts/7                                     an emulated board

a board that is unplugged, switched off or silent is told to the others by the broker; plug it in again and it goes on
"""
