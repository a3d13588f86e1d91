"""The arguments of the commands for boards and for joining: flash, provision, doctor, invite, join."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealcast_host.cli.arguments import seconds, whole

AddBroker = Callable[[argparse.ArgumentParser], None]
BrokerOf = Callable[[argparse.Namespace], Any]

_PORT = "the serial port (default: the only one with something plugged in)"


def add(commands: Any, add_broker: AddBroker, broker_of: BrokerOf) -> None:
    """Add the commands. add_broker, broker_of: the options about the broker, as the other commands have them."""
    _add_flash(commands)
    _add_provision(commands, add_broker, broker_of)
    _add_doctor(commands)
    _add_invite(commands, add_broker, broker_of)
    _add_join(commands, add_broker, broker_of)


def _add_flash(commands: Any) -> None:
    p = commands.add_parser("flash", help="put MicroPython and the node on a board", description=_FLASH, epilog=_FLASH_EXAMPLES)
    p.add_argument("board", metavar="BOARD", nargs="?", help="what it is, like ESP32_GENERIC_C3 (default: found out)")
    p.add_argument("--port", help=_PORT + "; for a UF2 bootloader also the folder of its drive")
    p.add_argument("--image", type=Path, metavar="FILE", help="erase the board and write this MicroPython first (.bin, .uf2)")
    p.add_argument("--install-only", action="store_true", help="the node alone; the default without --image")
    p.add_argument("--wait", type=seconds, default=120.0, metavar="S", help="wait so long for an unplugged board (default: %(default)g)")

    def run(args: argparse.Namespace) -> int:
        from sealcast_host.cli.flash import flash

        return flash(args.board, args.port, args.image, args.install_only, args.wait)

    p.set_defaults(run=run)


def _add_provision(commands: Any, add_broker: AddBroker, broker_of: BrokerOf) -> None:
    p = commands.add_parser("provision", help="make boards members of a channel", description=_PROVISION, epilog=_PROVISION_EXAMPLES)
    p.add_argument("channel", metavar="CHANNEL")
    which = p.add_mutually_exclusive_group(required=True)
    which.add_argument("--uid", help="the board's name in the channel")
    which.add_argument("--csv", type=Path, metavar="FILE", help="a board for each row of FILE")
    p.add_argument("--port", help=_PORT)
    p.add_argument("--wifi-ssid", metavar="NAME", help="its password comes from SEALCAST_WIFI_PASSWORD or a prompt")
    p.add_argument("--sensor", choices=("auto", "simulated", "internal", "dht22", "ds18b20", "adc"), help="publish its readings")
    p.add_argument("--pin", type=_pin, help="the sensor's pin (default: the one in the board's file)")
    p.add_argument("--every", type=whole(1, 86400, "a number of seconds"), metavar="S", help="seconds between readings (default: 60)")
    p.add_argument("--led", type=_pin, metavar="PIN", help="the pin of the LED that shows how it is (default: the board's own)")
    p.add_argument("--replace", action="store_true", help="make a board that is another member, or a new board for a known name, this one")
    add_broker(p)

    def run(args: argparse.Namespace) -> int:
        from sealcast_host.boards.provision import Wishes
        from sealcast_host.cli import provision as provisioncmd

        wishes = Wishes(args.uid or "", args.wifi_ssid, None, None, args.sensor, args.pin, args.every, args.led)
        if args.csv is not None:
            return provisioncmd.many(args.channel, args.csv, wishes, broker_of(args), args.port, replace=args.replace)
        return provisioncmd.one(args.channel, wishes, broker_of(args), args.port, replace=args.replace)

    p.set_defaults(run=run)


def _add_doctor(commands: Any) -> None:
    p = commands.add_parser(
        "doctor", help="say what is wrong with a board, a broker or a channel", description=_DOCTOR, epilog=_DOCTOR_EXAMPLES
    )
    p.add_argument("channel", metavar="CHANNEL", nargs="?", help="look at this channel and its broker (default: all that are known here)")
    p.add_argument("--port", help="look at the board at this serial port")
    p.add_argument(
        "--seconds", type=seconds, default=5.0, metavar="S", help="wait so long for each answer of a broker (default: %(default)g)"
    )

    def run(args: argparse.Namespace) -> int:
        from sealcast_host.cli.doctor import doctor

        return doctor(args.channel, args.port, args.seconds)

    p.set_defaults(run=run)


def _add_invite(commands: Any, add_broker: AddBroker, broker_of: BrokerOf) -> None:
    p = commands.add_parser("invite", help="show a channel's invitation, as text and QR code", description=_INVITE, epilog=_INVITE_EXAMPLES)
    p.add_argument("channel", metavar="CHANNEL")
    p.add_argument("--no-qr", action="store_true", help="the text alone")
    add_broker(p)

    def run(args: argparse.Namespace) -> int:
        from sealcast_host.cli.invite import invite

        return invite(args.channel, broker_of(args), not args.no_qr)

    p.set_defaults(run=run)


def _add_join(commands: Any, add_broker: AddBroker, broker_of: BrokerOf) -> None:
    p = commands.add_parser("join", help="add the channel of an invitation", description=_JOIN, epilog=_JOIN_EXAMPLES)
    p.add_argument("url", metavar="URL", nargs="?", help="the invitation (default: asked for; - reads standard input)")
    p.add_argument("--uid", help="this computer's name in the channel (default: its host name)")
    add_broker(p)

    def run(args: argparse.Namespace) -> int:
        from sealcast_host.cli.invite import join

        return join(args.url, args.uid, broker_of(args))

    p.set_defaults(run=run)


def _pin(text: str) -> int | str:
    from sealcast_host.cli.provision import pin

    return pin(text)


_FLASH = """\
Put the node on a board that runs MicroPython; with --image, write MicroPython itself first. Only what differs is copied,
each file is checked on the board, and an unplugged cable is waited for."""
_FLASH_EXAMPLES = """\
examples:
  sealcast flash                                             the only board that is plugged in; it runs MicroPython
  sealcast flash --port /dev/ttyUSB0 --image ESP32_GENERIC_C3-20241129-v1.24.1.bin
  sealcast flash --image RPI_PICO_W-20241129-v1.24.1.uf2     with BOOTSEL held while plugging in

