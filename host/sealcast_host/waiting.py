"""Waiting for something to hold, told by events, with a deadline: what the demo and `sealcast hil` do all the time."""

import asyncio
from collections.abc import Callable

STEP_S = 180.0  # generous: a step that takes this long on a busy machine has failed
TYPED_S, TRIES = 10.0, 4  # a typed line that was not taken is typed again


class NotKept(Exception):
    """What was waited for did not come to hold; the text says what."""


class Watch:
    """Lets a step wait until something holds, told by events, with a deadline."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.broken = ""  # what cannot be put right any more

    def changed(self) -> None:
        self._changed.set()

    async def until(self, what: str, holds: Callable[[], object], seconds: float = STEP_S) -> None:
        """Returns once `holds()`. Raises NotKept(what) at the deadline."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    if self.broken:
                        raise NotKept(self.broken)
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NotKept(f"{what} (not within {seconds:.0f} s)") from None

    async def typed(self, again: Callable[[], None], taken: Callable[[], object], seconds: float = TYPED_S) -> None:
        """Type a line, again when it was not taken: a busy board's serial port loses some. What follows waits for
        what the line is about, and says so when that does not come."""
        for _ in range(TRIES):
            again()
            try:
                return await self.until("a typed line is taken", taken, seconds)
            except NotKept:
                if self.broken:
                    return
