"""A member's state written beside the event loop: frames go on being read while the disk flushes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealcast.journal import MOST
from sealcast.run import filestore
from sealcast_host.member import system
from sealcast_host.member.ending import whole
from sealcast_host.member.privatefiles import sync_dir


class Files(filestore.Files):
    """A computer's: a write that is durable on a Mac, too."""

    def sync(self, file: Any) -> None:
        file.flush()
        system.synced(file.fileno())

    def settle(self, path: str) -> None:
        sync_dir(Path(path).parent)


class Aside:
    """A FileStore in a thread, one state at a time: the engine waits for each, and enters its channel only then."""

    room = MOST  # bytes that may be appended to a state: a computer reads them back at once

    def __init__(self, store: Any) -> None:
        self._store = store

    def load(self) -> bytes | None:
        """The newest stored state."""
        state: bytes | None = self._store.load()
        return state

    async def store(self, parts: bytes | list[bytes]) -> None:
        """Durable on return. One who is cancelled waits for the end too: the state's lock may be given back next."""
        await self._beside(self._store.store, parts)

    async def append(self, batch: bytes) -> None:
        """The same for what follows the state."""
        await self._beside(self._store.append, batch)

    async def _beside(self, write: Callable[[Any], None], what: bytes | list[bytes]) -> None:
        await whole(asyncio.to_thread(write, what))
