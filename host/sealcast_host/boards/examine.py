"""`sealcast doctor --port`: is this a board, does it have the whole node, do its settings make sense, does its
crypto compute, is there room for it all when it has started?"""

import json
from collections.abc import Iterator
from typing import Any

from sealcast import wire
from sealcast.crypto import best_suite
from sealcast.effects import FORMAT
from sealcast.run import slots
from sealcast.run.settings import check
from sealcast.zpinc.identity import Identity
from sealcast_host.boards import bundle, start
from sealcast_host.boards.install import recognise, stale
from sealcast_host.boards.models import Board
from sealcast_host.boards.provision import SETTINGS
from sealcast_host.boards.repl import BoardError, Device, Facts, digest
from sealcast_host.boards.xip import board as in_flash
from sealcast_host.errors import UserError
from sealcast_host.findings import NOTE, OK, TOO_SMALL, WRONG, Finding
from sealcast_host.member import channels

_PROBE = bytes(range(32))
_COMPUTE = """
from sealcast.crypto import native as s
print(binascii.hexlify(s.h(32, b'', b'', b'sc/doctor', bytes(range(32)))).decode())
print(binascii.hexlify(s.x25519_base(bytes(range(32)))).decode())
"""


def look(port: str, channel: str | None) -> Iterator[Finding]:
    """Everything about the board at `port`; it is restarted at the end. channel: it should be a member of this one."""
    again = f"sealcast flash --port {port}"
    try:
        with Device(port) as device:
            facts = device.facts()
            yield Finding("board", OK, f"MicroPython answers at {port}: {facts.machine}")
            board = None
            try:
                board = recognise(facts, None)
                if board is None:
                    yield Finding("board", NOTE, "this kind of board has no file in boards/: it may work all the same")
            except UserError as e:
                yield Finding("board", WRONG, str(e))
            yield from _files(device, facts, board, again)
            yield from _bytecode(device, again)
            yield from _crypto(device, facts, again)
            yield from _settings(device, board, channel, port)
            settings = start.usable(device.get(SETTINGS))
            stays = start.ask_to_stay(device)
            if not stays:
                yield from start.look(device, settings, again)
            device.restart()
        if stays:
            with start.open_again(port) as device:
                yield from start.look(device, settings, again)
                device.restart()
    except UserError as e:
        yield Finding("port", WRONG, str(e))


def _files(device: Device, facts: Facts, board: Board | None, again: str) -> Iterator[Finding]:
    wanted = bundle.make(facts.arch, facts.mpy, board)
    if in_flash.is_meant(device):
        in_flash.Plan().add(device, board, wanted)
    there = device.hashes(sorted(wanted.files))
    missing = [path for path in there if there[path] == "-"]
    other = [path for path in there if there[path] not in ("-", digest(wanted.files[path]))]
    if bundle.MAIN in missing and len(missing) < len(there):
        yield Finding("files", WRONG, f"an installation was cut short: {again}")
    elif missing:
        yield Finding(
            "files", WRONG, f"{len(missing)} of {len(there)} files of the node are missing, like {missing[0]}: {again}"
        )
    elif other:
        yield Finding("files", WRONG, f"{len(other)} files are damaged or of another version, like {other[0]}: {again}")
    else:
        yield Finding("files", OK, f"{len(there)} files, each as it should be")
    for path in stale(device, wanted):
        yield Finding("files", WRONG, f"{path} is of another version and may be imported instead: {again}")
    for folder in ("/sealcast", "/node"):
        if device.names(folder):
            yield Finding(
                "files",
                WRONG,
                f"the folder {folder} on the board hides /lib{folder}: remove it (mpremote rm -r :{folder})",
            )
    if facts.disk_free < 16384:
        yield Finding(
            "files",
            WRONG,
            f"{facts.disk_free} bytes are free on the filesystem, the state needs 16 KB: remove files of your own",
        )


def _bytecode(device: Device, again: str) -> Iterator[Finding]:
    """Which way the node's code runs. After a good answer all that follows runs that way as well, as the node does."""
    if not in_flash.is_meant(device):
        yield Finding("bytecode", OK, "in memory, from files")
        return
    used, why = in_flash.prove(device)
    if used:
        yield Finding("bytecode", OK, "in flash (--xip, experimental)")
    else:
        yield Finding("bytecode", WRONG, f"{why}; without: {again}")


