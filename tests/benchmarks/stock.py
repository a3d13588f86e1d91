"""Memory of the node on stock firmware of ESP32 and ESP32-C3, on the profiles with a radio (firmware/qemu/chip)."""

import asyncio
import os
import re
import tempfile
from pathlib import Path

import chip_node
from benchmarks.protocol import emulated
from host_support import free_port, mosquitto, start_broker
from sealcast.wire import b64
from sealcast_host.boards import bundle, names
from sealcast_host.member.session import join

HOSTS = 7
STEADY_S = 65  # three sweeps of rare.py, on a busy computer, too: what is idle is gone
PROFILES = ("esp32c3", "esp32")
# What a node over Wi-Fi with notes and conversations holds for good, in the order in which it is imported, by the
# modules that a bundle has (host/sealcast_host/boards/merge.py).
PARTS = {
    "base": "rare crypto.native",
    "node": "node.app node.mqtt",
    "channel": "smmp.absent channel node.storage",
    "ratchet": "smmp.order",
}
# name, bytecode in flash, settings
CASES = (
    ("conversation", False, {"ratchet": False}),
    ("xip.conversation", True, {"ratchet": False}),
    ("xip.ratchet", True, {"modes": ["note", "ratchet"]}),
    ("xip.all", True, {"ratchet": True}),
)
RARE = (
    "zpinc.joins zpinc.history zpinc.rekey zpinc.cpace zpinc.revocation run.settings smmp.agreement smmp.membership "
    "smmp.packages smmp.sync smmp.fetch smmp.heads smmp.suspicion smmp.state"
).split()
_IMPORT = """
import asyncio, gc, json, micropython, sys, time
import curve25519, symcrypto
def _used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()
print("interpreter", _used())
for _part, _modules in %r:
    _before = _used()
    for _name in _modules.split():
        __import__(_name if _name.startswith("node") else "sealcast." + _name)
    print(_part, _used() - _before)
    if _part == "channel":
        micropython.qstr_info()
from sealcast import rare
for _name in %r:
    rare.load(_name)
    rare.drop(_name)  # now its names are there
    _before = _used()
    _ticks = time.ticks_cpu()
    rare.load(_name)
    _ticks = time.ticks_diff(time.ticks_cpu(), _ticks)
    print("rare", _name, _used() - _before, _ticks)
    rare.drop(_name)
"""


def missing():
    return emulated.missing("VIRT_RV32") + ([] if mosquitto() else ["mosquitto"])


def measure(put):
    ratchet = _modules(put)
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for profile in PROFILES:
            asyncio.run(_profile(found.__setitem__, profile, Path(folder)))
    for key, value in found.items():
        put(key, value)
    for profile in PROFILES:
        _sums(put, profile, found, ratchet)


def _modules(put):
    with emulated.Board("VIRT_RV32", profile="esp32c3", icount=True) as board:
        files = bundle.make("rv32imc", 6, None, emulated.port.bootstrap("unix.py", "mpy-cross")).files
        board.interrupt()
        for path, data in files.items():
            if path.startswith("/lib/"):
                board.put(path, data)
        board.interrupt()
        said = board.run(names.source(_IMPORT % (list(PARTS.items()), RARE)), 300)
    taken = {}
    for line in said.splitlines():
        words = line.split()
        if words[0] == "rare":
            put(f"rv32imc.stock.rare.{words[1]}.heap_bytes", int(words[2]))
            put(f"rv32imc.stock.rare.{words[1]}.load_instructions", int(words[3]))
        elif len(words) == 2 and words[1].isdigit():
            taken[words[0]] = int(words[1])
            put(f"rv32imc.stock.part.{words[0]}.heap_bytes", int(words[1]))
    found = re.search(r"n_qstr=(\d+), n_str_data_bytes=\d+, n_total_bytes=(\d+)", said)
    put("rv32imc.stock.qstrs", int(found[1]))
    put("rv32imc.stock.part.names.heap_bytes", int(found[2]))  # it is in the others
    put("rv32imc.stock.steady.heap_bytes", sum(taken.values()) - taken["ratchet"])
    return taken["ratchet"]


