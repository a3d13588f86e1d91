"""`sealcast provision`: one board from the command line, or many from a CSV file."""

import argparse
import sys
from pathlib import Path
from typing import Any

from sealcast_host.boards.provision import Wishes, name_for, provision, room_for, settings_for
from sealcast_host.boards.serial import the_port
from sealcast_host.cli import table, talk
from sealcast_host.cli.arguments import PORT_HELP, whole
from sealcast_host.cli.channelchanges import DATA
from sealcast_host.cli.options import BrokerOptions, add_broker, broker_of
from sealcast_host.cli.secretinput import wifi_password
from sealcast_host.errors import UserError
from sealcast_host.member import channels

COLUMNS = (
    "uid", "port", "wifi_ssid", "wifi_password", "wifi_open", "broker", "transport",
    "sensor", "pin", "every", "led", "duty", "ratchet",
    "modes", "data",
)  # fmt: skip
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("channel", metavar="CHANNEL")
    which = p.add_mutually_exclusive_group(required=True)
    which.add_argument("--uid", help="the board's name in the channel")
    which.add_argument("--csv", type=Path, metavar="FILE", help="a board for each row of FILE")
    p.add_argument("--port", help=PORT_HELP)
    p.add_argument("--wifi-ssid", metavar="NAME", help="its password comes from SEALCAST_WIFI_PASSWORD or a prompt")
    p.add_argument("--wifi-open", action="store_true", help="that network has no password")
    p.add_argument(
        "--transport", choices=("mqtt", "serial"), help="how it reaches the broker (default: what it can do)"
    )
    p.add_argument(
        "--sensor", choices=("auto", "simulated", "internal", "dht22", "ds18b20", "adc"), help="publish its readings"
    )
    p.add_argument("--pin", type=pin, help="the sensor's pin (default: the one in the board's file)")
    p.add_argument(
        "--every",
        type=whole(1, 86400, "a number of seconds"),
        metavar="S",
        help="seconds between readings (default: 60)",
    )
    p.add_argument(
        "--led", type=pin, metavar="PIN", help="the pin of the LED that shows how it is (default: the board's own)"
    )
    p.add_argument(
        "--duty",
        type=whole(1, 604800, "a number of seconds"),
        metavar="S",
        help="sleep deeply, and wake every S seconds to send a reading",
    )
    p.add_argument(
        "--ratchet",
        action=argparse.BooleanOptionalAction,
        help="take part in the ratcheting group (default: unless it has --duty)",
    )
    p.add_argument(
        "--modes",
        type=modes,
        metavar="LIST",
        help="what it takes part in, like note,conversation or note,ratchet: without ratchet the group takes no memory",
    )
    p.add_argument("--data", metavar="TEXT", help=DATA)
    p.add_argument(
        "--replace",
        action="store_true",
        help="make a board that is another member, or a new board for a known name, this one",
    )
    add_broker(p)
    p.set_defaults(run=_run, appended=True)


def _run(args: argparse.Namespace) -> int:
    same = ("wifi_ssid", "wifi_open", "transport", "sensor", "pin", "every", "led", "duty", "ratchet", "modes", "data")
    wishes = Wishes(args.uid or "", **{name: getattr(args, name) for name in same})
    if wishes.wifi_open and wishes.wifi_ssid is None:
        raise UserError("--wifi-open needs --wifi-ssid NAME as well")
    if args.csv is not None:
        return many(args.channel, args.csv, wishes, broker_of(args), args.port, replace=args.replace)
    return one(args.channel, wishes, broker_of(args), args.port, replace=args.replace)


def one(channel: str, wishes: Wishes, broker: BrokerOptions, port: str | None, *, replace: bool) -> int:
    """Provision the board at `port`."""
    _complete(channel, wishes, broker)
    _note(room_for(channels.load(channel), [wishes.uid]))
    _print(provision(channel, wishes, the_port(port), replace=replace).lines())
    return 0


def many(channel: str, file: Path, common: Wishes, broker: BrokerOptions, port: str | None, *, replace: bool) -> int:
    """Provision a board for each row of a CSV file. Every row is checked before the first board is touched."""
    rows = table.read(file, COLUMNS, needed="uid")
    known = channels.load(channel)
    word = room_for(known, [name_for(known, row["uid"]) for _, row in rows])
    default = _broker(known, broker)
    password = _wifi_password(common)
    plan: list[tuple[int, Wishes, str]] = []
    for number, row in rows:
        where = f"{file} row {number} ({row['uid'] or 'without a uid'})"
        try:
            wishes = _wishes(row, common, known.broker, default, password)
            wishes.uid = name_for(known, wishes.uid)
            settings_for(known, wishes, None)
            plan.append((number, wishes, the_port(row["port"] or port)))
        except UserError as e:
            raise UserError(f"{where}: {e}") from None
    uids = [wishes.uid for _, wishes, _ in plan]
    twice = next((uid for uid in uids if uids.count(uid) > 1), None)
    if twice is not None:
        raise UserError(f"{file}: {twice} is there twice: every member needs a name of its own")
    _note(word)
    last = None
    for number, wishes, where in plan:
        if where == last:
            _next_board(file, number, wishes.uid, where)
        last = where
        try:
            _print(provision(channel, wishes, where, replace=replace).lines())
        except UserError as e:
            raise type(e)(f"{file} row {number} ({wishes.uid}): {e}; the rows before it are done") from None
    return 0


