"""A member's state written beside the event loop: frames go on being read while the disk flushes."""

import asyncio
import contextlib
from typing import Any


class Aside:
    """A FileStore in a thread, one state at a time: the engine waits for each, and enters its channel only then."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def load(self) -> bytes | None:
        """The newest stored state."""
        state: bytes | None = self._store.load()
        return state

    async def store(self, parts: bytes | list[bytes]) -> None:
        """Durable on return. One who is cancelled waits for the end too: the state's lock may be given back next."""
        work = asyncio.ensure_future(asyncio.to_thread(self._store.store, parts))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            work.exception()
            raise
