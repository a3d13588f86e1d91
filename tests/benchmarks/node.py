"""Heap of the whole node on an emulated ESP32-C3: node in ROMFS,
native modules, serial link, a channel of eight that talks.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from benchmarks.day import rom_image
from benchmarks.protocol import emulated
from sealcast_host.boards import names
from sealcast_host.broker.server import running_broker
from sealcast_host.demo.board import BoardMember, emulator
from sealcast_host.demo.board import missing as board_missing
from sealcast_host.demo.members import HostMember
from sealcast_host.member import channels
from sealcast_host.waiting import Watch

MEMBERS = 8
STOCK_HEAP = 138512  # free before anything is imported: rv32imc.board.heap_free_bytes
# Steady is a node some time after it agreed with the others: so long a handshake's answers are kept for who waits for
# them (zpinc/rekey.py: 12 s and one for each member), and then until the next member is heard.
SETTLED_S = 12 + MEMBERS + 20
LIMIT = 4096  # no allocation beyond it once the node has started: DESIGN section 8
# In /main.py's place: the node as it is. Once it is online a larger
# allocation fails; the console's "heap" tells the largest.
MAIN = (
    b"""
import gc
import qemu
from node import app, log
from sealcast import rare
told = log.Log.event

def event(self, name, info):
    if name == "start":
        qemu.largest()
        qemu.limit(%d)
    if name == "heap":  # steady: what is rare has gone
        rare.release()
        info = {"free": gc.mem_free(), "used": gc.mem_alloc(), "largest": qemu.largest()}
    told(self, name, info)

log.Log.event = event
app.main([])
"""
    % LIMIT
)


class Watched(BoardMember):
    """The demo's board with another main program, and with an emulated board made otherwise: what Board() takes.

    in_firmware: the heap is the port's own, and native modules, core and node are in the firmware.
    """

    program, options = MAIN, {}

    def in_firmware(self):
        self.options = {"heap_bytes": emulated.port.HEAP_BYTES, "whole": True}
        return self

    def _install(self, known):
        module = emulator()
        plain = module.Board
        module.Board = lambda *args, **options: plain(*args, **{**options, **self.options})
        try:
            super()._install(known)
        finally:
            module.Board = plain
        self._board.interrupt()
        text = self.program.decode()  # in a firmware of its own names are as they are written
        self._board.put("/main.py", (text if self.options.get("whole") else names.source(text)).encode())
        self._board.reset()
        self._board.let_go()


# name, takes part in the ratcheting group, node in the firmware (else in ROMFS)
CASES = (("node", True, False), ("node_without_ratchet", False, False), ("node_in_firmware", True, True))


def missing():
    absent = board_missing()
    return [absent] if absent else []


def measure(put):
    _shares(put)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"], os.environ["XDG_STATE_HOME"] = folder + "/config", folder + "/state"
        for name, ratchet, in_firmware in CASES:
            asyncio.run(
                one(
                    lambda key, value, name=name: put("rv32imc." + name + key, value),
                    Path(folder) / name,
                    ratchet,
                    in_firmware,
                )
            )


def _shares(put):
    """Where the heap goes: imports in the order of a node, on a board of the port's own heap."""
    with emulated.Board("VIRT_RV32") as board:
        board.interrupt()
        board.write_rom(rom_image())
        board.reset()
        board.put("/shares.py", (Path(__file__).parent / "shares_on_board.py").read_bytes())
        lines = [line.split() for line in board.run("import gc\ngc.threshold(4096)\nimport shares").splitlines()]
    for words in lines:
        if len(words) == 2 and words[0] not in ("modules", "free"):
            put("rv32imc.share.%s.heap_bytes" % words[0], int(words[1]))
    pools, qstrs = (int(lines[-1][i].split("=")[1].rstrip(",")) for i in (2, 3))
    put("rv32imc.share.qstrs", qstrs)
    put("rv32imc.share.qstr_pools.heap_bytes", sum(7 * 10 * 2**i for i in range(1, pools + 1)))


async def steady(board, watch):
    """The console's "heap", when the engine is at nothing: the same twice in a row."""
    figures = []

    def told():
        return [info for name, info in board.events if name == "heap"]

    while len(figures) < 2 or abs(figures[-1]["used"] - figures[-2]["used"]) > 64:
        before = len(told())
        board.say("heap")
        await watch.until("the figure", lambda n=before: len(told()) > n)
        figures.append(told()[-1])
        await asyncio.sleep(1)
    return figures[-1] | {"largest": max(info["largest"] for info in told())}


async def one(put, folder, ratchet, in_firmware, kind=Watched):
    folder.mkdir()
    async with running_broker() as broker:
        watch, where = Watch(), {"host": "127.0.0.1", "port": broker.port}
        known = channels.ChannelFile(
            channel="greenhouse-" + folder.name, key=bytes(range(32)), uid="host", broker=where
        )
        hosts = [HostMember("%s-%d" % (folder.name, i), watch) for i in range(MEMBERS - 1)]
        board = kind("rv32", watch, folder / "board", where, ratchet=ratchet)
        if in_firmware:
            board.in_firmware()
        try:
            for host in hosts:
                await host.join(known.settings(host.uid) | {"keepalive": 20})
                await host.send("note of " + host.uid, "note")
            await board.install(known)
            await watch.until("the node starts", lambda: board.saw("start"))
            start = next(info for name, info in board.events if name == "start")
            put(".start.heap_used_bytes", start["heap_used"])
            put(".heap_bytes", start["heap_used"] + start["heap_free"])

            def agreed():
                same = board.epochs and all(h.epochs and h.epochs[-1] == board.epochs[-1] for h in hosts)
                return same and len(board.epochs[-1][1]) == MEMBERS

            await watch.until("an epoch of eight", agreed)
            for mode in ("note", "conversation"):
                await board.send("from the board", mode)
                await hosts[0].send("to the board " + mode, mode)
                await watch.until("it hears", lambda m=mode: board.has("to the board " + m, m))
            await asyncio.sleep(SETTLED_S)
            heap = await steady(board, watch)
            put(".channel_of_8.heap_used_bytes", heap["used"])
            put(".channel_of_8.heap_free_bytes", heap["free"])
            if ratchet:
                board.say("group create " + " ".join(host.uid for host in hosts))

                def together():
                    return any(name == "group" and len(info["members"]) == MEMBERS for name, info in board.events)

                await watch.until("a ratcheting group of eight", together)
                await hosts[1].send("to the group", "ratchet")
                await watch.until("it hears the group", lambda: board.has("to the group", "ratchet"))
                group_heap = await steady(board, watch)
                put(".group_of_8.heap_used_bytes", group_heap["used"])
                put(".group_of_8.heap_free_bytes", group_heap["free"])
                heap["largest"] = group_heap["largest"]
            # What a heap of the port's own size would have left: the emulated board's is that of an ESP32-C3.
            put(".channel_of_8.heap_free_of_138k_bytes", STOCK_HEAP - heap["used"])
            put(".largest_allocation_bytes", heap["largest"])
            refused = [info for name, info in board.events if name == "error" and "MemoryError" in str(info)]
            if refused:
                raise SystemExit("an allocation beyond %d bytes was asked for: %s" % (LIMIT, refused))
        finally:
            await board.close()
            for host in hosts:
                if hasattr(host, "session"):
                    await host.session.close()
