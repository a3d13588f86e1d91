"""Channels this user knows: one private file each, in the configuration directory.

The file holds the channel's root key (scrypt is done once, here, with 2^stretch: PROTOCOL 4.1), the admin's Ed25519
secret, which never leaves this computer, and where the broker is. The word phrase is shown once and not kept.
"""

import json
import os
import secrets
import socket
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from glob import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sealcast import wire
from sealcast.crypto import best_suite, keys
from sealcast.run.settings import check, complete
from sealcast_host.errors import UserError
from sealcast_host.member.privatefiles import (
    config_dir,
    files_in,
    is_there,
    make_private_dir,
    read_private_json,
    write_private,
)  # fmt: skip

FORMAT = 1
NAMED = 20  # channels in one line
STRETCH = 18  # of the channels that are made here: 256 MiB and a second of a computer's time for each guess


_KEPT = ("channel", "key", "uid", "admin", "broker", "roster", "stretch", "data", "group_name")


@dataclass
class ChannelFile:
    """What is known of a channel here. `key`, `admin_secret`: 32 bytes each; None where this host is not the admin."""

    channel: str
    key: bytes
    uid: str
    admin: bytes | None = None
    admin_secret: bytes | None = None
    broker: dict[str, Any] = field(default_factory=lambda: {"host": "127.0.0.1"})
    roster: dict[str, str] = field(default_factory=dict)
    generation: int = 0  # how often the channel has moved to a new key, as far as is known here
    alias: str | None = None  # what it is called on this computer, if not `channel`
    data: str | None = None  # what this computer's member says of itself in its join
    group_name: str | None = None  # what the ratcheting group is called on this computer
    stretch: int | None = None  # how hard the password was stretched that gave `key`, if one did and it is known

    @property
    def name(self) -> str:
        """What it is called on this computer."""
        return self.alias or self.channel

    def to_json(self) -> dict[str, Any]:
        out: dict[str, Any] = {"format": FORMAT, "channel": self.channel, "key": wire.b64(self.key), "uid": self.uid}
        if self.admin is not None:
            out["admin"] = wire.b64(self.admin)
        if self.admin_secret is not None:
            out["admin_secret"] = wire.b64(self.admin_secret)
        if self.alias is not None:
            out["alias"] = self.alias
        if self.generation:
            out["generation"] = self.generation
        mine = {"stretch": self.stretch, "data": self.data, "group_name": self.group_name}
        out |= {name: value for name, value in mine.items() if value is not None}
        return out | {"broker": self.broker, "roster": self.roster}

    def settings(self, uid: str | None = None) -> dict[str, Any]:
        """A member's sealcast.json (without the secrets that only the host keeps)."""
        out: dict[str, Any] = {
            "uid": self.uid if uid is None else uid,
            "channel": self.channel,
            "key": wire.b64(self.key),
            "broker": dict(self.broker),
        }
        if self.admin is not None:
            out["admin"] = wire.b64(self.admin)
        if self.roster:
            out["roster"] = dict(self.roster)
        if uid in (None, self.uid):
            mine = {"data": self.data, "group_name": self.group_name}
            out |= {name: value for name, value in mine.items() if value is not None}
        return out


def path_of(channel: str) -> Path:
    """The channel's file. Any name can be a file name once it is quoted, a dot at its beginning, too."""
    name = quote(channel, safe="")
    return config_dir() / f"{'%2E' + name[1:] if name.startswith('.') else name}.json"


def known_channels() -> list[str]:
    """The names of all channels with a file here, sorted. Raises UserError."""
    there = [path for path in files_in(config_dir()) if path.suffix == ".json" and not path.name.startswith(".")]
    return sorted(unquote(path.stem) for path in there)


