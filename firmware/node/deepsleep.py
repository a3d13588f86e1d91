"""Deep sleep: wake, go on from what is stored, send one reading, wait
for the broker, tell the others, sleep. DESIGN: no handshake.

The settings' `duty` is the time from one waking to the next. Every step is bounded: a broker that is away costs one
waking, not the battery. What the broker did not acknowledge is stored, and sent at the next waking.
"""

import asyncio
import json
import time

from sealcast.compat import const
from sealcast.errors import OutboxFull, SealcastError
from sealcast.run.aio import Clock, pause, sleep_ms, within

from .watchdog import feed

_ONLINE_MS = const(20000)
_SENT_MS = const(10000)
_ROOM_MS = const(100)  # look again for room so often
_PIECE_MS = const(8000)  # the watchdog waits for 8.3 s
_SPARE_S = const(60)  # beyond the next waking, before the others take a member that stays away for gone; and more
_DRIFT = const(16)  # for a long sleep: a chip's oscillator is some per cent off


class Turn:
    """One waking. source: the sensor, or None to show only that the board lives."""

    def __init__(self, config, session, log, source):
        self._config = config
        self._session = session
        self._log = log
        self._source = source
        self._online = asyncio.Event()
        session.on("online", lambda name, info: self._online.set())

    async def run(self):
        """Ends with the session closed."""
        session = self._session
        await pause(self._online, _ONLINE_MS)
        try:
            await within(self._send(), _SENT_MS, "the broker does not acknowledge")
        except SealcastError as e:
            self._log.event("refused", {"command": "sensor", "code": e.code, "text": str(e)})
        except OSError as e:
            self._log.event("error", {"code": "duty", "text": str(e)})
        except Exception as e:  # whatever a sensor comes up with: the board sleeps all the same
            session.failed("application", e)
        duty = self._config["duty"]
        await session.sleep(duty + max(_SPARE_S, duty // _DRIFT))

    async def _send(self):
        reading = await self._source.read() if self._source else {"awake": True}
        settings = self._config["sensor"]
        mode = settings["mode"] if settings else "auto"
        text = json.dumps(reading)
        while True:
            try:
                sent = await self._session.send(text.encode(), None if mode == "auto" else mode)
                break
            except OutboxFull:  # asleep at once, nobody would hear of an acknowledgement: it would stay full for ever
                await sleep_ms(_ROOM_MS)
        self._log.event("sent", {"command": "sensor", "mode": sent.mode, "text": text})


def rest(seconds):
    """Sleep as deeply as this board can, and start again."""
    import machine

    try:
        import rp2  # noqa: F401  (only to tell the chip)

        _pieces(machine, seconds * 1000)
    except ImportError:
        if hasattr(machine, "deepsleep"):
            machine.deepsleep(seconds * 1000)
        else:
            time.sleep(seconds)
    machine.reset()


def _pieces(machine, ms):
    """A Pico's deepsleep is lightsleep and a reset, for 71 minutes at most. Its watchdog goes on meanwhile, and an
    RP2040 that it finds asleep stays so until its power is cut; a radio that is on ends it at once."""
    try:
        import network

        network.WLAN(network.STA_IF).deinit()
    except Exception:
        pass  # there is no radio
    clock, left = Clock(), ms
    while left > 0:
        feed()
        machine.lightsleep(min(left, _PIECE_MS))
        left = ms - clock.now()
