"""The node program: joins, publishes its sensor, prints what arrives, feeds the watchdog while all is well."""

import asyncio
import gc
import json
import sys

from sealcast import rare
from sealcast.compat import const
from sealcast.crypto import best_suite
from sealcast.errors import BadSettings, NoRoom, SealcastError
from sealcast.run.aio import Clock, sleep_ms

from . import forget, watchdog
from .log import Log

_FEED_MS = const(1000)
_AGAIN_MS = const(10000)
_AGAIN_MOST_MS = const(60000)
_EACH_BYTES = const(4096)  # between two collections
_WAKING_BYTES = const(32768)  # the same, while a waking lasts

ON_BOARD = sys.platform not in ("linux", "darwin", "win32")


def main(arguments):
    """Run until the session is closed. Returns the exit code: 0, 2 for settings that cannot work, 130 after Ctrl-C."""
    if ON_BOARD:  # elsewhere the heap is large, and collecting every 4 KB makes the soft suite ten times slower
        gc.threshold(_EACH_BYTES)
    try:
        return asyncio.run(run(arguments[0] if arguments else "sealcast.json"))
    except KeyboardInterrupt:  # like a power cut: the broker publishes the last will
        return 130


async def run(path):
    light, wait = None, _AGAIN_MS
    if ON_BOARD:
        from . import led

        light = led.make()
        asyncio.create_task(light.run())
    while True:
        try:
            config, directory = configured(path)
            if ON_BOARD:  # a waking has ended before the heap is in pieces
                gc.threshold(min(gc.mem_free() // 2, _WAKING_BYTES) if config["duty"] else _EACH_BYTES)
            return await node(config, directory, light)
        except BadSettings as e:
            for line in str(e).split("\n"):
                print(path + ": " + line)
        except SealcastError as e:
            print("sealcast: " + str(e))
        if not ON_BOARD:
            return 2
        if light:
            light.state = "unprovisioned"
        await sleep_ms(wait)  # someone may be copying better settings over right now
        wait = min(2 * wait, _AGAIN_MOST_MS)


async def node(config, directory, light=None):
    """One session from start to close. config: completed settings; light: shows how it is, on a board."""
    clock = Clock()
    log = Log(config["log"], clock)
    suite = best_suite()
    status = watched(light, config, clock, log) if light else None

    def report(name, info):
        log.event(name, info)
        if status:
            status.event(name, info)

    try:
        broker, session = await begun(config, suite, directory, clock, report, log.tell)
    except OSError as e:
        if not (config["duty"] and ON_BOARD):
            raise
        from . import deepsleep

        report("error", {"code": "duty", "text": str(e)})
        return deepsleep.rest(config["duty"])
    forget("setup", "heap", "firstboot")
    session.on("*", report)
    session.on("message", lambda name, message: None)  # taken as soon as it is printed
    tasks, source = [], None
    if config["sensor"]:
        from .sensors import make

        try:
            source = make(config["sensor"])
        except BadSettings as e:  # it is a member without one
            report("error", {"code": "sensor", "where": config["sensor"]["kind"], "text": str(e)})
    if config["duty"]:
        from . import deepsleep

        tasks.append(deepsleep.Turn(config, session, log, source).run)
    elif source:
        tasks.append(lambda: publish(source, config["sensor"], session, log))
    tasks.append(lambda: typed(session, log, broker if config["transport"] == "serial" else None))
    if status:
        status.others = lambda: others(session, config["uid"])
    start = {"uid": config["uid"]}
    if not config["duty"]:  # a waking has no time for the count
        named("conversation" in (config.get("modes") or ("conversation",)))
        gc.collect()
        start["heap_free"], start["heap_used"] = gc.mem_free(), gc.mem_alloc()
    log.event("start", start)
    await session.start()
    running = [asyncio.create_task(guard(work, session)) for work in tasks]
    watchdog.start(suite, log.tell)
    while not session.closed:
        try:
            if session.healthy():
                watchdog.feed()
            if status:
                status.look()
            # To wait for its end takes tasks and events: that is for those whose battery pays for each second
            await (session.wait_closed(_FEED_MS) if config["duty"] else sleep_ms(_FEED_MS))
        except MemoryError:  # others deal with that, and this loop feeds them
            await sleep_ms(_FEED_MS)
    for task in running:
        task.cancel()
    log.event("closed", {})
    if config["duty"] and ON_BOARD:
        deepsleep.rest(config["duty"])
    return 0


def named(talks):
    """Load what brings a member into its channel, and its conversation (talks), and let it go: the names in it stay.

    MicroPython's table of names doubles when it is full, by some KB in one piece. Now there is room for that. Settings
    that were checked when the board was provisioned leave it a few names short of it: their rules fill it.
    """
    try:
        rare.need("state", "zpinc.history", "zpinc.joins", "zpinc.asking", "run.settings")
        if talks:
            rare.need("zpinc.cpace", "zpinc.rekey")
    except NoRoom:
        pass  # told when it is needed
    rare.release()
    # What of asyncio no node uses: classes take memory wherever their code lies.
    for name, part in (("event", "ThreadSafeFlag"), ("stream", "Server"), ("stream", "start_server")):
        if hasattr(sys.modules.get("asyncio." + name), part):
            delattr(sys.modules["asyncio." + name], part)


# setup.py is not to be held by a frame that lives on: it is forgotten.


def configured(path):
    from . import setup

    return setup.configured(path)


def watched(*parts):
    from . import setup

    return setup.watch(*parts)


async def begun(config, suite, directory, clock, report, tell):
    """-> (the transport, Session), see setup.py."""
    from . import setup

    broker, kept = await setup.begin(config, suite, directory, report)
    session = setup.member(config, suite, directory, clock, broker, tell)
    del kept
    return broker, session


async def guard(work, session):
    """Run a task of the application again when it fails, and say so."""
    while True:
        try:
            return await work()
        except Exception as e:
            session.failed("application", e)
        await sleep_ms(_AGAIN_MS)


async def publish(source, settings, session, log):
    """Publish a reading every so often, as JSON. One that cannot be sent is reported and not repeated."""
    mode = None if settings["mode"] == "auto" else settings["mode"]
    while True:
        await sleep_ms(settings["every"] * 1000)
        try:
            reading = await source.read()
        except OSError:
            text = "no reading: check the wiring and sensor.pin"
            log.event("error", {"code": "sensor", "where": source.name, "text": text})
            continue
        try:
            await session.send(json.dumps(reading).encode(), mode)
            log.event("sent", {"command": "sensor", "text": json.dumps(reading)})
        except SealcastError as e:
            log.event("refused", {"command": "sensor", "code": e.code, "text": str(e)})


def typed(session, log, link):
    """Commands from the serial port: the lines between a link's packets, else standard input."""
    from . import console

    return console.serve(session, log, console.Lines(link) if link else console.Typed(sys.stdin.buffer))


def others(session, uid):
    """Is any other member known here?"""
    for member in session.members:
        if member[0] != uid:
            return True
    return False
