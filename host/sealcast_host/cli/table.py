"""A table as spreadsheets save it (CSV, RFC 4180): commas, semicolons or tabs, UTF-8 or UTF-16.

The csv module does not tell whether a cell was quoted; here that decides whether the spaces around a text belong to it.
"""

from collections.abc import Iterator
from pathlib import Path

from sealcast_host.errors import UserError
from sealcast_host.member.privatefiles import reason

_BETWEEN = ",;\t"


def read(file: Path, columns: tuple[str, ...], needed: str) -> list[tuple[int, dict[str, str]]]:
    """[(row number as an editor shows it, {column: text})] of a file whose first row names its columns.

    A column that is missing is empty everywhere. Raises UserError; a cell's text is never shown: it may be a password.
    """
    rows = _rows(file)
    _, head = next(rows, (0, []))
    unknown = [i + 1 for i, name in enumerate(head) if name not in columns]
    if needed not in head or unknown or len(set(head)) != len(head):
        which = f"column {unknown[0]} is unknown" if unknown else f"each column once, and {needed} is needed"
        raise UserError(f"{file}: {which}; the first row names the columns: {', '.join(columns)}")
    out = []
    for number, cells in rows:
        if len(cells) != len(head):
            raise UserError(f"{file} row {number}: {len(cells)} cells, but there are {len(head)} columns")
        out.append((number, dict.fromkeys(columns, "") | dict(zip(head, cells, strict=True))))
    if not out:
        raise UserError(f"{file}: there is no row below the columns' names")
    return out


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as e:
        raise UserError(f"cannot read {file}: {reason(e)}") from None
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{file} is neither UTF-8 nor UTF-16: save it again as CSV in UTF-8") from None
    if "\0" in text:
        raise UserError(f"{file} is no text, or UTF-16 without its mark: save it again as CSV in UTF-8")
    return text


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """(number of the row's first line, its cells) of each row in which something stands."""
    text = _text(file)
    between = _separator(file, text)
    at, line = 0, 1
    while at < len(text):
        first, cells, at, line = line, *_row(file, text, at, line, between)
        if any(cell.strip() for cell in cells):
            yield first, cells


def _separator(file: Path, text: str) -> str:
    """What stands between the columns' names, which hold none of it."""
    head = text.lstrip("\r\n").splitlines()[:1]
    found = [c for c in _BETWEEN if head and c in head[0]]
    if len(found) > 1:
        raise UserError(f"{file}: its first row is divided in two ways: use commas alone, or semicolons alone")
    return found[0] if found else ","


def _row(file: Path, text: str, at: int, line: int, between: str) -> tuple[list[str], int, int]:
    """One row from `at` on -> its cells, where the next begins, and that one's line."""
    first, cells = line, []
    while True:
        start = at
        while text[start : start + 1] == " ":
            start += 1
        if text[start : start + 1] == '"':
            cell, at = _quoted(file, text, start + 1, first)
            line += cell.count("\n")
            while text[at : at + 1] == " ":
                at += 1
            if text[at : at + 1] not in ("", between, "\r", "\n"):
                raise UserError(f'{file} row {first}: something stands behind a cell in "quotes": quote the whole cell')
        else:
            end = at
            while end < len(text) and text[end] not in (between, "\r", "\n"):
                end += 1
            cell, at = text[at:end].strip(), end
            if '"' in cell:
                raise UserError(f'{file} row {first}: a quote inside a cell: write "the cell, with "" for each quote"')
        cells.append(cell)
        if text[at : at + 1] != between:
            break
        at += 1
    if text[at : at + 2] == "\r\n":
        at += 1
    return cells, at + 1, line + 1


def _quoted(file: Path, text: str, at: int, row: int) -> tuple[str, int]:
    """A cell behind its first quote -> its text, and where its last quote ended."""
    out = []
    while True:
        end = text.find('"', at)
        if end < 0:
            raise UserError(f"{file} row {row}: a quote is opened and never closed")
        out.append(text[at:end])
        if text[end + 1 : end + 2] != '"':
            return "".join(out), end + 1
        out.append('"')
        at = end + 2
