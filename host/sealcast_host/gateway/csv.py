"""Output `csv`: one line a message, appended. The file may be rotated away: it is opened anew for each batch.

A text is kept in one line: control characters are written as \\n, \\t, \\x1b. One that a spreadsheet would run as a
formula gets an apostrophe before it. `sqlite` and `lines` keep every byte as it was.
"""

import csv
import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Hub, Output, aside
from sealcast_host.gateway.paths import whole
from sealcast_host.gateway.record import Item, Message
from sealcast_host.member.system import CLOSED, synced

OPTIONS: dict[str, type] = {"path": str}
MAIN = "path"
_TAIL = 65536  # bytes, of which the last line is a part
COLUMNS = ("time", "sender", "secrecy", "origin", "seq", "historic", "again", "private", "epoch", "text", "hex")


class Csv(Output):
    """A file of comma-separated values, UTF-8, made with mode 0600."""

    keeps = True

    def __init__(self, hub: Hub, path: str) -> None:
        """Raises UserError."""
        super().__init__(hub)
        self._path = whole("csv: path", path)

    async def open(self) -> None:
        """Check the file, or make it. Raises OSError, UserError."""
        await aside(lambda: self._append(b""))

    async def take(self, items: Sequence[Item]) -> None:
        """All of them, or, when the disk is full, nothing."""
        data = "".join(_line(_row(item)) for item in items if isinstance(item, Message)).encode()
        if data:
            await aside(lambda: self._append(data))

    def _append(self, data: bytes) -> None:
        header = _line(list(COLUMNS)).encode()
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | CLOSED, 0o600)
        try:
            size = os.fstat(fd).st_size
            begun = os.pread(fd, len(header), 0)
            if begun != header and header.startswith(begun.rstrip(b"\0")) and size <= len(header):
                size = 0  # not even that was whole
                os.ftruncate(fd, size)
                data = header + data
            elif begun != header:
                raise UserError(f"{self._path} is there and has other columns: give another path")
            else:
                size, end = _torn(fd, size)
                data = end + data
            try:
                while data:
                    data = data[os.write(fd, data) :]
                synced(fd)
            except OSError:
                os.ftruncate(fd, size)  # the disk is full in the middle: no half line stays
                raise
        finally:
            os.close(fd)


def _torn(fd: int, size: int) -> tuple[int, bytes]:
    """-> where the file ends, and what goes there first: a line that a power cut has torn stays a row of its own. What
    is no text is cut off: half of a character, and zeros that were never written over."""
    while size:
        tail = os.pread(fd, min(size, _TAIL), max(0, size - _TAIL))
        kept = tail.rstrip(b"\0")
        size -= len(tail) - len(kept)
        line = kept[kept.rfind(b"\n") + 1 :]
        try:
            line.decode()
        except UnicodeDecodeError as e:
            if e.reason == "unexpected end of data":
                size -= len(line) - e.start
        os.ftruncate(fd, size)
        if kept:
            return size, b'"' * (line.count(b'"') % 2) + b"\n" if line else b""
    return size, b""


def _row(message: Message) -> list[str]:
    when = datetime.fromtimestamp(message.when, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    flags = ["yes" if flag else "" for flag in (message.historic, message.again, message.private)]
    text = message.text
    return [
        when, _cell(message.sender), message.secrecy, message.origin, str(message.seq), *flags, message.epoch or "",
        _cell(text) if text is not None else "", "" if text is not None else message.body.hex(),
    ]  # fmt: skip


def _cell(text: str) -> str:
    """One line of text that no spreadsheet takes for a formula, also where a semicolon ends its cells."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return ";".join("'" + part if _is_formula(part) else part for part in line.split(";"))


def _is_formula(text: str) -> bool:
    return text.startswith(("=", "+", "@", "|")) or text.startswith("-") and not _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


make = Csv
