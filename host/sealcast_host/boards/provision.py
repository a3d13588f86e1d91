"""Gives a board its settings: the channel's key, an identity and a seed made here, and its place in the channel's
roster.

The board is written first and the roster then: cut short in between, the same command again finds the identity that the
board has and goes on. Files of a member that the board was before are removed only when that is asked for.
"""

import json
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealcast import wire
from sealcast.crypto import best_suite
from sealcast.run import checked, slots
from sealcast.run.settings import complete
from sealcast.zpinc.identity import Identity
from sealcast.zpinc.joins import fingerprint
from sealcast_host.boards import wifi
from sealcast_host.boards.bundle import MAIN
from sealcast_host.boards.install import recognise
from sealcast_host.boards.models import Board
from sealcast_host.boards.repl import Device
from sealcast_host.errors import UserError
from sealcast_host.member import channels, invites, places
from sealcast_host.member.privatefiles import reason

SETTINGS = "/sealcast.json"
CA = "/ca.pem"
_STATE = ("/state.0", "/state.1")
_JOURNALS = ("/state.0j", "/state.1j")
_OF_A_MEMBER = (*_STATE, *_JOURNALS, "/identity.0", "/identity.1", "/root.0", "/root.1")
_SEEDED = b"\x01"  # PROTOCOL.md section 12: a state that holds only a seed


@dataclass
class Wishes:
    """What a board's settings shall have beside the channel's own; None where nothing was said."""

    uid: str
    wifi_ssid: str | None = None
    wifi_password: str | None = None
    broker: dict[str, Any] | None = None
    sensor: str | None = None
    pin: int | str | None = None
    every: int | None = None
    led: int | str | None = None
    duty: int | None = None
    ratchet: bool | None = None
    modes: list[str] | None = None  # of "note", "conversation", "ratchet": in place of `ratchet`
    transport: str | None = None
    data: str | None = None  # what the board says of itself in its join
    wifi_open: bool = False  # the network has no password, and that is meant


@dataclass(frozen=True)
class Label:
    """What may be printed on a board."""

    uid: str
    channel: str
    fingerprint: str
    dropped: tuple[str, ...] = ()  # fields that were set on this member's board until now

    def lines(self) -> list[str]:
        rows = [f"uid          {self.uid}", f"channel      {self.channel}", f"fingerprint  {self.fingerprint}"]
        width = max(len(row) for row in rows)
        edge = "+" + "-" * (width + 2) + "+"
        gone = f"no longer set: {', '.join(self.dropped)} (to keep these, give them again)"
        return [edge, *(f"| {row:{width}} |" for row in rows), edge, *([gone] if self.dropped else [])]


def name_for(known: channels.ChannelFile, text: str) -> str:
    """The name of a board as it was typed, in the one Unicode form (NFC) if it is new.

    Two names that look alike and are not the same would be two members. Raises UserError.
    """
    if text in known.roster:
        return text
    name = unicodedata.normalize("NFC", text)
    for other in (known.uid, *known.roster):
        if other != name and unicodedata.normalize("NFC", other) == name:
            raise UserError(
                f"uid: the channel has {other} in another Unicode form, which looks the same: take another name"
            )
    return name


def room_for(known: channels.ChannelFile, uids: Iterable[str]) -> str:
    """-> a word when few places are left then. Raises UserError where these would be too many members: nobody would
    hear the last."""
    there = places.taken(known)
    new = {uid for uid in uids if uid} - there
    if new and len(there) + len(new) > places.MOST:
        raise UserError(
            f"uid: a channel has at most {places.MOST} members, and this one has {len(there)}, this computer among "
            "them, and every other computer takes a place, too: use another channel, or leave out who is no more "
            "(sealcast lost)"
        )
    return places.few(len(there) + len(new)) if new else ""


