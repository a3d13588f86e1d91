"""The machine's watchdog: restarts a board whose node does not move any more. It cannot be stopped once it is on."""

import sys

from sealcast.compat import const

_LIMIT_MS = const(60000)
_RP2_MS = const(8300)  # the RP2040's longest
_LOOKUP_S = const(30)

dog = None


def start(suite, tell):
    """Only with native crypto: the soft suite computes for longer than any watchdog waits."""
    global dog
    import machine

    if suite.NAME != "native" or not hasattr(machine, "WDT"):
        return
    try:
        dog = machine.WDT(timeout=_LIMIT_MS)
    except ValueError:
        dog = machine.WDT(timeout=_RP2_MS)
    sys.modules["watchdog"] = dog  # where `sealcast` looks for it: names of ours are others in a board's bundle
    tell("watchdog: on")


def feed():
    if dog:
        dog.feed()


class Fed:
    """`with Fed():` around a call that may block longer than an
    RP2040 waits, as a name server may: fed for half a minute.
    """

    def __enter__(self):
        self._timer = None
        if dog and sys.platform == "rp2":
            from machine import Timer

            self._left = _LOOKUP_S
            self._timer = Timer(-1, period=1000, callback=self._feed)

    def _feed(self, timer):
        self._left -= 1
        if self._left > 0:
            feed()

    def __exit__(self, *error):
        if self._timer:
            self._timer.deinit()
