"""Firmware images: is this file what it should be, and all of it; writing it to the chip (esptool as a program, or
a copy to a UF2 drive).

Sources: Espressif's esp_app_format.h (images, their appended SHA-256) and its page on partition tables; Microsoft's
specification of UF2, and the RP2350's data sheet, erratum E10, for the block that comes before all others.
"""

import fnmatch
import hashlib
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sealcast_host.boards import models
from sealcast_host.boards.models import Board
from sealcast_host.boards.repl import cannot_open
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.privatefiles import reason
from sealcast_host.terminal import Progress

_ESP_MAGIC = 0xE9
_ESP_HEADER = 24  # bytes; byte 1: how many segments follow, byte 23: whether a SHA-256 ends it
_TABLE_AT = 0x8000  # where in flash the partitions are listed
_PARTITION = 32  # bytes of one
_PARTITION_MAGIC = b"\xaa\x50"
_UF2_BLOCK = 512
_UF2_MAGIC, _UF2_MAGIC_2, _UF2_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_UF2_FAMILY = 0x2000  # flag: the block names the family it is for
_UF2_ABSOLUTE = 0xE48BFF57  # a family that says nothing of the chip: RP2350's images begin with one block of it
_WRITE_BAUD = "460800"
_VERSION = re.compile(r"-v?([1-9]\.[0-9]{1,2}(?:\.[0-9]{1,2})?)\.(?:bin|uf2)$")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9])?) ?%")
_INFO = "INFO_UF2.TXT"
_BOARD_IDS = {"RP2040": "RPI-RP2"}  # what its bootloader calls itself, where that is not the chip's name


@dataclass(frozen=True)
class Image:
    """A checked file. format: esp or uf2; chip: what it says it is for."""

    path: Path
    format: str
    chip: int


def read(path: Path) -> Image:
    """Look at the file's own headers. Raises UserError when it is no image, or a part of one."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise UserError(f"cannot read {path}: {reason(e)}") from None
    if len(data) >= _UF2_BLOCK and struct.unpack_from("<I", data)[0] == _UF2_MAGIC:
        return Image(path, "uf2", _uf2_family(path, data))
    if len(data) >= _UF2_BLOCK and data[0] == _ESP_MAGIC:
        _expect_whole_esp(path, data)
        return Image(path, "esp", struct.unpack_from("<H", data, 12)[0])
    raise UserError(f"{path} is no firmware image (.bin or .uf2): get one from https://micropython.org/download/")


def _not_whole(path: Path) -> UserError:
    return UserError(f"{path} is not whole: get it again from https://micropython.org/download/")


def _uf2_family(path: Path, data: bytes) -> int:
    """The family that the blocks are for, 0 if they name none. Each block says how many its family has."""
    numbers: dict[int, set[int]] = {}
    counts: dict[int, int] = {}
    for at in range(0, len(data), _UF2_BLOCK):
        block = data[at : at + _UF2_BLOCK]
        if len(block) < _UF2_BLOCK:
            raise _not_whole(path)
        magic, magic_2, flags, _, _, number, count, family = struct.unpack_from("<8I", block)
        if (magic, magic_2, struct.unpack_from("<I", block, 508)[0]) != (_UF2_MAGIC, _UF2_MAGIC_2, _UF2_END):
            raise _not_whole(path)
        family = family if flags & _UF2_FAMILY else 0
        if family != _UF2_ABSOLUTE:
            numbers.setdefault(family, set()).add(number)
            if counts.setdefault(family, count) != count or number >= count:
                raise _not_whole(path)
    if not counts or any(len(numbers[family]) != count for family, count in counts.items()):
        raise _not_whole(path)
    return next(iter(counts))


def _expect_whole_esp(path: Path, data: bytes) -> None:
    """The boot loader at the file's begin, the table of partitions, and the first program that it names. Raises
    UserError."""
    first = _esp_end(path, data, 0)
    places = [offset for offset in (0, 0x1000) if first <= _TABLE_AT - offset]  # of the boot loader, by chip
    for offset in places:
        for at in range(_TABLE_AT - offset, len(data) - _PARTITION + 1, _PARTITION):
            if data[at : at + 2] != _PARTITION_MAGIC:
                break
            if data[at + 2] == 0:  # a program, and no data
                _esp_end(path, data, struct.unpack_from("<I", data, at + 4)[0] - offset)
                return
    if len(data) < _TABLE_AT:
        raise _not_whole(path)
    raise UserError(
        f"{path} has no table of partitions: take the .bin that is for a first installation from "
        "https://micropython.org/download/"
    )


def _esp_end(path: Path, data: bytes, at: int) -> int:
    """Where the image that begins there ends; its SHA-256 is looked at if it has one. Raises UserError."""
    header = data[at : at + _ESP_HEADER]
    end = at + _ESP_HEADER
    if len(header) == _ESP_HEADER and header[0] == _ESP_MAGIC:
        for _ in range(header[1]):
            if end + 8 <= len(data):
                end += 8 + struct.unpack_from("<I", data, end + 4)[0]
            else:
                end = len(data) + 1
        end = (end // 16 + 1) * 16  # one byte of a checksum at least, which ends 16 bytes
        if end <= len(data) and not header[23]:
            return end
        if end + 32 <= len(data) and hashlib.sha256(data[at:end]).digest() == data[end : end + 32]:
            return end + 32
    raise _not_whole(path)


def board_for(image: Image, wanted: Board | None) -> Board:
    """The board to write this image to: `wanted`, or the one it is for. Raises UserError when they are not the same."""
    fits = [
        b for b in models.known().values() if (b.firmware.format, b.firmware.image_chip) == (image.format, image.chip)
    ]
    if wanted is None:
        named = [b for b in fits if fnmatch.fnmatch(image.path.name, b.firmware.name)]
        if not (named or fits):
            raise UserError(f"{image.path} is for a chip that no board here has: name another image")
        wanted = (named or fits)[0]
    if wanted not in fits:
        is_for = f"for {fits[0].chip}" if fits else "for another chip"
        raise UserError(
            f"{image.path.name} is {is_for}, and {wanted.name} needs one for {wanted.chip}: get it from "
            f"{wanted.firmware.source}"
        )
    found = _VERSION.search(image.path.name)
    if found and models.version(found[1]) < wanted.micropython:
        least = ".".join(str(n) for n in wanted.micropython)
        raise UserError(
            f"{image.path.name} is too old: {wanted.name} needs MicroPython {least} or later, from "
            f"{wanted.firmware.source}"
        )
    return wanted


def write_esp(image: Image, board: Board, port: str) -> None:
    """Erase the flash and write the image. esptool looks at the chip first: nothing is erased on a wrong one."""
    chip = detect_chip(port)
    if chip != board.chip:
        other = models.of_chip(chip)
        hint = f": get its image from {other.firmware.source}" if other else ""
        raise UserError(f"the chip at {port} is an {chip}, and this image is for {board.chip}{hint}")
    _write_flash(board, port, "--erase-all", hex(board.firmware.offset), str(image.path))


def write_region(board: Board, port: str, offset: int, path: Path) -> None:
    """Write a file to a place in flash; everything else stays. Raises UserError on another chip."""
    chip = detect_chip(port)
    if chip != board.chip:
        raise UserError(f"the chip at {port} is an {chip}, not {board.chip}: name the right --port")
    _write_flash(board, port, hex(offset), str(path))


def _write_flash(board: Board, port: str, *where: str) -> None:
    chip = board.chip.lower().replace("-", "")
    with Progress("writing") as progress:
        command = ["--chip", chip, "--baud", _WRITE_BAUD, "write-flash", *where]
        _esptool(port, command, board.firmware.bootloader, progress)
        progress.at(1.0)


def detect_chip(port: str) -> str:
    """The chip's name, as esptool gives it."""
    out = _esptool(port, ["chip-id"], "hold BOOT, press and release RESET, let go of BOOT", None)
    found = re.search(r"^Connected to (\S+) on ", out, re.MULTILINE)
    if not found:
        raise Failed(f"{port}: esptool does not say which chip this is: hold BOOT while pressing RESET and try again")
    return found[1]


