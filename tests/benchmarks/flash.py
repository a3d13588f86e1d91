"""Bytes of flash that a message costs, and how long the flash lasts.

The real FileStore on littlefs with an ESP32's parameters (blocks of 4,096 bytes, programs of 32), under MicroPython's
unix port, over a block device that counts what is programmed and erased. Years: until each block of a partition of 2 MB
(512 blocks, an ESP32's of 4 MB) was erased 100,000 times, all of them in turn, as littlefs takes them.
"""

import os
import subprocess

from benchmarks.day import PATH
from benchmarks.protocol import missing, port

__all__ = ("measure", "missing")
MESSAGES = 300
RATES = {"one_a_minute": 60000, "ten_a_second": 100}
SIDES = {"anna": "sent", "bert": "received"}
ERASES = 512 * 100000
YEAR_S = 365.25 * 86400


def written(micropython, mode, every_ms):
    """-> {uid: (bytes programmed, blocks erased)} of MESSAGES messages."""
    code = "import flash_on_littlefs\nflash_on_littlefs.run(%r, %d, %d)" % (mode, MESSAGES, every_ms)
    done = subprocess.run([micropython, "-X", "heapsize=16m", "-c", code], env={**os.environ, "MICROPYPATH": PATH},
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode:
        raise SystemExit("no figure for the flash:\n" + done.stdout + done.stderr)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("flash ")]
    return {uid: (int(programmed), int(erased)) for _, uid, programmed, erased in lines}


def measure(put):
    micropython = port.bootstrap("unix.py")
    for mode in ("note", "conversation", "ratchet"):
        for rate, every_ms in RATES.items():
            for uid, (programmed, erased) in written(micropython, mode, every_ms).items():
                where = "%s.%s.%s" % (mode, SIDES[uid], rate)
                put("rv32imc.flash_bytes_per_message." + where, round(programmed / MESSAGES))
                seconds = ERASES / erased * MESSAGES * every_ms / 1000 if erased else YEAR_S * 1000
                put("rv32imc.flash_years." + where, round(seconds / YEAR_S, 2))