def _complete(channel: str, wishes: Wishes, broker: BrokerOptions) -> None:
    known = channels.load(channel)
    wishes.uid = name_for(known, wishes.uid)
    wishes.broker = _broker(known, broker)
    wishes.wifi_password = _wifi_password(wishes)


def _wifi_password(wishes: Wishes) -> str | None:
    asked = wishes.wifi_ssid is not None and not wishes.wifi_open
    return wifi_password(str(wishes.wifi_ssid)) if asked else None


def _broker(known: channels.ChannelFile, broker: BrokerOptions) -> dict[str, Any] | None:
    changed = broker.over(known.broker)
    channels.raise_if_no_board(changed)
    return changed if changed != known.broker else None


def _wishes(
    row: dict[str, str], common: Wishes, known: dict[str, Any], broker: dict[str, Any] | None, password: str | None
) -> Wishes:
    """What a row wishes, and what is wished for all where it says nothing. known: the channel's broker, broker: what
    the options make of it. Raises UserError."""
    transport = row["transport"] or common.transport
    ssid = row["wifi_ssid"] or (common.wifi_ssid if transport != "serial" else None)
    without = _yes(row, "wifi_open") or False
    if (row["wifi_password"] or without) and not ssid:
        raise UserError(f"{'wifi_password' if row['wifi_password'] else 'wifi_open'}: without a wifi_ssid")
    if ssid and not row["wifi_ssid"] and not row["wifi_password"] and not without:
        without, own = common.wifi_open, password
    else:
        own = row["wifi_password"] or None
    ratchet = _yes(row, "ratchet")
    return Wishes(
        uid=row["uid"],
        wifi_ssid=ssid,
        wifi_password=own,
        wifi_open=without,
        broker=BrokerOptions(row["broker"]).over(broker or known) if row["broker"] else broker,
        transport=transport,
        sensor=row["sensor"] or common.sensor,
        pin=pin(row["pin"]) if row["pin"] else common.pin,
        every=_seconds(row, "every") or common.every,
        led=pin(row["led"]) if row["led"] else common.led,
        duty=_seconds(row, "duty") or common.duty,
        ratchet=None if row["modes"] else common.ratchet if ratchet is None else ratchet,
        modes=modes(row["modes"]) if row["modes"] else common.modes if ratchet is None else None,
        data=row["data"] or common.data,
    )


def modes(text: str) -> list[str]:
    """A list of modes, as it was typed: the settings' own rules judge it."""
    return text.replace(";", ",").replace(" ", ",").replace(",,", ",").split(",")


def pin(text: str) -> int | str:
    """A pin's number, or its name ("LED", "GP15")."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _seconds(row: dict[str, str], name: str) -> int | None:
    text = row[name]
    if text and (not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) == 0):
        raise UserError(f"{name}: must be a number of seconds")
    return int(text) if text else None


def _yes(row: dict[str, str], name: str) -> bool | None:
    text = row[name].lower()
    if text and text not in _YES_NO:
        raise UserError(f"{name}: must be yes or no")
    return _YES_NO.get(text)


def _next_board(file: Path, number: int, uid: str, port: str) -> None:
    if not sys.stdin.isatty():
        raise UserError(
            f"{file} row {number} ({uid}): {port} was the port of the row before: give each row its own, or run this "
            "in a terminal"
        )
    try:
        input(f"Plug the board for {uid} in at {port}, then press Enter. ")
    except EOFError:
        raise UserError("the input has ended: run it again for the rest") from None


def _note(word: str) -> None:
    if word:
        talk.note(word)


def _print(lines: list[str]) -> None:
    for line in lines:
        print("".join(c if c.isprintable() else "?" for c in line), flush=True)


_ABOUT = """\
Make a board that has the node (sealcast flash) a member of a channel: writes its settings, with the channel's key, an
identity and randomness made here; pins the identity in the channel's roster; prints a label. A board that is this
member already keeps its identity and its state; its settings become those that are given now, and what was set before
and is not given again is named. A channel has at most 32 members, this computer and every other one among them."""
_EXAMPLES = """\
examples:
  sealcast provision greenhouse --uid bench-1 --wifi-ssid farm --broker 192.168.1.10
  sealcast provision greenhouse --uid door --port /dev/ttyACM0 --sensor dht22 --pin 4
  sealcast provision greenhouse --uid meadow --wifi-ssid guests --wifi-open --broker 192.168.1.10 --duty 900
  sealcast provision greenhouse --csv boards.csv --wifi-ssid farm

columns of the CSV file (uid is needed, the others may be missing or empty; the options above serve for all rows):
  uid, port, wifi_ssid, wifi_password, wifi_open (yes), broker (HOST[:PORT]), transport, sensor, pin, every, led,
  duty (seconds, as every), ratchet (yes or no), modes ("note,ratchet"), data (what the board says of itself); commas,
  semicolons or tabs; "quoted" cells keep their spaces
  rows that share a port are done one after the other: you are asked to plug the next one in
"""
