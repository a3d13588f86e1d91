"""Commands from Home Assistant to members: what the file of settings says of them, and what is sent.

[[output.homeassistant.command]]
member = "roof"              whose device shows it, and (mode "ratchet") who alone is told
kind = "switch"              switch, number or button
name = "Roof"
on = "open"                  the messages: `on` and `off` of a switch,
off = "close"
send = "level {}"            `send` of a button, and of a number with {} for the value
min = 0                      of a number: min, max, step
state = "roof"               optional: the quantity of its readings that says how it is
mode = "ratchet"             optional: as in `sealcast send --mode`
receipt = true               optional: done only when the member has confirmed it
"""

import math
from dataclasses import dataclass
from typing import Any

from sealcast.wire import MAX_BODY
from sealcast_host.errors import UserError
from sealcast_host.gateway.ha_entities import slug

_KINDS = {"switch": ("on", "off"), "number": ("send",), "button": ("send",)}
_TEXTS = ("member", "kind", "name", "on", "off", "send", "state", "mode")
_NUMBERS = ("min", "max", "step")
_MODES = ("note", "conversation", "ratchet")


@dataclass(frozen=True)
class Command:
    """One switch, number or button."""

    member: str
    kind: str
    name: str
    messages: dict[str, str]  # "on", "off", "send" -> what is sent
    low: float
    high: float
    step: float
    state: str | None
    mode: str | None
    receipt: bool

    @classmethod
    def of(cls, given: Any) -> "Command":
        """From a table of the settings. Raises UserError, which says what is wrong with it."""
        if not isinstance(given, dict):
            raise UserError("homeassistant.command: each must be a table: [[output.homeassistant.command]]")
        where = f"homeassistant.command {given.get('name', '')}".strip()
        for key, value in given.items():
            wanted = str if key in _TEXTS else int | float if key in _NUMBERS else bool if key == "receipt" else None
            if wanted is None:
                raise UserError(f'{where}: there is no "{key}": {", ".join((*_TEXTS, *_NUMBERS, "receipt"))}')
            if not isinstance(value, wanted) or wanted is not bool and isinstance(value, bool):
                form = "a text" if wanted is str else "true or false" if wanted is bool else "a number"
                raise UserError(f"{where}: {key} must be {form}")
        kind = given.get("kind")
        if kind not in _KINDS or not given.get("member") or not given.get("name"):
            raise UserError(f"{where}: needs member, name, and kind: one of {', '.join(_KINDS)}")
        missing = [key for key in _KINDS[kind] if not given.get(key)]
        if missing or kind == "number" and "{}" not in given["send"]:
            form = " with {} for the value" if kind == "number" else ""
            raise UserError(f"{where}: a {kind} needs {' and '.join(_KINDS[kind])}{form}")
        if any(len(given[key].encode()) > MAX_BODY for key in _KINDS[kind]):
            raise UserError(f"{where}: a message has at most {MAX_BODY} bytes")
        if given.get("mode") not in (None, *_MODES):
            raise UserError(f"{where}: mode is one of {', '.join(_MODES)}")
        low, high, step = (float(given.get(k, d)) for k, d in (("min", 0), ("max", 100), ("step", 1)))
        if not low < high or not 0.001 <= step or not math.isfinite(low + high + step):
            raise UserError(f"{where}: min must be less than max, and step at least 0.001, none of them infinite")
        return cls(
            member=given["member"], kind=kind, name=given["name"], messages={k: given[k] for k in _KINDS[kind]},
            low=low, high=high, step=step, state=given.get("state"), mode=given.get("mode"),
            receipt=given.get("receipt", False),
        )  # fmt: skip

    @property
    def key(self) -> str:
        """Its component among those of the member's device."""
        return f"{slug(self.name)}_{self.kind}"

    def options(self) -> dict[str, Any]:
        """What its discovery payload has beside the usual."""
        if self.kind == "switch":
            return {"payload_on": "ON", "payload_off": "OFF", "optimistic": False}
        if self.kind == "number":
            return {"min": self.low, "max": self.high, "step": self.step, "mode": "box"}
        return {"payload_press": "PRESS"}

    def message(self, payload: bytes) -> bytes | None:
        """What to send when Home Assistant says `payload`; None when it can mean nothing here."""
        text = payload.decode("utf-8", "replace")
        if self.kind == "switch":
            word = {"ON": "on", "OFF": "off"}.get(text)
            return self.messages[word].encode() if word else None
        if self.kind == "button":
            return self.messages["send"].encode() if text == "PRESS" else None
        try:
            value = float(text)
        except ValueError:
            return None
        if not self.low <= value <= self.high:
            return None
        return self.messages["send"].replace("{}", f"{value:.0f}" if value.is_integer() else repr(value)).encode()
