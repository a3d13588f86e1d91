"""What was checked and what became of it: the one list that terminal, JSON and page are made of."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reference.encoding import Reject
from reference.known import Deviation
from sealcast_host.boards.repl import BoardError, Gone

PASSED, FAILED, SKIPPED = "passed", "failed", "not run"

# Where PROTOCOL.md says what a frame that the reference refuses has broken; `format` depends on the stream.
_SECTIONS = {
    "topic": "2", "length": "3.1", "version": "3.1", "kind": "3.1", "forged": "3.2", "signature": "3.3",
    "padding": "3.4", "name": "4.3", "identity": "6.1", "unknown": "6.3", "jump": "6.3", "full": "6.3",
    "duplicate": "7.3", "window": "7.3", "stale": "8", "behind": "8", "members": "9.3", "neutral": "9.4",
    "encoding": "9.4", "duplicate_share": "9.4", "conflict": "9.4", "sum": "9.4", "confirmation": "9.4",
    "epoch": "10.3", "package": "16.1", "bad_hmac": "16.4", "undecryptable": "17.3",
}  # fmt: skip
_FORMATS = {
    "j": "6.2",
    "n": "7.1",
    "p": "8",
    "h": "9.2",
    "c": "10.2",
    "s": "6.2",
    "k": "16.1",
    "g": "18.2",
    "e": "18.4",
    "x": "22",
}

_FORGED = {"c": "10.2", "g": "18.1", "e": "18.1", "x": "22"}


def _section(reason: str, stream: str) -> str:
    if reason == "format":
        return _FORMATS.get(stream, "3.1")
    if reason == "forged" and stream in _FORGED:
        return _FORGED[stream]
    return _SECTIONS.get(reason, "13")


@dataclass
class Check:
    """One thing that was looked at.

    section: of PROTOCOL.md, or the standard; expected, found: hex or text, of a failure.
    """

    part: str
    name: str
    section: str
    verdict: str = PASSED
    count: int = 1
    seconds: float = 0.0
    why: str = ""
    expected: str = ""
    found: str = ""
    detail: str = ""


class Refused(AssertionError):
    """The reference refuses what the board said; names the section that it breaks."""

    def __init__(self, what: str, stream: str, error: Reject, frame: bytes) -> None:
        super().__init__(f"{what}: the reference refuses it ({error})")
        self.section = _section(error.reason, stream)
        self.what, self.error, self.frame = what, error, frame


class NotRun(Exception):
    """Something that this board cannot be asked for; the text says why."""


class Wrong(AssertionError):
    """A statement about the board does not hold. expected, found: as people read them."""

    def __init__(self, section: str, what: str, expected: object = "", found: object = "") -> None:
        super().__init__(what)
        self.section, self.what, self.expected, self.found = section, what, _shown(expected), _shown(found)


def _shown(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes | bytearray) else str(value)


def _quiet(check: Check) -> None:
    """Nobody listens."""


@dataclass
class Results:
    """All of one run. seed: replays it. facts, timings, heap: figures by name. tell(check): called as each is done."""

    seed: int
    checks: list[Check] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    timing_unit: str = "us"
    heap: dict[str, int] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)  # counts of the live part
    lost: str = ""  # why the board was given up, if it was

    def __post_init__(self) -> None:
        self.tell: Callable[[Check], None] = _quiet

    @contextmanager
    def check(self, part: str, name: str, section: str = "") -> Iterator[Check]:
        """Everything in the block is one check. A wrong board is written down; one that is gone also ends the run."""
        made = Check(part, name, section)
        begun = time.monotonic()
        try:
            yield made
        except NotRun as e:
            made.verdict, made.count, made.why = SKIPPED, 0, str(e)
        except Exception as e:
            made.verdict = FAILED
            _explain(made, e)
            if isinstance(e, Gone):
                self.lost = str(e)
                raise
        finally:
            made.seconds = round(time.monotonic() - begun, 3)
            self.checks.append(made)
            self.tell(made)

    def skip(self, part: str, name: str, why: str) -> None:
        made = Check(part, name, "", SKIPPED, 0, 0.0, why)
        self.checks.append(made)
        self.tell(made)

    def fail(self, part: str, name: str, why: str) -> None:
        made = Check(part, name, "docs/HARDWARE.md", FAILED, 1, 0.0, why)
        self.checks.append(made)
        self.tell(made)

    def number(self, verdict: str) -> int:
        return sum(check.verdict == verdict for check in self.checks)

    @property
    def comparisons(self) -> int:
        """How much was compared and right; what was only timed does not count."""
        return sum(check.count for check in self.checks if check.verdict == PASSED and check.part != "timing")

    @property
    def good(self) -> bool:
        return not self.lost and bool(self.checks) and not self.number(FAILED)


def _explain(made: Check, error: Exception) -> None:
    match error:
        case Deviation():
            made.section, made.why = error.section, error.what
            made.expected, made.found = error.expected.hex(), error.found.hex()
        case Refused():
            made.section, made.why = error.section, str(error)
            made.expected, made.found = f"what is not refused as {error.error.reason}", error.frame.hex()
        case Wrong():
            made.section, made.why = error.section or made.section, error.what
            made.expected, made.found = error.expected, error.found
        case Reject():
            made.section, made.why = _SECTIONS.get(error.reason, "13"), f"the reference refuses it ({error})"
        case BoardError() | Gone():
            made.why = str(error)
        case _:
            made.why = f"{type(error).__name__}: {error}"
