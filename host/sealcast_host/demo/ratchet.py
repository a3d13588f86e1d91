"""The demo's ratchet act: a group of three nodes and a host talks all at once, and changes, and loses members on
the way.

Each step ends when every member has what it must have; nothing counts that is not seen in the members' own logs.
Counts:

    ratchet_messages    said to the group, each received by all the others, in one order
    collisions          frames that came second, and were sealed again
    resyncs             agreements with fresh keys for a member that could not go on
    receipts            by members that confirmed the host's messages, in all three modes
    private_messages    from one member to one other, which nobody else received
    added, removed      members, by one broadcast each
    digest_mismatches   members whose transcript differed from the host's: 0
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from sealcast_host.demo.members import HostMember, Member, NodeMember
from sealcast_host.waiting import NotKept, Watch

EACH = 50  # messages of each of the four, all at once
CUT = 20  # of the victim's, before it is killed
MEANWHILE = 20  # of the others', before it is started again
DEADLINE_S = 180.0
ASK_AGAIN_S = 0.1  # a node prints where it is when it is asked, not when that changes
SAID = "the ratchet turns"  # begins every message of this act: what the broker's record is searched for


class RatchetAct:
    """nodes, host: the group. visitor: comes in for a while. tell, need: the demo's."""

    def __init__(self, nodes: list[NodeMember], host: HostMember, visitor: HostMember, watch: Watch) -> None:
        self.nodes = nodes
        self.host = host
        self.visitor = visitor
        self.four: list[Member] = [*nodes, host]
        self.watch = watch
        self.said: list[tuple[str, str]] = []  # (sender, body), to the whole group
        self.private: list[str] = []
        self.counts: dict[str, int] = {}
        self.floor = asyncio.Event()  # open: all may talk

    async def run(self, tell: Callable[[str], None], need: Callable[[bool, str], None]) -> dict[str, int]:
        """The whole act -> the counts. Raises NotKept."""
        self.tell, self.need = tell, need
        try:
            return await self._acts()
        except TimeoutError:
            raise NotKept(
                f"the group takes what is sent to it, and its members agree (not within {DEADLINE_S:.0f} s)"
            ) from None

    async def _acts(self) -> dict[str, int]:
        everyone = [*self.four, self.visitor]
        begun = {m.uid: len(m.events) for m in everyone}
        await self._create()
        await self._talk_all_at_once()
        mismatches = await self._mismatches()
        receipts = await self._confirm()
        await self._whisper()
        await self._resync()
        await self._change()
        mismatches += await self._mismatches()
        self.need(mismatches == 0, "all transcripts are equal")
        new = {m.uid: m.events[begun[m.uid] :] for m in everyone}
        agreed = [i for n, i in new[self.host.uid] if n == "group"]
        self.counts = {
            "ratchet_messages": len(self.said),
            "collisions": sum(n == "collision" for events in new.values() for n, _ in events),
            "resyncs": sum(i["reason"] == 0 for i in agreed),
            "private_messages": len(self.private),
            "receipts": receipts,
            "added": sum(i["reason"] == 2 for i in agreed),
            "removed": sum(i["reason"] == 3 for i in agreed),
            "digest_mismatches": mismatches,
        }
        self.need(self.counts["collisions"] > 0, "senders that talk at once collide")
        self.need(self.counts["resyncs"] > 0, "a resync took place")
        return self.counts

    async def _create(self) -> None:
        marks = _marks(self.four)
        await self.host.session.change_group("create", [n.uid for n in self.nodes])
        await self._all_see(marks, lambda n, i: n == "group" and len(i["members"]) == 4, "is in the group")
        for node in self.nodes:
            await self._live(node)
        self.tell(f"{self.host.uid} made a ratcheting group of the four: one broadcast, no signature in it")

    async def _talk_all_at_once(self) -> None:
        victim = self.nodes[-1]
        self.floor.set()
        talking = [asyncio.create_task(self._monologue(m, 0, EACH)) for m in self.four if m is not victim]
        talking.append(asyncio.create_task(self._victim(victim)))
        try:
            await asyncio.gather(*talking)
        finally:
            for task in talking:
                task.cancel()
        await self._all_have()
        orders = [{m["seq"]: m["body"] for m in member.messages if _of_the_act(m)} for member in self.four]
        merged: dict[int, str] = {}
        for order in orders:
            merged |= order
        same = all(merged[seq] == body for order in orders for seq, body in order.items())
        self.need(same and len(merged) == len(self.said), "all received the messages in one order")
        self.tell(f"{len(self.said)} messages, all four talking at once, received by all in one order")

    async def _monologue(self, member: Member, first: int, last: int) -> None:
        for i in range(first, last):
            await self.floor.wait()
            await self._say(member, f"{i + 1} of {EACH}")

    async def _victim(self, victim: NodeMember) -> None:
        await self._monologue(victim, 0, CUT)
        await victim.kill()
        self.tell(f"{victim.uid} was killed with SIGKILL; the others talk on")
        goal = len(self.said) + MEANWHILE
        await self.watch.until("the others talk on", lambda: len(self.said) >= goal, DEADLINE_S)
        self.floor.clear()
        await victim.start()
        await self._live(victim)
        self.tell(f"{victim.uid} was started again, with what it had stored, and caught up from the broker")
        self.floor.set()
        await self._monologue(victim, CUT, EACH)

    async def _confirm(self) -> int:
        """The host asks all for receipts in each mode, and the last node alone: how many came."""
        names, count = sorted(node.uid for node in self.nodes), 0
        everyone = sorted(m.uid for m in [*self.four, self.visitor])

        def converse() -> bool:
            return bool(self.host.epochs) and self.host.epochs[-1][1] == everyone

        await self.watch.until("all are in one conversation again", converse, DEADLINE_S)
        for mode, to in (("note", None), ("conversation", None), ("ratchet", None), ("ratchet", names[-1])):
            others = [to] if to else names if mode == "ratchet" else [uid for uid in everyone if uid != self.host.uid]
            text = f"confirm that {SAID} ({mode})"
            sent = await self.host.session.send(text, mode, to, receipt=True, timeout=DEADLINE_S)
            self.need(sent.confirmed == others, f"{others} confirm a {mode} message: {sent}")
            count += len(sent.confirmed)
        self.tell(f"{self.host.uid} asked for receipts in all modes: {count} came, signed or, in the group, deniable")
        return count

    async def _whisper(self) -> None:
        node, host = self.nodes[0], self.host
        there, back = SAID + ", between the two of us", SAID + ", and back"
        await self._told(node, f"private {host.uid} {there}", f"{node.uid} whispers")
        await self.watch.until(f"{host.uid} hears it", lambda: _heard(host, there, private=True), DEADLINE_S)
        async with asyncio.timeout(DEADLINE_S):
            await host.session.send(back.encode(), "ratchet", node.uid)
        await self.watch.until(f"{node.uid} hears it", lambda: _heard(node, back, private=True), DEADLINE_S)
        await self._say(host, "for all, after a whisper")
        await self._all_have()
        self.private += [there, back]
        others = [m for m in [*self.four, self.visitor] if m not in (node, host)]
        heard = sum(_heard(m, body, private=p) for m in others for body in self.private for p in (True, False))
        self.need(heard == 0, "nobody else hears a private message")
        self.tell(
            f"{node.uid} and {host.uid} exchanged {len(self.private)} private messages in the same stream; nobody "
            "else received them"
        )

    async def _resync(self) -> None:
        node = self.nodes[0]
        marks = _marks(self.four)
        await node.command("group rejoin")
        await self._all_see(marks, lambda n, i: n == "group" and i["reason"] == 0, "accepts the resync")
        await self._say(node, "again in step")
        await self._all_have()
        self.tell(f"{node.uid} asked to be taken in anew: one agreement with fresh keys, not a word about the old ones")

    async def _change(self) -> None:
        visitor = self.visitor
        members: list[Member] = [*self.four, visitor]
        marks = _marks(members)
        await self.host.session.change_group("add", [visitor.uid])
        await self._all_see(marks, lambda n, i: n == "group" and visitor.uid in i["added"], f"sees {visitor.uid} added")
        before = len(self.said)
        await self._say(visitor, "said by a visitor")
        await self._say(self.nodes[1], "heard by a visitor")
        await self._all_have()
        await self.watch.until(
            f"{visitor.uid} hears the group", lambda: _has(visitor, self.said[before + 1]), DEADLINE_S
        )
        self.need(not any(_has(visitor, said) for said in self.said[:before]), f"{visitor.uid} reads nothing of before")
        self.tell(f"{visitor.uid} was added: it talked with the group, and reads nothing of before")
        marks = _marks(members)
        await self.host.session.change_group("remove", [visitor.uid])
        await self._all_see({visitor: marks.pop(visitor)}, lambda n, i: n == "removed", "is told")
        await self._all_see(
            marks, lambda n, i: n == "group" and visitor.uid in i["removed"], f"sees {visitor.uid} removed"
        )
        await self._say(self.nodes[1], "not for the visitor")
        await self._all_have()
        self.need(
            visitor.session.group is None and not _has(visitor, self.said[-1]), f"{visitor.uid} reads nothing more"
        )
        self.tell(f"{visitor.uid} was removed: it was told so, and reads nothing more")

    async def _digest(self, node: NodeMember) -> dict[str, Any]:
        """Where the node says it is."""
        mark = len(node.events)
        await node.command("digest")
        await self._see(node, mark, lambda n, i: n == "digest", "tells its digest")
        return next(i for n, i in node.events[mark:] if n == "digest")

    async def _live(self, node: NodeMember) -> None:
        """Until the node knows where the group is."""
        async with asyncio.timeout(DEADLINE_S):
            while (await self._digest(node))["phase"] != "live":
                await asyncio.sleep(ASK_AGAIN_S)

    async def _mismatches(self) -> int:
        """How many nodes are at the host's epoch with another head or digest; asked again until all are live at
        one epoch."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                theirs = [await self._digest(node) for node in self.nodes]
                mine = self.host.session.group or {}
                if all((i["phase"], i.get("epoch")) == ("live", mine["epoch"]) for i in [mine, *theirs]):
                    break
                await asyncio.sleep(ASK_AGAIN_S)
        wrong = sum(
            (i["head"], i["digest"], i["members"]) != (mine["head"], mine["digest"], mine["members"]) for i in theirs
        )
        self.tell(f"all four are at epoch {mine['epoch']}, digest {mine['digest'][:8]}: {wrong} of them differ")
        return wrong

    async def _say(self, member: Member, text: str) -> None:
        """To the group; returns when the group accepted it."""
        body = f"{SAID}, {member.uid}: {text}"
        if isinstance(member, NodeMember):
            await self._told(member, "ratchet " + body, f"{member.uid} sends")
        elif isinstance(member, HostMember):
            async with asyncio.timeout(DEADLINE_S):
                await member.session.send(body.encode(), "ratchet")
        self.said.append((member.uid, body))
        self.watch.changed()

    async def _told(self, node: NodeMember, command: str, what: str) -> None:
        mark = len(node.events)
        await node.command(command)
        await self._see(node, mark, lambda n, i: n in ("sent", "refused"), what)
        answer = [(n, i) for n, i in node.events[mark:] if n in ("sent", "refused")]
        self.need(answer[0][0] == "sent", f"{what}: {answer[0][1].get('text')}")

    async def _all_have(self) -> None:
        for member in self.four:
            missing = set(self.said) - {(member.uid, body) for _, body in self.said}
            what = f"{member.uid} receives what was said"
            await self.watch.until(what, partial(_has_all, member, missing), DEADLINE_S)

    async def _all_see(self, marks: dict[Member, int], fits: Callable[[str, Any], bool], what: str) -> None:
        for member, mark in marks.items():
            await self._see(member, mark, fits, what)

    async def _see(self, member: Member, mark: int, fits: Callable[[str, Any], bool], what: str) -> None:
        """An event after `mark` that fits. Each is looked at once."""
        at = mark

        def seen() -> bool:
            nonlocal at
            while at < len(member.events):
                at += 1
                if fits(*member.events[at - 1]):
                    return True
            return False

        await self.watch.until(f"{member.uid} {what}", seen, DEADLINE_S)


def _marks(members: list[Member]) -> dict[Member, int]:
    return {m: len(m.events) for m in members}


def _of_the_act(message: dict[str, Any]) -> bool:
    return bool(message["secrecy"] == "ratchet" and message["body"].startswith(SAID))


def _received(member: Member) -> set[tuple[str, str]]:
    return {(m["sender"], m["body"]) for m in member.messages if _of_the_act(m) and m["origin"] == "member"}


def _has_all(member: Member, said: set[tuple[str, str]]) -> bool:
    return said <= _received(member)


def _has(member: Member, said: tuple[str, str]) -> bool:
    return said in _received(member)


def _heard(member: Member, body: str, *, private: bool) -> bool:
    return any(m["body"] == body and m["private"] is private for m in member.messages)
