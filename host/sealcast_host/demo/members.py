"""The members of the demo: nodes as MicroPython processes of their own, and members on this computer, seen alike.

Each records what happens to it; `Watch` wakes whoever waits for something to have happened.
"""

import asyncio
import json
import os
import platform
import shutil
from pathlib import Path
from typing import Any

from sealcast.errors import TooWeak
from sealcast_host.boards.shipped import core_dir, node_dir, prebuilt_dir
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.parent import die_with_parent
from sealcast_host.member.privatefiles import write_private
from sealcast_host.member.session import HostSession, join_watched
from sealcast_host.waiting import STEP_S, NotKept, Watch

COMMANDS = {"note": "note", "conversation": "conv", "ratchet": "ratchet"}  # of a node's console, by mode


class Member:
    """What is known of one member: its messages, its events, the epochs it took part in."""

    def __init__(self, uid: str, watch: Watch) -> None:
        self.uid = uid
        self.messages: list[dict[str, Any]] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.epochs: list[tuple[str, list[str]]] = []  # (epoch, its members), in the order agreed
        self._watch = watch

    def record(self, name: str, info: dict[str, Any]) -> None:
        """Take down one event or message."""
        if name == "message":
            self.messages.append(info)
        else:
            self.events.append((name, info))
            if name == "rekeyed" and info["epoch"] is not None:
                self.epochs.append((str(info["epoch"]), sorted(info["members"])))
        self._watch.changed()

    def take(self, line: str) -> None:
        """Take down a line of a node's log, or what else it printed: a traceback helps to explain a failure."""
        try:
            info = json.loads(line)
            name = info.pop("event")
        except (ValueError, KeyError, AttributeError):
            name, info = "output", {"text": line}
        self.record(name, info)

    def has(self, body: str, secrecy: str) -> bool:
        return any(m["body"] == body and m["secrecy"] == secrecy for m in self.messages)

    def saw(self, event: str, **info: Any) -> bool:
        return any(name == event and all(i.get(k) == v for k, v in info.items()) for name, i in self.events)

    def text_of(self, begin: str) -> str:
        """The first line of progress that begins so, or nothing."""
        return next((str(i["text"]) for _, i in self.events if str(i.get("text", "")).startswith(begin)), "")

    def missed(self, sender: str, body: str, secrecy: str) -> bool:
        """Has it not got what another sent, and no word of that either?"""
        return sender != self.uid and not self.has(body, secrecy) and not self.saw("gap", uid=sender, secrecy=secrecy)

    def crypto(self) -> str:
        """The suite it computes with, as it says itself; nothing before it has."""
        return self.text_of("crypto: ").removeprefix("crypto: ")

    async def send(self, body: str, mode: str) -> None:
        """Returns when the broker has acknowledged it. Raises NotKept."""
        raise NotImplementedError


class HostMember(Member):
    """A member on this computer, over aiomqtt."""

    session: HostSession

    async def join(self, settings: dict[str, Any]) -> None:
        """settings: with the channel's password, from which this computer makes the key, or with the key."""
        self.session = await join_watched(settings | {"uid": self.uid}, self._event)
        await self._watch.until(
            f"{self.uid} reaches the channel", lambda: any(n == "online" and "members" in i for n, i in self.events)
        )

    async def refused(self, body: str, least: str) -> bool:
        """Is a note with this refused, where `least` is the weakest mode that will do?"""
        try:
            await self.session.send(body, "note", min_secrecy=least)
        except TooWeak:
            return True
        return False

    def crypto(self) -> str:
        return f"{self.session.channel.me.suite.NAME} (libsodium)"

    def _event(self, name: str, info: Any) -> None:
        if name == "message":
            fields = ("sender", "secrecy", "origin", "historic", "again", "seq", "epoch", "private")
            info = {f: getattr(info, f) for f in fields} | {"body": info.body.decode("utf-8", "replace")}
        self.record(name, info)

    async def send(self, body: str, mode: str) -> None:
        try:
            async with asyncio.timeout(STEP_S):
                await self.session.send(body.encode(), mode)
        except TimeoutError:
            raise NotKept(f"the broker acknowledges what {self.uid} sends") from None


class NodeMember(Member):
    """A node: firmware/node and the core, run by MicroPython in a process of its own, spoken to through its console."""

    process: asyncio.subprocess.Process

    def __init__(self, uid: str, watch: Watch, micropython: Path, folder: Path) -> None:
        super().__init__(uid, watch)
        self._micropython = micropython
        self._folder = folder
        self._reader: asyncio.Task[None] | None = None
        self._killed = False

    def provision(self, known: channels.ChannelFile, phrase: str | None) -> None:
        """Write its sealcast.json: with the phrase, or, without one, with the key as `sealcast channel node` does."""
        self._folder.mkdir(mode=0o700)
        settings = known.settings(self.uid) | {"log": "json", "keepalive": 20}
        if phrase is not None:
            del settings["key"]
            settings["password"] = phrase
        write_private(self._folder / "sealcast.json", json.dumps(settings), replace=False)

    async def start(self) -> None:
        """Switch the node on."""
        self._killed = False
        self.process = await asyncio.create_subprocess_exec(
            str(self._micropython),
            str(node_dir() / "main.py"),
            str(self._folder / "sealcast.json"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=node_environment(),
            preexec_fn=die_with_parent,
        )
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.take(line.decode("utf-8", "replace").rstrip())
        if not self._killed:
            self._watch.broken = f"{self.uid} ended by itself"
        self.record("ended", {})

    async def send(self, body: str, mode: str) -> None:
        before = sum(n == "sent" for n, _ in self.events)
        await self.command(f"{COMMANDS[mode]} {body}")
        await self._watch.until(f"{self.uid} sends a {mode}", lambda: sum(n == "sent" for n, _ in self.events) > before)

    async def command(self, line: str) -> None:
        """One line for the node's console."""
        if self.process.stdin is None or self.process.returncode is not None:
            raise NotKept(f"{self.uid} runs")
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def kill(self) -> None:
        """SIGKILL: as if its battery had been pulled out."""
        self._killed = True
        process: asyncio.subprocess.Process | None = getattr(self, "process", None)
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader
            self._reader = None


def node_environment() -> dict[str, str]:
    """Where MicroPython finds the node, the core, and the native crypto for this machine if there is one."""
    native = prebuilt_dir() / {"x86_64": "x64", "AMD64": "x64"}.get(platform.machine(), "none")
    # The modules first: in a checkout their sources' folder lies beside the node's and has the same name.
    folders = ([native] if native.is_dir() else []) + [core_dir().parent, node_dir().parent]
    return {"MICROPYPATH": ":".join([".frozen", *map(str, folders)]), "PATH": os.environ.get("PATH", "")}


def find_micropython() -> Path:
    """$MICROPYTHON, else the one that `make demo` builds, else the one on the PATH. Raises UserError."""
    built = Path(__file__).resolve().parents[3] / "build/bin/micropython"
    for candidate in (os.environ.get("MICROPYTHON"), str(built), shutil.which("micropython")):
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise UserError("no MicroPython found: run `make demo`, which builds it, or set MICROPYTHON to its path")


async def has_native_crypto(micropython: Path) -> bool:
    """Does this MicroPython load the native modules? Without them a node takes minutes to make a key from a phrase."""
    process = await asyncio.create_subprocess_exec(
        str(micropython),
        "-c",
        "from sealcast.crypto import native",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=node_environment(),
        preexec_fn=die_with_parent,
    )
    return await process.wait() == 0
