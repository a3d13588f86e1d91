"""`sealcast status`: who is here, how secret a message would be, what came last and what was refused, in words."""

import argparse
import asyncio
import contextlib
from typing import Any

from sealcast_host.agent.visit import SLEEP_S, visit, within
from sealcast_host.cli import talk
from sealcast_host.cli.arguments import seconds
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.render import clean, clock
from sealcast_host.cli.signals import run
from sealcast_host.cli.watching import watched
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.drops import DROPS


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    talk.add_json(p)
    p.add_argument("--timeout", type=seconds, default=15.0, metavar="S", help="look for so long (default: %(default)g)")
    p.set_defaults(run=lambda args: status(channel_of(args), args.uid, args.timeout))


_STATUS = {"awake": "awake", "asleep": "sleeps", "gone": "gone", "unheard": "not heard of yet", "left": "left"}


def status(known: ChannelFile, uid: str | None, timeout: float) -> int:
    return run(_status(known, uid, timeout))


async def _status(known: ChannelFile, uid: str | None, timeout: float) -> int:
    deadline = asyncio.get_running_loop().time() + timeout
    late = f"no answer from the broker within {timeout:g} s: is it reachable? raise --timeout to wait longer"
    async with contextlib.AsyncExitStack() as stack:
        # Its patience ends first: it knows who has the member.
        visiting = visit(known, uid, watched(known), sleep_s=SLEEP_S, patience=0.9 * timeout)
        session = await within(timeout, stack.enter_async_context(visiting), late)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await session.settled()
        found = await session.status()
    talk.result("status", found, *_words(found))
    return 0


def _words(found: dict[str, Any]) -> list[str]:
    lines = [
        f"channel   {clean(found['channel'])}, as {clean(found['uid'])}"
        + (f", shared by {found['attached']} through the agent" if found.get("attached", 0) > 1 else "")
        + ("" if found["online"] else "; no broker just now")
    ]
    rows = [
        (clean(m["uid"]), _STATUS.get(m["status"], m["status"]) + (f"; {clean(m['data'])}" if m["data"] else ""))
        for m in found["members"]
    ]
    width = max([len(name) for name, _ in rows], default=0)
    lines += [f"{'members   ' if not i else '          '}{name:<{width}}  {how}" for i, (name, how) in enumerate(rows)]
    if sum(m["status"] == "awake" for m in found["members"] if m["uid"] != found["uid"]) == 0:
        lines.append("          nobody else is awake: what is sent now is a note, which they read later")
    epoch, group = found["epoch"], found["group"]
    notes = "none: messages are notes, readable by all who have the phrase"
    lines.append(f"epoch     {epoch[:12] if epoch else notes}")
    if group:
        names = ", ".join(clean(uid) for uid in group["members"])
        lines.append(f"group     {clean(group['name'])}: {names}; epoch {group['epoch']}, {group['phase']}")
    else:
        lines.append("group     none: sealcast group create NAME makes one")
    last = found["last_message"]
    if last:
        when = clock(last["time"]) if last["time"] else "at a time unknown"
        lines.append(f"last      {clean(last['sender'])}, {last['secrecy']}, {when}")
    if found["waiting_to_send"]:
        lines.append(f"waiting   {found['waiting_to_send']} for the broker to take them")
    drops = sorted(found["drops"].items(), key=lambda row: -row[1])
    for i, (why, count) in enumerate(drops):
        lines.append(f"{'refused   ' if not i else '          '}{count} {DROPS.get(why, why)}")
    return lines


_ABOUT = """\
Say how a channel is, as this computer sees it: members and whether they are awake, the conversation's key, the group,
the last message, and what was refused and why. With an agent all since it was started, alone since just now."""
_EXAMPLES = """\
examples:
  sealcast status greenhouse
  sealcast status greenhouse --json
"""
