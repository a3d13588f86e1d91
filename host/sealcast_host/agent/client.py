"""A member that the agent holds, as the programs and commands attached to it see it: the same face as a session's.

    ch = await attach("greenhouse")          # or: sealcast.join("greenhouse"), which uses the agent when it runs
    ch.on("rekeyed", lambda name, info: ...)
    await ch.send(b"21.5")
    async for m in ch:                        # every message from now on, and those that nobody has taken yet
        print(m.sender, m.body, m.secrecy, m.origin, m.historic)
    await ch.close()                          # detaches; the member stays

Everybody attached gets every message once, and what the others attached have sent (sender is this member then). A
message counts as taken when the first of them comes back for the next one, or its callback has returned (of `watch`:
what that returned, a future, is done); until then it is kept, and given to whoever attaches.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Self

from sealcast.effects import Message, Sent
from sealcast.errors import NoConversation, Offline, SealcastError, TooLong
from sealcast.wire import MAX_BODY, as_bytes
from sealcast_host.agent import lines, place
from sealcast_host.agent.place import NoAgent
from sealcast_host.errors import Failed, UserError
from sealcast_host.member import arguments
from sealcast_host.member.ending import ended

Callback = Callable[[str, Any], Any]
BACKLOG = 1000
AT_ONCE = 128  # messages of one request: a line has its limit
ANSWER_S = 30.0  # an agent that is stopped is no reason to wait for ever
CLOSE_S = 1.0  # ... not even for it to read what is left


async def attach(
    channel: str,
    uid: str | None = None,
    *,
    listen: bool = True,
    watch: Callback | None = None,
    broker: dict[str, Any] | None = None,
    sleep_s: int | None = None,
    wait: bool = True,
) -> "Attached":
    """Take part in a channel through the agent of this user.

    channel: a name of `sealcast channel`. uid: another member than this computer's usual one. listen: shall messages
    come here? watch(name, info): called for all events from the first on, and as ("message", message). broker: to be
    used instead of the channel file's, where the member does not run yet. sleep_s: how the member parts when this is
    the last one attached and the agent does not stay: asleep for so long (None: it leaves). wait: return when the
    broker is reached, or raise UserError why not; False: return at once.
    Raises NoAgent (a UserError) when none runs, UserError, SealcastError.
    """
    sock = place.connect()
    reader, writer = await asyncio.open_unix_connection(sock=sock, limit=lines.LONGEST)
    out = Attached(channel, reader, writer, watch)
    try:
        await out._begin(
            {"channel": channel, "uid": uid, "listen": listen, "broker": broker, "sleep_s": sleep_s, "wait": wait}
        )
    except Offline:
        await out.close()
        if out.why_ended:
            raise Failed(out.why_ended) from None
        raise NoAgent("the agent has ended meanwhile: try again, or start one (sealcast agent --detach)") from None
    except BaseException:
        await out.close()
        raise
    return out


class Attached:
    """An attachment to a member. Ends with close(), leave() or sleep(); none of them ends the member for others."""

    def __init__(
        self, channel: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watch: Callback | None
    ) -> None:
        self.channel_name = channel
        self.uid = ""  # the member's name
        self.why_ended = ""  # what the agent said when it hung up
        self._reader = reader
        self._writer = writer
        self._callbacks: dict[str, list[Callback]] = {}
        self._watch = watch
        self._until: asyncio.Future[Any] | None = None  # what it has said of the present message
        if watch is not None:
            self._callbacks = {"*": [watch], "message": [_ignore]}
        self._state: dict[str, Any] = {"members": [], "data": {}, "epoch": None, "group": None, "online": False}
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._each: dict[int, Callable[[int, Sent], None]] = {}
        self._last = 0
        self._messages: deque[tuple[int, Message]] = deque()
        self._reading: int | None = None
        self._arrived = asyncio.Event()
        self._ended, self._closed = asyncio.Event(), False
        self._task = asyncio.ensure_future(self._read())

    # What a session has, too.

    async def send(
        self, body: bytes | str, mode: str | None = None, to: str | None = None, min_secrecy: str | None = None,
        receipt: bool = False, timeout: float = 10,
    ) -> Sent:  # fmt: skip
        """As HostSession.send. Raises SealcastError."""
        more: dict[str, Any] = {"min_secrecy": min_secrecy} if min_secrecy else {}
        if receipt:
            more |= {"receipt": True, "timeout": arguments.timeout(timeout)}
        data: bytes = as_bytes(body)
        if len(data) > MAX_BODY:
            raise _too_long(data)
        return Sent(**await self._ask("send", body=data, mode=mode, to=to, more=more))

    async def send_all(
        self, bodies: list[bytes], mode: str | None = None, to: str | None = None, min_secrecy: str | None = None,
        timeout: float = 60, acked: Callable[[int, Sent], None] | None = None,
    ) -> list[Sent | SealcastError | None]:  # fmt: skip
        """As HostSession.send_all. None is also the outcome of what an agent was given that says nothing any more."""
        loop, out = asyncio.get_running_loop(), list[Sent | SealcastError | None]()
        bodies, deadline = arguments.bodies(bodies), loop.time() + arguments.timeout(timeout)
        while len(out) < len(bodies):
            few = bodies[len(out) :][:AT_ONCE]
            numbers = [len(out) + i for i, body in enumerate(few) if len(body) <= MAX_BODY]
            fit = [bodies[i] for i in numbers]
            each = None if acked is None else partial(_told, arguments.callback(acked), numbers)
            more = {"mode": mode, "to": to, "min_secrecy": min_secrecy, "timeout": deadline - loop.time()}
            try:
                async with asyncio.timeout_at(deadline + ANSWER_S):
                    told = iter(await self._ask("send_all", each, bodies=fit, more=more))
            except TimeoutError:
                told = iter([{}] * len(fit))
            ends = [_outcome(next(told)) if len(body) <= MAX_BODY else _too_long(body) for body in few]
            out += ends
            alone = next((end for end in ends if isinstance(end, NoConversation)), None)
            if alone is not None:  # it keeps its place before those that follow
                return out + [alone] * (len(bodies) - len(out))
            if loop.time() >= deadline and len(out) < len(bodies):
                from sealcast_host.member.many import no_time

                return out + [no_time()] * (len(bodies) - len(out))
        return out

    async def change_group(self, action: str, uids: list[str] | None = None) -> None:
        """ "create", "add", "remove", "leave", "resync", "rejoin"; see HostSession. Raises SealcastError."""
        await self._ask("change_group", action=action, uids=uids or [])

    async def approve(self, uid: str, text: str) -> None:
        """Pin a member's changed identity, the one with the fingerprint that a person has compared."""
        await self._ask("approve", uid=uid, text=text)

    async def rekey(self) -> None:
        """Ask for a new conversation key now."""
        await self._ask("rekey")

    async def status(self) -> dict[str, Any]:
        """How the member is: the keys of `sealcast status --json`."""
        return dict(await self._ask("status"))

    async def fingerprints(self) -> list[dict[str, Any]]:
        """Of everybody known: uid, fingerprint, changed (the refused one, or None), me. This member first."""
        return list(await self._ask("fingerprints"))

    async def settled(self) -> None:
        """Returns once what the broker keeps of the members has been read."""
        await self._ask("settled")

    async def staying(self, lost: str | None) -> list[tuple[str, str, bool]]:
        """(uid, fingerprint, never shown yet) of all that get the new key when `lost` is left behind."""
        return [(uid, shown, fresh) for uid, shown, fresh in await self._ask("staying", uid=lost)]

    async def declare_lost(self, uid: str, **more: Any) -> None:
        """As HostSession.declare_lost, with the admin's key of the channel's file. Raises UserError, SealcastError."""
        await self._ask("declare_lost", uid=uid, more=more)

    @property
    def members(self) -> list[tuple[str, str]]:
        """(name, status) of everybody known, this member included."""
        return [(uid, status) for uid, status in self._state["members"]]

    @property
    def data(self) -> dict[str, str]:
        """What members say of themselves in their joins, by name; who says nothing is not in it."""
        return dict(self._state["data"])

    @property
    def epoch(self) -> str | None:
        """The name of the conversation key in use, None when there is none."""
        epoch: str | None = self._state["epoch"]
        return epoch

    @property
    def group(self) -> dict[str, Any] | None:
        """Where this member is in the ratcheting group: name (here), phase, members, epoch, head, digest. None: in no
        group."""
        group: dict[str, Any] | None = self._state["group"]
        return group

    @property
    def online(self) -> bool:
        """Connected to the broker just now?"""
        return bool(self._state["online"]) and not self._ended.is_set()

    @property
    def closed(self) -> bool:
        """Detached, by close() or because the agent ended."""
        return self._ended.is_set()

    def on(self, event: str, callback: Callback) -> None:
        """Call callback(name, info) at every `event`; "*" means all of them, "message" takes the messages."""
        self._callbacks.setdefault(event, []).append(arguments.callback(callback))
        if event == "message":
            while self._messages:
                number, message = self._messages.popleft()
                self._emit("message", message)
                self._taken(number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        """The next message. Coming back for it is what marks the one before as taken."""
        if self._reading is not None:
            self._taken(self._reading)
            self._reading = None
        while not self._messages:
            if self._ended.is_set():
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._reading, message = self._messages.popleft()
        return message

    async def leave(self) -> None:
        """Detach. The member leaves when nobody else is attached and the agent does not stay."""
        await self.close()

    async def sleep(self, seconds: int) -> None:
        """Detach. The member sleeps when nobody else is attached and the agent does not stay."""
        seconds = arguments.sleep(seconds)
        if not self._ended.is_set():
            with contextlib.suppress(Offline, TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    await self._ask("parting", sleep_s=seconds)
        await self.close()

    async def close(self) -> None:
        """Detach."""
        self._closed = True
        if self._reading is not None:
            self._taken(self._reading)
            self._reading = None
        self._writer.close()
        closing = asyncio.ensure_future(self._writer.wait_closed())
        try:
            await asyncio.wait({closing}, timeout=CLOSE_S)
        finally:
            self._writer.transport.abort()
            try:
                await ended(closing, self._task)
            finally:
                self._end()

    async def wait_closed(self) -> None:
        """Returns when detached, also when the agent has ended."""
        await self._ended.wait()

    # The lines.

    async def _begin(self, wanted: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._ask("agent")
        except TimeoutError:
            raise place.silent(self._writer.get_extra_info("socket")) from None
        told = await self._ask("attach", protocol=place.PROTOCOL, **wanted)
        self.uid = told["uid"]
        self._state = told["state"]

    async def _ask(self, what: str, each: Callable[[int, Sent], None] | None = None, /, **given: Any) -> Any:
        """each(number, sent): told of what is acknowledged before the answer."""
        if self._ended.is_set():
            raise Offline("the session is closed" if self._closed else "the agent has ended: attach again")
        self._last += 1
        if each is not None:
            self._each[self._last] = each
            given["each"] = True
        line = lines.dump({"id": self._last, "do": what} | given)
        if len(line) > lines.LONGEST:  # the agent would hang up
            raise UserError(f"what is asked for is too long for the agent: {lines.LONGEST} bytes at most")
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[self._last] = reply
        self._write(line)
        return await reply

    def _write(self, line: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(line)

    def _taken(self, number: int) -> None:
        if number:
            self._write(lines.dump({"do": "taken", "n": number}))

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(lines.parse(line))
        except (OSError, ValueError):
            pass
        finally:
            self._end()

    def _take(self, told: dict[str, Any]) -> None:
        if "state" in told:
            self._state = told["state"]
        elif "id" in told:
            reply, _ = self._asked.pop(told["id"], None), self._each.pop(told["id"], None)
            if reply is not None and not reply.done():
                if told.get("error"):
                    reply.set_exception(lines.raised(told["error"]))
                else:
                    reply.set_result(told.get("value"))
        elif "acked" in told and (each := self._each.get(told["acked"])) is not None:
            asyncio.get_running_loop().call_soon(each, told["number"], Sent(**told["sent"]))
        elif "ended" in told:
            self.why_ended = str(told["ended"])
        elif "message" in told:
            self._message(told["n"], told["message"])
        elif "event" in told:
            self._emit(told["event"], told["info"])

    def _message(self, number: int, told: dict[str, Any]) -> None:
        message = Message.__new__(Message)
        vars(message).update(told)
        if "message" in self._callbacks:
            self._until = None
            if self._emit("message", message) and self._until is None:
                self._taken(number)
            elif self._until is not None:
                self._until.add_done_callback(lambda done: done.cancelled() or self._taken(number))
            return
        if len(self._messages) >= BACKLOG:
            _, lost = self._messages.popleft()
            self._emit("overflow", {"sender": lost.sender, "seq": lost.seq})
        self._messages.append((number, message))
        self._arrived.set()

    def _emit(self, name: str, info: Any) -> bool:
        """-> False: who watches all of it (a command) has failed, and has not taken it."""
        seen = True
        for callback in self._callbacks.get(name, []) + self._callbacks.get("*", []):
            try:
                until = callback(name, info)
                if callback is self._watch and name == "message" and isinstance(until, asyncio.Future):
                    self._until = until
            except Exception as e:
                seen = seen and callback is not self._watch
                if name != "error":
                    self._emit("error", {"code": "internal", "where": f"callback for {name}", "type": type(e).__name__})
        return seen

    def _end(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        self._arrived.set()
        for reply in self._asked.values():
            if not reply.done():
                reply.set_exception(Offline("the agent has ended: what was under way may or may not be done"))
        self._asked = {}


def _too_long(body: bytes) -> TooLong:
    """As sealcast.sending says it: the line may be too long for the agent to say anything."""
    return TooLong(f"a message has at most {MAX_BODY} bytes, this one has {len(body)}: split it")


def _told(acked: Callable[[int, Sent], None], numbers: list[int], number: int, sent: Sent) -> None:
    acked(numbers[number], sent)


def _outcome(told: dict[str, Any]) -> Sent | SealcastError | None:
    if "error" in told:
        e = lines.raised(told["error"])
        return e if isinstance(e, SealcastError) else SealcastError(str(e))
    return Sent(**told["sent"]) if "sent" in told else None


def _ignore(name: str, info: Any) -> None:
    pass