def _sums(put, profile, found, ratchet):
    """The figures that DESIGN has limits for. Objects have one size on both chips: what one has no room for is the
    other's.

    From files: what the node has at its start there, and what a channel of eight (and a group) added to the node in
    flash.
    """

    def of(key):
        return found.get(f"{profile}.{key}", found.get(f"{PROFILES[0]}.{key}"))

    start, before = of("conversation.start_bytes"), of("xip.conversation.start_bytes")
    conversation = of("xip.conversation.channel_bytes")
    if None not in (start, conversation, before):
        put(f"{profile}.conversation.python_bytes", start + conversation - before)
    for what in ("ratchet", "all"):
        group, begun = of(f"xip.{what}.group_bytes"), of(f"xip.{what}.start_bytes")
        if None not in (start, group, begun):
            put(f"{profile}.{what}.python_bytes", start + ratchet + group - begun)
        if group is not None:
            put(f"{profile}.xip.{what}.python_bytes", group)
    for key in ("reserve_least_bytes", "largest_free_block_bytes"):
        names = [f"{profile}.{what}.{key}" for what, flash, _ in CASES if flash]
        seen = [found[name] for name in names if name in found]
        if seen:
            put(f"{profile}.{key}", min(seen))


async def _profile(put, profile, folder):
    """Bytecode in flash: a channel of eight, and a group where there is room. From files: what it has at its start."""
    for what, flash, settings in CASES:
        where = folder / (profile + what)
        where.mkdir()
        os.environ["XDG_STATE_HOME"] = str(where / "state")  # else the hosts are still in the last one's group
        port = free_port()
        with start_broker("mosquitto", port, where), emulated.Board("VIRT_RV32", profile=profile) as board:
            chip_node.install(board, port, flash, True, keepalive=20, **settings)
            figures = Figures(board, port, settings)
            try:
                await figures.run()
            except (AssertionError, TimeoutError) as e:
                print("%s.%s: %s" % (profile, what, str(e)[:200]))
            finally:
                await figures.close()
        for key, value in figures.found.items():
            put(f"{profile}.{what}.{key}", value)


class Figures:
    """found: key -> bytes, as far as the node came. `room`: the most of them that fitted."""

    def __init__(self, board, port, settings):
        """settings: which halves, for all members."""
        self._port, self._settings, self._hosts, self.found = port, settings, [], {}
        self._talks = "conversation" in settings.get("modes", ["conversation"])
        self._ratchet = settings.get("ratchet", True)
        self._serial = chip_node.Serial(board)

    async def _event(self, name, **fields):
        return await asyncio.to_thread(self._serial.event, name, **fields)

    async def _heap(self, key):
        self._serial.type("heap")
        line = await asyncio.to_thread(self._serial.until, "the heap's figures", lambda text: "max free sz" in text)
        heap = await self._event("heap")
        self.found[key] = heap["used"]
        self.found["reserve_least_bytes"] = heap["least"]
        self.found["largest_free_block_bytes"] = 16 * int(re.search(r"max free sz: (\d+)", line)[1])

    async def run(self):
        self.found["start_bytes"] = (await self._event("start"))["heap_used"]
        await self._event("online")
        for i in range(HOSTS):
            where = {"host": "127.0.0.1", "port": self._port}
            given = {"uid": f"host-{i}", "channel": "g", "key": b64(chip_node.KEY), "broker": where, "keepalive": 20}
            self._hosts.append(await join(settings=given | self._settings))
            await self._together()
            self.found["members"] = i + 2
            await self._heap("with_rare_bytes")
        await asyncio.sleep(STEADY_S)
        await self._heap("channel_bytes")
        if self._ratchet:
            self._serial.type("group create " + " ".join(f"host-{i}" for i in range(HOSTS)))
            while len((await self._event("group"))["members"]) <= HOSTS:
                pass
            await asyncio.sleep(STEADY_S)
            await self._heap("group_bytes")

    async def _together(self):
        async with asyncio.timeout(90):
            while True:
                self._serial.type("members")
                there = await self._event("members")
                same = there["epoch"] and all(h.epoch == there["epoch"] for h in self._hosts)
                if same if self._talks else len(there["members"]) == len(self._hosts) + 1:
                    return
                await asyncio.sleep(0.5)

    async def close(self):
        for host in self._hosts:
            await host.close()
        self._serial.close()
