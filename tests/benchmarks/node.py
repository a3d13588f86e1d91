"""Heap of the whole node on an emulated ESP32-C3: node in ROMFS, native modules, serial link, a channel of eight that talks."""
import asyncio
import os
import tempfile
from pathlib import Path

from sealcast_host import channels, demoboard
from sealcast_host.broker import running_broker
from sealcast_host.demomembers import HostMember, Watch

MEMBERS = 8


def missing():
    absent = demoboard.missing()
    return [absent] if absent else []


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"], os.environ["XDG_STATE_HOME"] = folder + "/config", folder + "/state"
        for name, ratchet in (("node", True), ("node_without_ratchet", False)):
            asyncio.run(_measure(lambda key, value, name=name: put("rv32imc." + name + key, value), Path(folder) / name, ratchet))


async def _measure(put, folder, ratchet):
    folder.mkdir()
    async with running_broker() as broker:
        watch, where = Watch(), {"host": "127.0.0.1", "port": broker.port}
        known = channels.ChannelFile(channel="greenhouse-" + folder.name, key=bytes(range(32)), uid="host", broker=where)
        hosts = [HostMember("%s-%d" % (folder.name, i), watch) for i in range(MEMBERS - 1)]
        board = demoboard.BoardMember("rv32", watch, folder / "board", where, ratchet=ratchet)
        try:
            for host in hosts:
                await host.join(known.settings(host.uid) | {"keepalive": 20})
                await host.send("note of " + host.uid, "note")
            await board.install(known)
            await watch.until("the node starts", lambda: board.saw("start"))
            start = next(info for name, info in board.events if name == "start")
            put(".start.heap_used_bytes", start["heap_used"])
            put(".heap_bytes", start["heap_used"] + start["heap_free"])

            def agreed():
                same = board.epochs and all(h.epochs and h.epochs[-1] == board.epochs[-1] for h in hosts)
                return same and len(board.epochs[-1][1]) == MEMBERS

            await watch.until("an epoch of eight", agreed)
            for mode in ("note", "conversation"):
                await board.send("from the board", mode)
                await hosts[0].send("to the board " + mode, mode)
                await watch.until("it hears", lambda m=mode: board.has("to the board " + m, m))
            board.say("heap")
            await watch.until("the figure", lambda: board.saw("heap"))
            heap = [info for name, info in board.events if name == "heap"][-1]
            put(".channel_of_8.heap_used_bytes", heap["used"])
            put(".channel_of_8.heap_free_bytes", heap["free"])
        finally:
            await board.close()
            for host in hosts:
                if hasattr(host, "session"):
                    await host.session.close()
