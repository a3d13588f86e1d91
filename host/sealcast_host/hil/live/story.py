"""The node itself in a group with the reference, over a real broker: what a user's board does, with what can go wrong.

Without a radio, or unless a network is named, it speaks over its serial port through the same bridge that
`sealcast bridge` is.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from reference.frames import HANDSHAKE, NOTE, RATCHET
from reference.names import ChannelKeys
from sealcast_host.boards.repl import Gone
from sealcast_host.bridge.ports import Bridge, maker
from sealcast_host.errors import UserError
from sealcast_host.hil.foresight import Foreseen
from sealcast_host.hil.live.guest import LiveGuest
from sealcast_host.hil.live.node import CHANNEL, RESET, WINDOW, Fault, LiveNode
from sealcast_host.hil.observer import Observer
from sealcast_host.hil.place import BOARD, secret
from sealcast_host.hil.results import FAILED, NotRun, Results, Wrong
from sealcast_host.hil.rig import Rig
from sealcast_host.member.ending import ended
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.refusals import LinkError
from sealcast_host.waiting import NotKept, Watch

PART = "live"
STEP_S = 90.0
END_S = 15.0
WRONG_FRAMES = 1000
_AT_ONCE = 25
_UNPLUGGED = "the port is gone"  # as the bridge says it
_UNFIT, _NO_GROUP = "sealcast: memory:", "memory: too little for the ratcheting group"  # as node/setup.py says it


def check(
    rig: Rig, results: Results, broker: dict[str, Any] | None, wifi: dict[str, str] | None, there: str | None = None
) -> None:
    """broker: as in sealcast.json, None for one of our own. wifi: ssid and password of a network that the board
    joins. there: the broker's host as the board sees it, if that is another. Raises UserError when there is no broker
    to be had."""
    asyncio.run(_run(rig, results, broker, wifi, there))


async def _run(
    rig: Rig, results: Results, broker: dict[str, Any] | None, wifi: dict[str, str] | None, there: str | None
) -> None:
    async with _broker(broker) as where:
        story = Story(rig, results, where, wifi, there)
        try:
            await _tell(results, story)
        finally:  # a broker with clients left would wait for them
            with contextlib.suppress(TimeoutError, LinkError):
                async with asyncio.timeout(END_S):
                    await story.end()


async def _tell(results: Results, story: "Story") -> None:
    failed = ""
    for name, section, step in story.steps():
        if failed:
            results.skip(PART, name, f"it follows on: {failed}")
            continue
        with results.check(PART, name, section) as made:
            made.detail = await step() or ""
        failed = name if made.verdict == FAILED or story.unfit else ""


@asynccontextmanager
async def _broker(given: dict[str, Any] | None) -> AsyncIterator[dict[str, Any]]:
    if given is not None:
        yield given
        return
    try:
        from sealcast_host.broker.server import running_broker
    except ModuleNotFoundError as e:  # an extra's, and the other parts do without it
        raise UserError(
            f"a broker of its own needs {e.name}: pip install 'sealcast-host[broker]', or name one with --broker"
        ) from None

    async with running_broker() as broker:
        yield {"host": "127.0.0.1", "port": broker.port}


Step = tuple[str, str, Callable[[], Awaitable[str | None]]]


class NoMemory(Wrong):
    """The node ended because its heap was full."""


class Story:
    """What happens, step by step. Each step raises what was wrong."""

    def __init__(
        self, rig: Rig, results: Results, broker: dict[str, Any], wifi: dict[str, str] | None, there: str | None
    ) -> None:
        seed = self._seed = results.seed
        self._rig, self._results, self._broker, self._wifi = rig, results, broker, wifi
        self._there = there
        self._ratchet = True  # until the board says that it has no memory for it
        self.unfit = ""  # what the board says when not even a member fits it
        self._watch = Watch()
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._text: list[str] = []
        keys = self._keys = ChannelKeys(secret(seed, "root"), CHANNEL)
        self._foreseen = Foreseen(BOARD, secret(seed, BOARD))
        self._observer = Observer(keys, BOARD, self._foreseen)
        self._guest = LiveGuest(keys, seed, self._observer, MqttTransport.to(broker), self._watch)
        self._bridge = Bridge(maker(broker), self._line)
        self._relaying: asyncio.Task[None] | None = None
        self._node: LiveNode | None = None

    def steps(self) -> list[Step]:
        def resets(what: str, section: str, fault: Fault) -> Step:
            return f"reset in the middle of a {what}", section, partial(self.survives, what, fault)

        told: list[Step] = [
            ("the node starts, joins, and agrees on an epoch", "6, 9", self.begins),
            ("notes and conversation, both ways", "7, 10", partial(self.talks, "first")),
        ]
        told.append(("group: founded by the reference, messages both ways", "16, 17", self.groups))
        told.append((f"{WRONG_FRAMES:,} wrong frames; then it still answers", "13", self.bears))
        told += [resets("handshake", "9.5", Fault(HANDSHAKE, 3)), resets("message", "7.2", Fault(NOTE, 1))]
        told.append(resets("ratchet message", "18.1", Fault(RATCHET, 1)))
        return [*told, resets("write of its state", "12", Fault(None, 6))]

    # --- steps

    async def begins(self) -> str:
        network: dict[str, Any] = {"transport": "serial", "serial": {"window": WINDOW}}
        if self._wifi is not None:
            there = {"host": self._there} if self._there else {}
            network = {"transport": "mqtt", "wifi": self._wifi, "broker": self._broker | there}
        try:
            await self._guest.arrive(self._ratchet)
        except LinkError as e:
            raise Wrong("2", f"the broker cannot be used: {e}") from None
        self._node = await asyncio.to_thread(LiveNode, self._rig, self._seed, self._foreseen, network)
        try:
            await self._start()
            self._ratchet = not any(line.startswith(_NO_GROUP) for line in self._text)
            await self._agreed(None)
        except (NoMemory, NotRun):
            if not self._ratchet:
                raise
            await self._stop()
            self._ratchet, self.unfit = False, ""
            await asyncio.to_thread(self._node.without_group)
            await self._start()
            await self._agreed(None)
        await self._heap_free("live.start.free")
        return "over " + ("the network " + self._wifi["ssid"] if self._wifi else "the serial bridge")

    async def talks(self, word: str) -> str:
        for mode, stream in (("note", "n"), ("conv", "c")):
            text = f"{word} {mode} of the board"
            await self._send(mode, text)
            await self._until(
                f"the reference hears the board's {mode}", partial(self._guest.heard, stream, text.encode())
            )
            answer = f"{word} {mode} of the reference"
            await self._guest.say((self._guest.peer.note if mode == "note" else self._guest.peer.say)(answer.encode()))
            await self._until(f"the board hears the reference's {mode}", partial(self._has, answer))
        return f"{self._guest.judged} frames judged so far, {self._foreseen.nonces} of the board's nonces foretold"

    async def groups(self) -> str:
        self._need_group()
        await self._until("the board's packages", lambda: self._observer.seen["Package"] >= 2)
        await self._guest.found()
        await self._until("the board is in the group", lambda: self._saw("group"))
        await self._send("ratchet", "of the board, ratcheted")
        await self._until("the reference hears it", lambda: self._guest.heard("g", b"of the board, ratcheted"))
        await self._guest.say(self._guest.group.send(b"of the reference, ratcheted"))
        await self._until("the board hears the reference", lambda: self._has("of the reference, ratcheted"))
        await self._send("private reference", "for one alone")
        await self._until("the reference hears a whisper", lambda: self._guest.heard("private", b"for one alone"))
        return ""

    def _need_group(self) -> None:
        if not self._ratchet:
            raise NotRun("the node with the ratcheting half does not fit this board's heap")

    async def bears(self) -> str:
        """Noise and spoiled frames on every stream, then a note both ways."""
        r = random.Random(f"{self._seed} wrong frames")
        streams = ["j/0", "n/3", "p", "h", "c", "k/0", "g", "e/5", "x", "s"]
        batch: list[tuple[str, bytes]] = []
        for i in range(WRONG_FRAMES):
            stream = streams[i % len(streams)]
            name = self._keys.group_name("main") if stream[0] in "ge" else self._guest.peer.name
            kinds = {"j": 1, "n": 2, "p": 3, "h": 4, "c": 5, "s": 6, "g": 8, "e": 8, "k": 10, "x": 11}
            frame = bytes((1, kinds[stream[0]])) + r.randbytes(r.randint(60, 250))
            batch.append((self._keys.topic(name, "j").rsplit("/", 1)[0] + "/" + stream, frame))
            if len(batch) == _AT_ONCE or i == WRONG_FRAMES - 1:
                await asyncio.gather(*(self._guest.inject(topic, wrong) for topic, wrong in batch))
                batch.clear()
        self._results.live["wrong_frames"] = WRONG_FRAMES
        await self.talks("after the noise")
        return f"{await self._heap_free('live.free'):,} bytes of its heap free then"

    async def _heap_free(self, key: str) -> int:
        """Asked for: what a node says at its start may be lost while its port goes from one hand to the other."""
        before = self._count("heap")
        await self._typed("heap", lambda: self._count("heap") > before)
        await self._until("the figure of its heap", lambda: self._count("heap") > before)
        free = self._results.heap[key] = int([info for name, info in self._events if name == "heap"][-1]["free"])
        return free

    async def survives(self, what: str, fault: Fault) -> str:
        """The board resets in the middle; started again it goes on: same session, one epoch, messages both ways."""
        assert self._node is not None
        if what == "ratchet message":
            self._need_group()
        session = self._observer.view.by_uid(BOARD).current.sid
        before = self._guest.epoch
        await self._stop()
        await self._start(fault)
        resets = self._count(RESET)
        await self._provoke(what, lambda: self._count(RESET) > resets)
        await self._until(f"the armed reset in the middle of a {what}", lambda: self._count(RESET) > resets)
        await self._stop()
        generation, _ = await asyncio.to_thread(self._look_at_state)
        await self._start()
        if what == "handshake":
            await self._agreed(before)
        if what == "message":
            await self._until("the note that was stored and not sent", lambda: self._guest.heard("n", b"in the middle"))
        if what == "ratchet message":
            await self._until("the message that waited", lambda: self._guest.heard("g", b"in the middle, ratcheted"))
        await self.talks("after the " + what)
        if self._observer.view.by_uid(BOARD).current.sid != session:
            raise Wrong(
                "6.1", "a reset took the board its session", session, self._observer.view.by_uid(BOARD).current.sid
            )
        self._results.live["resets"] = self._results.live.get("resets", 0) + 1
        return f"its state, generation {generation}, was whole"

    async def _provoke(self, what: str, done: Callable[[], bool]) -> None:
        if what == "handshake":
            await self._typed("rekey", done)  # its proposal and its share leave, its confirmation does not
        elif what == "message":
            await self._typed("note in the middle", done)
        elif what == "ratchet message":
            await self._typed("ratchet in the middle, ratcheted", done)
        else:
            for i in range(12):  # each of ours is stored before it leaves; of what is heard one in a few may be (12.3)
                if done():
                    return
                body = f"to be stored {i}"
                await self._guest.say(self._guest.peer.note(body.encode()))
                await self._until("a note is heard, or the armed reset", partial(self._has_or, body, done))
                await self._typed(f"note {body}", partial(self._sent_or, body, done))

    async def end(self) -> None:
        await self._stop()
        await self._guest.leave()
        self._results.live |= {"frames_judged": self._guest.judged, "board_bytes": self._observer.bytes}

    # --- the board

    def _look_at_state(self) -> tuple[int, bytes]:
        assert self._node is not None
        self._rig.come_back()
        self._rig.fresh()
        return self._node.stored()

    async def _start(self, fault: Fault | None = None) -> None:
        assert self._node is not None
        online = self._count("online")
        self._watch.broken = ""
        await asyncio.to_thread(self._node.launch, fault)
        self._relaying = asyncio.create_task(self._bridge.attend(self._rig.port))
        await self._until("the node is online", lambda: self._count("online") > online)

    async def _stop(self) -> None:
        """Take the port back; the board's last will is published, as when it vanishes."""
        task, self._relaying = self._relaying, None
        await ended(task)
        if task is not None and not task.cancelled():
            task.result()

    def _line(self, line: str) -> None:
        text = line.removeprefix(self._rig.port + ": ")
        try:
            info = json.loads(text)
            name = str(info.pop("event"))
        except (ValueError, KeyError, AttributeError, TypeError):
            self._text.append(text)
            if text == _UNPLUGGED or text.startswith(("Traceback", "MemoryError", _UNFIT)) or "Error: " in text:
                self._watch.broken = text  # the node ended, or nobody knows what it does
        else:
            self._events.append((name, info))
        self._watch.changed()

    def _type(self, line: str) -> None:
        self._bridge.type(self._rig.port, line)

    async def _send(self, mode: str, text: str) -> None:
        await self._typed(f"{mode} {text}", partial(self._sent_or, text, lambda: False))

    async def _typed(self, line: str, taken: Callable[[], bool]) -> None:
        await self._watch.typed(partial(self._type, line), taken)

    def _count(self, event: str) -> int:
        return sum(name == event for name, _ in self._events)

    def _saw(self, event: str) -> bool:
        return self._count(event) > 0

    def _has(self, body: str) -> bool:
        return any(name == "message" and info.get("body") == body for name, info in self._events)

    def _has_or(self, body: str, done: Callable[[], bool]) -> bool:
        return self._has(body) or done()

    def _sent_or(self, text: str, done: Callable[[], bool]) -> bool:
        return done() or any(name == "sent" and info["text"] == text for name, info in self._events)

    async def _agreed(self, before: str | None) -> None:
        """Board and reference name the same epoch, another than `before`."""

        def same() -> bool:
            epochs = [info.get("epoch") for name, info in self._events if name == "rekeyed"]
            return bool(epochs) and self._guest.epoch not in (None, before) and epochs[-1] == self._guest.epoch

        await self._until("one epoch", same)

    async def _until(self, what: str, holds: Callable[[], bool]) -> None:
        try:
            await self._watch.until(what, holds, STEP_S)
        except NotKept:
            ended, self._watch.broken = self._watch.broken, ""
            if ended.startswith(_UNFIT):
                self.unfit = ended
                raise NotRun(f"the node does not fit this board: {ended.removeprefix('sealcast: ')}") from None
            if "MemoryError" in " ".join(self._text[-6:]):
                raise NoMemory("11", f"{what}: the node ran out of memory: {self._text[-1]}") from None
            broken = self._guest.broken
            if broken is not None:
                raise broken from None
            if ended == _UNPLUGGED or (self._relaying is not None and self._relaying.done()):
                raise Gone(f"{self._rig.port} has gone: was the board unplugged?") from None
            said = " | ".join([*self._text[-3:], *(f"{n} {i}" for n, i in self._events[-3:])])
            how = "the node ended" if ended else f"not within {STEP_S:.0f} s"
            raise Wrong("", f"{what}: {how}", "", f"the board's last lines: {said}") from None
