"""boards/*.toml: what is known of each kind of board. A new board is a new file there; no code knows their names."""

import fnmatch
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealcast_host.boards import shipped
from sealcast_host.errors import UserError

NO_PIN = "none"
_VERSION = re.compile(r"[1-9]\.[0-9]{1,2}(\.[0-9]{1,2})?")

# field -> (type, what a right value is)
_TOP: dict[str, tuple[type | tuple[type, ...], str]] = {
    "title": (str, "a few words for people"),
    "chip": (str, "the chip's name, as esptool gives it"),
    "machine": (str, "a pattern of sys.implementation._machine"),
    "arch": (str, "a folder of firmware/prebuilt"),
    "micropython": (str, 'the oldest release that works, like "1.23"'),
    "heap_bytes": (int, "bytes free after start-up"),
    "radio": (str, "wifi or none"),
    "targets": (list, "a list of port, unix, qemu-rv32"),
    "firmware": (dict, "a table"),
    "pins": (dict, "a table"),
}
_FIRMWARE: dict[str, tuple[type | tuple[type, ...], str]] = {
    "format": (str, "esp, uf2 or program"),
    "name": (str, "a pattern of the image's file name"),
    "offset": (int, "where in flash the image begins"),
    "image_chip": (int, "what the image says it is for"),
    "source": (str, "where to get the image"),
    "bootloader": (str, "how a person gets the board ready"),
}
_PINS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "led": ((int, str), 'a pin, or "none"'),
    "sensor": ((int, str), 'a pin, or "none"'),
    "adc": (list, "a list of pins"),
}
_CHOICES = {"radio": ("wifi", "none"), "format": ("esp", "uf2", "program")}
TARGETS = ("port", "unix", "qemu-rv32")


@dataclass(frozen=True)
class Firmware:
    format: str
    name: str
    offset: int
    image_chip: int
    source: str
    bootloader: str


@dataclass(frozen=True)
class Board:
    """One kind of board; the fields are those of its file (boards/README.md)."""

    name: str
    title: str
    chip: str
    machine: str
    arch: str
    micropython: tuple[int, ...]
    heap_bytes: int
    radio: str
    targets: tuple[str, ...]
    firmware: Firmware
    led: int | str | None
    sensor: int | str | None
    adc: tuple[int, ...]


def known() -> dict[str, Board]:
    """Every board that has a file, by name. Raises UserError for a file that is wrong."""
    return {path.stem: load(path) for path in sorted(shipped.boards_dir().glob("*.toml"))}


def load(path: Path) -> Board:
    """One board's file. Raises UserError with the first thing that is wrong in it."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise UserError(f"{path}: {type(e).__name__}: mend the file or restore it") from None
    errors = check(values)
    if errors:
        raise UserError(f"{path}: {errors[0]}")
    firmware, pins = values["firmware"], values["pins"]
    return Board(
        **{field: values[field] for field in ("title", "chip", "machine", "arch", "heap_bytes", "radio")},
        name=path.stem,
        micropython=version(values["micropython"]),
        targets=tuple(values["targets"]),
        firmware=Firmware(**firmware),
        led=None if pins["led"] == NO_PIN else pins["led"],
        sensor=None if pins["sensor"] == NO_PIN else pins["sensor"],
        adc=tuple(pins["adc"]),
    )


def check(values: dict[str, Any]) -> list[str]:
    """What is wrong with a board's file, a line each; an empty list when all is well."""
    errors = _fields(values, _TOP, "")
    for table, fields in (("firmware", _FIRMWARE), ("pins", _PINS)):
        if isinstance(values.get(table), dict):
            errors += _fields(values[table], fields, table + ".")
    if errors:
        return errors
    firmware = values["firmware"]
    for field, value in (("radio", values["radio"]), ("format", firmware["format"])):
        if value not in _CHOICES[field]:
            errors.append(f"{field}: must be one of {', '.join(_CHOICES[field])}")
    if not _VERSION.fullmatch(values["micropython"]):
        errors.append('micropython: must be a release like "1.23"')
    if not (shipped.prebuilt_dir() / values["arch"]).is_dir():
        errors.append("arch: there is no such folder in firmware/prebuilt")
    if not 32768 <= values["heap_bytes"] <= 1 << 25:
        errors.append("heap_bytes: must be from 32768 to 33554432")
    if not values["targets"] or any(target not in TARGETS for target in values["targets"]):
        errors.append(f"targets: must be some of {', '.join(TARGETS)}")
    if not 0 <= firmware["offset"] < 1 << 24 or firmware["offset"] % 0x1000:
        errors.append("firmware.offset: must be the start of a flash sector")
    if firmware["format"] != "program" and not firmware["source"].startswith("https://micropython.org/download/"):
        errors.append("firmware.source: must be the board's page at https://micropython.org/download/")
    for pin, value in values["pins"].items():
        for number in value if isinstance(value, list) else [value]:
            if not isinstance(number, int | str) or isinstance(number, int) and not 0 <= number <= 255:
                errors.append(f"pins.{pin}: must be a pin's number or name")
    return errors


def _fields(values: dict[str, Any], fields: dict[str, tuple[type | tuple[type, ...], str]], where: str) -> list[str]:
    errors = [f"{where}{name}: unknown field" for name in values if name not in fields]
    for name, (kind, what) in fields.items():
        value = values.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) or value == "":
            errors.append(f"{where}{name}: give {what}")
    return errors


def version(text: str) -> tuple[int, ...]:
    """'1.24.1' -> (1, 24, 1)"""
    return tuple(int(part) for part in text.split("."))


def named(name: str) -> Board:
    """The board of this name. Raises UserError."""
    boards = known()
    if name not in boards:
        raise UserError(
            f"unknown board; known are {', '.join(boards)}: name one of them, or add a file for yours to boards/"
        )
    return boards[name]


def of_machine(machine: str) -> Board | None:
    """The board that calls itself `machine`; the longest pattern wins."""
    fits = [board for board in known().values() if fnmatch.fnmatchcase(machine, board.machine)]
    return max(fits, key=lambda board: len(board.machine), default=None)


def of_chip(chip: str) -> Board | None:
    """The board to assume for a chip, by esptool's name of it ("ESP32-C3")."""
    return next((board for board in known().values() if board.chip == chip), None)
