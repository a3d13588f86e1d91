"""Runs on MicroPython: no memory is left just when the node deals with that. One case, printed as one JSON object.

no_room.py wifi | ping | main PATH
"""

import asyncio
import json
import sys

import micropython

from node import mqtt, wifi
from sealcast.run.aio import Backoff, sleep_ms

TIMES = 6
STEP_MS = 10
STEPS = 1000


class Radio:
    """A driver that finds the heap full, and leaves it so."""

    STA_IF = 0
    failed = full = 0

    def WLAN(self, which):
        return self

    def active(self, yes):
        if yes and self.failed < TIMES:
            self.failed += 1
            self.full += 1
            micropython.heap_lock()
            raise MemoryError

    def isconnected(self):
        return True

    def ifconfig(self):
        return ("192.0.2.1",)


async def radio():
    """Does the task that keeps the Wi-Fi up outlive it?"""
    sys.modules["network"] = driver = Radio()
    told = []
    kept = wifi.Wifi({"ssid": "farm", "password": "password"}, lambda name, info: told.append(info["state"]))
    kept._backoff = Backoff(STEP_MS, STEP_MS)
    kept.start()
    for _ in range(STEPS):
        await sleep_ms(STEP_MS)
        while driver.full:  # somebody has given memory back
            driver.full -= 1
            micropython.heap_unlock()
        if "connected" in told:
            break
    print(json.dumps({"failed": driver.failed, "told": told[-1:]}))


async def ping():
    """Is a link given up whose pings find no memory? This broker says nothing, and hangs up on nobody."""

    async def serve(reader, writer):
        writer.write(b"\x20\x02\x00\x00")
        await writer.drain()
        while await reader.read(100):
            pass

    server, port = None, 20000
    while server is None:
        try:
            server = await asyncio.start_server(serve, "127.0.0.1", port)
        except OSError:
            port += 1
    client = mqtt.Client("127.0.0.1", port, "me", None, None, 1)
    await client.connect(None, b"")

    async def send(first, *parts):
        raise MemoryError

    client.send = send
    try:
        await asyncio.wait_for_ms(client.receive(), STEP_MS * STEPS)
    except Exception as e:
        print(json.dumps({"lost": type(e).__name__}))


class Clock:
    """Of a board: the wait before it begins anew gives no memory back."""

    def sleep(self, seconds):
        print("waits")


class Machine:
    def reset(self):
        micropython.heap_unlock()
        print(json.dumps({"reset": True}))


class Node:
    def __init__(self):
        self.main = full  # of an object its methods cannot be imported


def full(arguments):
    micropython.heap_lock()
    raise MemoryError


def fakes():
    sys.modules["time"], sys.modules["machine"], sys.modules["node.app"] = Clock(), Machine(), Node()


def failing(path):
    """Does a board begin anew that has no room for the words?"""
    with open(path) as f:
        definitions = f.read().split("\nif sys.argv:")[0]
    scope = {"__name__": "main"}
    exec(definitions, scope)
    scope["found"] = fakes
    scope["on_board"]()


if sys.argv[1] == "main":
    failing(sys.argv[2])
else:
    asyncio.run({"wifi": radio, "ping": ping}[sys.argv[1]]())
