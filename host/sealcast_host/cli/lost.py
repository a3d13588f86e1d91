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
from sealcast_host.cli.watching import watched
from sealcast_host.errors import UserError
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    talk.add_json(p)
    p.add_argument("lost", metavar="UID", nargs="+", help="the lost members' names")
    p.add_argument(
        "--keep", metavar="NAME", action="append", default=[],
        help="this member gets the new key, too; once for each (without: those provisioned from this computer; if "
        "nobody was, all that it has seen before)",
    )  # fmt: skip
    p.add_argument(
        "--yes",
        action="store_true",
        help="you have looked at the members that get the new key; without it they are listed",
    )
    p.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="wait for the others so long (default: %(default)g)"
    )
    p.set_defaults(run=lambda args: lost(channel_of(args), args.uid, args.lost, args.timeout, args.yes, args.keep))


def lost(known: ChannelFile, uid: str | None, gone: list[str], timeout: float, sure: bool, keep: list[str]) -> int:
    """sure: the person has seen who gets the new key. Raises UserError."""
    if known.admin_secret is None:
        raise UserError(
            "this computer does not hold the channel's admin key: run this where `sealcast channel new` was run"
        )
    return run(_lost(known, uid, gone, timeout, sure, keep))


async def _lost(
    known: ChannelFile, uid: str | None, gone: list[str], timeout: float, sure: bool, keep: list[str]
) -> int:
    provisioned = set(known.roster)
    waiting: set[str] = set()
    moved, grouped = asyncio.Event(), asyncio.Event()

    def see(name: str, info: Any) -> None:
        if name == "moved":
            waiting.update(info["waiting"])
        elif name == "followed":
            waiting.intersection_update(info["waiting"])
            talk.result("followed", {"uid": info["uid"]}, f'  "{clean(info["uid"])}" has followed')
        elif name == "group":
            grouped.set()
        if name in ("moved", "followed") and not waiting:
            moved.set()

    async with visit(known, uid, watched(known, see), sleep_s=SLEEP_S) as session:
        await within(timeout, session.settled(), "the broker is slow: raise --timeout")
        names = [uid for uid, _, _ in await session.staying(None)]
        if session.uid in gone:
            raise UserError("that is this member itself: run this as another one, with --uid")
        unknown = [u for u in [*gone, *keep] if u not in names and u != session.uid]
        if unknown:
            raise UserError(
                f'no member "{clean(unknown[0])}" has joined this channel; '
                f"known: {', '.join(map(clean, names)) or 'nobody'}"
            )
        who, others = ", ".join(map(clean, gone)), await session.staying(gone[0])
        # Whoever stole the board can also join under new names: to these the new key must not go unseen.
        stay = [
            (u, shown) for u, shown, fresh in others
            if u not in gone and (u in keep or (u in provisioned if provisioned else not fresh))
        ]  # fmt: skip
        left = [u for u, _, _ in others if u not in gone and u not in dict(stay)]
        if left:
            talk.result("left_out", {"uids": left}, f"not kept (--keep would): {', '.join(map(clean, left))}")
        if not sure:
            talk.result("would_leave_behind", {"uids": gone}, f'leaving "{who}" behind gives a new key to')
            _show(stay, provisioned)
            raise UserError(
                "nothing has changed yet: if all of these are yours, run this again with --yes; else name that one "
                "as lost, too"
            )
        together = {u for u in (session.group or {"members": ()})["members"] if u in dict(stay) or u == session.uid}
        try:
            await session.declare_lost(gone[0], keep=[u for u, _ in stay], also=gone[1:])
        except SealcastError as e:
            raise UserError(str(e)) from None
        said = f'"{who}" is left behind: the channel has a new key, which goes to'
        talk.result("left_behind", {"uids": gone}, said)
        _show(stay)
        until = asyncio.get_running_loop().time() + timeout
        try:
            async with asyncio.timeout_at(until):
                await moved.wait()
            talk.result("moved", {"waiting": []}, "all have followed")
        except TimeoutError:
            names_left = ", ".join(clean(u) for u in sorted(waiting))
            said = f"not yet: {names_left}; they follow when they wake, while any member that has moved is online"
            talk.result("moved", {"waiting": sorted(waiting)}, said)
        if len(together) > 1:
            await _regrouped(session, together, grouped, until)
    return 0


async def _regrouped(session: Member, together: set[str], grouped: asyncio.Event, until: float) -> None:
    """Wait until the group is there again with all of `together`, and say how far it has come."""

    def inside() -> set[str]:
        return together & set(session.group["members"] if session.group else ())

    try:
        async with asyncio.timeout_at(until):
            while inside() != together:
                grouped.clear()
                await grouped.wait()
    except TimeoutError:
        pass
    left = ", ".join(clean(u) for u in sorted(together - inside() - {session.uid}))
    talk.result("group", {"group": session.group}, "all who were in the group are in it again" if not left else
                f"in the group again when they have come, and this member is online then: {left}")  # fmt: skip


def _show(stay: list[tuple[str, str]], provisioned: set[str] | None = None) -> None:
    """Who gets the new key, and (before it is done) who of them was not provisioned here."""
    rows = []
    for uid, shown in stay:
        fields: dict[str, Any] = {"uid": uid, "fingerprint": shown}
        how = ""
        if provisioned is not None:
            fields["provisioned"] = uid in provisioned
            how = "" if uid in provisioned else "not provisioned from this computer"
        rows.append((fields, ("", clean(uid), shown, how)))
    talk.table("stays", ("", "member", "fingerprint", ""), rows, ("", "bold"))


_ABOUT = """\
A board was stolen: the channel moves to a new key, for notes, names and group, which the board never had. Needs the
admin's key, on the computer where `channel new` was run. Members that sleep follow when they wake; those who came by
the word phrase alone do not know the admin and cannot (sealcast invite and provision tell them). If this member
was in the group, it takes those who stay into one again, as they come; the word phrase and old invitations no longer
lead to the channel.
Whoever stole a board may have joined under other names before: look at the list, then say --yes. Who is not in it
and not named by --keep is left out, too, however many they are."""
_EXAMPLES = """\
examples:
  sealcast lost greenhouse bench-1                      lists who would get the new key
  sealcast lost greenhouse bench-1 --yes                does it
  sealcast lost greenhouse bench-1 bench-2 --keep vm --yes   two at once; vm was not provisioned here, and stays
  sealcast lost greenhouse bench-1 --yes --timeout 600  waits longer for the others
"""
