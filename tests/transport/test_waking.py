"""What a deep sleeper's waking leaves out on the emulated board; tests/benchmarks/duty.py measures what it costs."""

import asyncio
import sys

import pytest

from host_support import ROOT

sys.path[:0] = [str(ROOT / "tests" / "native"), str(ROOT / "tests")]
from benchmarks import duty  # noqa: E402

# Loaded in a waking and not gone with it: no rules of settings, no handshake, no group, no words for errors.
MODULES = {
    "node": "app deepsleep serialport storage",
    "sealcast": "channel crypto crypto.native rare run run.seriallink smmp smmp.absent zpinc zpinc.epochs",
    "rare": "run.slots state stored zpinc.asking zpinc.history zpinc.joins",
}


@pytest.mark.skipif(bool(duty.missing()), reason=", ".join(duty.missing()))
def test_a_waking_loads_says_and_computes_only_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    wakings = asyncio.run(duty._measure(tmp_path))
    for waking in wakings[3:]:
        assert waking["handshakes"] == 0 and waking["notes"] + waking["conversations"] == 1, waking
        # Seven filters and a member's ring, two barriers, a note, awake, asleep; no join, which the broker has shown.
        assert waking["exchanges"] == 14, waking
    # 100 million on a computer that answers at once: a board that waits looks often whether something has come.
    assert duty.work(duty.median(wakings)) <= 120_000_000, [duty.work(waking) for waking in wakings]
    known = {"node", "sealcast"} | {f"node.{name}" for name in MODULES["node"].split()}
    known |= {f"sealcast.{name}" for name in (MODULES["sealcast"] + " " + MODULES["rare"]).split()}
    assert set(wakings[-1]["modules"]) == known