def load(channel: str) -> ChannelFile:
    """The channel's file, checked. Raises UserError."""
    path = path_of(channel)
    if not is_there(path):
        known = known_channels()
        alike = [name for name in known if _one_form(name) == _one_form(channel)]
        if alike:
            raise UserError(
                f"unknown channel; {_shown(alike[0])} looks the same, in another Unicode form: copy that name"
            )
        rest = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
        hint = f"known here: {', '.join(known[:NAMED])}{rest}" if known else "no channel is known here"
        raise UserError(f"unknown channel {_shown(channel)}; {hint}; make one with: sealcast channel new NAME")
    raw = read_private_json(path)
    if raw.pop("format", None) != FORMAT:
        raise UserError(f"{path} is of another format: update sealcast-host, or restore the file from a copy")
    admin_secret = raw.pop("admin_secret", None)
    generation = raw.pop("generation", 0)
    alias = raw.pop("alias", None)
    if alias is not None and not (isinstance(alias, str) and alias):
        raise UserError(f"{path} is damaged (alias): restore it from a copy")
    if type(generation) is not int or not 0 <= generation < 1 << 32:
        raise UserError(f"{path} is damaged (generation): restore it from a copy")
    raise_wrong_settings(raw, str(path))
    more = [name for name in raw if raw[name] is not None and name not in _KEPT]
    if more:
        raise UserError(
            f"{path}: {more[0]}: a channel's file does not hold this setting: remove it there; a node's sealcast.json "
            "and sealcast.join take it"
        )
    if (alias or raw["channel"]) != channel:
        raise UserError(f"{path} is the file of another channel: rename it back")
    try:
        secret = None if admin_secret is None else wire.unb64(admin_secret)
        if secret is not None and len(secret) != 32:
            raise ValueError
        return ChannelFile(
            channel=raw["channel"],
            key=wire.unb64(raw["key"]),
            uid=raw["uid"],
            admin=wire.unb64(raw["admin"]) if raw.get("admin") else None,
            admin_secret=secret,
            broker=raw["broker"],
            roster=raw.get("roster") or {},
            generation=generation,
            alias=alias,
            **{name: raw.get(name) for name in ("stretch", "data", "group_name")},
        )
    except Exception:  # whatever is wrong with the text, it must not be shown
        raise UserError(f"{path} is damaged (key or admin_secret): restore it from a copy") from None


def find(channel: str) -> ChannelFile | None:
    """The file of the channel with this name of its own, whatever it is called here."""
    for name in sorted(known_channels(), key=lambda name: name != channel):
        try:
            known = load(name)
        except UserError:  # whoever needs that one will say so
            continue
        if known.channel == channel:
            return known
    return None


def rename(known: ChannelFile, name: str) -> Path:
    """Call it otherwise on this computer -> the new file. Its own name, which others know, stays. Raises UserError."""
    raise_wrong_settings(known.settings() | {"channel": name}, "name")
    old = path_of(known.name)
    known.alias = name if name != known.channel else None
    new = path_of(known.name)
    begun = new.exists() and new.read_bytes() == _dump(known.to_json()).encode()  # by one that was cut short
    path = store(known, replace=begun)
    old.unlink()
    return path


def create(
    channel: str,
    password: str,
    broker: dict[str, Any],
    uid: str | None = None,
    *,
    admin: bool = True,
    stretch: int = STRETCH,
    data: str | None = None,
    show: Callable[[ChannelFile], None] | None = None,
) -> ChannelFile:
    """Derive the key, make the admin, store the file (0600). show: called when all is written that the file will hold,
    before it is there: cut short, no channel stays whose phrase nobody has seen. Raises UserError when the channel is
    known already; what show raises."""
    uid = default_uid() if uid is None else uid
    known = ChannelFile(channel, bytes(32), uid, broker=broker, stretch=stretch, data=data)
    raise_wrong_settings(known.settings(), "")
    raise_wrong_password(password)
    path = path_of(channel)
    if is_there(path):  # before the slow part; the write refuses as well
        raise UserError(f"{path} is there already; it is not overwritten: move it away first")
    for begun in path.parent.glob(f".{escape(path.name)}.*"):  # by one that was cut short, and shown to nobody
        begun.unlink(missing_ok=True)
    known.key = stretched(password, channel, stretch)
    if admin:
        known.admin_secret = secrets.token_bytes(32)
        known.admin = best_suite().ed25519_public(known.admin_secret)
    store(known, replace=False, show=None if show is None else partial(show, known))
    return known


