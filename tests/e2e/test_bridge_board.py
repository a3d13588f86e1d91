"""A member on an emulated ESP32-C3, behind the serial bridge and a
real broker: joins, talks, loses its power, comes back.
"""

import asyncio

import pytest

from sealcast_host.demo.board import BoardMember, missing
from sealcast_host.demo.members import HostMember
from sealcast_host.member import channels
from sealcast_host.waiting import Watch


@pytest.mark.skipif(bool(missing()), reason="no emulated board: " + missing())
def test_an_emulated_board_is_a_member(mosquitto, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    async def story():
        watch = Watch()
        broker = {"host": "127.0.0.1", "port": mosquitto.port}
        known = channels.ChannelFile(channel="greenhouse", key=bytes(range(32)), uid="host", broker=broker)
        host, board = HostMember("host", watch), BoardMember("rv32", watch, tmp_path / "board", broker)
        try:
            await host.join(known.settings("host") | {"keepalive": 20})
            await board.install(known)

            async def agreed(before=None):
                def same():
                    return (
                        board.epochs
                        and host.epochs
                        and board.epochs[-1] == host.epochs[-1]
                        and host.epochs[-1][0] != before
                    )

                await watch.until("one epoch", same)
                return host.epochs[-1][0]

            async def both_ways(text):
                for sender, hearer in ((board, host), (host, board)):
                    for mode in ("note", "conversation"):
                        await sender.send(f"{text} {mode} of {sender.uid}", mode)
                        await watch.until(mode, lambda m=mode, s=sender, h=hearer: h.has(f"{text} {m} of {s.uid}", m))

            epoch = await agreed()
            await both_ways("first")
            await board.cut_power()
            await watch.until("its last will", lambda: host.saw("gone", uid="rv32"))
            await host.send("while it was off", "note")
            await board.power_on()
            await agreed(epoch)
            await watch.until("the note it missed", lambda: board.has("while it was off", "note"))
            await both_ways("again")
        finally:
            print("\n".join(f"{name} {info}" for name, info in board.events))
            await board.close()
            if hasattr(host, "session"):
                await host.session.close()

    asyncio.run(story())
