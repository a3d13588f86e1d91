"""The demo's boards: one without radio behind the serial bridge, and two ESP32-C3s over Wi-Fi, of which one takes part
in the conversation and the other in the ratcheting group, too. All emulated, at machine code, memory and radio.

Counts, 0 without QEMU:

    board_messages      received by and from the board behind the serial bridge
    chip_messages       received by and from the two ESP32-C3s, in all three modes
"""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from sealcast_host.demo.board import SLOW_S, BoardMember, ChipMember, missing
from sealcast_host.demo.members import Member
from sealcast_host.demo.ratchet import SAID

SERIAL, TALKER, RATCHETER = NAMES = "valve-board", "roof-board", "cellar-board"


class BoardsAct:
    """demo: run.Demo, what goes before and its members."""

    def __init__(self, demo: Any) -> None:
        self._demo = demo
        self._absent = missing()
        self.counts = {"board_messages": 0, "chip_messages": 0}
        self._chips = self._chip(TALKER, ratchet=False), self._chip(RATCHETER, ratchet=True)
        self._flashed: asyncio.Task[None]

    def _chip(self, uid: str, **settings: Any) -> ChipMember:
        return ChipMember(uid, self._demo.watch, self._demo.folder / uid, self._demo.broker, **settings)

    def prepare(self, stack: AsyncExitStack) -> None:
        """Flash the chips, one after the other, while others have the stage; none of them starts yet."""
        if not self._absent:
            for chip in self._chips:
                stack.push_async_callback(chip.close)
            self._flashed = asyncio.create_task(self._flash())
            stack.callback(self._flashed.cancel)

    async def _flash(self) -> None:
        for chip in self._chips:
            await chip.install(self._demo.known)

    async def run(self, stack: AsyncExitStack) -> dict[str, int]:
        """-> the counts. Raises NotKept."""
        demo = self._demo
        if self._absent:
            demo.tell(f"no emulated board: {self._absent}")
            return self.counts
        board = BoardMember(SERIAL, demo.watch, demo.folder / SERIAL, demo.broker)
        stack.push_async_callback(board.close)
        await board.install(demo.known)
        demo.tell(
            f"{SERIAL} started: an emulated RISC-V board without radio, connected through the serial bridge, which has "
            "no key"
        )
        members = [*demo.five, board]
        await self._takes_part(board, members, "over a serial port")
        self.counts["board_messages"] = 2 * len(demo.five) + len(board.messages)
        await self._flashed
        for chip, what in zip(self._chips, ("over Wi-Fi", "in the ratcheting group as well"), strict=True):
            await chip.start()
            demo.tell(f"{chip.uid} started: an emulated ESP32-C3, its node in flash, its Wi-Fi on")
            members.append(chip)
            await self._takes_part(chip, members, what)
            self.counts["chip_messages"] += 2 * len(demo.five)
        await self._in_the_group(self._chips[1])
        self.counts["chip_messages"] += sum(len(chip.messages) for chip in self._chips)
        return self.counts

    async def _takes_part(self, board: Any, members: list[Member], where: str) -> None:
        """It meets all, reads what was written before, says something in both modes, and hears."""
        demo = self._demo
        epoch = await demo.one_epoch(members)
        took = [info["heap_used"] for name, info in board.events if name == "start"]
        demo.tell(f"    {board.uid:16} {took[-1]} bytes of its memory taken at its start")
        await demo.watch.until(f"{board.uid} reads the history", lambda: demo.has_notes(board), SLOW_S)
        await demo.note(board, f"a note of {board.uid}")
        for member in demo.five:
            await demo.watch.until(f"{member.uid} receives the board's note", partial(demo.has_notes, member))
        await demo.say(board, f"said {where}", members)
        await demo.say(demo.host, f"heard {where}", members)
        demo.tell(
            f"it read {len(demo.notes) - 1} notes of the history, agreed on epoch {epoch[:8]} with {len(members) - 1} "
            "others, heard and spoke"
        )

    async def _in_the_group(self, chip: ChipMember) -> None:
        demo, host = self._demo, self._demo.host
        await host.session.change_group("add", [chip.uid])

        def taken_in() -> bool:
            return any(name == "group" and chip.uid in info["members"] for name, info in chip.events)

        await demo.watch.until(f"{chip.uid} is in the group", taken_in)
        there, back = f"{SAID}, says {chip.uid}", f"{SAID}, hears {chip.uid}"
        await chip.send(there, "ratchet")
        group = [*demo.nodes, host]
        for member in group:
            await demo.watch.until(f"{member.uid} hears the group", partial(member.has, there, "ratchet"))
        await host.send(back, "ratchet")
        await demo.watch.until(f"{chip.uid} hears the group", lambda: chip.has(back, "ratchet"))
        theirs, mine = await chip.told("digest", "digest"), host.session.group or {}
        same = [theirs[name] == mine[name] for name in ("epoch", "head", "digest", "members")]
        demo.need(all(same), f"{chip.uid} has the host's transcript")
        self.counts["chip_messages"] += len(group)
        demo.tell(f"{chip.uid} was added to the ratcheting group: it spoke, heard, and has the same transcript")
