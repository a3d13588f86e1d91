"""The node program: joins, publishes its sensor, prints what arrives, feeds the watchdog while all is well."""

import asyncio
import gc
import json
import sys

from sealcast.compat import const
from sealcast.errors import BadSettings, SealcastError
from sealcast.run.aio import sleep_ms

from . import setup
from .log import Log

_WATCHDOG_MS = const(60000)
_FEED_MS = const(1000)
_AGAIN_MS = const(10000)
_AGAIN_MOST_MS = const(60000)

ON_BOARD = sys.platform not in ("linux", "darwin", "win32")
dog = None  # the watchdog, once it is on: it cannot be stopped, and whoever interrupts the node must know


def main(arguments):
    """Run until the session is closed. Returns the exit code: 0, 2 for settings that cannot work, 130 after Ctrl-C."""
    if ON_BOARD:  # elsewhere the heap is large, and collecting every 4 KB makes the soft suite ten times slower
        gc.threshold(4096)
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
            values, directory = setup.read(path)
            return await node(values, directory, light)
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


async def node(values, directory, light=None):
    """One session from start to close. light: shows how it is, on a board."""
    global dog
    kind = values.get("log") if isinstance(values, dict) else None
    early = []
    config, session = setup.member(values, directory, early.append)
    log = Log(kind, session.clock)
    for line in early:
        log.tell(line)
    session.on("*", log.event)
    session.on("message", lambda name, message: None)  # taken as soon as it is printed
    tasks, source = [], None
    if config["sensor"]:
        from .sensors import make

        source = make(config["sensor"])
    if config["duty"]:
        from . import deepsleep

        tasks.append(deepsleep.Turn(config, session, log, source).run)
    elif source:
        tasks.append(lambda: publish(source, config["sensor"], session, log))
    status = watch(light, config, session, log) if light else None
    if config["wifi"]:
        from .wifi import Wifi

        def report(name, info):
            log.event(name, info)
            if status:
                status.event(name, info)

        Wifi(config["wifi"], report).start()
    serial = config["transport"] == "serial"
    if serial or not ON_BOARD:
        from . import console

        lines = console.Lines(session.transport) if serial else console.stdin()
        tasks.append(lambda: console.serve(session, log, lines))
    gc.collect()
    log.event("start", {"uid": config["uid"], "heap_free": gc.mem_free(), "heap_used": gc.mem_alloc()})
    await session.start()
    running = [asyncio.create_task(guard(work, session)) for work in tasks]
    dog = watchdog(session.channel.me.suite, log)
    while not session.closed:
        if dog and session.healthy():
            dog.feed()
        if status:
            status.look()
        await session.wait_closed(_FEED_MS)
    for task in running:
        task.cancel()
    log.event("closed", {})
    if config["duty"] and ON_BOARD:
        deepsleep.rest(config["duty"])
    return 0


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
            log.event("error", {"code": "sensor", "where": source.name, "text": "no reading: check the wiring and sensor.pin"})
            continue
        try:
            await session.send(json.dumps(reading).encode(), mode)
            log.event("sent", {"command": "sensor", "text": json.dumps(reading)})
        except SealcastError as e:
            log.event("refused", {"command": "sensor", "code": e.code, "text": str(e)})


def watch(light, config, session, log):
    """The session's state, on the light and in a line when it needs somebody's help."""
    from . import led

    if config["led"] is not None:
        light.pin = led.make(config["led"]).pin
    status = led.Status(light, log.tell, config["wifi"], session.clock.now, lambda: others(session, config["uid"]))
    session.on("*", status.event)
    return status


def others(session, uid):
    """Is any other member known here?"""
    for member in session.members:
        if member[0] != uid:
            return True
    return False


def watchdog(suite, log):
    """The machine's watchdog, or None. Only with native crypto: the soft suite computes for longer than any watchdog waits."""
    import machine

    if suite.NAME != "native" or not hasattr(machine, "WDT"):
        return None
    try:
        dog = machine.WDT(timeout=_WATCHDOG_MS)
    except ValueError:
        dog = machine.WDT(timeout=8300)  # the RP2040's longest
    log.tell("watchdog: on")
    return dog
