"""Heap of the node's modules on an emulated ESP32-C3 with the bytecode in files and in flash, constants too
(firmware/xip)."""

import asyncio
import os
import tempfile
from pathlib import Path

from benchmarks import node
from benchmarks.protocol import emulated
from flashed_member import InFlash
from sealcast_host.boards import bundle, models
from sealcast_host.boards.repl import Device
from sealcast_host.boards.xip import board as in_flash

# Every module of the node: what a board loads over its life, natives not counted.
_IMPORT = """
import gc, sys
import curve25519, symcrypto
try:
    import socket
except ImportError:
    sys.modules["socket"] = sys  # this board has no network
def _used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()
_before = _used()
%s
for _name in %r:
    __import__(_name)
print(_used() - _before, len([1 for m in sys.modules.values() if getattr(m, '__file__', '').startswith('/xip-stubs')]))
"""
_START = "import xip_start\nassert xip_start.start()\ndel xip_start, sys.modules['xip_start']"
_HEAP = 1 << 20  # of a board with room: what is measured is what is taken


class Member(InFlash, node.Watched):
    """The node with both halves, in a channel and a group of eight, on the heap of a stock ESP32-C3 (177 KB)."""

    program = (_START + "\n").encode().replace(b"import xip_start", b"import sys, xip_start") + node.MAIN


def missing():
    return emulated.missing("VIRT_RV32")


def measure(put):
    _modules(put)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"], os.environ["XDG_STATE_HOME"] = folder + "/config", folder + "/state"
        where = Path(folder) / "node"
        asyncio.run(node.one(lambda key, value: put("rv32imc.node_in_flash" + key, value), where, True, False, Member))


def _modules(put):
    with (
        tempfile.TemporaryDirectory() as folder,
        emulated.Board("VIRT_RV32", folder + "/disk", heap_bytes=_HEAP) as board,
    ):
        plan, kind = in_flash.Plan(), models.named("QEMU_VIRT_RV32")
        with Device(board.port) as device:
            facts = device.facts()
            wanted = bundle.make(facts.arch, facts.mpy, kind)
            plan.add(device, kind, wanted)
            for path, data in wanted.files.items():
                if path not in ("/main.py", "/boot.py"):
                    device.put(path, data)
        plan.write(board.port)
        names = [_module(path) for path in plan.made.stubs if path != "xip_probe.mpy"]
        with Device(board.port) as device:
            files, none = (int(n) for n in device.run(_IMPORT % ("", names), 120).split())
        with Device(board.port) as device:
            flashed, every = (int(n) for n in device.run(_IMPORT % (_START, names), 120).split())
    if none or every != len(names):
        raise SystemExit("%d of %d modules came out of flash" % (every, len(names)))
    put("rv32imc.xip.modules", len(names))
    put("rv32imc.xip.image_bytes", len(plan.made.data))
    put("rv32imc.xip.stub_bytes", sum(len(data) for data in plan.made.stubs.values()))
    put("rv32imc.xip.import_from_files.heap_bytes", files)
    put("rv32imc.xip.import.heap_bytes", flashed)


def _module(path):
    return str(Path(path).with_suffix("")).replace("/", ".").removesuffix(".__init__")
