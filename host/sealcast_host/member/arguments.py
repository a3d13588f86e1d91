"""What a program gives, held against what a member takes before the member sees any of it: a wrong value would cost all
that share the member their connection."""

import inspect
import math
from collections.abc import Iterable
from typing import Any

from sealcast.wire import as_bytes
from sealcast_host.errors import UserError

_LONGEST_S = 2**31  # a timeout
_LONGEST_SLEEP_S = 2**32 - 1  # shared/sealcast/channel.py
_SECRET_BYTES = 32


def bodies(values: Iterable[Any]) -> list[bytes]:
    """Each as `send` takes it. Raises TypeError."""
    return [as_bytes(value) for value in values]


def text(what: str, value: Any) -> str:
    """A name or fingerprint. Raises UserError."""
    if not isinstance(value, str) or not value or not _is_unicode(value):
        raise UserError(f"{what}: give a text, not {_kind(value)}")
    return value


def texts(what: str, values: Any) -> list[str]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UserError(f"{what}: give a list of names, not {_kind(values)}")
    return [text(what, value) for value in values]


def timeout(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == math.inf:
        raise UserError(f"timeout: give a number of seconds, not {_kind(value)}")
    return max(-_LONGEST_S, min(value, _LONGEST_S))


def sleep(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LONGEST_SLEEP_S:
        raise UserError(f"sleep: give 0 to {_LONGEST_SLEEP_S - 1} seconds, not {_kind(value)}")
    return int(value)


def callback(value: Any) -> Any:
    if not callable(value) or inspect.iscoroutinefunction(value):
        raise UserError("callback: give a plain function; it may start a task of its own")
    return value


def secret(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray) or len(value) != _SECRET_BYTES:
        raise UserError(f"admin_secret: give the {_SECRET_BYTES} bytes of it")
    return bytes(value)


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in value)


def _kind(value: Any) -> str:
    """What was given, without repeating a text: it may be a secret in the wrong place."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) or abs(value) < 10**12 else "a number that long"
    return "nothing" if value is None or value == "" else f"a value of type {type(value).__name__}"
