"""A deep sleeper's waking on an emulated ESP32-C3: instructions and bytes from wake to sleep, without a handshake."""
import asyncio
import json
import os
import tempfile
from pathlib import Path

from benchmarks.node import Watched, missing
from sealcast_host.broker.server import running_broker
from sealcast_host.demo.members import HostMember
from sealcast_host.member import channels
from sealcast_host.waiting import Watch

__all__ = ("measure", "missing")
WAKINGS = 5
# In /main.py's place: the node as it is, with its transport's messages counted, and a line before it sleeps.
MAIN = b"""
import time, qemu
_start = time.ticks_us(), qemu.idle_us()
import json
from node import app, deepsleep, serialport
_count = {"sent": 0, "received": 0, "handshakes": 0, "notes": 0, "conversations": 0}
_call, _receive, _rest = serialport.Serial._call, serialport.Serial.receive, deepsleep.rest

async def call(self, kind, *parts):
    for part in parts:
        _count["sent"] += len(part)
    if kind == 3:
        stream = str(parts[2], "utf-8").split("/")[4]
        name = {"h": "handshakes", "n": "notes", "c": "conversations"}.get(stream)
        if name:
            _count[name] += 1
    return await _call(self, kind, *parts)

async def receive(self):
    topic, payload = await _receive(self)
    _count["received"] += len(topic) + len(payload)
    return topic, payload

def rest(seconds):
    _count["event"] = "rest"
    _count["us"] = time.ticks_diff(time.ticks_us(), _start[0])
    _count["idle_us"] = qemu.idle_us() - _start[1]
    print(json.dumps(_count))
    _rest(seconds)

serialport.Serial._call, serialport.Serial.receive, deepsleep.rest = call, receive, rest
app.main([])
"""


class Sleeper(Watched):
    """The demo's board with our main program, in a QEMU that counts instructions: one a nanosecond of its time."""

    program, options = MAIN, {"icount": True}

    def wakings(self):
        return [info for name, info in self.events if name == "rest"]


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"], os.environ["XDG_STATE_HOME"] = folder + "/config", folder + "/state"
        wakings = asyncio.run(_measure(Path(folder)))
    last = wakings[-1]
    if last["handshakes"]:
        raise SystemExit("a waking cost a handshake: " + json.dumps(last))
    if last["notes"] + last["conversations"] != 1:
        raise SystemExit("the reading was not sent once: " + json.dumps(last))
    put("rv32imc.duty.instructions", (last["us"] - last["idle_us"]) * 1000)
    put("rv32imc.duty.sent_bytes", last["sent"])
    put("rv32imc.duty.received_bytes", last["received"])
    put("rv32imc.duty.handshake_messages", last["handshakes"])


async def _measure(folder):
    async with running_broker() as broker:
        watch, where = Watch(), {"host": "127.0.0.1", "port": broker.port}
        known = channels.ChannelFile(channel="greenhouse", key=bytes(range(32)), uid="host", broker=where)
        host = HostMember("awake", watch)
        board = Sleeper("sleepy", watch, folder / "board", where, duty=2)
        try:
            await host.join(known.settings(host.uid) | {"keepalive": 20})
            await board.install(known)
            # The first waking joins; after that it is the same every time.
            await watch.until("%d wakings" % WAKINGS, lambda: len(board.wakings()) >= WAKINGS, 600)
            return board.wakings()
        finally:
            await board.close()
            await host.session.close()
