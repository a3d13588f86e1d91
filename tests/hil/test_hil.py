"""`sealcast hil` on the targets of --target: the whole examination,
its verdict, and the reports it leaves in build/hil.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import WIFI_PASSWORD
from host_support import environment

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build" / "hil"
KEYS = {
    "format", "sealcast", "target", "verdict", "why", "seed", "seconds", "board", "counts", "checks", "timings", "heap",
    "live",
}  # fmt: skip
OF_CHECKS = {"part", "name", "section", "verdict", "count", "seconds", "why", "expected", "found", "detail"}
PARTS = ("primitives", "pieces", "zpinc", "group", "live", "timing")


def hil(port, *arguments):
    """Run the command on a board; what it printed and its exit code."""
    command = [sys.executable, "-m", "sealcast_host", "hil", "--port", str(port), *map(str, arguments)]
    env = environment(SEALCAST_WIFI_PASSWORD=WIFI_PASSWORD)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=500)


def test_a_board_passes_and_leaves_its_reports(target):
    done = hil(target.port, "--target", target.name, "--report", REPORTS, *target.asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("over the network farm" in done.stdout) == ("--wifi-ssid" in target.asked)
    assert "verdict: passed" in done.stdout and "seed" in done.stdout
    made = json.loads((REPORTS / f"{target.name}.json").read_text())
    assert set(made) == KEYS and made["format"] == "sealcast hil 1" and made["target"] == target.name
    assert all(set(check) == OF_CHECKS for check in made["checks"])
    assert made["verdict"] == "passed" and made["counts"]["failed"] == 0
    if target.whole:
        assert made["counts"]["not_run"] == 0, done.stdout
    passed = {check["part"] for check in made["checks"] if check["verdict"] == "passed"}
    assert passed == {"identify", "install", *(target.parts or PARTS)}
    assert made["board"]["heap_free_bytes"] > 100_000
    assert made["live"]["wrong_frames"] == 1000 and made["live"]["resets"] >= 3
    if target.parts:
        return
    assert made["counts"]["comparisons"] > 1500
    assert made["timings"]["values"]["x25519"] > 0 and made["heap"]["loaded.free"] > 0
    page = (REPORTS / f"{target.name}.html").read_text()
    assert page.count("<svg") >= 3 and not re.search(r"(src|href)=|@import|url\(", page)


def test_times_are_instructions_where_the_emulator_counts_them(counting_board):
    done = hil(
        counting_board.port,
        "--target",
        "qemu-rv32-icount",
        "--report",
        REPORTS,
        "--parts",
        "timing",
        "--icount",
        "--no-install",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((REPORTS / "qemu-rv32-icount.json").read_text())
    assert made["timings"]["unit"] == "instructions"
    # What the bench counts (docs/PERFORMANCE.md) is some 1.2 million; the rest is the call from Python.
    assert 500_000 < made["timings"]["values"]["x25519"] < 5_000_000


@pytest.mark.parametrize(
    "wrong",
    [
        ["--parts", "everything"],
        ["--seed", "x"],
        ["--seed", "-1"],
        ["--rounds", "0"],
        ["--wifi-ssid", "farm"],
        ["--target", "../x"],
    ],
)
def test_bad_input_is_one_line(home, wrong):
    home.sealcast("hil", *wrong, "--port", "/dev/null", code=2)
