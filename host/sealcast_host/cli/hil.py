"""`sealcast hil`: a board examined against the desktop reference."""

import argparse
from pathlib import Path

from sealcast_host.boards import wifi
from sealcast_host.boards.serial import the_port
from sealcast_host.cli.arguments import PORT_HELP, seconds, whole
from sealcast_host.cli.options import add_broker, broker_of
from sealcast_host.cli.secretinput import wifi_password
from sealcast_host.errors import UserError
from sealcast_host.hil import PARTS, REPORT


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("--port", help=PORT_HELP)
    p.add_argument(
        "--parts", type=_parts, metavar="NAMES", help=f"only these, by commas, of: {','.join(PARTS)}"
    )
    p.add_argument(
        "--seed",
        type=whole(0, 999_999_999),
        metavar="N",
        help="replay a run: the seed that it printed (default: a new one)",
    )
    p.add_argument(
        "--rounds",
        type=whole(1, 10000),
        default=20,
        metavar="N",
        help="random calls a primitive (default: %(default)s)",
    )
    p.add_argument("--no-install", action="store_true", help="examine the node that is on the board, whatever it is")
    p.add_argument("--target", type=_name, metavar="NAME", help="name of the report (default: the board's)")
    p.add_argument(
        "--report",
        type=Path,
        default=REPORT,
        metavar="DIR",
        help="write NAME.json and NAME.html here (default: %(default)s)",
    )
    p.add_argument(
        "--silence",
        type=seconds,
        default=30.0,
        metavar="S",
        help="a board silent for so long hangs (default: %(default)g)",
    )
    p.add_argument(
        "--icount", action="store_true", help="the emulator counts instructions (QEMU -icount shift=0): times are those"
    )
    p.add_argument(
        "--wifi-ssid", metavar="NAME", help="live part over this network, not the serial port; needs --broker"
    )
    p.add_argument(
        "--board-broker",
        metavar="HOST",
        help="with --wifi-ssid: the broker's host as the board reaches it (default: that of --broker)",
    )
    add_broker(p)
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from sealcast_host.hil import command

    broker = broker_of(args).over({})
    if args.wifi_ssid is not None and not broker.get("host"):
        raise UserError("--wifi-ssid needs --broker: an address that the board reaches over that network")
    port = the_port(args.port)
    network = None
    if args.wifi_ssid is not None:
        network = wifi.settings(args.wifi_ssid, wifi_password(args.wifi_ssid), without=False)
    wishes = command.Wishes(
        port,
        args.target,
        args.parts,
        args.seed,
        args.rounds,
        args.icount,
        not args.no_install,
        args.silence,
        broker or None,
        network,
        args.board_broker,
        args.report,
    )
    return command.hil(wishes)


def _parts(text: str) -> tuple[str, ...]:
    wanted = text.split(",")
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must be names by commas, of: {','.join(PARTS)}")
    return tuple(name for name in PARTS if name in wanted)


def _name(text: str) -> str:
    if not text or not all(c.isalnum() or c in "-_." for c in text) or text.startswith("."):
        raise argparse.ArgumentTypeError("must be letters, digits, and - _ . between them")
    return text


_ABOUT = """\
Hardware in the loop: everything that the node does on this board, checked by a second implementation that shares
no code with it. Installs the node if it is not there, and leaves settings and state of the board's own member alone.

  primitives   known answers of every primitive; random calls, against libsodium
  pieces       keys, names, padding, randomness, sealing, storage: byte by byte
  zpinc        joining, handshakes, conversations, notes, power cuts, with scripted randomness: every byte is foretold
  group        agreements, ratchet, private messages, catching up, rejoining, in the same way
  live         the node itself over a real broker: resets in the middle of things, wrong frames by the thousand
  timing       how long each primitive takes, what of the heap each part of a node takes"""
_EXAMPLES = """\
examples:
  sealcast hil                                  the only board that is plugged in
  sealcast hil --port /dev/ttyUSB0 --seed 7     the same run as the one that printed seed 7
  sealcast hil --parts primitives,timing
  sealcast hil --wifi-ssid farm --broker 192.168.1.10

Exit code 0 when all passed, 1 when something did not, or the board was lost. A failure shows the bytes that were
expected, those that were found, the section of docs/PROTOCOL.md, and the seed. docs/HARDWARE.md explains the report.
"""
