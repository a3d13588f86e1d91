"""A day of traffic, 10,000 messages: does the heap in use stay flat, and how large does an allocation get."""

import os
import subprocess
from pathlib import Path

from benchmarks.protocol import emulated, missing, port
from sealcast_host.boards import bundle, romfs

__all__ = ("measure", "missing")
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MESSAGES, ROUNDS = 10000, 10
HOUR_MESSAGES, HOUR_MS = 420, 3600000
HEAP_BYTES = 1 << 18  # two members and a broker are in it
PATH = ":".join(str(p) for p in (".frozen", ROOT / "shared", ROOT / "firmware" / "prebuilt" / "x64", HERE))


def rounds(output):
    """The lines of day_on_board.day() -> [(messages sent, heard, heap used, free block, largest allocation)]."""
    return [tuple(int(word) for word in line.split()[1:]) for line in output.splitlines() if line.startswith("day ")]


def on_unix_port(micropython, messages=MESSAGES, parts=ROUNDS, span_ms=86400000, heap="480k"):
    """MicroPython on this machine: the same interpreter with words of twice the size, fast enough for the whole day."""
    code = "import day_on_board\nday_on_board.day(%d, %d, %d)" % (messages, parts, span_ms)
    done = subprocess.run([micropython, "-X", "heapsize=" + heap, "-c", code], env={**os.environ, "MICROPYPATH": PATH},
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise SystemExit("the day ended early:\n" + done.stdout + done.stderr)
    return rounds(done.stdout)


def rom_image():
    """The node as ROMFS, as on a board that has one."""
    files = bundle.make("rv32imc", 6, None, port.bootstrap("unix.py", "mpy-cross"), plain=True).files
    return romfs.image({path: data for path, data in files.items() if path.startswith("/lib/")})


def on_board(messages=HOUR_MESSAGES, parts=6, span_ms=HOUR_MS):
    """An hour on the emulated ESP32-C3."""
    with emulated.Board("VIRT_RV32", heap_bytes=HEAP_BYTES) as board:
        board.interrupt()
        board.write_rom(rom_image())
        board.reset()
        for name in ("day_on_board.py", "reproducible.py"):
            board.put("/" + name, (HERE / name).read_bytes())
        code = "import gc\ngc.threshold(4096)\nimport day_on_board\nday_on_board.day(%d, %d, %d)" % (
            messages,
            parts,
            span_ms,
        )
        return rounds(board.run(code, 1800))


def measure(put):
    parts = on_unix_port(port.bootstrap("unix.py"))
    put("x64.day.messages", parts[-1][1])
    put("x64.day.heap_used_first_bytes", parts[0][2])
    put("x64.day.heap_used_most_bytes", max(part[2] for part in parts))
    put("x64.day.heap_used_last_bytes", parts[-1][2])
    parts = on_board()
    put("rv32imc.hour.messages", parts[-1][1])
    put("rv32imc.hour.heap_used_first_bytes", parts[0][2])
    put("rv32imc.hour.heap_used_most_bytes", max(part[2] for part in parts))
    put("rv32imc.hour.heap_used_last_bytes", parts[-1][2])
    put("rv32imc.hour.largest_free_block_bytes", parts[-1][3])
    put("rv32imc.hour.largest_allocation_bytes", max(part[4] for part in parts))
