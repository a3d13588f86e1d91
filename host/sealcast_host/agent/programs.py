"""`sealcast.join` on a computer: through the agent when one runs, else in this process."""

from pathlib import Path
from typing import Any

from sealcast.wire import MAX_NAME
from sealcast_host.agent import client
from sealcast_host.agent.place import NoAgent
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.face import Member
from sealcast_host.member.privatefiles import is_there


async def join(
    channel: str | None = None, settings: dict[str, Any] | Path | str | None = None, **overrides: Any
) -> Member:
    """Take part in a channel; returns a started session (it connects, and reconnects, by itself).

    channel: its name, as made by `sealcast channel new`; such a channel goes through the agent when one runs, so that
    programs and commands share one member. settings: a dict, or the path of a sealcast.json; without either,
    ./sealcast.json is read. overrides: fields of sealcast.json that replace those; with any but `uid`, and with
    settings, the member runs in this process. Raises UserError and SealcastError.
    """
    _raise_wrong(channel, settings)
    if channel is not None and settings is None and set(overrides) <= {"uid"} and is_there(channels.path_of(channel)):
        try:
            return await client.attach(channel, overrides.get("uid"), wait=False)
        except NoAgent:
            pass
    from sealcast_host.member.session import join

    return await join(channel, settings, **overrides)


def _raise_wrong(channel: Any, settings: Any) -> None:
    """UserError for what cannot be a channel's name, or no settings."""
    try:
        fits = channel is None or isinstance(channel, str) and 0 < len(channel.encode()) <= MAX_NAME
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise UserError(f"channel must be a name of 1 to {MAX_NAME} bytes of UTF-8 text")
    if not isinstance(settings, dict | Path | str | None):
        raise UserError("settings must be a dict, or the path of a sealcast.json")