def settings_for(known: channels.ChannelFile, wishes: Wishes, board: Board | None) -> dict[str, Any]:
    """The board's sealcast.json, without an identity yet. Raises UserError naming the wrong field."""
    if wishes.uid == known.uid:
        raise UserError("uid: this is this computer's own name in the channel: every member needs a name of its own")
    out = known.settings(wishes.uid) | {"uid": wishes.uid}
    out["roster"] = {uid: public for uid, public in known.roster.items() if uid != wishes.uid}
    if wishes.broker is not None:
        out["broker"] = wishes.broker
    if wishes.transport == "serial" and wishes.wifi_ssid is not None:
        raise UserError("transport: serial needs no Wi-Fi: leave the network out")
    if board is not None:
        _reach(out, wishes, board)
    if wishes.wifi_ssid is not None:
        out["wifi"] = {"ssid": wishes.wifi_ssid, "password": wishes.wifi_password or None}
    if wishes.sensor is not None:
        given = {"kind": wishes.sensor, "pin": _sensor_pin(wishes, board), "every": wishes.every}
        out["sensor"] = {name: value for name, value in given.items() if value is not None}
    led = wishes.led if wishes.led is not None or board is None else board.led
    if led is not None:
        out["led"] = led
    if wishes.modes is not None:
        out.pop("ratchet", None)
    plain = {"duty": wishes.duty, "ratchet": wishes.ratchet, "modes": wishes.modes, "transport": wishes.transport}
    plain["data"] = wishes.data
    out = {name: value for name, value in plain.items() if value is not None} | out
    channels.raise_wrong_settings(out, "settings")
    if wishes.wifi_ssid is not None:
        out["wifi"] = wifi.settings(wishes.wifi_ssid, wishes.wifi_password, without=wishes.wifi_open)
    return out


def _sensor_pin(wishes: Wishes, board: Board | None) -> int | str | None:
    """The one that is wished for, or the board's own. Raises UserError for one that reads no voltage."""
    pin = wishes.pin
    if board is None or wishes.sensor in ("auto", "simulated", "internal"):
        return pin
    if wishes.sensor != "adc":
        return board.sensor if pin is None else pin
    if isinstance(pin, int) and board.adc and pin not in board.adc:
        able = ", ".join(map(str, sorted(board.adc)))
        raise UserError(f"pin: {board.name} reads no voltage at {pin} while its radio is on: give one of {able}")
    return board.adc[0] if pin is None and board.adc else pin


def _reach(out: dict[str, Any], wishes: Wishes, board: Board) -> None:
    """How the board gets to the broker: over its radio, or over its serial port by somebody's bridge."""
    if board.radio == "none" and wishes.transport == "mqtt":
        raise UserError(f"transport: {board.name} has no radio: it reaches the broker by serial alone")
    if board.radio == "none" or wishes.transport == "serial":
        out["transport"] = "serial"
        del out["broker"]
    elif invites.only_here(out["broker"]["host"]):
        where = "the channel's broker is known as an address of this computer only"
        raise UserError(f"broker: {where}: give one that the board can reach, with --broker")
    elif wishes.wifi_ssid is None:
        raise UserError(f"wifi: {board.name} needs a network: add --wifi-ssid (its password is asked for)")


def provision(channel: str, wishes: Wishes, port: str, *, replace: bool) -> Label:
    """Write one board's settings, identity and seed; add it to the roster; restart it. Raises UserError."""
    suite = best_suite()
    known = channels.load(channel)
    room_for(known, [wishes.uid])
    settings_for(known, wishes, None)  # what is wrong with the wishes is said before a board is looked for
    with Device(port) as device:
        board = recognise(device.facts(), None)
        if device.hashes([MAIN])[MAIN] == "-":
            raise UserError(
                f"{port}: the node is not on this board yet: run sealcast flash --install-only --port {port} first"
            )
        settings = settings_for(known, wishes, board)
        before = _present(device)
        same = (before.get("channel"), before.get("uid")) == (known.channel, wishes.uid)
        if before and not same and not replace:
            raise UserError(
                f"{port}: this board is another member already ({_of(before)}): use --replace to make it this one"
            )
        secret = _identity(before) if same else None
        if secret is None:
            secret = secrets.token_bytes(32)
        public = wire.b64(Identity(suite, secret).public)
        if known.roster.get(wishes.uid, public) != public and not replace:
            raise UserError(
                f"the channel knows another board as {wishes.uid}: choose another --uid, or use --replace if that one "
                "is no more"
            )
        dropped = _dropped(known, board, before, settings) if same else ()
        _write(device, settings | {"identity": wire.b64(secret)}, secret, keep_state=same)
        _remember(channel, wishes.uid, public)
        device.restart()
    return Label(wishes.uid, known.channel, fingerprint(suite, wire.unb64(public)), dropped)


