"""The few asyncio and clock tools that both Pythons lack in common: MicroPython has no Queue, TaskGroup or timeout."""

import asyncio
import os
import time

from ..compat import UNLOADS, const
from ..rare import load

_EPOCH_2000 = const(946684800)  # seconds from 1970 to 2000, where some boards' clocks begin
PLAUSIBLE = const(1735689600)  # 2025-01-01: a clock that says less was never set
_LAST = const(0xFFFFFFFF)  # 2106: what frames can say
# Made here: where they are caught there may be no memory for a tuple.
_ENDS, LOST = (asyncio.CancelledError, Exception), (OSError, EOFError, MemoryError)


def sleep_ms(ms):
    """Awaitable: sleep for `ms` milliseconds."""
    return asyncio.sleep_ms(ms) if hasattr(asyncio, "sleep_ms") else asyncio.sleep(ms / 1000)


async def within(awaitable, ms, what):
    """Await with a limit. Raises OSError(what) when `ms` milliseconds pass: a silent peer is a lost link."""
    if not UNLOADS:
        try:
            async with asyncio.timeout(ms / 1000):  # not wait_for: before Python 3.12 it loses a cancellation
                return await awaitable
        except asyncio.TimeoutError:
            raise OSError(what)
    over = []  # not wait_for_ms: one that finds no memory cancels whatever its caller awaits next
    limit = asyncio.create_task(_end(asyncio.current_task(), ms, over))
    try:
        return await awaitable
    except asyncio.CancelledError as e:
        raise OSError(what) if over else e
    finally:
        limit.cancel()


async def _end(task, ms, over):
    await sleep_ms(ms)
    over.append(task.cancel())


async def pause(event, ms):
    """Wait until `event` is set or `ms` milliseconds have passed, whichever is first."""
    try:
        await within(event.wait(), ms, "")
    except OSError:
        pass


async def stop(task):
    """Cancel a task and wait until it has ended; what it raised while ending is of no interest."""
    if task is None:
        return
    task.cancel()
    try:
        await task
    except _ENDS:
        pass


def explain(error):
    """An exception as one line for an event, see explain.py; its type alone where that cannot be loaded."""
    try:
        return load("run.explain").explain(error)
    except Exception:
        return type(error).__name__


def place(error):
    """Where an unexpected error arose, see explain.py."""
    try:
        return load("run.explain").place(error)
    except Exception:
        return ""


class Clock:
    """now(): milliseconds that only grow, from ticks that wrap: asked at least once in half a wrap (6 days)."""

    def __init__(self, ticks=None, diff=None):
        self._ticks = ticks or getattr(time, "ticks_ms", None) or (lambda: time.monotonic_ns() // 1000000)
        self._diff = diff or getattr(time, "ticks_diff", None) or (lambda a, b: a - b)
        self._last, self._now = self._ticks(), 0

    def now(self):
        ticks = self._ticks()
        self._now += max(0, self._diff(ticks, self._last))
        self._last = ticks
        return self._now

    def time(self):
        """Unix time in seconds; 0 when this machine does not know it."""
        seconds = int(time.time()) + (_EPOCH_2000 if time.gmtime(0)[0] == 2000 else 0)
        return seconds if PLAUSIBLE <= seconds <= _LAST else 0


class Reply:
    """What a task waits for: that it is done, or an error."""

    def __init__(self):
        self._event = asyncio.Event()
        self._error = None

    def done(self):
        self._event.set()

    def fail(self, error):
        self._error = error
        self.done()

    async def wait(self):
        await self._event.wait()
        if self._error is not None:
            raise self._error


def _ticks(n):
    """Where the port has no randomness: boards differ by when they come here."""
    return bytes((time.ticks_us() & 255,)) * n


class Backoff:
    """How long to wait before the next attempt: doubling from `first` to `most` milliseconds, half of it random.

    random(n) -> n bytes. Boards that lost the same broker at the same moment must not come back at the same moment."""

    def __init__(self, first, most, random=None):
        self._first, self._most, self._failures = first, most, 0
        self._random = random or getattr(os, "urandom", None) or _ticks

    def reset(self):
        self._failures = 0

    def next(self):
        span = min(self._most, self._first << min(self._failures, 16))
        self._failures += 1
        return span // 2 + (span // 2) * self._random(1)[0] // 255
