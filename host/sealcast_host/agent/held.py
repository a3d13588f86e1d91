"""One member at work in the agent, and who is attached to it: messages to each of them once, events to all.

A message stays with the session (which stores it) until one of those that listen has taken it. With nobody there it
waits, and goes to the next who comes, marked historic; one that was given to somebody who went away without taking
it, marked again.
"""

import asyncio
import contextlib
from typing import Any, Protocol

from sealcast.errors import OutboxFull, SealcastError
from sealcast_host.agent import lines
from sealcast_host.agent.log import Log
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.ending import ended
from sealcast_host.member.many import Acked, Outcomes
from sealcast_host.member.refusals import LinkError
from sealcast_host.member.session import HostSession, start
from sealcast_host.member.state import MemberState
from sealcast_host.member.visit import GOODBYE_S, IN_VAIN, LEFT, way_out, why_not

ROOM_S = 1.0  # look again for room at least this often
_WAITED = {"historic": True, "age": None}  # what arrived then says nothing of now
BACKLOG = 1000  # messages that wait for somebody to take them; the last 64 survive a crash


class Client(Protocol):
    """What a connection is to the member."""

    listening: bool

    def tell(self, told: dict[str, Any]) -> None: ...
    def hang_up(self, why: str) -> None: ...


class Held:
    """A member that runs here. `open` it first, `part` ends it."""

    def __init__(self, known: channels.ChannelFile, uid: str, log: Log) -> None:
        self.name, self.channel, self.uid = known.name, known.channel, uid
        self.broker = dict(known.broker)
        self.lasting = True  # this computer's usual name, over the channel's own broker
        self.clients: list[Client] = []
        self.session: HostSession | None = None
        self.failure: LinkError | None = None  # why there is no connection just now
        self._known = known
        self._log = log
        self._joined: dict[str, Any] | None = None  # what the event online told, while it holds
        self._sent = asyncio.Event()
        self._moving = False
        self._outcome = asyncio.Event()  # the present attempt to connect has come to something
        self._state: dict[str, Any] = {}
        self._pump: asyncio.Task[None] | None = None
        self._number = 0
        self._current: dict[str, Any] | None = None  # the message that nobody has taken yet
        self._given = False  # ... and somebody was given it
        self._taken = asyncio.Event()
        self._waited = 0  # so many messages came while nobody listened

    async def open(self) -> None:
        """Start the member. Raises UserError (another process has it; wrong settings)."""
        settings = self._known.settings(self.uid) | {"broker": self.broker}
        channels.raise_wrong_settings(settings, "settings")
        try:
            state = MemberState(self.channel, self.uid)
            self.session = await start(settings, state, self._see, keep=BACKLOG)
        except SealcastError as e:
            raise UserError(why_not(e, self.channel, self.uid)) from None
        self._state = self.state()
        self._pump = asyncio.ensure_future(self._deliver(self.session))
        self._log.say(f"{self._who()}: started")

    async def reached(self) -> None:
        """Returns when the broker is reached. Raises UserError when an attempt from now on fails."""
        if self.failure is LEFT:
            raise UserError(way_out(LEFT, self.broker))
        if self._joined is not None:
            return
        if self.failure is not None:
            self._outcome.clear()
            self.live().hurry()
        await self._outcome.wait()
        if self._joined is None:
            raise UserError(way_out(self.failure or LinkError("lost", "the link to the broker was lost"), self.broker))

    def live(self) -> HostSession:
        if self.session is None:
            raise UserError("this member has ended: try again")
        return self.session

    def add(self, client: Client) -> None:
        """From now on `client` is told what happens."""
        if client.listening and not any(c.listening for c in self.clients) and self.session is not None:
            self._waited = self.session.waiting
            if self._current is not None:
                self._current |= {"again": True} if self._given else _WAITED
        self.clients.append(client)
        if self._joined is not None:
            client.tell({"event": "online", "info": self._joined})
        if client.listening and self._current is not None and not self._taken.is_set():
            self._given = True
            client.tell({"message": self._current, "n": self._number})

    def remove(self, client: Client) -> None:
        if client in self.clients:
            self.clients.remove(client)

    def took(self, number: int) -> None:
        """Somebody has taken the message of that number (0: one of our own)."""
        if number and number == self._number:
            self._taken.set()

    def waits_for(self, number: int) -> bool:
        """Has nobody taken the message of that number yet?"""
        return number == self._number and self._current is not None and not self._taken.is_set()

    def state(self) -> dict[str, Any]:
        """What those attached see without asking."""
        s = self.live()
        seen = {"members": s.members, "data": s.data, "epoch": s.epoch, "group": s.group, "online": s.online}
        return {"uid": self.uid, **seen}

    async def send(self, body: bytes, mode: str | None, to: str | None, **more: Any) -> Any:
        """As the session's, but many at a time wait for each other rather than fail."""
        while True:
            session = self.live()
            try:
                sent = await session.send(body, mode, to, **more)
            except OutboxFull:
                if not session.online:
                    raise
                self._sent.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ROOM_S):
                        await self._sent.wait()
                continue
            self._sent.set()
            return sent

    async def send_all(self, bodies: list[bytes], acked: Acked, **more: Any) -> Outcomes:
        ends = await self.live().send_all(bodies, **more, acked=acked)
        self._sent.set()
        return ends

    def echo(self, sender: Client, told: dict[str, Any]) -> None:
        """What one of those attached has sent, to the others that listen: for all of them it is the member's own."""
        for client in list(self.clients):
            if client is not sender and client.listening:
                client.tell({"message": told, "n": 0})

    def refresh(self) -> None:
        """Tell those attached what they see without asking, if it has changed."""
        if self.session is not None and self.clients:
            state = self.state()
            if state != self._state:
                self._state = state
                self._tell({"state": state})

    async def part(self, sleep_s: int | None) -> None:
        """Leave, or sleep for so long, and end."""
        session, self.session = self.session, None
        if session is None:
            return
        try:
            with contextlib.suppress(SealcastError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await (session.leave() if sleep_s is None else session.sleep(sleep_s))
        finally:  # also of one who is cancelled: nobody else has the session any more
            try:
                await session.close()
            finally:
                await ended(self._pump)
        self._log.say(f"{self._who()}: {'left' if sleep_s is None else 'sleeps'}")

    async def _deliver(self, session: HostSession) -> None:
        async for message in session:
            self._number += 1
            self._taken.clear()
            self._current = lines.fields(message)
            self._given = False
            listening = [c for c in self.clients if c.listening]
            if self._waited:
                self._waited -= 1
                self._current |= _WAITED
            for client in listening:
                self._given = True
                client.tell({"message": self._current, "n": self._number})
            await self._taken.wait()
            self._current = None

    def _see(self, name: str, info: Any) -> None:
        if name == "online" and "members" in info:
            self._joined, self.failure = info, LEFT if self.failure is LEFT else None
            self._outcome.set()
            self._log.say(f"{self._who()}: online")
        elif name == "moved":
            self._moving = True  # we connect once more, at the new place
        elif name in IN_VAIN:
            self.failure = IN_VAIN[name]
        elif name == "offline":
            self._joined = None
            if not self._moving:
                vain = self.failure if self.failure in IN_VAIN.values() else None
                self.failure = (self.session.transport.failure if self.session else None) or vain or LinkError(
                    "lost", "the link to the broker was lost"
                )
                self._outcome.set()
                self._log.say(f"{self._who()}: no broker: {self.failure}")
            self._moving = False
        elif name == "error":
            self._log.say(f"{self._who()}: trouble: {info.get('code')} {info.get('text', info.get('at', ''))}")
        self.refresh()
        self._tell({"event": name, "info": info})

    def _tell(self, told: dict[str, Any]) -> None:
        for client in list(self.clients):
            client.tell(told)

    def _who(self) -> str:
        return f"{self.name!r} as {self.uid!r}"
