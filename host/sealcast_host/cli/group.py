"""`sealcast group`: who is in the ratcheting group. Each command is a member for a moment, and sleeps afterwards: it stays in."""

import asyncio
import sys
from typing import Any

from sealcast.errors import SealcastError
from sealcast_host.cli.brokeroptions import BrokerOptions
from sealcast_host.cli.render import clean
from sealcast_host.cli.send import SLEEP_S
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.session import HostSession
from sealcast_host.member.visit import member, run, settled, within


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
            print(f'sealcast: waiting for a key of "{clean(info["uid"])}": it must come online once', file=sys.stderr, flush=True)
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


def change(action: str, channel: str, uid: str | None, broker: BrokerOptions, uids: list[str], timeout: float) -> int:
    """action: create, add or remove, of `uids` (create without any: of all that are awake)."""
    double = next((u for i, u in enumerate(uids) if u in uids[:i]), None)
    if double is not None:
        raise UserError(f'"{clean(double)}" is named twice')
    return run(_change(action, channel, uid, broker, uids, timeout))


async def _change(action: str, channel: str, uid: str | None, broker: BrokerOptions, uids: list[str], timeout: float) -> int:
    changes = Changes()
    late = f"not done within {timeout:g} s; it stays wished for: the next command of this member goes on with it, --timeout waits longer"
    async with member(channel, uid, broker, changes.see, sleep_s=SLEEP_S, alias=False) as session:
        await within(timeout, settled(session), "the broker is slow: raise --timeout")
        me = session.channel.me.uid
        if me in uids:
            raise UserError(f'"{clean(me)}" is this member itself' + ("; use: sealcast group leave" if action == "remove" else ""))
        if action == "create":
            uids = uids or [u for u, status in session.members if status == "awake" and u != me]
            if not uids:
                raise UserError("nobody else is awake: start other members first, or name members that sleep")
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


def _known(session: HostSession, uids: list[str]) -> None:
    """Raises UserError when one of the names is nobody's."""
    names = [u for u, _ in session.members]
    for uid in uids:
        if uid not in names:
            others = ", ".join(clean(n) for n in names if n != session.channel.me.uid) or "nobody"
            raise UserError(f'no member "{clean(uid)}" has joined this channel; known: {others}')


def leave(channel: str, uid: str | None, broker: BrokerOptions, timeout: float) -> int:
    return run(_leave(channel, uid, broker, timeout))


async def _leave(channel: str, uid: str | None, broker: BrokerOptions, timeout: float) -> int:
    changes = Changes()
    async with member(channel, uid, broker, changes.see, sleep_s=SLEEP_S, alias=False) as session:
        try:
            await within(timeout, session.change_group("leave"), f"the group was not reached within {timeout:g} s: raise --timeout")
        except SealcastError as e:
            raise UserError(str(e)) from None
        try:
            async with asyncio.timeout(timeout):
                await changes.until(lambda: changes.removed)
            print("left: the others have keys that this member does not know")
        except TimeoutError:
            print("the group has been told: the first member that wakes takes this one out")
    return 0


def status(channel: str, uid: str | None, broker: BrokerOptions, timeout: float) -> int:
    return run(_status(channel, uid, broker, timeout))


async def _status(channel: str, uid: str | None, broker: BrokerOptions, timeout: float) -> int:
    changes = Changes()
    async with member(channel, uid, broker, changes.see, sleep_s=SLEEP_S, alias=False) as session:
        # In step, or known not to be: "sync" lasts until somebody has said where the group is.
        try:
            async with asyncio.timeout(timeout):
                await settled(session)
                while session.group is not None and session.group["phase"] == "sync":
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass  # "sync" is shown
        _show(session)
    return 0


def _show(session: HostSession) -> None:
    group = session.group
    if group is None:
        print("in no group; make one with: sealcast group create NAME")
        return
    print(f"members {len(group['members'])}")
    states = dict(session.members)
    for uid in group["members"]:
        print(f"  {clean(uid)}  {states.get(uid, 'unknown')}")
    print(f"epoch   {group['epoch']}")
    print(f"head    {group['head'][:16]}")
    print(f"digest  {group['digest'][:16]}")
    print(f"phase   {_PHASES[group['phase']]}")


_PHASES = {
    "sync": "sync (looking where the group is)",
    "live": "live",
    "rejoin": "rejoin (out of step; waits for a member to take it in again)",
    "forked": "forked (two histories; choose one: sealcast group leave, and be added again)",
    "none": "none",
}
