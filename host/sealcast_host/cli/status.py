"""`sealcast status`: who is here, how secret a message would be, what came last and what was refused, in words."""

import argparse
import asyncio
import contextlib
import time
from typing import Any

from sealcast_host.agent.visit import SLEEP_S, visit
from sealcast_host.cli import talk
from sealcast_host.cli.arguments import seconds
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.cli.watching import watched
from sealcast_host.member.channels import ChannelFile


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    talk.add_json(p)
    p.add_argument("--timeout", type=seconds, default=15.0, metavar="S", help="look for so long (default: %(default)g)")
    p.set_defaults(run=lambda args: status(channel_of(args), args.uid, args.timeout))


# Every reason of PROTOCOL.md 13 in words; a test holds the table to docs/DROPS.md.
DROPS = {
    "bad_hmac": "a group message that no member made",
    "behind": "a sign of life that was older than one we had",
    "confirmation": "a handshake that came to another key",
    "conflict": "two different handshake shares of one member",
    "duplicate": "came twice (normal)",
    "duplicate_share": "a handshake share that repeats another's",
    "encoding": "a handshake value that is none",
    "epoch": "a conversation or group message of a key that we do not have",
    "internal": "it could not be worked on here: a fault of this program, report it",
    "forged": "not made with the channel's key: somebody guesses, or has another phrase",
    "format": "not a message of this version of the protocol: is a member older or newer than this program?",
    "full": "no place for one more member",
    "identity": "somebody with another identity than before: see sealcast group verify",
    "jump": "a counter far ahead of what is possible",
    "kind": "of a kind that this version does not know",
    "late": "came too late to be told apart from a repetition (normal)",
    "length": "of an impossible length",
    "members": "a handshake with other members than those here",
    "name": "a name that cannot be one",
    "neutral": "a handshake value that would give the key away",
    "offline": "meant for a moment at which we were away",
    "outside": "of a handshake without us (normal)",
    "package": "a key package that does not fit its member",
    "padding": "wrongly padded",
    "ring": "a stored note that is not its sender's",
    "same_uid": "another member with this computer's name: give each its own (--uid)",
    "signature": "a signature that is wrong",
    "stale": "of an earlier session of its sender",
    "state": "nothing that could come at this point",
    "sum": "handshake values that do not add up",
    "topic": "on a topic that it does not belong to (normal)",
    "undecryptable": "a private message that could not be opened",
    "unknown": "of a member whose join we have not seen",
    "version": "of another version of the protocol",
    "window": "too far behind what we have",
}
_STATUS = {"awake": "awake", "asleep": "sleeps", "gone": "gone", "unheard": "not heard of yet", "left": "left"}


def status(known: ChannelFile, uid: str | None, timeout: float) -> int:
    return run(_status(known, uid, timeout))


async def _status(known: ChannelFile, uid: str | None, timeout: float) -> int:
    async with visit(known, uid, watched(known), sleep_s=SLEEP_S) as session:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
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
    rows = [(clean(m["uid"]), _STATUS.get(m["status"], m["status"])) for m in found["members"]]
    width = max([len(name) for name, _ in rows], default=0)
    lines += [f"{'members   ' if not i else '          '}{name:<{width}}  {how}" for i, (name, how) in enumerate(rows)]
    if sum(m["status"] == "awake" for m in found["members"] if m["uid"] != found["uid"]) == 0:
        lines.append("          nobody else is awake: what is sent now is a note, which they read later")
    epoch, group = found["epoch"], found["group"]
    notes = "none: messages are notes, readable by all who have the phrase"
    lines.append(f"epoch     {epoch[:12] if epoch else notes}")
    if group:
        lines.append(
            f"group     {', '.join(clean(uid) for uid in group['members'])}; epoch {group['epoch']}, {group['phase']}"
        )
    else:
        lines.append("group     none: sealcast group create NAME makes one")
    last = found["last_message"]
    if last:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(last["time"])) if last["time"] else "at a time unknown"
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
