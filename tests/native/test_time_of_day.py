"""What a board makes of a time server's answers, where a machine's word has 32 bits."""

import ast
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(os.path.join(ROOT, "firmware", "qemu"))
from board import Board, missing  # noqa: E402

FILES = {
    "sealcast": [ROOT / "shared/sealcast" / name for name in ("compat.py", "errors.py", "padding.py", "rare.py")],
    "sealcast/run": [ROOT / "shared/sealcast/run/aio.py"],
    "node": [ROOT / "firmware/node" / name for name in ("timeofday.py", "watchdog.py")],
}
FROM_1900 = 2_208_988_800

# A network and a clock of its own the emulated board has not.
PROGRAM = """
import machine, sys
class RTC:
    def datetime(self, t):
        print(t)
class Machine:
    pass
Machine.RTC = RTC
sys.modules["machine"], sys.modules["socket"] = Machine, Machine
from node import timeofday
for seconds in %r:
    answer = b"\\x24\\x02" + bytes(22) + b"question" + bytes(8) + (seconds %% 0x100000000).to_bytes(4, "big") + bytes(4)
    seconds = timeofday.seconds_of(answer, b"question")
    timeofday._set(seconds) if seconds else print(None)
"""


def test_the_clock_is_set_behind_2038_too_and_never_by_a_server_without_a_time(tmp_path):
    """A Pico was out of reach from then on: time.gmtime raised OverflowError."""
    if missing("VIRT_RV32"):
        pytest.skip(", ".join(missing("VIRT_RV32")) + " not installed")
    rng = random.Random(38)
    right = [1735689600, 2**31 - 1, 2**31, 2**32 - 1 - 2**27, 951782400 + 36525 * 86400, 4107542400 - 1, 4107542400]
    right += [rng.randrange(1735689600, 2104 * 31556952 - 1970 * 31556952) for _ in range(200)]
    never = [0, 1, 946684800, 1735689599, -60_000_000]
    with Board("VIRT_RV32", str(tmp_path / "disk")) as board:
        for folder, paths in FILES.items():
            for path in paths:
                board.put(f"/lib/{folder}/{path.name}", path.read_bytes())
            board.put(f"/lib/{folder}/__init__.py", b"")
        said = board.run(PROGRAM % [seconds + FROM_1900 for seconds in right + never])
    dates = [datetime.fromtimestamp(seconds, UTC) for seconds in right]
    assert [ast.literal_eval(line) for line in said.split("\r\n" if "\r" in said else "\n") if line] == [
        (d.year, d.month, d.day, d.weekday(), d.hour, d.minute, d.second, 0) for d in dates
    ] + [None] * len(never)
