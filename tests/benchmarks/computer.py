"""Commands as processes on this machine, over mosquitto."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from host_support import environment, free_port, mosquitto, start_broker

ROUNDS = 9  # the best counts, so that a busy machine does not


def missing():
    return [] if mosquitto() else ["mosquitto"]


def fifty(env):
    """Fifty commands started at once, until the last has ended."""
    start = time.perf_counter()
    argv = [sys.executable, "-m", "sealcast_host", "send", "g", "x"]
    for child in [subprocess.Popen(argv, env=env) for _ in range(50)]:
        if child.wait():
            raise RuntimeError("a command failed")
    return time.perf_counter() - start


async def attached():
    """Fifty programs of one process: each attaches, sends, detaches. -> seconds."""
    from sealcast_host.agent import attach

    async def one(i):
        ch = await attach("g", listen=False)
        await ch.send(b"number %d" % i)
        await ch.close()

    start = time.perf_counter()
    await asyncio.gather(*(one(i) for i in range(50)))
    return time.perf_counter() - start


def measure(put):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = environment(XDG_CONFIG_HOME=folder + "/config", XDG_STATE_HOME=folder + "/state")

        def run(*words):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "sealcast_host", *words], env=env, check=True, stdout=subprocess.DEVNULL
            )
            return time.perf_counter() - start

        kept = Path(folder, "broker")
        os.mkdir(kept)
        with start_broker("mosquitto", port, kept):
            run("channel", "new", "g", "--stretch", "15", "--broker", "127.0.0.1:%d" % port)
            put("x64.send_command.alone_seconds", round(min(run("send", "g", "x") for _ in range(ROUNDS)), 3))
            run("agent", "--detach")
            try:
                beside = [run("send", "g", "x") for _ in range(ROUNDS)]
                put("x64.send_command.seconds", round(statistics.median(beside), 3))
                put("x64.send_command.agent_seconds", round(min(beside), 3))
                put("x64.send_command.agent_fifty_seconds", round(min(fifty(env) for _ in range(ROUNDS // 3)), 3))
                with mock.patch.dict(os.environ, env):  # as a member's program, in its home
                    put("x64.agent.fifty_sends_seconds", round(min(asyncio.run(attached()) for _ in range(ROUNDS)), 3))
            finally:
                run("agent", "--stop")
