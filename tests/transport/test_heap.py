"""What DESIGN section 8 says of a board's heap, in small; `make
bench` measures it in full (tests/benchmarks/day.py and node.py).
"""

import asyncio
import platform
import sys

import pytest

from host_support import ROOT, mosquitto
from sealcast_host.broker.server import running_broker
from sealcast_host.member.channels import ChannelFile
from sealcast_host.waiting import Watch

sys.path[:0] = [str(ROOT / "tests" / "native"), str(ROOT / "tests")]
from benchmarks import day, node  # noqa: E402


@pytest.mark.skipif(platform.machine() != "x86_64", reason="no native modules for this machine")
def test_traffic_leaves_the_heap_as_it_was(micropython):
    """An hour of a busy channel. After the first part (rings and digests fill up) the heap in use stays as it is."""
    parts = day.on_unix_port(str(micropython), 480, 6, 3600000)
    assert [part[1] for part in parts] == [80, 160, 240, 320, 400, 480]  # every message was heard, once
    used = [part[2] for part in parts]
    assert max(used[2:]) <= used[2] * 101 // 100, used
    assert min(part[3] for part in parts) >= 32768, "the heap is in pieces"


@pytest.mark.skipif(bool(node.missing()), reason=", ".join(node.missing()))
@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
def test_a_node_in_its_firmware_leaves_60_kb(tmp_path, monkeypatch):
    """Native modules, core and node in the firmware; a channel and
    then a ratcheting group of eight, over the serial bridge.

    From its start on, an allocation of more than 4 KB fails on this board: none is asked for."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    figures = {}
    asyncio.run(node.one(figures.__setitem__, tmp_path / "node", True, True))
    assert figures[".channel_of_8.heap_free_bytes"] >= 60 * 1024, figures
    assert figures[".group_of_8.heap_free_bytes"] >= 50 * 1024, figures
    assert 0 < figures[".largest_allocation_bytes"] <= node.LIMIT, figures


@pytest.mark.skipif(bool(node.missing()), reason=", ".join(node.missing()))
def test_a_board_without_room_leaves_the_ratchet_out_and_says_so(tmp_path):
    """ROMFS and 138.5 KB, the settings silent on the ratchet: with it there would be no room for a group."""

    async def start():
        async with running_broker() as broker:
            watch, where = Watch(), {"host": "127.0.0.1", "port": broker.port}
            board = node.Watched("rv32", watch, tmp_path / "board", where)
            board.options = {"heap_bytes": node.emulated.port.HEAP_BYTES}
            try:
                await board.install(ChannelFile(channel="greenhouse", key=bytes(range(32)), uid="host", broker=where))
                await watch.until("it is online", lambda: board.saw("online"))
                board.say("group create someone")
                await watch.until("it refuses", lambda: board.saw("refused"))
            finally:
                await board.close()
            return board.events

    events = asyncio.run(start())
    assert any("too little for the ratcheting group" in str(info.get("text")) for _, info in events)
    assert any(name == "refused" and info["code"] == "no_group" for name, info in events), events
    assert not [info for name, info in events if name == "error"]  # MicroPython's table of names had grown before
