"""How a command speaks: results on standard output, as lines or (--json) one object a line; notes on standard error,
none with --quiet, more with --verbose. docs/JSON.md has every object.
"""

import argparse
import io
import sys
from typing import Any

_json = False
_quiet = False
_verbose = False


def add_json(p: argparse.ArgumentParser, what: str = "one JSON object a line: docs/JSON.md") -> None:
    p.add_argument("--json", action="store_true", help=what)


def begin(args: argparse.Namespace) -> None:
    """Take the options of this run."""
    global _json, _quiet, _verbose
    _json = bool(getattr(args, "json", False))
    _quiet = bool(getattr(args, "quiet", False))
    _verbose = bool(getattr(args, "verbose", False))


def as_json() -> bool:
    return _json


def result(kind: str, fields: dict[str, Any], *lines: str) -> None:
    """What came of it: an object of this type, or the lines."""
    if _json:
        import json  # `sealcast --help` loads as little as it can

        print(json.dumps({"type": kind} | fields), flush=True)
    else:
        for line in lines:
            print(line, flush=True)


def note(text: str) -> None:
    """Something to know, beside the result."""
    if not _quiet:
        print(f"sealcast: {text}", file=sys.stderr, flush=True)


def detail(text: str) -> None:
    """For those who want to know more."""
    if _verbose:
        print(f"sealcast: {text}", file=sys.stderr, flush=True)


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
