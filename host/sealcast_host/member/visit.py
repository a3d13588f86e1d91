"""Become a member in this process, fail plainly when the first connection does, part politely. Commands come here by
way of agent/visit.py, which looks for an agent first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from sealcast.errors import BadState, SealcastError
from sealcast_host.errors import UserError
from sealcast_host.member.address import place_of
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.refusals import LinkError
from sealcast_host.member.session import Callback, HostSession, join_watched
from sealcast_host.member.state import state_folders

GOODBYE_S = 6.0
HURRIED_S = 1.0  # when time is up, or somebody stops us: if the broker is there this is enough, else the last will is


@asynccontextmanager
async def visit_alone(
    known: ChannelFile,
    uid: str | None,
    watch: Callback | None = None,
    *,
    sleep_s: int | None = None,
    waits: bool = False,
) -> AsyncIterator[HostSession]:
    """A member of a channel that has reached the broker. Leaves at the end, or sleeps for `sleep_s` when that is given.

    watch(name, info): called for every event and message ("message") from the very first on. waits: do not wait for
    the broker here.
    Raises MemberBusy; UserError when the first connection fails.
    """
    ready: asyncio.Future[LinkError | None] = asyncio.get_running_loop().create_future()
    opened: list[HostSession] = []
    moving = stuck = False

    def everything(name: str, info: Any) -> None:
        # The first thing that decides whether this member got in: its own join, or a failed connection.
        nonlocal moving, stuck
        if name == "error" and info.get("code") == "storage":
            stuck = True  # nothing more can be stored, a goodbye included
        elif not ready.done():
            moving = (
                moving or name == "moved"
            )  # a lost member was declared while we were away: we connect once more, at the new place
            if name == "online" and "members" in info:
                ready.set_result(None)
            elif name in IN_VAIN:
                ready.set_result(IN_VAIN[name])
            elif name == "offline" and moving:
                moving = False
            elif name == "offline":
                ready.set_result(
                    (opened and opened[0].transport.failure) or LinkError("lost", "the link to the broker was lost")
                )
        if watch is not None:
            watch(name, info)

    try:
        session = await join_watched(known.settings(uid), everything)
    except SealcastError as e:
        raise UserError(why_not(e, known.channel, uid or known.uid)) from None
    opened.append(session)
    limit = HURRIED_S
    try:
        failure = None if waits else await ready
        if failure is not None:
            raise UserError(way_out(failure, known.broker))
        yield session
        limit = GOODBYE_S
    finally:
        # A member that only goes away keeps the others waiting for it.
        with contextlib.suppress(SealcastError, TimeoutError):
            async with asyncio.timeout(0 if stuck or not ready.done() or ready.result() else limit):
                await (session.leave() if sleep_s is None else session.sleep(sleep_s))
        await session.close()


def why_not(e: Exception, channel: str, uid: str) -> str:
    """Why a member cannot begin; of a state that cannot be read where it is."""
    here = [path for path in state_folders(channel) if unquote(path.name) == uid]
    if isinstance(e, BadState) and here:
        return f"the state in {here[0]} cannot be read: remove the files state.* there to join anew"
    return str(e)


# What to do about a connection that could not be made, by its kind
WAYS_OUT = {
    "refused": "start one with: sealcast broker, or name another with --broker HOST[:PORT]",
    "name": "check --broker HOST",
    "auth": "check --broker-user and its password",
    "rights": "check --broker-user and its password, and this user's rights to zp/1/# at the broker",
    "tls": "check --ca FILE and the broker's certificate",
    "size": "raise its limit to 3000 bytes (mosquitto: message_size_limit, max_packet_size)",
    "rate": "raise the broker's limits, or send less at a time",
    "quota": "raise its limit, or use another broker (docs/COOKBOOK.md: What a broker must allow)",
    "lacks": "use a broker with retained messages, QoS 1 and wildcards (docs/COOKBOOK.md: What a broker must allow)",
    "taken": "give each copy of this member a name of its own (--uid), or let this user have more connections",
    "shut": "its log says why: it wants TLS, or none (--tls, --no-tls), or a client's certificate (Sealcast has none), "
    "or has no room for another connection",
    "cut": "if it does so again, let this user read and write zp/1/# at the broker (sealcast doctor says more)",
    "timeout": "check --broker HOST[:PORT]",
    "lost": "try again",
}


FULL = LinkError(
    "full",
    "nobody would hear this member: the channel has all its members, and counts all that ever came; `sealcast lost`, "
    "on the computer where it was made, leaves behind who is no more",
)
LEFT = LinkError(
    "left",
    "nobody is here any more: a member was declared lost, and the others have moved to a key that this one did not "
    "get; have it invited there (sealcast invite), forget the channel here (sealcast channel forget), and join anew",
)
IN_VAIN = {"channel_full": FULL, "expelled": LEFT, "notice_unreadable": LEFT}  # by the event that says so


def way_out(error: LinkError, broker: dict[str, Any]) -> str:
    """The line for a connection that could not be made, or leads nowhere."""
    if error in IN_VAIN.values():
        return str(error)
    return f"no connection to the broker at {place_of(broker)}: {error}; {WAYS_OUT.get(error.kind, 'try again')}"
