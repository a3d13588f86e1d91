"""A whole node with both halves runs out of flash on the heap of a
stock ESP32-C3: joins, talks in every mode, loses its power.
"""

import asyncio

from flashed_member import InFlash
from sealcast_host.demo.board import BoardMember
from sealcast_host.demo.members import HostMember
from sealcast_host.member import channels
from sealcast_host.waiting import Watch


class FlashedMember(InFlash, BoardMember):
    pass


def test_a_node_with_both_halves(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    async def story():
        watch, broker = Watch(), {"host": "127.0.0.1", "port": mosquitto.port}
        known = channels.ChannelFile(channel="greenhouse", key=bytes(range(32)), uid="host", broker=broker)
        host, board = HostMember("host", watch), FlashedMember("rv32", watch, tmp_path / "board", broker, ratchet=True)

        async def both_ways(text, *modes):
            for mode in modes:
                await board.send(f"{text} {mode} of the board", mode)
                await host.send(f"{text} {mode} of the host", mode)
                await watch.until(mode, lambda m=mode: host.has(f"{text} {m} of the board", m))
                await watch.until(mode, lambda m=mode: board.has(f"{text} {m} of the host", m))

        def same():
            return board.epochs and host.epochs and board.epochs[-1] == host.epochs[-1]

        try:
            await host.join(known.settings("host") | {"keepalive": 20})
            await board.install(known)
            await watch.until("one epoch", same)
            await both_ways("first", "note", "conversation")
            board.say("group create host")
            await watch.until("a group", lambda: any(n == "group" and len(i["members"]) == 2 for n, i in board.events))
            await host.send("to the group", "ratchet")
            await watch.until("it hears the group", lambda: board.has("to the group", "ratchet"))
            board.say("heap")
            await watch.until("the figure", lambda: board.saw("heap"))
            await board.cut_power()
            await watch.until("its last will", lambda: host.saw("gone", uid="rv32"))
            before = len(board.epochs)
            await board.power_on()
            await watch.until("one epoch again", lambda: len(board.epochs) > before and same())
            await both_ways("again", "note", "conversation")
        finally:
            print("\n".join(f"{name} {info}" for name, info in board.events))
            await board.close()
            if hasattr(host, "session"):
                await host.session.close()

    asyncio.run(story())