images: https://micropython.org/download/ (the page of the board's name; the file boards/NAME.toml has its address)
"""
_PROVISION = """\
Make a board that has the node (sealcast flash) a member of a channel: writes its settings, with the channel's key, an
identity and randomness made here; pins the identity in the channel's roster; prints a label. A board that is this member
already keeps its identity and its state; only its settings change."""
_PROVISION_EXAMPLES = """\
examples:
  sealcast provision greenhouse --uid bench-1 --wifi-ssid farm --broker 192.168.1.10
  sealcast provision greenhouse --uid door --port /dev/ttyACM0 --sensor dht22 --pin 4
  sealcast provision greenhouse --csv boards.csv --wifi-ssid farm

columns of the CSV file (uid is needed, the others may be missing or empty; the options above serve for all rows):
  uid, port, wifi_ssid, wifi_password, broker (HOST[:PORT]), sensor, pin, every (seconds), led
  rows that share a port are done one after the other: you are asked to plug the next one in
"""
_DOCTOR = """\
Look at a board, at channels and their brokers; a line for each thing that was looked at, with the way out where it is
wrong. Exit code 0 when all is well, 1 when something is not."""
_DOCTOR_EXAMPLES = """\
examples:
  sealcast doctor                              this computer, and every channel known here
  sealcast doctor greenhouse                   this channel and its broker
  sealcast doctor --port /dev/ttyUSB0          this board
  sealcast doctor greenhouse --port /dev/ttyUSB0      both, and whether they fit together
"""
_INVITE = """\
Show what another computer needs to be in a channel, as a line of text and as a QR code. Whoever sees it is in."""
_INVITE_EXAMPLES = """\
examples:
  sealcast invite greenhouse --broker 192.168.1.10
  sealcast invite greenhouse --no-qr | ssh pi sealcast join -
"""
_JOIN = """\
Add the channel of an invitation. A channel of the same name that is here already is never replaced."""
_JOIN_EXAMPLES = """\
examples:
  sealcast join                     asks for the invitation, which then stands in no history
  sealcast join 'sealcast://192.168.1.10/greenhouse?key=...&sum=...'
"""
