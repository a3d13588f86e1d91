"""One process of the measurement of messages a second (api.py): a member, or a plain MQTT client, that sends or hears.

    talker.py <send|hear|plain-send|plain-hear> PORT [RING]     one line in, one JSON object out

A sender is told `MODE SECONDS` and sends for so long, as many under way as its ring (16) holds but two: {"sent",
"start"}. A hearer is told `MODE COUNT` and answers when it has heard so many since the last line, or no more comes
(mosquitto drops what waits for a slow subscriber beyond a thousand): {"heard", "last"}. `group` makes the ratcheting
group of both.
All answers have "flushes" and "cpu" (seconds). Times are of the clock that all processes of a machine share. The line
before the first: {"ready": true}, once epoch and broker are there.
"""

import asyncio
import collections
import json
import os
import sys
import time

RING = int(sys.argv[3]) if len(sys.argv) > 3 else 16  # it holds what the broker has not acknowledged
AT_ONCE = RING - 2
BODY = b"x" * 32
TOPIC = "plain/topic"
PATIENCE_S = 30
QUIET_S = 3
flushes = collections.Counter()


def counted(name):
    real = getattr(os, name)

    def flush(*args):
        flushes[name] += 1
        return real(*args)

    setattr(os, name, flush)


async def until(true):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("nothing happened for %d s" % PATIENCE_S)
        await asyncio.sleep(0.01)


async def settled(heard, count):
    """Until `count` are heard, or none for QUIET_S."""
    since = time.monotonic()
    while len(heard) < count and time.monotonic() - max([since, *heard[-1:]]) < QUIET_S:
        await asyncio.sleep(0.01)


async def send_for(seconds, send):
    count, start = 0, time.monotonic()

    async def some():
        nonlocal count
        while time.monotonic() - start < seconds:
            await send()
            count += 1

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return {"sent": count, "start": start}


async def lines():
    """What is typed, and answers said, until the end of standard input."""
    print(json.dumps({"ready": True}), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        before, said, cpu = sum(flushes.values()), {}, time.process_time()
        yield line.split(), said
        said |= {"flushes": sum(flushes.values()) - before, "cpu": time.process_time() - cpu}
        print(json.dumps(said), flush=True)


async def plain(role, port):
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", port, max_inflight_messages=AT_ONCE) as client:
        client.pending_calls_threshold = AT_ONCE  # more is worth a warning to it
        if role == "plain-send":
            async for (_, seconds), said in lines():
                said.update(await send_for(float(seconds), lambda: client.publish(TOPIC, BODY, qos=1)))
            return
        await client.subscribe(TOPIC, qos=1)
        heard = []

        async def hear():
            async for _ in client.messages:
                heard.append(time.monotonic())

        hearing = asyncio.create_task(hear())
        async for (_, count), said in lines():
            await settled(heard, int(count))
            said.update(heard=len(heard), last=(heard or [0])[-1])
            heard.clear()
        hearing.cancel()


async def member(role, port):
    from sealcast.wire import b64
    from sealcast_host.member.session import join

    uid, other = ("sender", "hearer") if role == "send" else ("hearer", "sender")
    broker = {"host": "127.0.0.1", "port": port}
    session = await join(settings={"uid": uid, "channel": "g", "key": b64(bytes(32)), "broker": broker, "ring": RING})
    heard = collections.defaultdict(list)  # secrecy -> when they came
    session.on("message", lambda name, message: heard[message.secrecy].append(time.monotonic()))
    for lost in ("gap", "overflow", "error"):
        session.on(lost, lambda name, info: print("trouble:", name, info, file=sys.stderr, flush=True))
    await until(lambda: session.epoch and (other, "awake") in session.members)
    async for (mode, *more), said in lines():
        if mode == "group":
            if role == "send":
                await session.change_group("create", [other])
            await until(lambda: (session.group or {}).get("phase") == "live" and len(session.group["members"]) == 2)
        elif role == "send":
            said.update(await send_for(float(more[0]), lambda mode=mode: session.send(BODY, mode)))
        else:
            await settled(heard[mode], int(more[0]))
            said.update(heard=len(heard[mode]), last=heard[mode][-1])
            heard[mode].clear()
    await session.close()


if __name__ == "__main__":
    for name in ("fsync", "fdatasync"):
        counted(name)
    run = plain if sys.argv[1].startswith("plain") else member
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))
