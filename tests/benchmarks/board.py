"""Heap and instructions of the native modules under MicroPython."""
import sys

from operations import QEMU, natmod

sys.path.append(QEMU)
import board as emulated  # noqa: E402

BOARDS = {"rv32imc": "VIRT_RV32", "armv7m": "MPS2_AN385"}
_IMPORT = """
import gc
def _used():
    gc.collect()
    return gc.mem_alloc()
_before = _used()
print(gc.mem_free())
import curve25519
print(_used() - _before)
_before = _used()
import symcrypto
print(_used() - _before, gc.mem_free())
"""
_CALL = """
import time
_k = bytes(range(32))
_o = bytearray(32)
_t = time.ticks_cpu()
_t = time.ticks_diff(time.ticks_cpu(), _t), time.ticks_cpu()
curve25519.x25519_base(_k, _o)
print(time.ticks_diff(time.ticks_cpu(), _t[1]) - _t[0], _o.hex())
"""
X25519_BASE_OF_0_TO_31 = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"


def missing():
    return sorted({program for name in BOARDS.values() for program in emulated.missing(name)})


def measure(put):
    for arch, name in BOARDS.items():
        with emulated.Board(name, icount=True) as board:
            for path in sorted((natmod.PREBUILT / arch).glob("*.mpy")):
                board.put("/lib/" + path.name, path.read_bytes())
            board.interrupt()
            free, curve, symmetric, left = (int(n) for n in board.run(_IMPORT).split())
            put(arch + ".board.heap_free_bytes", free)
            put(arch + ".import.curve25519.heap_bytes", curve)
            put(arch + ".import.symcrypto.heap_bytes", symmetric)
            put(arch + ".import.heap_bytes", curve + symmetric)
            put(arch + ".import.heap_free_bytes", left)
            count, result = board.run(_CALL).split()
            if result != X25519_BASE_OF_0_TO_31:
                raise SystemExit("%s: X25519 of the prebuilt module is wrong: %s" % (arch, result))
            if arch == "rv32imc":   # the other machine's clock is too coarse to count by
                put(arch + ".x25519_base_called_from_python.instructions", int(count))
