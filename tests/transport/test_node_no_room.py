"""No memory is left just when the node deals with that: its Wi-Fi, its link to the broker and its start go on."""

from pathlib import Path

import pytest

from host_support import ROOT
from node_support import Program

SCRIPT = Path(__file__).with_name("no_room.py")


@pytest.mark.parametrize(
    ("case", "arguments", "expected"),
    [
        ("wifi", (), {"failed": 6, "told": ["connected"]}),
        ("ping", (), {"lost": "MemoryError"}),
        ("main", (ROOT / "firmware" / "node" / "main.py",), {"reset": True}),
    ],
)
def test_no_memory_in_the_middle_of_a_recovery_stops_nothing(micropython, case, arguments, expected):
    with Program(micropython, SCRIPT, case, *arguments) as program:
        assert program.wait(lambda e: True, case) == expected
        assert program.end() == 0, program.lines
        assert not [line for line in program.lines if "Traceback" in line], program.lines
