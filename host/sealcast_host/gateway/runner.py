"""One output at work: a bounded queue before it, and a loop that opens it, feeds it, and tries again when it fails.

Whatever goes wrong with one output stays with it: it is said in one line, and what arrives meanwhile waits. When
`WAITING` items wait the oldest is given up, and how many were is said when the output works again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable

from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Finished, Hub, Output, Refused
from sealcast_host.gateway.record import Event, Item, clean
from sealcast_host.member.ending import heed
from sealcast_host.member.privatefiles import reason

WAITING = 1000
FIRST_S, LONGEST_S = 0.5, 60.0
TRIES = 3  # of an item that an output stumbles over, before it is left out
GRACE_S = 5.0  # for what waits when the gateway ends
HOLD_S = 5.0  # so long the member keeps a message at most that an output is writing


class Runner:
    """Feeds one output. put() never waits; run() goes on until it is cancelled or the output has Finished."""

    def __init__(self, name: str, output: Output, hub: Hub, wants: "Filter", first_s: float = FIRST_S) -> None:
        """name: what lines of complaint call it. first_s: the pause before the first try again; it doubles."""
        self.name, self.output, self._hub, self._wants = name, output, hub, wants
        self._queue: deque[Item] = deque()
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._first_s = self._pause_s = first_s
        self._lost = 0
        self._broken = self._finished = False
        self._single = 0  # so many items are given one by one: the batch failed
        self._stumbles = 0  # over the item that is first
        self.handed = 0  # messages that the output has taken

    def put(self, item: Item) -> None:
        """Queue what arrived, when this output wants it."""
        if self._finished or not self._wants(item):
            return
        if len(self._queue) >= WAITING:
            self._queue.popleft()
            self._lost += 1
        self._queue.append(item)
        self._empty.clear()
        self._more.set()

    @property
    def holds(self) -> bool:
        """Does a message that comes now stay with the member until this output keeps it? One that is broken, or behind,
        is waited for by nobody: what comes for it waits here."""
        return self.output.keeps and not self._broken and all(isinstance(item, Event) for item in self._queue)

    async def kept(self) -> None:
        """Returns when the output has what came for it, or after some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOLD_S):
                await self._empty.wait()

    async def run(self) -> None:
        """Open, feed, attend; again and again."""
        while True:
            try:
                await _theirs(self.output.open())
                await _theirs(self._at_work())
                return
            except Finished:
                self._finished = True
                self._queue.clear()
                self._empty.set()
                return
            except Exception as e:
                self._failed(e)
            finally:
                with contextlib.suppress(Exception):
                    await _theirs(self.output.close())
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_S)

    async def drained(self) -> int:
        """Returns when nothing waits any more, or after some seconds; how many were not handed on, which is said."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S if not self._broken else 0):
                await self._empty.wait()
                return 0
        left = len(self._queue) + self._lost
        if left:
            self._hub.say(f"{self.name}: {left} messages and events were not handed on: it is broken or too slow")
        return left

    async def _at_work(self) -> None:
        """Both halves; the first that ends, well or not, ends the other. attend() may end alone: no more comes in."""
        feeding = asyncio.ensure_future(self._feed())
        attending = asyncio.ensure_future(self.output.attend())
        try:
            await asyncio.wait({feeding, attending}, return_when=asyncio.FIRST_COMPLETED)
            if attending.done():
                attending.result()
            await feeding
        finally:
            for task in (feeding, attending):
                task.cancel()
            await asyncio.gather(feeding, attending, return_exceptions=True)

    async def _feed(self) -> None:
        if not self._queue:
            self._works()  # it could be opened; with something waiting, taking it is the proof
        while True:
            while not self._queue:
                self._empty.set()
                self._more.clear()
                await self._more.wait()
            await self._give()

    async def _give(self) -> None:
        count = 1 if self._single else min(self.output.batch, len(self._queue))
        batch = [self._queue[i] for i in range(count)]
        try:
            await _theirs(self.output.take(batch))
        except Refused as e:
            if count > 1:
                self._single = count
                return
            self._hub.say(f"{self.name}: left out a message: {clean(str(e))}")
        except (OSError, UserError, Finished):
            raise
        except Exception as e:
            if count > 1:
                self._single = count
                return
            self._stumbles += 1
            if self._stumbles < TRIES:
                raise
            self._hub.say(f"{self.name}: left out a message that it cannot take ({type(e).__name__})")
        else:
            self.handed += sum(not isinstance(item, Event) for item in batch)
        self._stumbles = 0
        self._single = max(0, self._single - 1)
        for item in batch:
            if self._queue and self._queue[0] is item:  # else it was given up while it was handed on
                self._queue.popleft()
        self._works()

    def _works(self) -> None:
        self._pause_s = self._first_s
        if self._broken:
            self._broken = False
            gone = f"; {self._lost} messages and events were given up meanwhile" if self._lost else ""
            self._hub.say(f"{self.name}: works again{gone}")
        elif self._lost:
            self._hub.say(f"{self.name}: too slow: {self._lost} messages and events were given up")
        self._lost = 0

    def _failed(self, error: Exception) -> None:
        if self._broken:
            return  # said already
        self._broken = True
        self._hub.say(f"{self.name}: {clean(why(error))}; trying again, {len(self._queue)} wait")


class _Cancelled(Exception):
    """Not by us."""


async def _theirs(work: Awaitable[None]) -> None:
    """What an output does. That a library lets out what it has cancelled itself, as aiomqtt may, is an error like any
    other. Raises what the work raises, _Cancelled."""
    try:
        await work
        heed()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise _Cancelled from None


def why(error: Exception) -> str:
    """An error in words."""
    if isinstance(error, OSError):
        if isinstance(error.filename, str):
            return f"{error.filename}: {reason(error)}"
        return reason(error) if error.strerror or type(error) is not OSError else str(error) or "failed"
    return str(error) if isinstance(error, UserError | Refused) else f"failed ({type(error).__name__})"


class Filter:
    """Which messages and events an output wants: the options that all of them have."""

    def __init__(
        self,
        senders: list[str] | None = None,
        secrecy: list[str] | None = None,
        history: bool = True,
        events: bool = True,
    ) -> None:
        self._senders, self._secrecy, self._history, self._events = senders, secrecy, history, events

    def __call__(self, item: Item) -> bool:
        if isinstance(item, Event):
            return self._events
        return (
            (self._senders is None or item.sender in self._senders)
            and (self._secrecy is None or item.secrecy in self._secrecy)
            and (self._history or not item.historic)
        )
