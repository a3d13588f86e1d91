"""What is wrong, without a screen: a line on the serial port when it
changes, and a pattern on the LED. docs/HARDWARE.md.

The pin comes from the settings, before there are any from /board.json (`sealcast flash` writes it). A file /led.json
may replace patterns: {"ok": "#.........."}, an eighth of a second a character, "#" is on.
"""

import json

from sealcast.compat import const
from sealcast.run.aio import sleep_ms

STEP_MS = const(125)
ALONE_MS = const(90000)

# Counted flashes read the same on an LED that is wired the other way round.
PATTERNS = {
    "unprovisioned": "#.",
    "wifi": "#.#.........",
    "broker": "#.#.#.........",
    "key": "#.#.#.#.........",
    "ok": "#...............................",
}
_ALONE = (
    "key: nobody else is in this channel at this broker; if others are, this board has another key, channel name or "
    "broker: `sealcast doctor --port PORT` compares them"
)


class Led:
    """pin: an object with value(0 or 1), or None for a board without an LED."""

    def __init__(self, pin=None, patterns=None):
        self.pin = pin
        self.state = "unprovisioned"
        self._patterns = patterns or PATTERNS

    async def run(self):
        """Show the state for ever."""
        while True:
            try:
                await self.once()
            except MemoryError:
                await sleep_ms(STEP_MS)

    async def once(self):
        """The present state's pattern, once; given up when the state changes."""
        state = self.state
        for step in self._patterns[state]:
            if self.pin and self.state == state:
                self.pin.value(1 if step == "#" else 0)
            await sleep_ms(STEP_MS)
            if self.state != state:
                return


class Status:
    """Makes a state of a session's events. now(): milliseconds; others(): is any other member known?"""

    def __init__(self, led, tell, wifi, now, others=None):
        self._led = led
        self._tell = tell
        self._now = now
        self.others = others or (lambda: False)
        self._wifi = not wifi  # is there a network, as far as we know?
        self._since = None  # connected to the broker since
        self._alone = False
        self.look()

    def event(self, name, info):
        """A callback for every event of the session, and for those of the Wi-Fi."""
        if name == "wifi":
            self._wifi = info["state"] == "connected" or info["state"].startswith("absent")
        elif name == "connected":
            self._since = self._now()
        elif name == "offline":
            self._since = None
        self.look()

    def look(self):
        """Settle the state; called every second or so as well."""
        alone = self._since is not None and not self.others() and self._now() - self._since >= ALONE_MS
        if alone and not self._alone:
            self._tell(_ALONE)
        self._alone = alone
        if self._since is None:
            self._led.state = "broker" if self._wifi else "wifi"
        else:
            self._led.state = "key" if alone else "ok"


def make(pin=None, folder="/"):
    """A Led on this pin, or on the one in board.json; without a pin where none is known or can be used."""
    if pin is None:
        pin = _read(folder + "board.json").get("led")
    return Led(_pin(pin), patterns(_read(folder + "led.json")))


def patterns(given):
    """PATTERNS with those of led.json in their place; what is no pattern is ignored."""
    out = {}
    for state in PATTERNS:
        text = given.get(state)
        right = isinstance(text, str) and 0 < len(text) <= 64 and not text.strip("#.")
        out[state] = text if right else PATTERNS[state]
    return out


def _pin(name):
    if name is None:
        return None
    try:
        from machine import Pin

        return Pin(name, Pin.OUT, value=0)
    except (ImportError, ValueError, TypeError):
        return None


def _read(path):
    try:
        with open(path) as f:
            if f.read(1) != "\ufeff":  # as node.setup reads it
                f.seek(0)
            value = json.load(f)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
