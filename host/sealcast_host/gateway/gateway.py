"""The gateway itself: what the member hears goes to every output, what outputs ask for goes to the member."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from sealcast.errors import SealcastError
from sealcast_host.errors import UserError
from sealcast_host.gateway.config import Wish
from sealcast_host.gateway.record import Event, Item, Message
from sealcast_host.gateway.runner import FIRST_S, Runner

COUNT_S = 5.0


class Gateway:
    """The member's side of all outputs; it is their Hub. heard() may be called before the session is there."""

    def __init__(self, channel: str, wishes: list[Wish], say: Callable[[str], None], first_s: float = FIRST_S) -> None:
        """say(line): for complaints and news, one line each. Raises UserError when an output's options are wrong."""
        self.channel = channel
        self.say = say
        self.left = 0  # how many messages and events were not handed on at the end
        self._session: Any = None
        self._counted: dict[str, int] = {}  # drops by reason, as the session's events told them
        self.runners = [Runner(wish.name, wish.output(self), self, wish.filter(), first_s) for wish in wishes]

    def heard(self, name: str, info: Any) -> asyncio.Future[Any] | None:
        """A message ("message") or an event of the session. -> of a message, done when the outputs that keep it have
        it: it is taken then. One that was not when this process or the computer died comes again, marked so."""
        now = time.time()
        item: Item = Message.of(info, now) if name == "message" else Event(now, name, dict(info))
        if name in ("dropped", "forged"):
            self._counted[str(info.get("reason"))] = int(info.get("count", 1))
        holding = [runner.kept() for runner in self.runners if runner.holds and isinstance(item, Message)]
        for runner in self.runners:
            runner.put(item)
        return asyncio.gather(*holding) if holding else None

    async def run(self, session: Any) -> None:
        """Serve until it is cancelled; returns when every output has finished. session: a started one."""
        self._session = session
        tasks = [asyncio.ensure_future(runner.run()) for runner in self.runners]
        counting = asyncio.ensure_future(self._count())
        try:
            await asyncio.wait(tasks)  # unlike gather it leaves them at work when this one is cancelled
        finally:
            with contextlib.suppress(asyncio.CancelledError):
                self.left = sum(await asyncio.gather(*(runner.drained() for runner in self.runners)))
            for task in (counting, *tasks):
                task.cancel()
            await asyncio.gather(counting, *tasks, return_exceptions=True)
            self._session = None

    async def _count(self) -> None:
        """Ask now and then what was dropped: not everything is worth an event."""
        while self._session is not None:
            with contextlib.suppress(SealcastError, UserError):
                self._counted |= (await self._session.status()).get("drops", {})
            await asyncio.sleep(COUNT_S)

    # What an output may ask: output.Hub.

    @property
    def uid(self) -> str:
        """This member's name."""
        return str(self._session.uid) if self._session is not None else ""

    @property
    def members(self) -> list[tuple[str, str]]:
        """(name, status: awake, asleep, left, gone, unheard) of everybody known, this member included."""
        return list(self._session.members) if self._session is not None else []

    @property
    def epoch(self) -> str | None:
        """The conversation key in use."""
        epoch: str | None = self._session.epoch if self._session is not None else None
        return epoch

    @property
    def group(self) -> dict[str, Any] | None:
        """The ratcheting group, None outside of one."""
        group: dict[str, Any] | None = self._session.group if self._session is not None else None
        return group

    @property
    def online(self) -> bool:
        """Connected to the broker just now?"""
        return self._session is not None and bool(self._session.online)

    def drops(self) -> dict[str, int]:
        """How many frames were not accepted, by reason (docs/DROPS.md)."""
        return dict(self._counted)

    async def send(
        self, body: bytes, mode: str | None = None, to: str | None = None, receipt: bool = False
    ) -> dict[str, Any]:
        """Send it; what is known of it then. receipt: also who has confirmed it within the time that a send waits, and
        who has not. to: of the group, for this member alone. Raises UserError, SealcastError."""
        if to is not None and mode not in (None, "ratchet"):
            raise UserError("a message for one member goes in mode ratchet: notes and conversations go to all")
        session = self._session
        if session is None:
            raise UserError("not in the channel just now: try again")
        sent = await session.send(body, mode, to, receipt=receipt)
        return {key: value for key, value in sent._asdict().items() if value is not None}

    async def approve(self, uid: str, fingerprint: str) -> None:
        """Pin a member's changed identity. Raises SealcastError."""
        if self._session is None:
            raise UserError("not in the channel just now: try again")
        await self._session.approve(uid, fingerprint)
