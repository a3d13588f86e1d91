"""The other end of crew.py: a real process that is given orders, tells what its members see, and is killed."""

import asyncio
import itertools
import json
import os
import sys
from pathlib import Path

from host_support import environment

TESTS = Path(__file__).resolve().parents[1]


class Killed(Exception):
    """The process of this member was killed."""


class Hands:
    """One process. `on(who, told, gone)`: told(life, name, info) at every event, gone() when the process is killed."""

    def __init__(self, state_home, kills=0):
        """kills: how many times it may be killed."""
        self._state_home = state_home
        self._process = None
        self._reader = None
        self._numbers = itertools.count(1)
        self._answers = {}
        self._on = {}
        self._ready = asyncio.Event()
        self.kills = kills

    def on(self, who, told, gone):
        self._on[who] = (told, gone)

    async def start(self):
        env = environment(XDG_STATE_HOME=self._state_home)
        env["PYTHONPATH"] += os.pathsep + str(TESTS)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore::ResourceWarning", "-m", "delivery.crew", stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, limit=1 << 20, env=env
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._process.stdout))

    async def _read(self, stream):
        while line := await stream.readline():
            what = json.loads(line)
            if "n" in what:
                answer = self._answers.pop(what["n"], None)
                if answer and not answer.done():
                    answer.set_result(what)
            elif what["name"] == "ready":
                self._ready.set()
            else:
                self._on[what["who"]][0](what["life"], what["name"], what["info"])

    async def ready(self):
        """Until there is a process."""
        await self._ready.wait()

    async def call(self, do, who, **more):
        """Order something and wait for the answer. Raises Killed."""
        if not self._ready.is_set():
            raise Killed
        n = next(self._numbers)
        self._answers[n] = answer = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"n": n, "do": do, "who": who, **more}).encode() + b"\n")
        return await answer

    async def kill(self):
        """kill -9, and another process takes its place -> False when there have been enough of them."""
        if not self.kills or not self._ready.is_set():
            return False
        self.kills -= 1
        await self.end()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Killed())
                answer.exception()  # who ordered it may be gone as well
        self._answers = {}
        for _, gone in self._on.values():
            gone()
        await self.start()
        return True

    async def end(self):
        self._ready.clear()
        self._process.kill()
        await self._process.wait()
        await self._reader  # what it had said
