"""`sealcast group`: who is in the ratcheting group. Each command is a member for a moment, and sleeps afterwards:
it stays in."""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

from sealcast.errors import SealcastError
from sealcast_host.agent.visit import SLEEP_S, visit, within
from sealcast_host.cli import talk, verify
from sealcast_host.cli.arguments import seconds
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.cli.watching import watched
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    sub = p.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, what: str, names: str | None, timeout: float = 60.0) -> argparse.ArgumentParser:
        p: argparse.ArgumentParser = sub.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        add_member(p)
        talk.add_json(p)
        if names is not None:
            p.add_argument("members", metavar="UID", nargs=names, help="a member's name")
        p.add_argument(
            "--timeout",
            type=seconds,
            default=timeout,
            metavar="S",
            help="give up after S seconds (default: %(default)g)",
        )
        return p

    for name, what, names in (
        ("create", "make a group of this member and those named (none named: all that are awake and take part)", "*"),
        ("add", "take members in: they can read what comes, and nothing of before", "+"),
        ("remove", "take members out: they can read nothing more", "+"),
    ):
        action(name, what, names).set_defaults(run=_changing(name))
    p = action("leave", "leave the group; the others go on with keys that this member does not know", None)
    p.set_defaults(run=lambda args: leave(channel_of(args), args.uid, args.timeout))
    what = "show members, epoch, and whether this member is in step; equal epoch, head and digest mean equal histories"
    action("status", what, None, 15.0).set_defaults(run=lambda args: status(channel_of(args), args.uid, args.timeout))
    verify.arguments(action("verify", "show the members' fingerprints, to be compared by people over another way", "*"))


def _changing(action: str) -> Callable[[argparse.Namespace], int]:
    return lambda args: change(action, channel_of(args), args.uid, args.members, args.timeout)


class Changes:
    """What the group's events say while a change is on its way. Wakes who waits for it."""

    def __init__(self) -> None:
        self.missing: set[str] = set()  # members without a key package
        self.refused = ""
        self.removed = False
        self._changed = asyncio.Event()

    def see(self, name: str, info: Any) -> None:
        if name == "no_package" and info["uid"] not in self.missing:
            self.missing.add(info["uid"])
            talk.note(f'waiting for a key of "{clean(info["uid"])}": it must come online once')
        elif name == "group_failed":
            self.refused = info["reason"]
        elif name == "removed":
            self.removed = True
        self._changed.set()

    async def until(self, holds: Any) -> None:
        """Returns once `holds()`. Raises UserError when the group refuses."""
        while not holds():
            if self.refused:
                raise UserError(f"the group was not changed: {self.refused}")
            self._changed.clear()
            await self._changed.wait()


def change(action: str, known: ChannelFile, uid: str | None, uids: list[str], timeout: float) -> int:
    """action: create, add or remove, of `uids` (create without any: of all that are awake and take part)."""
    double = next((u for i, u in enumerate(uids) if u in uids[:i]), None)
    if double is not None:
        raise UserError(f'"{clean(double)}" is named twice')
    return run(_change(action, known, uid, uids, timeout))


async def _change(action: str, known: ChannelFile, uid: str | None, uids: list[str], timeout: float) -> int:
    changes = Changes()
    late = f"not done within {timeout:g} s; it stays wished for: the next command of this member goes on with it"
    late += ", --timeout waits longer"
    async with visit(known, uid, watched(known, changes.see), sleep_s=SLEEP_S) as session:
        await within(timeout, session.settled(), "the broker is slow: raise --timeout")
        me = session.uid
        if me in uids:
            raise UserError(
                f'"{clean(me)}" is this member itself' + ("; use: sealcast group leave" if action == "remove" else "")
            )
        _known(session, uids)
        if action == "remove" and session.group is not None:
            outside = [u for u in uids if u not in session.group["members"]]
            if outside:
                raise UserError(f'"{clean(outside[0])}" is not in the group')
        if action == "add" and session.group is not None:
            inside = [u for u in uids if u in session.group["members"]]
            if inside:
                raise UserError(f'"{clean(inside[0])}" is in the group already')

        def done() -> bool:
            members = session.group["members"] if session.group else []
            return bool(members) and all((u in members) == (action != "remove") for u in uids)

        try:
            await session.change_group(action, uids)
        except SealcastError as e:
            raise UserError(str(e)) from None
        try:
            async with asyncio.timeout(timeout):
                await changes.until(done)
        except TimeoutError:
            raise Failed(late) from None
        _show(session)
    return 0


