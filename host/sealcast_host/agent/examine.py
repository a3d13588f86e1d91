"""`sealcast doctor`: the agent, what it runs, and a channel's member as it is there."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from sealcast.errors import SealcastError
from sealcast_host.agent import client, place, start
from sealcast_host.errors import UserError
from sealcast_host.findings import NOTE, OK, WRONG, Finding


def look() -> tuple[dict[str, Any] | None, list[Finding]]:
    """What the agent says of itself (None: none that answers), and what is to be said of it."""
    try:
        found = start.ask("agent")
    except place.NoAgent:
        text = "none runs: commands and programs take part one at a time; sealcast agent --detach starts one"
        return None, [Finding("agent", NOTE, text)]
    except UserError as e:
        return None, [Finding("agent", WRONG, str(e))]
    how = "stays" if found["stays"] else "ends with the last one attached"
    text = f"process {found['pid']}, {how}; its log: {place.log_path()}"
    return found, [Finding("agent", OK, text), *_gateways(found)]


def _gateways(found: dict[str, Any]) -> Iterator[Finding]:
    for row in found["gateways"]:
        last = row["said"][-1].partition("/enter?")[0] if row["said"] else "it said nothing"
        if row["running"]:
            verdict = WRONG if "; trying again, " in last else OK
            yield Finding("gateway", verdict, f"{row['channel']}: at work; said last: {last}")
        else:
            text = f"{row['channel']}: does not stay: {last}; sealcast agent --status says more"
            yield Finding("gateway", WRONG, text)


async def members(found: dict[str, Any], channel: str) -> AsyncIterator[Finding]:
    """The channel's members that this agent holds."""
    for row in found["members"]:
        if row["channel"] != channel:
            continue
        try:
            member = await client.attach(channel, row["uid"], listen=False, wait=False)
            try:
                yield _member(await member.status())
            finally:
                await member.close()
        except (UserError, SealcastError) as e:
            yield Finding("agent", WRONG, f"{channel}, {row['uid']}: {e}")


def _member(status: dict[str, Any]) -> Finding:
    me, channel = status["uid"], status["channel"]
    if not status["online"]:
        text = f"{channel}: its member {me} has no connection to the broker; what is sent waits; the log says why"
        return Finding("agent", WRONG, text)
    awake = [m["uid"] for m in status["members"] if m["status"] == "awake" and m["uid"] != me]
    text = f"{channel}: its member {me} is connected; awake: {', '.join(awake) or 'nobody else'}"
    if status["waiting_to_send"]:
        text += f"; {status['waiting_to_send']} messages wait for the broker"
    refused = sum(status["drops"].get(reason, 0) for reason in ("forged", "identity", "signature", "same_uid"))
    if refused:
        text += f"; {refused} messages were refused as false: sealcast status {channel} says why"
    return Finding("agent", NOTE if refused else OK, text)