def _dropped(
    known: channels.ChannelFile, board: Board | None, before: dict[str, Any], settings: dict[str, Any]
) -> tuple[str, ...]:
    """The fields that the board's settings of before had, and which these leave as they are by themselves."""
    plain = json.loads(completed(best_suite(), known.settings(settings["uid"])))
    after = json.loads(completed(best_suite(), settings))
    plain["led"] = board.led if board is not None else None
    names = sorted(set(before) & set(plain) - {"key", "identity", "roster", "admin", "checked"})
    return tuple(name for name in names if before[name] != plain[name] == after[name])


def _write(device: Device, settings: dict[str, Any], secret: bytes, *, keep_state: bool) -> None:
    broker = settings.get("broker") or {}
    if broker.get("ca"):
        try:
            device.put(CA, Path(broker["ca"]).read_bytes())
        except OSError as e:
            raise UserError(f"cannot read the CA certificate {broker['ca']}: {reason(e)}") from None
        settings = settings | {"broker": broker | {"ca": CA}}
    has_state = any(digest != "-" for digest in device.hashes(_STATE).values())
    if not keep_state or not has_state:
        for path in _OF_A_MEMBER if not keep_state else _JOURNALS:  # of a state that is not there any more
            device.remove(path)
        suite = best_suite()
        key = slots.key_for(suite, secret, settings["channel"].encode(), settings["uid"].encode())
        device.put(_STATE[0], slots.pack(suite, key, 1, _SEEDED + secrets.token_bytes(32)))
    device.put(SETTINGS, completed(best_suite(), settings).encode())


def completed(suite: Any, settings: dict[str, Any]) -> str:
    """The text of a board's settings, checked here, so that the board need not do it. Raises BadSettings."""
    config = complete(settings)
    if settings.get("ratchet") is None and settings.get("modes") is None:
        config["ratchet"] = None  # the board looks whether it has the room
    return text_of(suite, config)


def text_of(suite: Any, settings: dict[str, Any]) -> str:
    """Completed settings as the text of a board's sealcast.json, sealed: the board need not check them again."""
    text: str = checked.seal(suite, json.dumps(_plain(settings)))
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return wire.b64(value) if isinstance(value, bytes) else value


def _present(device: Device) -> dict[str, Any]:
    """The settings that are on the board; {} for none, or for something that is no settings."""
    data = device.get(SETTINGS)
    try:
        value = json.loads(data) if data else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _identity(settings: dict[str, Any]) -> bytes | None:
    try:
        secret: bytes = wire.unb64(settings["identity"])
    except Exception:  # whatever it is, it is no identity, and must not be shown
        return None
    return secret if len(secret) == 32 else None


def _of(settings: dict[str, Any]) -> str:
    names = [str(settings.get(field))[:48] for field in ("uid", "channel")]
    return f"{names[0]} in {names[1]}"


def _remember(channel: str, uid: str, public: str) -> None:
    """Put the board into the channel's roster. Read again just before: it may have been written meanwhile."""
    known = channels.load(channel)
    if known.roster.get(uid) != public:
        known.roster[uid] = public
        channels.store(known, replace=True)
