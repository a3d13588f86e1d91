"""A deep sleeper's waking on an emulated ESP32-C3: instructions and bytes from wake to sleep, without a handshake."""
import asyncio
import json
import os
import tempfile
from pathlib import Path

from benchmarks.node import Watched, missing
from sealcast_host.boards import shipped
from sealcast_host.broker.server import running_broker
from sealcast_host.demo.members import HostMember
from sealcast_host.member import channels
from sealcast_host.waiting import Watch

__all__ = ("measure", "missing")
WAKINGS = 8
# Before the node: its transport's messages are counted, and it says a line before it sleeps.
COUNTED = b"""
import sys
import qemu
import time
_start = time.ticks_us(), qemu.idle_us()

def counted():
    import json
    from node import deepsleep, serialport
    count = {"sent": 0, "received": 0, "handshakes": 0, "notes": 0, "conversations": 0, "exchanges": 0}
    old_call, old_receive, old_rest = serialport.Serial._call, serialport.Serial.receive, deepsleep.rest

    async def call(self, kind, *parts):
        count["exchanges"] += 1
        for part in parts:
            count["sent"] += len(part)
        if kind == 3:
            stream = str(parts[2], "utf-8").split("/")[4]
            name = {"h": "handshakes", "n": "notes", "c": "conversations"}.get(stream)
            if name:
                count[name] += 1
        return await old_call(self, kind, *parts)

    async def receive(self):
        topic, payload = await old_receive(self)
        count["received"] += len(topic) + len(payload)
        return topic, payload

    def rest(seconds):
        count["event"] = "rest"
        count["us"] = time.ticks_diff(time.ticks_us(), _start[0])
        count["idle_us"] = qemu.idle_us() - _start[1]
        count["modules"] = [name for name in sys.modules if name.split(".")[0] in ("node", "sealcast")]
        print(json.dumps(count))
        old_rest(seconds)

    serialport.Serial._call, serialport.Serial.receive, deepsleep.rest = call, receive, rest

"""
STARTS = b"        from node.app import main\n"
MAIN = COUNTED + (shipped.node_dir() / "main.py").read_bytes().replace(STARTS, b"        counted()\n" + STARTS, 1)


class Sleeper(Watched):
    """The demo's board with our main program, in a QEMU that counts instructions: one a nanosecond of its time."""

    program, options = MAIN, {"icount": True}

    def wakings(self):
        return [info for name, info in self.events if name == "rest"]


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"], os.environ["XDG_STATE_HOME"] = folder + "/config", folder + "/state"
        wakings = asyncio.run(_measure(Path(folder)))
    last = median(wakings)
    if last["handshakes"]:
        raise SystemExit("a waking cost a handshake: " + json.dumps(last))
    if last["notes"] + last["conversations"] != 1:
        raise SystemExit("the reading was not sent once: " + json.dumps(last))
    put("rv32imc.duty.instructions", work(last))
    put("rv32imc.duty.sent_bytes", last["sent"])
    put("rv32imc.duty.received_bytes", last["received"])
    put("rv32imc.duty.exchanges", last["exchanges"])
    put("rv32imc.duty.handshake_messages", last["handshakes"])


def work(waking):
    """Its instructions, without those of the time in which it waited."""
    return (waking["us"] - waking["idle_us"]) * 1000


def median(wakings):
    """Of those that are alike: in the first three the session is new, and the board shows its notice key. How often a
    board comes by to see that nothing has come yet depends on how fast this computer answers."""
    alike = sorted(wakings[3:], key=work)
    return alike[len(alike) // 2]


async def _measure(folder):
    async with running_broker() as broker:
        watch, where = Watch(), {"host": "127.0.0.1", "port": broker.port}
        known = channels.ChannelFile(channel="greenhouse", key=bytes(range(32)), uid="host", broker=where)
        host = HostMember("awake", watch)
        board = Sleeper("sleepy", watch, folder / "board", where, duty=2)
        try:
            await host.join(known.settings(host.uid) | {"keepalive": 20})
            await board.install(known)
            await watch.until("%d wakings" % WAKINGS, lambda: len(board.wakings()) >= WAKINGS, 600)
            return board.wakings()
        finally:
            await board.close()
            await host.session.close()
