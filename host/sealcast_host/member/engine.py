"""The core's session as a computer runs it: behind a fresh MQTT name at each connection, and on a machine that is
suspended, while which the core's clock stands still."""

import asyncio
import sys
import time
from typing import Any

from sealcast.run.session import Session
from sealcast.zpinc.heard import Heard
from sealcast_host.member.ending import whole

PARTING_S = 0.5  # less than HURRIED_S of visit.py
COMING_S = 3.0  # where the first connection is still being made
LOOK_S = 0.02
LAST_MS = 3_600_000  # for a disk's last write: it ends, well or not
SUSPENDED_S = 1.0  # what is shorter makes an age wrong by no more than this
# The clock that goes on while a computer is suspended, where time.monotonic does not. That of macOS is the raw one, as
# time.monotonic is: the other drifts from it.
_ALWAYS: int | None = getattr(
    time, {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC_RAW"}.get(sys.platform, ""), None
)


def suspended() -> float:
    """How long this computer has been suspended, in seconds from an unknown beginning; 0 where nobody can say."""
    if _ALWAYS is None:
        return 0.0
    # In this order: a process that is stopped in between takes a suspension for shorter, and sees it at the next look.
    always = time.clock_gettime(_ALWAYS)
    return always - time.monotonic()


class Engine(Session):
    """Its transport has `failure`, a LinkError or None, and sleeps(seconds)."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """As the core's session."""
        super().__init__(*args, **more)
        self._suspended = suspended()

    def emit(self, name: str, info: dict[str, Any]) -> None:
        """Tell the callbacks. Nobody else can have our MQTT name by accident: `taken_over` is told when the broker says
        so (MQTT 5), and not when it hangs up again and again for another reason."""
        if name == "taken_over":
            return
        failure = self.transport.failure
        if name == "offline" and failure is not None and failure.kind == "taken":
            super().emit("taken_over", {"connections": 1})
        super().emit(name, info)

    async def sleep(self, seconds: int) -> None:
        """As the core's; the broker is told how long to keep the presence that says so."""
        await self._heard()
        self.transport.sleeps(seconds)
        await super().sleep(seconds)

    async def leave(self) -> None:
        """As the core's."""
        await self._heard()
        await super().leave()

    async def close(self) -> None:
        """As the core's. Who comes second or is cancelled waits for the end, too: what runs may still write the state,
        whose lock is given back behind this."""
        await whole(self._close())

    async def _close(self) -> None:
        await super().close()
        await self.wait_closed(LAST_MS)

    async def _heard(self) -> None:
        """What waits has a moment to be acknowledged before we part: who comes for a moment each time would send it
        each time again, and with an outbox that is full never anything else."""
        until = time.monotonic() + (PARTING_S if self.online else COMING_S)
        while self.channel and self.channel.out.outbox.entries and time.monotonic() < until:
            if not self.online and self.transport.failure is not None:
                break  # there is no broker
            await asyncio.sleep(LOOK_S)

    def post(self, input: Any, reply: Any = None, kind: int = 0, size: int = 0) -> None:
        """Queue an input. Behind a suspension what frames name says nothing of their age any more (PROTOCOL.md 7.6);
        those that are in the queue came before, and what we say from here on is made behind it."""
        now = suspended()
        if now - self._suspended > SUSPENDED_S:
            self._suspended = now
            super().post(forget_times)
        super().post(input, reply, kind, size)


def forget_times(channel: Any, now: int) -> list[Any]:
    """When our presences were made is unknown from here on; which ones were heard is not: what we say still names them,
    and is as old to others as it is. -> no effects."""
    others = channel.others
    heard, others.heard = others.heard, Heard()
    others.heard.marks = heard.marks
    for member in others.by_tag.values():
        for session in member.sessions:
            for note in session.window.held.values():
                note.since = None
    return []
