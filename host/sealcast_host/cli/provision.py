"""`sealcast provision`: one board from the command line, or many from a CSV file."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

from sealcast_host.boards.provision import Wishes, provision, settings_for
from sealcast_host.boards.serial import the_port
from sealcast_host.cli.arguments import PORT_HELP, whole
from sealcast_host.cli.options import BrokerOptions, add_broker, broker_of
from sealcast_host.cli.secretinput import wifi_password
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.privatefiles import reason

COLUMNS = ("uid", "port", "wifi_ssid", "wifi_password", "broker", "sensor", "pin", "every", "led")


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("channel", metavar="CHANNEL")
    which = p.add_mutually_exclusive_group(required=True)
    which.add_argument("--uid", help="the board's name in the channel")
    which.add_argument("--csv", type=Path, metavar="FILE", help="a board for each row of FILE")
    p.add_argument("--port", help=PORT_HELP)
    p.add_argument("--wifi-ssid", metavar="NAME", help="its password comes from SEALCAST_WIFI_PASSWORD or a prompt")
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
        "--replace",
        action="store_true",
        help="make a board that is another member, or a new board for a known name, this one",
    )
    add_broker(p)
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    wishes = Wishes(args.uid or "", args.wifi_ssid, sensor=args.sensor, pin=args.pin, every=args.every, led=args.led)
    if args.csv is not None:
        return many(args.channel, args.csv, wishes, broker_of(args), args.port, replace=args.replace)
    return one(args.channel, wishes, broker_of(args), args.port, replace=args.replace)


def one(channel: str, wishes: Wishes, broker: BrokerOptions, port: str | None, *, replace: bool) -> int:
    """Provision the board at `port`."""
    _complete(channel, wishes, broker)
    _print(provision(channel, wishes, the_port(port), replace=replace).lines())
    return 0


def many(channel: str, file: Path, common: Wishes, broker: BrokerOptions, port: str | None, *, replace: bool) -> int:
    """Provision a board for each row of a CSV file. Every row is checked before the first board is touched."""
    rows = _rows(file)
    known = channels.load(channel)
    default = _broker(known, broker)
    password = wifi_password(common.wifi_ssid) if common.wifi_ssid else None
    plan: list[tuple[int, Wishes, str]] = []
    for number, row in rows:
        where = f"{file} row {number} ({row['uid'] or 'without a uid'})"
        try:
            wishes = _wishes(row, common, default, password)
            settings_for(known, wishes, None)
            plan.append((number, wishes, the_port(row["port"] or port)))
        except UserError as e:
            raise UserError(f"{where}: {e}") from None
    uids = [wishes.uid for _, wishes, _ in plan]
    twice = next((uid for uid in uids if uids.count(uid) > 1), None)
    if twice is not None:
        raise UserError(f"{file}: {twice} is there twice: every member needs a name of its own")
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
    wishes.broker = _broker(channels.load(channel), broker)
    if wishes.wifi_ssid is not None:
        wishes.wifi_password = wifi_password(wishes.wifi_ssid)


def _broker(known: channels.ChannelFile, broker: BrokerOptions) -> dict[str, Any] | None:
    changed = broker.over(known.broker)
    return changed if changed != known.broker else None


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    """[(row number as an editor shows it, {column: text})]. Raises UserError; a cell's text is never shown."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as f:
            reader = csv.reader(f, strict=True)
            head = [name.strip() for name in next(reader, [])]
            unknown = [i + 1 for i, name in enumerate(head) if name not in COLUMNS]
            if "uid" not in head or unknown or len(set(head)) != len(head):
                which = f"column {unknown[0]} is unknown" if unknown else "each column once, and uid is needed"
                raise UserError(f"{file}: {which}; the first row names the columns: {', '.join(COLUMNS)}")
            out = []
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(head):
                    raise UserError(
                        f"{file} row {reader.line_num}: {len(cells)} cells, but there are {len(head)} columns"
                    )
                out.append(
                    (
                        reader.line_num,
                        dict.fromkeys(COLUMNS, "") | dict(zip(head, (cell.strip() for cell in cells), strict=True)),
                    )
                )
    except OSError as e:
        raise UserError(f"cannot read {file}: {reason(e)}") from None
    except (UnicodeDecodeError, csv.Error):
        raise UserError(f"{file} is not a CSV file in UTF-8: export it again with commas") from None
    if not out:
        raise UserError(f"{file}: there is no row below the columns' names")
    return out


def _wishes(row: dict[str, str], common: Wishes, broker: dict[str, Any] | None, password: str | None) -> Wishes:
    own_wifi = row["wifi_ssid"] or None
    if row["wifi_password"] and not own_wifi and not common.wifi_ssid:
        raise UserError("wifi_password: without a wifi_ssid")
    return Wishes(
        uid=row["uid"],
        wifi_ssid=own_wifi or common.wifi_ssid,
        wifi_password=row["wifi_password"] or (None if own_wifi else password),
        broker=BrokerOptions(row["broker"]).over(broker or {}) if row["broker"] else broker,
        sensor=row["sensor"] or common.sensor,
        pin=pin(row["pin"]) if row["pin"] else common.pin,
        every=_seconds(row["every"]) if row["every"] else common.every,
        led=pin(row["led"]) if row["led"] else common.led,
    )


def pin(text: str) -> int | str:
    """A pin's number, or its name ("LED", "GP15")."""
    return int(text) if text.isascii() and text.isdigit() else text


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UserError("every: must be a number of seconds")
    return int(text[:9])


def _next_board(file: Path, number: int, uid: str, port: str) -> None:
    if not sys.stdin.isatty():
        raise UserError(
            f"{file} row {number} ({uid}): {port} was the port of the row before: give each row its own, or run this in a terminal"
        )
    input(f"Plug the board for {uid} in at {port}, then press Enter. ")


def _print(lines: list[str]) -> None:
    for line in lines:
        print("".join(c if c.isprintable() else "?" for c in line), flush=True)


_ABOUT = """\
Make a board that has the node (sealcast flash) a member of a channel: writes its settings, with the channel's key, an
identity and randomness made here; pins the identity in the channel's roster; prints a label. A board that is this member
already keeps its identity and its state; only its settings change."""
_EXAMPLES = """\
examples:
  sealcast provision greenhouse --uid bench-1 --wifi-ssid farm --broker 192.168.1.10
  sealcast provision greenhouse --uid door --port /dev/ttyACM0 --sensor dht22 --pin 4
  sealcast provision greenhouse --csv boards.csv --wifi-ssid farm

columns of the CSV file (uid is needed, the others may be missing or empty; the options above serve for all rows):
  uid, port, wifi_ssid, wifi_password, broker (HOST[:PORT]), sensor, pin, every (seconds), led
  rows that share a port are done one after the other: you are asked to plug the next one in
"""
