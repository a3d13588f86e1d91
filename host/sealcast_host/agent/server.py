"""The agent: one process that holds the members of this computer and lends them to whoever attaches.

Two ways to run: to stay (`sealcast agent`: all channels are joined at once and held to the end), or while it is used
(started by `listen` and `chat`: a member parts when the last one attached goes, and the agent ends with the last
member).
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Any

from sealcast_host.agent import place
from sealcast_host.agent.connection import Connection
from sealcast_host.agent.gateways import Gateways
from sealcast_host.agent.held import Held
from sealcast_host.agent.log import Log
from sealcast_host.errors import UserError
from sealcast_host.member import channels, system
from sealcast_host.member.address import place_of
from sealcast_host.member.privatefiles import make_private_dir, reason

FIRST_S = 20.0  # an agent that was started for somebody waits so long for them
RETRY_S = 30.0  # a member that could not be started (another process has it) is tried again


class AgentRuns(UserError):
    """Another one does already."""


class Agent:
    """`async with agent: await agent.stopped.wait()`."""

    def __init__(self, log: Log, *, stays: bool) -> None:
        self.log = log
        self.stays = stays
        self.stopped = asyncio.Event()
        self.members: dict[tuple[str, str], Held] = {}
        self.gateways = Gateways(log)
        self._opening: dict[tuple[str, str], asyncio.Lock] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._lock: Any = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises AgentRuns; UserError when the socket cannot be made."""
        self._lock = _locked()
        try:
            self._server = await asyncio.start_unix_server(self._accept, sock=place.listening(), limit=1 << 20)
        except BaseException:
            system.unlock(self._lock)
            raise
        self.log.say(f"agent {os.getpid()} at {place.socket_path()}")
        self._tasks.append(asyncio.ensure_future(self._first()))
        if self.stays:
            self.stays = False
            self.stay()

    def stay(self) -> bool:
        """Hold all channels from now on, to the end, and run the gateways. False: that is so already."""
        if self.stays:
            return False
        self.stays = True
        self._tasks.append(asyncio.ensure_future(self._hold_all()))
        self.gateways.begin()
        return True

    async def close(self) -> None:
        """Part with all members and end. Nobody can attach from the first moment on."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            place.socket_path().unlink()
        await self.gateways.close()
        for task in [*self._tasks, *self._connections]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._connections, return_exceptions=True)
        await asyncio.gather(*(held.part(None) for held in self.members.values()), return_exceptions=True)
        self.members = {}
        system.unlock(self._lock)
        self.log.say("agent ended")

    async def borrow(self, client: Connection, channel: str, uid: str | None, broker: Any, wait: bool) -> Held:
        """The member for `client`, started if need be. Raises UserError; whatever it raises, nothing is held then."""
        known = channels.load(channel)
        own = dict(known.broker)
        if isinstance(broker, dict):
            known.broker = broker
        key = (channel, known.uid if uid is None else uid)
        async with self._opening.setdefault(key, asyncio.Lock()):
            held = self.members.get(key)
            if held is not None and held.broker != known.broker and not held.clients:
                await self._part(key, held, None)  # the channel's broker is another one now
                held = None
            if held is not None and held.broker != known.broker:
                raise UserError(f'"{key[1]}" takes part over the broker at {place_of(held.broker)} just now: stop that')
            if held is None:
                held = Held(known, key[1], self.log)
                held.lasting = known.broker == own and key[1] == known.uid
                await held.open()
                self.members[key] = held
            held.add(client)
        if wait:
            try:
                await held.reached()
            except BaseException:  # also when the client goes away before
                await self.give_back(client, held, None)
                raise
        return held

    async def give_back(self, client: Connection, held: Held, sleep_s: int | None) -> None:
        """`client` is gone. A member that nobody uses parts, but for those that an agent that stays holds."""
        held.remove(client)
        key = (held.name, held.uid)
        async with self._opening.setdefault(key, asyncio.Lock()):
            if not held.clients and self.members.get(key) is held and not (self.stays and held.lasting):
                await self._part(key, held, sleep_s)

    async def drop(self, channel: str) -> None:
        """Part with all members of a channel (it is forgotten, or its file has changed)."""
        for key, held in list(self.members.items()):
            if key[0] == channel:
                async with self._opening.setdefault(key, asyncio.Lock()):
                    await self._part(key, held, None)
                for client in list(held.clients):
                    client.hang_up(f'"{channel}" was changed or forgotten on this computer: run this again')
        if not channels.path_of(channel).exists():
            await self.gateways.remove(channel)

    def status(self) -> dict[str, Any]:
        """Of the agent itself: process, whether it stays, its members and gateways."""
        rows = [
            {
                "channel": h.name,
                "uid": h.uid,
                "attached": len(h.clients),
                "online": bool(h.session and h.session.online),
            }
            for h in self.members.values()
        ]
        return {"pid": os.getpid(), "stays": self.stays, "members": rows, "gateways": self.gateways.status()}

    async def _part(self, key: tuple[str, str], held: Held, sleep_s: int | None) -> None:
        self.members.pop(key, None)
        await held.part(sleep_s)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        if place.peer_uid(sock) not in (None, system.me()):
            self.log.say("refused: a connection of another user")
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await Connection(self, reader, writer).run()
        except asyncio.CancelledError:
            pass  # the agent ends
        finally:
            self._connections.discard(task)
            if not self.stays and not self._connections:
                self.stopped.set()

    async def _first(self) -> None:
        await asyncio.sleep(FIRST_S)
        if not self._connections and not self.stays:
            self.stopped.set()

    async def _hold_all(self) -> None:
        """Every channel that is known here, also those that are made later; a failure of one is tried again."""
        told: dict[str, str] = {}
        while True:
            for name in channels.known_channels():
                try:
                    known = channels.load(name)
                    key = (name, known.uid)
                    async with self._opening.setdefault(key, asyncio.Lock()):
                        if key not in self.members:
                            held = Held(known, known.uid, self.log)
                            await held.open()
                            self.members[key] = held
                    told.pop(name, None)
                except Exception as e:
                    text = str(e) if isinstance(e, UserError) else type(e).__name__
                    if told.get(name) != text:
                        self.log.say(f"{name!r}: {text}")
                    told[name] = text
            await asyncio.sleep(RETRY_S)


def _locked() -> Any:
    """Only one agent for a state directory; the lock goes with the process. Raises AgentRuns, UserError."""
    make_private_dir(place.directory())
    try:
        lock = system.locked(place.directory() / "lock")
    except OSError as e:
        raise UserError(f"cannot write in {place.directory()}: {reason(e)}") from None
    if lock is None:
        raise AgentRuns("an agent runs already: sealcast agent --status shows it, --stop ends it")
    return lock


async def serve(
    log: Log, *, stays: bool, ready: Callable[[], None], on_stop: Callable[[Callable[[], None]], None]
) -> None:
    """Run an agent until it is stopped. ready(): somebody can attach now. on_stop(stop): have stop() called at the
    signals. Raises UserError when it cannot start."""
    agent = Agent(log, stays=stays)
    await agent.start()
    try:
        on_stop(agent.stopped.set)
        ready()
        await agent.stopped.wait()
    finally:
        await agent.close()
