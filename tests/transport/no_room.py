"""Runs on MicroPython: no memory is left just when the node deals with that. One case, printed as one JSON object.

no_room.py wifi | ping | wait | lock | node | light | line | serial | main PATH | cancelled PATH
"""

import asyncio
import json
import sys

import micropython

from node import app, console, mqtt, serialport, wifi
from node.led import Led
from sealcast.run.aio import Backoff, pause, sleep_ms

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


async def mute(keepalive):
    """-> a client of a broker that says nothing, and hangs up on nobody."""

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
    client = mqtt.Client("127.0.0.1", port, "me", None, None, keepalive)
    await client.connect(None, b"")
    return client


async def ping():
    """Is a link given up whose pings find no memory?"""
    client, told, full = await mute(1), [None], [False]
    die = client._die

    def died(error):
        micropython.heap_unlock()
        full[0] = None
        die(error)

    async def send(first, *parts):
        if not full[0]:
            full[0] = True
            micropython.heap_lock()
        raise MemoryError

    async def listen():
        try:
            await client.receive()
        except Exception as e:
            told[0] = e

    client.send, client._die = send, died
    asyncio.create_task(listen())
    while full[0] is False:
        await sleep_ms(STEP_MS)
    if full[0]:
        micropython.heap_unlock()
    for _ in range(STEPS):
        if told[0]:
            break
        await sleep_ms(STEP_MS)
    print(json.dumps({"lost": type(told[0]).__name__}))


async def wait():
    """What is waited for comes when there is no memory: is the one who waits none the worse?"""
    event, ended = asyncio.Event(), [None]

    async def waits():
        try:
            await pause(event, STEP_MS * STEPS)
            ended[0] = "well"
        except BaseException as e:
            ended[0] = e

    asyncio.create_task(waits())
    await sleep_ms(STEP_MS)
    micropython.heap_lock()
    event.set()
    for _ in range(10):
        await sleep_ms(0)
    micropython.heap_unlock()
    await sleep_ms(STEP_MS)
    print(json.dumps({"ended": repr(ended[0])}))


async def lock():
    """Where `async with` found no memory for its end its lock stays taken: does the next connection come about?"""
    client = await mute(60)
    await client._lock.acquire()
    await client.abort()
    client.connect_ms = STEP_MS * STEPS
    await client.connect(None, b"")
    print(json.dumps({"connected": client.stream is not None}))


class Session:
    """One that ends after it could not be asked how it is."""

    failed = 0
    closed = False

    def on(self, event, callback):
        pass

    async def start(self):
        pass

    def healthy(self):
        self.failed += 1
        self.closed = self.failed > TIMES
        if not self.closed:
            raise MemoryError
        return True


async def node():
    """Does the node's own loop outlive it?"""

    async def begun(*parts):
        return None, session

    session, app.begun, app.sleep_ms = Session(), begun, lambda ms: sleep_ms(STEP_MS)
    config = {"uid": "me", "log": "json", "duty": None, "sensor": None, "transport": "mqtt"}
    print(json.dumps({"code": await app.node(config, "")}))


async def light():
    """Does the LED go on?"""

    class Pin:
        shown = 0

        def value(self, on):
            self.shown += 1
            if self.shown == 1:
                raise MemoryError

    led = Led(Pin())
    asyncio.create_task(led.run())
    for _ in range(STEPS):
        await sleep_ms(STEP_MS)
        if led.pin.shown > 1:
            break
    print(json.dumps({"shown": led.pin.shown}))


async def line():
    """Is the rest of a line that there was no memory for taken for a command?"""

    class Stream:
        left = [b"n", b"o", b"t", b"e", b" ", None, b"l", b"e", b"a", b"v", b"e", b"\n", b"r", b"\n"]

        async def read(self, n):
            byte = self.left.pop(0)
            if byte is None:
                raise MemoryError
            return byte

    typed = console.Typed(sys.stdin.buffer)
    typed._stream = Stream()
    first, second = await typed.readline(), await typed.readline()
    try:
        str(first, "utf-8")
    except UnicodeError:
        first = None
    print(json.dumps({"lines": [first, str(second, "utf-8")]}))


async def serial():
    """Is a serial link given up whose clockwork found no memory?"""

    def tick(now):
        raise MemoryError

    port = serialport.Serial(None, 5, 4)
    port._link.tick = tick
    try:
        await port._tick()
    except MemoryError:
        pass
    print(json.dumps({"lost": type(port._dead).__name__}))


class Clock:
    """Of a board: the wait before it begins anew gives no memory back."""

    def sleep(self, seconds):
        print("waits")


class Machine:
    def reset(self):
        micropython.heap_unlock()
        print(json.dumps({"reset": True}))


CANCELLED = asyncio.CancelledError()


class Node:
    def __init__(self, main):
        self.main = main  # of an object its methods cannot be imported


def full(arguments):
    micropython.heap_lock()
    raise MemoryError


def cancelled(arguments):
    micropython.heap_lock()
    raise CANCELLED


def failing(path, main):
    """Does a board begin anew that has no room for the words, whatever ended its node?"""

    def fakes():
        sys.modules["time"], sys.modules["machine"], sys.modules["node.app"] = Clock(), Machine(), Node(main)

    with open(path) as f:
        definitions = f.read().split("\nif sys.argv:")[0]
    scope = {"__name__": "main"}
    exec(definitions, scope)
    scope["found"] = fakes
    scope["on_board"]()


ENDS = {"main": full, "cancelled": cancelled}
CASES = {
    "wifi": radio, "ping": ping, "wait": wait, "lock": lock, "node": node, "light": light, "line": line,
    "serial": serial,
}  # fmt: skip
if sys.argv[1] in ENDS:
    failing(sys.argv[2], ENDS[sys.argv[1]])
else:
    asyncio.run(CASES[sys.argv[1]]())
