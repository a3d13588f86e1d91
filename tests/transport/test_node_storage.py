"""The node's storage on littlefs and FAT, MicroPython's own, with the power cut at every single block operation."""

from pathlib import Path

import pytest

from node_support import Program

SCRIPT = Path(__file__).with_name("power_cuts.py")


@pytest.mark.parametrize("kind", ["VfsLfs2", "VfsFat"])
def test_a_power_cut_at_any_block_operation_keeps_the_old_or_has_the_new_state(kind, micropython):
    """And of a journal all that was appended before."""
    with Program(micropython, SCRIPT, kind) as program:
        result = program.wait(lambda e: True, "result")
        assert program.end() == 0, program.lines
    assert "broken" not in result, result
    assert result["cuts"] > 30
    assert result["old"] > 4
    assert result["new"] > 4
    assert result["appends"] > 8
    # writes in place: what was overwritten is gone. littlefs keeps old blocks; THREATS.md says so.
    if kind == "VfsFat":
        assert result["older_on_disk"] is False
