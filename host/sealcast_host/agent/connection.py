"""One connection to the agent: its requests, each answered under its number, and what it is told. docs/AGENT.md."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any, Protocol

from sealcast.effects import Message, Sent
from sealcast_host.agent import lines, place
from sealcast_host.agent.gateways import Gateways
from sealcast_host.agent.held import Held
from sealcast_host.agent.log import Log
from sealcast_host.errors import UserError
from sealcast_host.member.session import HostSession

UNREAD = 1 << 20  # bytes; who does not read misses what comes then, and is told


class Agent(Protocol):
    """What a connection needs of the agent: see server.py."""

    log: Log
    stopped: asyncio.Event
    gateways: Gateways

    async def borrow(
        self, client: "Connection", channel: str, uid: str | None, broker: Any, wait: bool, /
    ) -> Held: ...
    async def give_back(self, client: "Connection", held: Held, sleep_s: int | None, /) -> None: ...
    async def drop(self, channel: str, /) -> None: ...
    def stay(self) -> bool: ...
    def status(self) -> dict[str, Any]: ...


class _Request(dict[str, Any]):
    """What is asked for; whoever looks for something that is not there says so."""

    def __missing__(self, key: str) -> Any:
        raise UserError(f"the request lacks {key!r}: docs/AGENT.md has what each takes")

    @property
    def more(self) -> dict[str, Any]:
        """What may be left out."""
        return dict(self.get("more") or {})


class Connection:
    """A client, from its first line to its last."""

    def __init__(self, agent: Agent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.listening = False
        self._agent = agent
        self._reader = reader
        self._writer = writer
        self._held: Held | None = None
        self._sleep_s: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet = True  # until the reply to `attach`, which must come first
        self._before: list[dict[str, Any]] = []
        self._missed: dict[str, Any] | None = None
        self._later: dict[str, Any] | None = None  # had no room; comes when there is some, if nobody has taken it

    async def run(self) -> None:
        try:
            while line := await self._reader.readline():
                request = lines.parse(line)
                if request.get("do") == "taken":
                    if self._held is not None:
                        self._held.took(int(request["n"]))
                    continue
                self._begin(self._answer(request))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not one of ours, or it went away
        finally:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._writer.close()
            if self._held is not None:
                await self._agent.give_back(self, self._held, self._sleep_s)

    def tell(self, told: dict[str, Any]) -> None:
        """What happens. Never waits for the client."""
        if self._quiet:
            self._before.append(told)
            return
        if self._writer.is_closing():
            return
        transport = self._writer.transport
        if transport.get_write_buffer_size() > UNREAD:
            if told.get("n"):
                self._keep(told)
            elif "message" in told:
                self._missed = told["message"]
            return
        if self._missed is not None:
            missed, self._missed = self._missed, None
            info = {"sender": missed.get("sender"), "seq": missed.get("seq")}
            self._writer.write(lines.dump({"event": "overflow", "info": info}))
        self._writer.write(lines.dump(told))

    def hang_up(self, why: str) -> None:
        """The member has gone for good."""
        if not self._writer.is_closing():
            self._writer.write(lines.dump({"ended": why}))
            self._writer.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _keep(self, told: dict[str, Any]) -> None:
        """No other message comes before somebody has taken this one, and that may have to be this client."""
        if self._later is None:
            self._begin(self._tell_later())
        else:
            self._missed = self._later["message"]
        self._later = told

    async def _tell_later(self) -> None:
        with contextlib.suppress(OSError):
            await self._writer.drain()
        told, self._later = self._later, None
        if told is not None and self._held is not None and self._held.waits_for(told["n"]):
            self.tell(told)
        elif told is not None:
            self._missed = told["message"]

    async def _answer(self, request: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"id": request.get("id")}
        try:
            reply["value"] = await self._do(_Request(request))
        except asyncio.CancelledError:
            raise
        except Exception as e:
            reply["error"] = lines.error(e)
            if "internal" in reply["error"]["text"]:
                self._agent.log.say(f"{request.get('do')!r} failed: {type(e).__name__}")
        if self._held is not None:
            self._held.refresh()
        with contextlib.suppress(OSError):
            self._writer.write(lines.dump(reply))
        if request.get("do") == "attach" and self._held is not None:
            self._quiet = False
            before, self._before = self._before, []
            for told in before:
                self.tell(told)

    async def _do(self, request: _Request) -> Any:
        what = str(request.get("do"))
        if what == "attach":
            return await self._attach(request)
        if what == "agent":
            return self._agent.status()
        if what == "stop":
            asyncio.get_running_loop().call_soon(self._agent.stopped.set)
            return None
        if what == "drop":
            return await self._agent.drop(str(request["channel"]))
        if what == "stay":
            return self._agent.stay()
        if what == "gateway":
            return await self._gateway(request)
        if self._held is None:
            raise UserError("attach to a channel first")
        held, session = self._held, self._held.live()
        match what:
            case "send":
                return await self._send(held, session, request)
            case "send_all":
                return await self._send_all(held, request)
            case "change_group":
                return await session.change_group(request["action"], request.get("uids"))
            case "approve":
                return await session.approve(request["uid"], request["text"])
            case "rekey":
                return await session.rekey()
            case "settled":
                return await session.settled()
            case "fingerprints":
                return await session.fingerprints()
            case "staying":
                return await session.staying(request.get("uid"))
            case "declare_lost":
                return await session.declare_lost(request["uid"], **request.more)
            case "status":
                return await session.status() | {"attached": len(held.clients)}
            case "parting":
                self._sleep_s = request.get("sleep_s")
                return None
        raise UserError(f"the agent knows no request {what!r}: it is of another version; sealcast agent --stop ends it")

    async def _gateway(self, request: dict[str, Any]) -> Any:
        """Run one for a channel from now on (words: its options), or (null) no more."""
        channel, words = str(request["channel"]), request.get("words")
        if words is None:
            return await self._agent.gateways.remove(channel)
        self._agent.stay()
        return await self._agent.gateways.add(channel, [str(word) for word in words], str(request["folder"]))

    async def _send(self, held: Held, session: HostSession, request: _Request) -> Any:
        body, mode, to = request["body"], request.get("mode"), request.get("to")
        sent = await held.send(body, mode, to, **request.more)
        self._echo(held, body, sent, to)
        return sent._asdict()

    async def _send_all(self, held: Held, request: _Request) -> list[dict[str, Any]]:
        bodies = request["bodies"]

        def acked(number: int, sent: Sent) -> None:
            """Also of one who has gone meanwhile."""
            self._echo(held, bodies[number], sent, request.more.get("to"))
            if request.get("each") and not self._writer.is_closing():
                self._writer.write(lines.dump({"acked": request.get("id"), "number": number, "sent": sent._asdict()}))

        return [
            {"sent": end._asdict()} if isinstance(end, Sent) else {"error": lines.error(end)} if end is not None else {}
            for end in await held.send_all(bodies, acked, **request.more)
        ]

    def _echo(self, held: Held, body: bytes, sent: Sent, to: str | None) -> None:
        ours = Message(held.uid, body, sent.mode, "member", int(time.time()), 0, False, None, 0)
        ours.private = to is not None
        held.echo(self, lines.fields(ours))

    async def _attach(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("protocol") != place.PROTOCOL:
            raise UserError("the agent is of another version: sealcast agent --stop ends it, then try again")
        if self._held is not None:
            raise UserError("attached already: one connection, one member")
        self.listening = bool(request.get("listen"))
        self._sleep_s = request.get("sleep_s")
        self._held = await self._agent.borrow(
            self, str(request["channel"]), request.get("uid"), request.get("broker"), bool(request.get("wait"))
        )
        return {"uid": self._held.uid, "state": self._held.state()}
