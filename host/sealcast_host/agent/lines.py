"""What goes over the agent's socket: one JSON object a line. docs/AGENT.md.

Bytes are {"$bytes": base64}; a message and what `send` returns are their fields by name, so that a field that the core
gains needs no change here.
"""

import base64
import json
from typing import Any

from sealcast import errors
from sealcast_host.errors import Failed, UserError

LONGEST = 1 << 20  # of a line, in bytes


def dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=_plain, separators=(",", ":")).encode() + b"\n"


def parse(line: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but one object."""
    try:
        value = json.loads(line, object_hook=_object)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def fields(value: Any) -> dict[str, Any]:
    """A message, or what a `send` returned, as its fields."""
    return {name: item for name, item in vars(value).items() if not name.startswith("_")}


def error(e: Exception) -> dict[str, str]:
    """An error that a caller may see; of any other only the kind."""
    if isinstance(e, Failed):
        return {"kind": "failed", "text": str(e)}
    if isinstance(e, UserError):
        return {"kind": "user", "text": str(e)}
    if isinstance(e, errors.SealcastError):
        return {"kind": "sealcast", "code": e.code, "text": str(e)}
    return {"kind": "failed", "text": f"internal error in the agent ({type(e).__name__}): its log may say more"}


def raised(told: dict[str, str]) -> Exception:
    """The error that `error` told of."""
    text = told.get("text", "")
    if told.get("kind") == "sealcast":
        known = {c.code: c for c in vars(errors).values() if isinstance(c, type) and hasattr(c, "code")}
        kind: type[Exception] = known.get(told.get("code", ""), errors.SealcastError)
        return kind(text)
    return (Failed if told.get("kind") == "failed" else UserError)(text)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def _object(value: dict[str, Any]) -> Any:
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        return base64.b64decode(value["$bytes"], validate=True)
    return value
