"""No memory is left just when the node deals with that: its Wi-Fi, its link to the broker and its start go on."""

from pathlib import Path

import pytest

from host_support import ROOT
from node_support import Program

MAIN = ROOT / "firmware" / "node" / "main.py"
SCRIPT = Path(__file__).with_name("no_room.py")


@pytest.mark.parametrize(
    ("case", "arguments", "expected"),
    [
        ("wifi", (), {"failed": 6, "told": ["connected"]}),
        ("ping", (), {"lost": "MemoryError"}),
        ("wait", (), {"ended": "'well'"}),
        ("lock", (), {"connected": True}),
        ("node", (), {"code": 0}),
        ("light", (), {"shown": 2}),
        ("line", (), {"lines": [None, "r\n"]}),
        ("serial", (), {"lost": "MemoryError"}),
        ("main", (MAIN,), {"reset": True}),
        ("cancelled", (MAIN,), {"reset": True}),
    ],
)
def test_no_memory_in_the_middle_of_a_recovery_stops_nothing(micropython, case, arguments, expected):
    with Program(micropython, SCRIPT, case, *arguments) as program:
        assert program.wait(lambda e: e.keys() == expected.keys(), case) == expected
        assert program.end() == 0, program.lines
        if case not in ("ping", "wait"):  # a task that is cancelled without memory for that ends, and asyncio says so
            assert not [line for line in program.lines if "Traceback" in line], program.lines