def _known(session: Member, uids: list[str]) -> None:
    """Raises UserError when one of the names is nobody's."""
    names = [u for u, _ in session.members]
    for uid in uids:
        if uid not in names:
            others = ", ".join(clean(n) for n in names if n != session.uid) or "nobody"
            raise UserError(f'no member "{clean(uid)}" has joined this channel; known: {others}')


def leave(known: ChannelFile, uid: str | None, timeout: float) -> int:
    return run(_leave(known, uid, timeout))


async def _leave(known: ChannelFile, uid: str | None, timeout: float) -> int:
    changes = Changes()
    async with visit(known, uid, watched(known, changes.see), sleep_s=SLEEP_S) as session:
        try:
            await within(
                timeout,
                session.change_group("leave"),
                f"the group was not reached within {timeout:g} s: raise --timeout",
            )
        except SealcastError as e:
            raise UserError(str(e)) from None
        try:
            async with asyncio.timeout(timeout):
                await changes.until(lambda: changes.removed)
            talk.result("left", {"done": True}, "left: the others have keys that this member does not know")
        except TimeoutError:
            told = "the group has been told: the first member that wakes takes this one out; the same command again"
            told += " takes it out now, whoever answers"
            talk.result("left", {"done": False}, told)
    return 0


def status(known: ChannelFile, uid: str | None, timeout: float) -> int:
    return run(_status(known, uid, timeout))


async def _status(known: ChannelFile, uid: str | None, timeout: float) -> int:
    changes = Changes()
    async with visit(known, uid, watched(known, changes.see), sleep_s=SLEEP_S) as session:
        # In step, or known not to be: "sync" lasts until somebody has said where the group is.
        try:
            async with asyncio.timeout(timeout):
                await session.settled()
                while session.group is not None and session.group["phase"] == "sync":
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # "sync" is shown
        _show(session)
    return 0


def _show(session: Member) -> None:
    group = session.group
    if group is None:
        talk.result("group", {"group": None}, "in no group; make one with: sealcast group create NAME")
        return
    states = dict(session.members)
    lines = [f"group     {clean(group['name'])}", f"members   {len(group['members'])}"]
    lines += [f"  {clean(uid)}  {states.get(uid, 'unknown')}" for uid in group["members"]]
    lines += [f"epoch     {group['epoch']}", f"head      {group['head'][:16]}", f"digest    {group['digest'][:16]}"]
    lines.append(f"phase     {_PHASES[group['phase']]}")
    talk.result("group", {"group": group}, *lines)


_PHASES = {
    "sync": "sync (looking where the group is)",
    "live": "live",
    "rejoin": "rejoin (out of step; waits for a member to take it in again)",
    "forked": "forked (two histories; choose one: sealcast group leave, and be added again)",
    "none": "none",
}


_ABOUT = """\
The ratcheting group inside a channel: each message brings fresh key material, so that stolen keys open nothing of
before, and nothing of what comes once every member has spoken again. Any member can make it and change it."""
_EXAMPLES = """\
examples:
  sealcast group create greenhouse                     of all that are awake and take part
  sealcast group verify greenhouse                     fingerprints: compare them once
  sealcast send greenhouse --mode ratchet "hello"
  sealcast send greenhouse --mode ratchet --to bench-1 "for you alone"
  sealcast group add greenhouse bench-2
  sealcast group remove greenhouse bench-1             out of the group; a stolen board: sealcast lost
  sealcast group status greenhouse
"""
