"""Gateways that the agent runs: `sealcast gateway NAME --to ... --detach`. docs/AGENT.md.

Each is a process of its own that attaches like any program: a web server or a database is not in the members' way, and
may fail alone. One that ends is begun again. All end with the agent, whatever ends it (their standard input does), and
come again with the next: what was asked for is kept in a file for this user alone.
"""

import asyncio
import json
import sys
from collections import deque
from typing import Any

from sealcast_host.agent import place
from sealcast_host.agent.log import Log
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.ending import ended, whole
from sealcast_host.member.privatefiles import read_private_json, reason, write_private

FIRST_S, LONGEST_S = 1.0, 60.0  # before one that ended is begun again
GRACE_S = 10.0  # for its outputs to hand on what waits
SAID = 20  # last lines of each that are kept


class Gateways:
    """By channel; each has one, with as many outputs as it likes."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._path = place.directory() / "gateways.json"
        self._running: dict[str, _Process] = {}
        self._turn = asyncio.Lock()
        self._closed = False

    def begin(self) -> None:
        """All that were asked for before."""
        try:
            kept = read_private_json(self._path) if self._path.exists() else {}
            for channel, asked in kept.items():
                self._running[channel] = _Process(channel, asked["words"], asked["folder"], self._log)
        except (UserError, KeyError, TypeError) as e:
            self._log.say(f"gateways: {e if isinstance(e, UserError) else f'{self._path} is damaged: remove it'}")

    async def add(self, channel: str, words: list[str], folder: str) -> list[str]:
        """Run one in place of the channel's present one; what it said when it had begun. words: as on its command line.
        folder: where relative paths begin. Raises Failed with its last line when it does not begin: the present one
        begins anew."""
        async with self._turn:
            former, process = self._running.pop(channel, None), None
            try:
                if former is not None:
                    await former.end()
                process = _Process(channel, words, folder, self._log)
                await process.tried.wait()
                if not process.works:
                    last = process.said[-1] if process.said else "it said nothing"
                    stays = "; the one of before runs on" if former is not None else ""
                    raise Failed(f"the gateway does not start ({last}): mend that, and give the command again{stays}")
                self._write({channel: process})
            except BaseException:  # also when who asked goes away before
                try:
                    if process is not None:
                        await process.end()
                finally:
                    if former is not None and not self._closed:
                        self._running[channel] = _Process(channel, former.words, former.folder, self._log)
                raise
            self._running[channel] = process
            return list(process.said)

    async def remove(self, channel: str) -> bool:
        """End the channel's, for good. False: it has none."""
        async with self._turn:
            process = self._running.pop(channel, None)
            if process is None:
                return False
            try:
                await process.end()
            finally:
                self._write({})
            return True

    async def close(self) -> None:
        """End all; they are begun again by the next agent."""
        self._closed = True
        await asyncio.gather(*(process.end() for process in self._running.values()))
        self._running = {}

    def status(self) -> list[dict[str, Any]]:
        """Of each: channel, words, folder, running, said (its last lines)."""
        return [
            {"channel": channel, "words": p.words, "folder": p.folder, "running": p.works, "said": list(p.said)}
            for channel, p in self._running.items()
        ]

    def _write(self, new: "dict[str, _Process]") -> None:
        kept = self._running | new
        asked = {channel: {"words": p.words, "folder": p.folder} for channel, p in kept.items()}
        write_private(self._path, json.dumps(asked) + "\n", replace=True)


class _Process:
    """One gateway, begun again and again until end()."""

    def __init__(self, channel: str, words: list[str], folder: str, log: Log) -> None:
        self.channel, self.words, self.folder = channel, words, folder
        self.said: deque[str] = deque(maxlen=SAID)
        self.works = False  # it has begun, and not ended
        self.tried = asyncio.Event()  # ... or ended before it had
        self._log = log
        self._pause_s = FIRST_S
        self._task = asyncio.ensure_future(self._run())

    async def end(self) -> None:
        """Returns when it has ended. Raises CancelledError, then, for one who was cancelled meanwhile."""
        await ended(self._task)

    async def _run(self) -> None:
        while True:
            try:
                how = f"ended ({await self._once()})"
            except OSError as e:  # no such folder any more, no memory
                how = reason(e)
                self.said.append(how)
            self.works = False
            last = self.said[-1].partition("/enter?")[0] if self.said else ""  # never a link that lets somebody in
            self._log.say(f"gateway of {self.channel!r}: {how}: {last}; again in {self._pause_s:.0f} s")
            self.tried.set()
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, LONGEST_S)

    async def _once(self) -> int:
        argv = [sys.executable, "-P", "-m", "sealcast_host", "gateway", self.channel, *self.words, "--by-agent"]
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=self.folder, stdin=pipe, stdout=nowhere, stderr=pipe, start_new_session=True
        )
        try:
            assert process.stderr is not None
            while True:
                try:
                    line = await process.stderr.readline()
                except ValueError:  # a line without end
                    continue
                if not line:
                    break
                self.said.append(line.decode("utf-8", "replace").strip().removeprefix("sealcast: "))
                if not self.works and self.said[-1].startswith("gateway of "):
                    self.works = True
                    self._pause_s = FIRST_S
                    self._log.say(f"gateway of {self.channel!r}: process {process.pid}")
                    self.tried.set()
            return await process.wait()
        finally:
            if process.returncode is None:
                await whole(_stopped(process))


async def _stopped(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
