"""Keeps the Wi-Fi up where the port has a `network` module. The MQTT client only sees its connections come and go."""

import asyncio

from sealcast.compat import const
from sealcast.run.aio import Backoff, sleep_ms

_POLL_MS = const(500)
_GIVE_UP_MS = const(20000)


def present():
    """Has this port Wi-Fi?"""
    try:
        import network
    except ImportError:
        return False
    return hasattr(network, "WLAN")


class Wifi:
    """settings: {"ssid": ..., "password": ...}. report(name, info): what happens, for the log."""

    def __init__(self, settings, report=None):
        self._ssid = settings["ssid"]
        self._password = settings["password"]
        self._report = report or (lambda name, info: None)
        self._backoff = Backoff(2000, 60000)
        self._wlan = None

    def start(self):
        """Begin to keep it up, in a task of its own."""
        if present():
            return asyncio.create_task(self.keep())
        self._report("wifi", {"state": "absent: this port has no Wi-Fi; the settings are ignored"})
        return None

    async def keep(self):
        """Connect, watch, connect again; never ends. A radio that refuses to work is switched off and on."""
        import network

        self._wlan = network.WLAN(network.STA_IF)
        while True:
            try:
                self._wlan.active(True)
                if await self._connect():
                    self._backoff.reset()
                    self._report("wifi", {"state": "connected", "address": self._wlan.ifconfig()[0]})
                    while self._wlan.isconnected():
                        await sleep_ms(_POLL_MS)
                    self._report("wifi", {"state": "lost"})
                else:
                    self._report("wifi", {"state": "no answer: check wifi.ssid and wifi.password"})
                    self._wlan.active(False)
            except OSError:
                self._report("wifi", {"state": "the radio failed; switching it off and on"})
                self._wlan.active(False)
            await sleep_ms(self._backoff.next())

    async def _connect(self):
        """One attempt -> connected?"""
        if not self._wlan.isconnected():
            self._wlan.connect(self._ssid, self._password)
        for _ in range(_GIVE_UP_MS // _POLL_MS):
            if self._wlan.isconnected():
                return True
            await sleep_ms(_POLL_MS)
        return False
