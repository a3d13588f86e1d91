"""Messages a second through the API, over mosquitto: 32 bytes, two members of one process, a ring's worth at once."""

import asyncio
import os
import secrets
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from unittest import mock

from host_support import free_port, mosquitto, start_broker

COUNT = 600
AT_ONCE = 14  # a ring of 16 holds what the broker has not acknowledged
BODY = b"x" * 32
PLACES = {"disk": Path(__file__).parents[2] / "build", "tmpfs": Path("/dev/shm")}


def missing():
    return [] if mosquitto() else ["mosquitto"]


async def _each(send):
    """COUNT calls, AT_ONCE under way at a time. -> a second."""
    left, start = iter(range(COUNT)), time.perf_counter()

    async def some():
        for _ in left:
            await send()

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return COUNT / (time.perf_counter() - start)


async def _plain(port):
    import aiomqtt

    async with aiomqtt.Client("127.0.0.1", port, max_inflight_messages=AT_ONCE) as client:
        client.pending_calls_threshold = AT_ONCE  # more is worth a warning to it
        return await _each(lambda: client.publish("plain/topic", BODY + bytes(64), qos=1))


async def _members(stack, port):
    from sealcast.wire import b64
    from sealcast_host.member.session import join

    key, members = b64(secrets.token_bytes(32)), []
    for uid in ("sender", "listener"):
        given = {"uid": uid, "channel": "g", "key": key, "broker": {"host": "127.0.0.1", "port": port}}
        members.append(await stack.enter_async_context(await join(settings=given)))
    sender, listener = members

    async def read():
        async for _ in listener:
            pass

    reading = asyncio.create_task(read())
    stack.callback(reading.cancel)
    while not sender.epoch or sender.epoch != listener.epoch:
        await asyncio.sleep(0.02)
    await sender.change_group("create", ["listener"])
    while not all(m.group and m.group["phase"] == "live" and len(m.group["members"]) == 2 for m in members):
        await asyncio.sleep(0.02)
    return sender


async def _measure(put, place, port):
    plain = await _plain(port)
    async with AsyncExitStack() as stack:
        sender = await _members(stack, port)
        for mode in ("note", "conversation", "ratchet"):
            flushes = mock.Mock(side_effect=os.fsync)
            with mock.patch("os.fsync", flushes):
                rate = await _each(lambda mode=mode: sender.send(BODY, mode))
            put(f"x64.api.{mode}.{place}.per_second", round(rate))
            put(f"x64.api.{mode}.{place}.ratio_to_plain", round(plain / rate, 1))
            if place == "disk":
                put(f"x64.api.{mode}.fsyncs_per_message", round(flushes.call_count / COUNT / 2, 2))


def measure(put):
    for place, folder in PLACES.items():
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as home:
            env = {"XDG_CONFIG_HOME": home + "/config", "XDG_STATE_HOME": home + "/state"}
            port = free_port()
            with mock.patch.dict(os.environ, env), start_broker("mosquitto", port, Path(home)):
                asyncio.run(_measure(put, place, port))