def _esptool(port: str, arguments: list[str], bootloader: str, progress: Progress | None) -> str:
    """Run esptool and follow its output. Raises Failed with its last words and what to do."""
    command = [sys.executable, "-m", "esptool", "--port", port, *arguments]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        assert run.stdout is not None
        for line in run.stdout:  # universal newlines: each redrawing of its bar is a line
            lines.append(line.rstrip())
            percent = _PERCENT.search(line)
            if percent and progress is not None:
                progress.at(float(percent[1]) / 100)
    if run.returncode == 0:
        return "\n".join(lines)
    text = "\n".join(lines)
    if "No module named" in text:
        raise UserError("esptool is not installed: pip install esptool")
    if "could not open" in text.lower() or "doesn't exist" in text or "port is busy" in text:
        try:
            import serial

            serial.Serial(port).close()
        except (OSError, ValueError) as e:
            raise cannot_open(port, e) from None
    said = next((line for line in lines if "rror" in line), lines[-1] if lines else "nothing")
    raise Failed(
        f"{port}: esptool says {said.strip()!r}; to get the chip ready: {bootloader}; then run the same command again"
    )


def write_uf2(image: Image, board: Board, drive: Path | None) -> Path:
    """Copy the image to the bootloader's drive, which then disappears. -> the drive. Raises UserError where there
    is none."""
    target = drive if drive is not None else find_drive()
    if target is None:
        raise UserError(
            f"no drive of a bootloader is mounted: {board.firmware.bootloader}; then run this again, or name the "
            "drive with --port"
        )
    try:
        info = (target / _INFO).read_text("utf-8", "replace")
    except OSError:
        raise UserError(
            f"{target} is not the drive of a bootloader (no {_INFO}): {board.firmware.bootloader}"
        ) from None
    if f"Board-ID: {_BOARD_IDS.get(board.chip, board.chip)}" not in info:
        raise UserError(f"the board at {target} has another chip than {board.chip}: name the right image")
    try:
        shutil.copyfile(image.path, target / image.path.name)
    except OSError as e:
        raise Failed(f"cannot copy to {target}: {reason(e)}; copy {image.path} there by hand") from None
    return target


def find_drive() -> Path | None:
    """A mounted drive that a UF2 bootloader offers."""
    try:
        mounts = [line.split()[1].replace("\\040", " ") for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        mounts = [str(path) for path in Path("/Volumes").glob("*")]  # macOS
    return next((Path(mount) for mount in mounts if (Path(mount) / _INFO).is_file()), None)