def _crypto(device: Device, facts: Facts, again: str) -> Iterator[Finding]:
    if not bundle.native_for(facts.arch):
        yield Finding("crypto", NOTE, "no native module for this chip: pure Python, slow and not constant-time")
        return
    suite = best_suite()
    expected = [suite.h(32, b"", b"", b"sc/doctor", _PROBE).hex(), suite.x25519_base(_PROBE).hex()]
    try:
        if device.run(_COMPUTE).split() == expected:
            yield Finding("crypto", OK, f"the native modules load and compute the same as this computer ({facts.arch})")
        else:
            yield Finding(
                "crypto",
                WRONG,
                f"the native modules compute something else than this computer: {again}; do not use this board",
            )
    except BoardError as e:
        if e.memory:
            yield Finding("crypto", TOO_SMALL, "no memory for the native modules on their own: a larger board")
        else:
            yield Finding("crypto", WRONG, f"the node does not load ({e}): {again}")


def _settings(device: Device, board: Board | None, channel: str | None, port: str) -> Iterator[Finding]:
    provision = f"sealcast provision {channel or 'CHANNEL'} --uid NAME --port {port}"
    data = device.get(SETTINGS)
    if data is None:
        yield Finding("settings", WRONG, f"the board is not provisioned: {provision}")
        return
    try:
        settings = json.loads(data)
    except ValueError:
        yield Finding("settings", WRONG, f"{SETTINGS} is damaged: {provision}")
        return
    errors = check(settings)
    for error in errors:
        yield Finding("settings", WRONG, f"{SETTINGS}: {error}; or {provision}")
    if errors:
        return
    yield Finding("settings", OK, f"{settings['uid']} in {settings['channel']}")
    if (
        board is not None
        and board.radio == "wifi"
        and settings.get("transport") != "serial"
        and not settings.get("wifi")
    ):
        yield Finding(
            "settings", WRONG, f"wifi: missing, the board cannot reach the broker: {provision} --wifi-ssid NETWORK"
        )
    yield from _membership(settings, channel, provision)
    yield from _state(device, settings)


def _membership(settings: dict[str, Any], channel: str | None, provision: str) -> Iterator[Finding]:
    name = settings["channel"]
    known = channels.find(name) if channel is None else channels.load(channel)  # it may have another name here
    if known is None:
        yield Finding("channel", NOTE, f"{name} is not known on this computer: its key cannot be compared")
        return
    if known.channel != name:
        yield Finding("channel", WRONG, f"the board is in the channel {name}, not in {channel}: {provision} --replace")
        return
    suite = best_suite()
    if settings.get("key") and not suite.equal(wire.unb64(settings["key"]), known.key):
        yield Finding(
            "channel", WRONG, f"the board's key is not that of {name} here: nobody would hear it: {provision} --replace"
        )
    elif settings.get("key"):
        yield Finding("channel", OK, "the board has the channel's key")
    if settings.get("identity"):
        public = wire.b64(Identity(suite, wire.unb64(settings["identity"])).public)
        pinned = known.roster.get(settings["uid"])
        if pinned is not None and pinned != public:
            yield Finding(
                "channel", WRONG, f"the roster has another identity for {settings['uid']}: {provision} --replace"
            )


def _state(device: Device, settings: dict[str, Any]) -> Iterator[Finding]:
    if not settings.get("identity"):
        return
    suite = best_suite()
    key = slots.key_for(suite, wire.unb64(settings["identity"]), settings["channel"].encode(), settings["uid"].encode())
    both = [device.get(f"/state.{i}") for i in range(2)]
    whole = slots.newest(suite, key, both[0], both[1])
    if whole is not None and whole[2][0] > FORMAT:
        text = "the stored state is of a later version of Sealcast, and this one's node begins anew over it"
        yield Finding("state", WRONG, text + ": update this computer's, then the board (sealcast flash)")
    elif whole is not None:
        yield Finding("state", OK, "the stored state is whole")
    elif all(slots.blank(data) for data in both):
        yield Finding("state", NOTE, "no stored state yet: the member joins anew when it starts")
    else:
        yield Finding(
            "state",
            WRONG,
            "the stored state is damaged or another member's: the node will begin anew; if it happens again, the "
            "flash is worn",
        )
