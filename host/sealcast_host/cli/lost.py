"""`sealcast lost`: the channel moves to a key that the lost member never had. PROTOCOL.md section 22."""

import argparse
import asyncio
from typing import Any

from sealcast.errors import SealcastError
from sealcast_host.agent.visit import SLEEP_S, visit, within
from sealcast_host.cli import talk
from sealcast_host.cli.arguments import seconds
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.errors import UserError
from sealcast_host.member.channels import ChannelFile


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    talk.add_json(p)
    p.add_argument("lost", metavar="UID", help="the lost member's name")
    p.add_argument(
        "--yes",
        action="store_true",
        help="you have looked at the members that get the new key; without it they are listed",
    )
    p.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="wait for the others so long (default: %(default)g)"
    )
    p.set_defaults(run=lambda args: lost(channel_of(args), args.uid, args.lost, args.timeout, args.yes))


def lost(known: ChannelFile, uid: str | None, who: str, timeout: float, sure: bool) -> int:
    """sure: the person has seen who gets the new key. Raises UserError."""
    if known.admin_secret is None:
        raise UserError(
            "this computer does not hold the channel's admin key: run this where `sealcast channel new` was run"
        )
    provisioned = set(known.roster)
    return run(_lost(known, uid, who, timeout, provisioned if not sure else None))


async def _lost(
    known: ChannelFile, uid: str | None, who: str, timeout: float, provisioned: set[str] | None
) -> int:
    """provisioned: whose identity this computer made itself, when the person is still to be asked; else None."""
    waiting: set[str] = set()
    moved = asyncio.Event()

    def see(name: str, info: Any) -> None:
        if name == "moved":
            waiting.update(info["waiting"])
        elif name == "followed":
            waiting.intersection_update(info["waiting"])
            talk.result("followed", {"uid": info["uid"]}, f'  "{clean(info["uid"])}" has followed')
        if name in ("moved", "followed") and not waiting:
            moved.set()

    async with visit(known, uid, see, sleep_s=SLEEP_S) as session:
        await within(timeout, session.settled(), "the broker is slow: raise --timeout")
        names = [uid for uid, _, _ in await session.staying(None)]
        if who == session.uid:
            raise UserError("that is this member itself: run this as another one, with --uid")
        if who not in names:
            raise UserError(
                f'no member "{clean(who)}" has joined this channel; known: {", ".join(map(clean, names)) or "nobody"}'
            )
        stay = await session.staying(who)
        strangers = [u for u, _, fresh in stay if fresh]
        if strangers:
            # Whoever stole the board can also join under new names: to these the new key must not go unseen.
            raise UserError(
                f"{', '.join(map(clean, strangers))}: never seen from this computer before; "
                "compare the fingerprints (sealcast group verify NAME), then run this again"
            )
        if provisioned is not None:
            talk.result("would_leave_behind", {"uid": who}, f'leaving "{clean(who)}" behind gives a new key to')
            for u, shown, _ in stay:
                how = "" if u in provisioned else "   not provisioned from this computer"
                fields = {"uid": u, "fingerprint": shown, "provisioned": u in provisioned}
                talk.result("stays", fields, f"  {clean(u)}  {shown}{how}")
            raise UserError(
                "nothing has changed yet: if all of these are yours, run this again with --yes; else declare that "
                "one lost too"
            )
        try:
            await session.declare_lost(who)
        except SealcastError as e:
            raise UserError(str(e)) from None
        said = f'"{clean(who)}" is left behind: the channel has a new key, which goes to'
        talk.result("left_behind", {"uid": who}, said)
        for u, shown, _ in stay:
            talk.result("stays", {"uid": u, "fingerprint": shown}, f"  {clean(u)}  {shown}")
        try:
            async with asyncio.timeout(timeout):
                await moved.wait()
            talk.result("moved", {"waiting": []}, "all have followed")
        except TimeoutError:
            names_left = ", ".join(clean(u) for u in sorted(waiting))
            said = f"not yet: {names_left}; they follow when they wake, while any member that has moved is online"
            talk.result("moved", {"waiting": sorted(waiting)}, said)
    return 0


_ABOUT = """\
A board was stolen: the channel moves to a new key, for notes, names and group, which the board never had. Needs the
admin's key, on the computer where `channel new` was run. Members that sleep follow when they wake; those who came by
the word phrase alone do not know the admin and cannot (sealcast invite and provision tell them). The group must be
made anew afterwards (sealcast group create); the word phrase and old invitations no longer lead to the channel.
Whoever stole a board may have joined under other names before: look at the list, then say --yes."""
_EXAMPLES = """\
examples:
  sealcast lost greenhouse bench-1                      lists who would get the new key
  sealcast lost greenhouse bench-1 --yes                does it
  sealcast lost greenhouse bench-1 --yes --timeout 600  waits longer for the others
"""
