"""How a command speaks: results on standard output, as lines or (--json) one object a line; notes on standard error,
none with --quiet, more with --verbose. docs/JSON.md has every object.
"""

import argparse
import contextlib
import io
import re
import sys
from collections.abc import Sequence
from typing import Any

from sealcast_host import terminal

_json = False
_objects = False  # is standard output to hold objects only, lines within them, too?
_quiet = False
_verbose = False


def add_json(p: argparse.ArgumentParser, what: str = "one JSON object a line: docs/JSON.md") -> None:
    p.add_argument("--json", action="store_true", help=what)


def begin(args: argparse.Namespace) -> None:
    """Take the options of this run."""
    global _json, _objects, _quiet, _verbose
    _json = bool(getattr(args, "json", False))
    _objects = _json or bool(getattr(args, "json_lines", False))
    _quiet = bool(getattr(args, "quiet", False))
    _verbose = bool(getattr(args, "verbose", False))


def as_json() -> bool:
    return _json


def is_verbose() -> bool:
    return _verbose


def result(kind: str, fields: dict[str, Any], *lines: str) -> None:
    """What came of it: an object of this type, or the lines. A line's first word is its label where the rest begins in
    the eleventh column."""
    if _json:
        import json  # `sealcast --help` loads as little as it can

        print(json.dumps({"type": kind} | fields), flush=True)
    else:
        for line in lines:
            label = line[:10] if _LABEL.match(line) else ""
            print(terminal.painted([(label, "bold"), (line[len(label) :], "")]), flush=True)


_LABEL = re.compile(r"(?=[a-z]+ +\S).{9} \S")


def failed(text: str, code: int) -> None:
    """The command's end that is no good one: a line of complaint, and an object."""
    complaint(text)
    if _objects:
        import json

        print(json.dumps({"type": "error", "text": text, "code": code}), flush=True)


def table(
    kind: str,
    columns: Sequence[str],
    rows: Sequence[tuple[dict[str, Any], Sequence[str]]],
    styles: Sequence[str] = (),
) -> None:
    """Results that are alike: an object of this type for each, or their cells below one another."""
    if _json:
        for fields, _ in rows:
            result(kind, fields)
    elif rows:
        print(terminal.table(columns, [cells for _, cells in rows], styles), flush=True)


def marked(width: int, line: str, style: str) -> str:
    """The line, with its first characters in a style."""
    return terminal.painted([(line[:width], style), (line[width:], "")])


def note(text: str) -> None:
    """Something to know, beside the result."""
    if not _quiet:
        _aside(text, "bold")


def detail(text: str) -> None:
    """For those who want to know more."""
    if _verbose:
        _aside(text, "dim")


def complaint(text: str) -> None:
    """What went wrong, as one line."""
    _aside("".join(c if c.isprintable() else "?" for c in " ".join(text.split())), "bold red")


def _aside(text: str, style: str) -> None:
    with contextlib.suppress(OSError):  # nobody hears it: the work goes on
        print(terminal.painted([("sealcast:", style), (" " + text, "")], sys.stderr), file=sys.stderr, flush=True)


class Lines(io.TextIOBase):
    """Standard output of a command that knows lines only: each as an object {"type": "line", "text": ...}."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._rest = ""

    def write(self, text: str) -> int:
        import json

        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._out.write(json.dumps({"type": "line", "text": line.rsplit("\r", 1)[-1]}) + "\n")
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return int(self._out.fileno())
