"""Puts the node on a board that runs MicroPython: only what differs, each file checked there, going on after an
unplugged cable.

main.py goes first and comes back last: a board whose installation was cut short stays at its prompt, half a node
never runs.
"""

import sys
import time
from collections.abc import Callable

from sealcast_host.boards import bundle, models
from sealcast_host.boards.bundle import FOLDERS, MAIN, STUB_FOLDERS, XIP_FILES, XIP_IMAGE, XIP_MARKS, Bundle
from sealcast_host.boards.models import Board
from sealcast_host.boards.repl import Device, Facts, Gone, digest, wait_for
from sealcast_host.errors import UserError
from sealcast_host.terminal import Progress

WAIT_S = 120.0
TRIES = 5  # one after the other in which no file arrived
_SPARE = 16384  # for the settings and two states


More = Callable[[Device, Board | None, Bundle], None]


def install(
    port: str, board: Board | None, wait_s: float = WAIT_S, patient: bool = False, more: More | None = None
) -> Board | None:
    """Install or update; returns the kind of board it was. patient: wait for the board's first appearance as well.
    more: adds files to what is installed.

    Raises UserError: no such board here, too old a MicroPython, no room; Gone when it stays away for wait_s seconds,
    or comes and goes and no file arrives any more.
    """
    met, give_up, idle = patient, None, 0
    while True:
        device = None
        try:
            with Device(port) as device:
                met, give_up = True, None
                found = recognise(device.facts(), board)
                put_node(device, found, more)
                device.restart()
                return found
        except Gone as e:
            idle = idle + 1 if device is not None and not device.puts else 0
            if not met or idle == TRIES:
                raise
            give_up = give_up or time.monotonic() + wait_s
            print(f"sealcast: {e}; going on when it is back (Ctrl-C gives up)", file=sys.stderr, flush=True)
            left_s = give_up - time.monotonic()
            if left_s < 0 or not wait_for(port, left_s):  # the port is no sign of life: a board may hang behind it
                raise


def recognise(facts: Facts, wanted: Board | None) -> Board | None:
    """What kind of board this is; None for one without a file. Raises UserError when it is not the one that was
    named."""
    found = models.of_machine(facts.machine)
    if wanted is not None and found is not None and found.name != wanted.name:
        raise UserError(
            f"this board is {found.name} ({facts.machine}), not {wanted.name}: name the right one, or the right --port"
        )
    board = wanted or found
    least = board.micropython if board is not None else (1, 23)
    if facts.version < least:
        where = f": get one from {board.firmware.source}" if board is not None else ""
        raise UserError(
            f"MicroPython {_dotted(facts.version)} on this board is too old, {_dotted(least)} is needed{where}"
        )
    return board


def put_node(device: Device, board: Board | None, more: More | None = None) -> tuple[int, int]:
    """One attempt, to the end or until the board is gone. -> (files of the node, how many of them had to be copied)"""
    facts = device.facts()
    wanted = _wanted(device, facts, board, more)
    _announce(facts, board, wanted)
    there, copy = _compare(device, wanted)
    extra = stale(device, wanted)
    _need_room(device, facts, wanted, copy, there)
    if copy or extra:
        device.remove(MAIN)
        there[MAIN] = "-"
    for path in extra:
        device.remove(path)
    if there[MAIN] != digest(wanted.files[MAIN]):
        copy.append(MAIN)
    _copy(device, wanted, copy)
    print(f"installed {len(wanted.files)} files, {len(copy)} of them copied now and checked on the board")
    return len(wanted.files), len(copy)


def others(device: Device, board: Board | None, more: More | None = None) -> tuple[int, int]:
    """-> (files of the node, how many of the board's are others). Nothing is changed."""
    wanted = _wanted(device, device.facts(), board, more)
    there, differ = _compare(device, wanted)
    return len(wanted.files), len(differ) + len(stale(device, wanted)) + (there[MAIN] != digest(wanted.files[MAIN]))


def _wanted(device: Device, facts: Facts, board: Board | None, more: More | None) -> Bundle:
    wanted = bundle.make(facts.arch, facts.mpy, board)
    if more is not None:
        more(device, board, wanted)
    return wanted


def _compare(device: Device, wanted: Bundle) -> tuple[dict[str, str], list[str]]:
    """-> (path -> its digest on the board, the paths where that is not the wanted one, but for MAIN)"""
    there: dict[str, str] = {}
    paths = sorted(wanted.files)
    with Progress("checking") as progress:
        for at in range(0, len(paths), 8):
            there |= device.hashes(paths[at : at + 8])
            progress.at(len(there) / len(paths))
    return there, [path for path in paths if there[path] != digest(wanted.files[path]) and path != MAIN]


def stale(device: Device, wanted: Bundle) -> list[str]:
    """Files of other versions in our folders: a leftover .py would be imported in place of its .mpy."""
    found = [f"{folder}/{name}" for folder in FOLDERS + STUB_FOLDERS for name in device.names(folder)]
    found += [path for path in XIP_FILES if path.rpartition("/")[2] in device.names("/lib")]
    own = XIP_MARKS if XIP_IMAGE in wanted.files else ()
    return [path for path in found if path not in wanted.files and path not in own]


def _announce(facts: Facts, board: Board | None, wanted: Bundle) -> None:
    name = board.name + ", " if board else ""
    print(
        f"board     {name}{facts.machine}, MicroPython {_dotted(facts.version)}, {facts.heap_free // 1024} KB of heap "
        "free"
    )
    if not wanted.native:
        print("native    none for this chip: the pure Python suite is installed, which is slow and not constant-time")
    if not wanted.compiled:
        print("compiled  no: mpy-cross here does not fit this MicroPython; the sources are copied")


def _need_room(device: Device, facts: Facts, wanted: Bundle, copy: list[str], there: dict[str, str]) -> None:
    need = sum(len(wanted.files[path]) + 512 for path in copy if there[path] == "-") + _SPARE
    need += max([len(wanted.files[path]) for path in copy if there[path] != "-"], default=0)  # put() writes beside
    if need > facts.disk_free:
        room = f"{facts.disk_free // 1024} KB free on the board's filesystem, {need // 1024} KB are needed"
        raise UserError(f"{device.port}: {room}: remove files from it")


def _copy(device: Device, wanted: Bundle, copy: list[str]) -> None:
    total, done = sum(len(wanted.files[path]) for path in copy) or 1, 0
    with Progress("copying") as progress:
        for path in copy:
            data, before = wanted.files[path], done
            progress.at(before / total, path)
            device.put(path, data, _tell(progress, before, total, path))
            done += len(data)
        if copy:
            progress.at(1.0)


def _tell(progress: Progress, before: int, total: int, path: str) -> Callable[[int], None]:
    return lambda sent: progress.at((before + sent) / total, path)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
