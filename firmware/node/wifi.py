"""Keeps the Wi-Fi up where the port has a `network` module. The MQTT
client waits for it, and tells whether it reached the broker.

Drivers raise what they like, in the constructor, in active, connect and isconnected; nothing of it ends the task. A
radio that refuses to work, or over which the broker stays out of reach although it says that it is connected, is
switched off and on. Where that cannot help any more, the board starts anew: MicroPython's heap never gives back to an
ESP32's Wi-Fi what it has grown by.
"""

import asyncio
import sys

from sealcast.compat import const
from sealcast.run.aio import Backoff, sleep_ms

_POLL_MS = const(500)
_GIVE_UP_MS = const(20000)
_UNREACHED = const(5)  # connections in a row that did not come about, before the radio is switched off and on
_BROKEN = const(3)  # refusals in a row, of a radio that has worked, before the board starts anew
_CONNECTION = const(8192)  # bytes that a connection takes of the chip's memory, at the least


def present():
    """Has this port Wi-Fi?"""
    try:
        import network
    except ImportError:
        return False
    return hasattr(network, "WLAN")


class Wifi:
    """settings: {"ssid": ..., "password": ...}. report(name, info): what happens, for the log and the light."""

    def __init__(self, settings, report=None):
        self._ssid = settings["ssid"]
        self._password = settings["password"]
        self._report = report or (lambda name, info: None)
        self._backoff = Backoff(2000, 60000)
        self._wlan = None
        self._up = asyncio.Event()
        self._failures = self._refusals = 0
        self._worked = self._reset = False

    def start(self):
        """Begin to keep it up, in a task of its own."""
        if present():
            return asyncio.create_task(self.keep())
        self._say("absent: this port has no Wi-Fi; the settings are ignored")
        self._up.set()
        return None

    async def ready(self):
        """Wait until there is a network."""
        await self._up.wait()

    def reached(self, yes):
        """The MQTT client tells whether it got through to the broker."""
        self._failures = 0 if yes else self._failures + 1
        if yes:
            self._worked, self._refusals = True, 0
        if self._failures >= _UNREACHED:
            self._failures = 0
            self._reset = True

    async def keep(self):
        """Connect, watch, connect again; never ends."""
        while True:
            try:
                await self._once()
            except Exception as e:  # whatever the driver comes up with
                self._off()
                self._refusals += 1
                if self._worked and self._refusals >= _BROKEN:
                    await self._restart()
                try:
                    self._say("the radio failed (%s: %s): off, and tried anew" % (type(e).__name__, e))
                except MemoryError:
                    pass  # not even for the words is there room
            self._up.clear()
            try:
                wait = self._backoff.next()
            except MemoryError:  # its random byte: where the driver found no room there is none for that either
                wait = _POLL_MS
            await sleep_ms(wait)

    async def _once(self):
        """One connection, from the radio's start until it is lost."""
        import network

        if self._wlan is None:
            self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(True)
        if not await self._connect():
            self._say("no answer: check wifi.ssid and wifi.password")
            self._off()
            return
        self._backoff.reset()
        self._say("connected", self._wlan.ifconfig()[0])
        self._up.set()
        while self._wlan.isconnected() and not self._reset:
            await sleep_ms(_POLL_MS)
        if self._reset:
            self._reset = False
            if self._worked and _starved():
                await self._restart()
            self._say("the broker stays out of reach; switching the radio off and on")
            self._off()
        else:
            self._say("lost")

    async def _connect(self):
        """One attempt -> connected?"""
        if not self._wlan.isconnected():
            self._wlan.connect(self._ssid, self._password)
        for _ in range(_GIVE_UP_MS // _POLL_MS):
            if self._wlan.isconnected():
                return True
            await sleep_ms(_POLL_MS)
        return False

    async def _restart(self):
        """All that was accepted is stored: it is a power cut, which nothing is lost by."""
        import machine

        try:
            if _starved():
                self._say("too little memory is left for Wi-Fi; starting the board anew")
            else:
                self._say("the radio works no more; starting the board anew")
            await sleep_ms(1000)  # the line is to get out
        finally:  # also where there is no room for the words
            machine.reset()

    def _off(self):
        try:
            self._wlan.active(False)
            if sys.platform == "rp2":
                self._wlan.deinit()  # else the chip keeps its power, and whatever it hangs in
        except Exception:
            pass  # there may be no radio yet, or it fails again: it is tried anew all the same

    def _say(self, state, address=None):
        self._report("wifi", {"state": state, "address": address} if address else {"state": state})


def _starved():
    """Is there no room for a connection in the memory that the chip keeps for them?"""
    try:
        import esp32

        return free(esp32) < _CONNECTION
    except (ImportError, AttributeError):
        return False


def free(esp32):
    """Bytes free in the chip's own heap, which connections live on."""
    return sum([region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA)])
