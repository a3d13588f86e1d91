"""Runs on the emulated board: imports what a node imports, group by group, and prints what each took of the heap."""

import gc
import sys

import micropython

# ruff: noqa: UP006
GROUPS = (
    ("native", ("curve25519", "symcrypto")),
    ("asyncio", ("asyncio", "json")),
    (
        "core",
        (
            "sealcast.crypto.native",
            "sealcast.channel",
            "sealcast.smmp.absent",
            "sealcast.run.filestore",
            "sealcast.run.session",
        ),
    ),
    ("node", ("node.setup", "node.app", "node.storage", "node.log", "node.led", "node.sensors", "node.console")),
    ("serial", ("node.serialport",)),
    ("ratchet", ("sealcast.smmp.order", "sealcast.smmp.state")),
)


def used():
    gc.collect()
    return gc.mem_alloc()


before = used()
print("free", gc.mem_free())
for name, modules in GROUPS:
    for module in modules:
        __import__(module)
    now = used()
    print(name, now - before)
    before = now
print("modules", len([name for name in sys.modules if name.startswith(("node", "sealcast"))]))
micropython.qstr_info()