def raise_wrong_password(password: str) -> None:
    """A board reads it from its settings, and refuses there what these may not hold. Raises UserError."""
    wrong = [text for text in check({"password": password}) if text.startswith("password:")]
    if wrong:
        raise UserError(f"the channel's {wrong[0].replace(':', '', 1)}; no board takes that: give another")


def stretched(password: str, channel: str, stretch: int) -> bytes:
    """Password -> root key. stretch: checked (15 to 20). Raises UserError where the memory is not there."""
    wrong = UserError(
        f"making the key from the password takes {1 << stretch - 10} MiB of memory (stretch {stretch}), more than this "
        "computer has to give: make it on another, whose `sealcast invite` hands on the key"
    )
    try:
        if 4 << stretch + 10 > 3 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
            raise wrong
    except (AttributeError, ValueError, OSError):  # a system that does not say how much it has
        pass
    try:
        return bytes(keys.root_key(best_suite(), password.encode(), channel.encode(), stretch))
    except (MemoryError, RuntimeError):  # libsodium's word for it
        raise wrong from None


def store(known: ChannelFile, *, replace: bool, show: Callable[[], None] | None = None) -> Path:
    """Write the channel's file (0600) -> its path. show: as of write_private. Raises UserError when it is there and not
    to be replaced."""
    raise_wrong_settings(known.settings(), "")
    other = None if replace else find(known.channel)
    if other and other.name != known.name and other.key != known.key:  # its members' states lie under that name
        raise UserError(
            f'another channel named "{known.channel}" is known here as "{other.name}", and both would share what is '
            "stored: name this one otherwise, or forget that one (sealcast channel forget)"
        )
    path = path_of(known.name)
    make_private_dir(path.parent)
    write_private(path, _dump(known.to_json()), replace=replace, show=show)
    return path


def raise_wrong_settings(settings: dict[str, Any], where: str) -> None:
    """UserError naming the first wrong field (and how many more); says nothing when all is well."""
    plain, path = _without_path(settings)
    errors = check(plain)
    if path is not None and not (isinstance(path, str) and path.startswith("/") and path.isprintable()):
        errors.append('broker.path: the path of its WebSocket, like "/mqtt"')
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise UserError((f"{where}: " if where else "") + f"{errors[0]}{more}")


def completed(settings: dict[str, Any]) -> dict[str, Any]:
    """Checked settings with every default. What only computers know, `broker.path` for WebSockets, stays."""
    plain, path = _without_path(settings)
    config: dict[str, Any] = complete(plain)
    if path is not None:
        config["broker"]["path"] = path
    return config


def raise_if_no_board(broker: dict[str, Any]) -> None:
    """Boards speak MQTT over TCP or TLS. Raises UserError."""
    if broker.get("path"):
        raise UserError("a board cannot use WebSockets: name the broker's other address (--broker mqtt://HOST[:PORT])")


def _without_path(settings: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    broker = settings.get("broker")
    if not isinstance(broker, dict) or "path" not in broker:
        return settings, None
    return settings | {"broker": {k: v for k, v in broker.items() if k != "path"}}, broker["path"]


def default_uid() -> str:
    """This computer's name, shortened to what a member's name may be."""
    name = socket.gethostname().split(".")[0].strip() or "host"
    return name.encode()[:40].decode("utf-8", "ignore")


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _one_form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _shown(name: str) -> str:
    return '"' + "".join(c if c.isprintable() else "?" for c in name[:48]) + '"'
