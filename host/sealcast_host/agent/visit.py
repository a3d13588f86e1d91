"""A member for a command: through the agent when one runs, else in this process. What a computer's commands share.

`listen`, `chat` and `gateway` start an agent for as long as they last (`starts`), so that others can take part as the
same member meanwhile. A one-shot command alone holds its member itself; when another has it just then, it waits.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from sealcast_host.agent import client, place
from sealcast_host.agent.place import NoAgent
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member

SLEEP_S = 3600  # as long as the others wait for a member that comes for a moment at a time
POLL_S = 0.1
PATIENCE_S = 30.0  # for a member that another process has: one-shot commands soon give it back


@asynccontextmanager
async def visit(
    known: ChannelFile,
    uid: str | None,
    watch: client.Callback | None = None,
    *,
    sleep_s: int | None = None,
    starts: bool = False,
    waits: bool = False,
    patience: float = PATIENCE_S,
) -> AsyncIterator[Member]:
    """A member of a channel that has reached the broker.

    watch(name, info): called for every event and message ("message") from the very first on. sleep_s: when nobody else
    needs the member afterwards it sleeps for so long; None: it leaves. starts: start an agent when none runs. waits:
    for the broker and for room on the disk, as services do: the events offline, online and error tell of it.
    patience: seconds to wait for a member that another process has.
    Raises UserError when the first connection fails or the member's state cannot be stored (with an agent only what
    is asked for fails then, by itself), Failed when the agent ends meanwhile.
    """
    inside, trouble = asyncio.current_task(), ""

    def alone(name: str, info: Any) -> None:
        nonlocal trouble
        if name == "error" and info.get("code") == "storage" and not waits and not trouble:
            trouble = f"the state of {known.channel!r} cannot be stored ({info['text']}): make room, or mend the disk"
            if inside is not None:
                inside.cancel()
        if watch is not None:
            watch(name, info)

    listens = watch is not None and (starts or waits)
    try:
        async with _member(known, uid, watch, alone, listens, sleep_s, starts, waits, patience) as member:
            yield member
    except asyncio.CancelledError:
        if not trouble:
            raise
        if inside is not None:
            inside.uncancel()
        raise UserError(trouble) from None


@asynccontextmanager
async def _member(
    known: ChannelFile,
    uid: str | None,
    watch: client.Callback | None,
    alone: client.Callback,
    listens: bool,
    sleep_s: int | None,
    starts: bool,
    waits: bool,
    patience: float,
) -> AsyncIterator[Member]:
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        attached = await _attached(known, uid, watch, listens, sleep_s, starts, waits)
        if attached is not None:
            async with _lasting(attached):
                yield attached
            return
        # Not before it is known to be needed: a command through the agent loads none of the protocol.
        from sealcast_host.member.state import MemberBusy
        from sealcast_host.member.visit import visit_alone

        here = visit_alone(known, uid, alone, sleep_s=sleep_s, waits=waits)
        try:
            session = await here.__aenter__()
        except MemberBusy:
            if asyncio.get_running_loop().time() >= deadline:
                raise
            await asyncio.sleep(POLL_S)
            continue
        try:
            yield session
        except BaseException:
            if not await here.__aexit__(*sys.exc_info()):  # it parts in a hurry then
                raise
        else:
            await here.__aexit__(None, None, None)
        return


async def _attached(
    known: ChannelFile,
    uid: str | None,
    watch: client.Callback | None,
    listens: bool,
    sleep_s: int | None,
    starts: bool,
    waits: bool,
) -> client.Attached | None:
    """None: no agent, and none was to be started (or could be)."""
    arguments: dict[str, Any] = {
        "listen": listens, "watch": watch, "broker": known.broker, "sleep_s": sleep_s, "wait": not waits,
    }  # fmt: skip
    for _ in range(2):
        with contextlib.suppress(NoAgent):
            return await client.attach(known.name, uid, **arguments)
        if not starts:
            return None
        from sealcast_host.agent import start

        if not await asyncio.to_thread(start.for_a_while):
            return None
    return None


@asynccontextmanager
async def _lasting(attached: client.Attached) -> AsyncIterator[None]:
    """Ends what is inside when the agent ends. Raises Failed then."""
    inside = asyncio.current_task()
    lost = False

    async def look() -> None:
        nonlocal lost
        await attached.wait_closed()
        lost = True
        if inside is not None:
            inside.cancel()

    looking = asyncio.ensure_future(look())
    try:
        yield
    except asyncio.CancelledError:
        if not lost:
            raise
        if inside is not None:
            inside.uncancel()
        if attached.why_ended:
            raise Failed(attached.why_ended) from None
        raise Failed(f"the agent has ended ({place.log_path()} may say why): run this again") from None
    finally:
        looking.cancel()
        await attached.close()


async def within(seconds: float, what: Awaitable[Any], error: str) -> Any:
    """Await with a limit. Raises UserError(error) when it passes."""
    try:
        async with asyncio.timeout(seconds):
            return await what
    except TimeoutError:
        raise UserError(error) from None
