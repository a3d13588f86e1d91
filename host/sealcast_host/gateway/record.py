"""What outputs are given: messages and events as plain data, and the numbers that a reading holds.

Whatever a member wrote may be hostile: any bytes, JSON that is deep, huge or not JSON at all, names with line ends.
"""

import base64
import json
import math
from dataclasses import dataclass, field
from typing import Any

MOST_NUMBERS = 32  # of one reading
_DEEPEST = 4


@dataclass(frozen=True)
class Message:
    """A message as it arrived. `at`: when, Unix seconds; the rest as in the core's Message."""

    at: float
    sender: str
    body: bytes
    secrecy: str
    origin: str
    time: int
    seq: int
    historic: bool
    again: bool
    private: bool
    epoch: str | None
    age: int | None = None

    @classmethod
    def of(cls, message: Any, at: float) -> "Message":
        """message: the core's. at: Unix seconds."""
        names = ("sender", "secrecy", "origin", "time", "seq", "historic", "again", "private", "epoch", "age")
        return cls(at=at, body=bytes(message.body), **{name: getattr(message, name) for name in names})

    @property
    def text(self) -> str | None:
        """The body as text, None when it is not UTF-8."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError:
            return None

    @property
    def when(self) -> float:
        """The sender's time, or that of the arrival when it has no clock, or one that is ahead: nothing is made after
        it has arrived. Unix seconds."""
        return min(float(self.time), self.at) if self.time else self.at

    @property
    def last(self) -> float:
        """When its sender was there: at the arrival of a live message, whatever its clock says. Unix seconds."""
        return self.when if self.historic else self.at

    def seen(self, before: float) -> float:
        """The later of `last` and what was known `before`. What is later than this arrival says a clock of this
        computer's that was set back since. Unix seconds."""
        return max(self.last, min(before, self.at))

    def reading(self) -> dict[str, Any]:
        """The body as a JSON object; {} when it is none."""
        return reading(self.body)

    def json(self) -> dict[str, Any]:
        """The keys that `sealcast listen --json` promises, and `at`."""
        out: dict[str, Any] = {"type": "message", "at": self.at}
        out |= {name: value for name, value in vars(self).items() if name not in ("at", "body")}
        text = self.text
        return out | ({"text": text} if text is not None else {"body_b64": base64.b64encode(self.body).decode()})


@dataclass(frozen=True)
class Event:
    """Something that happened in the channel: joined, left, vanished, rekeyed, gap, dropped ..."""

    at: float
    name: str
    info: dict[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """As `sealcast listen --json` shows it, and `at`."""
        about = {k: plain(v) for k, v in self.info.items() if k not in ("type", "event", "at")}
        return {"type": "event", "at": self.at, "event": self.name} | about


Item = Message | Event


def _refuse(text: str) -> Any:
    raise ValueError(text)


def reading(body: bytes) -> dict[str, Any]:
    """A body as a JSON object; {} when it is none. NaN and infinities are none."""
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def values(read: dict[str, Any]) -> dict[str, float | bool | str]:
    """What a reading says, by its path ("soil.temperature"): finite numbers, booleans and short texts."""
    found: dict[str, float | bool | str] = {}

    def walk(value: Any, path: str, depth: int) -> None:
        if len(found) >= MOST_NUMBERS or depth > _DEEPEST:
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else str(key), depth + 1)
        elif not path or len(path) > 64:
            return
        elif isinstance(value, bool) or isinstance(value, str) and len(value) <= 255:
            found[path] = value
        elif isinstance(value, int | float) and _finite(value):
            found[path] = float(value)

    walk({key: value for key, value in read.items() if key != "units"}, "", 0)
    return found


def numbers(read: dict[str, Any]) -> dict[str, float]:
    """The finite numbers of a reading by their path."""
    return {path: value for path, value in values(read).items() if type(value) is float}


def _finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def clean(text: str) -> str:
    """Text in one line that cannot move a cursor or break an encoder: what is not printable becomes a mark."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def plain(value: Any) -> Any:
    """A value of an event as JSON has it."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
