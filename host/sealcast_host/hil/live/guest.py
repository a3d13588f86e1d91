"""The reference as a member of a live group: a Peer at a real broker, which hears everything and has the observer
judge it."""

import asyncio
import contextlib
import random
from typing import Any

from reference.agreement import CREATE
from reference.encoding import Reject
from reference.group_peer import GroupPeer
from reference.names import GROUP_STREAMS, ChannelKeys, base64url
from reference.peer import Peer, Publication
from reference.presence import LEFT
from sealcast_host.hil.observer import Observer
from sealcast_host.hil.place import BOARD, GROUP, secret
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.refusals import LinkError
from sealcast_host.waiting import Watch

UID = "reference"
_KEEPALIVE_S = 10.0


class LiveGuest:
    """One member. `observer` judges what it hears; `broken` is the first thing that was wrong."""

    def __init__(
        self, keys: ChannelKeys, seed: int, observer: Observer, transport: MqttTransport, watch: Watch
    ) -> None:
        self.keys, self.observer = keys, observer
        self.peer = Peer(keys, UID, secret(seed, UID), random.Random(f"{seed} {UID}").randbytes)
        self.group = GroupPeer(self.peer, GROUP)
        self.broken: Exception | None = None
        self.judged = 0
        self._ours: set[bytes] = set()
        self._ignored: set[bytes] = set()
        self._transport, self._watch = transport, watch
        self._tasks: list[asyncio.Task[None]] = []

    async def arrive(self, grouped: bool) -> None:
        """Connect, read what there is, join. Raises LinkError."""
        await self._transport.connect(self.keys.topic(self.peer.name, "p"), b"")
        await self._transport.subscribe([f"zp/1/{base64url(self.keys.rp)}/#"], 1)
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._keep_alive())]
        await self.say(self.peer.barrier())
        await self.say(self.peer.join())
        if grouped:
            await self.say(self.group.packages())

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(LinkError):
            await self.say(self.peer.presence(LEFT))
        await self._transport.close()

    async def say(self, publications: list[Publication]) -> None:
        for p in publications:
            self._ours.add(p.frame)
            await self._transport.publish(p.topic, p.frame, p.retain, 1)

    async def inject(self, topic: str, frame: bytes) -> None:
        """A frame that is wrong on purpose: neither judged nor heard here."""
        self._ignored.add(frame)
        await self._transport.publish(topic, frame, False, 1)

    async def found(self) -> None:
        """Organize a group with the board."""
        await self.say(self.group.organize(CREATE, [BOARD]))

    def heard(self, stream: str, body: bytes) -> bool:
        return (stream, BOARD, body) in self.peer.inbox

    @property
    def epoch(self) -> str | None:
        """Hex name of the newest epoch that all have confirmed."""
        attempt = self.peer.epoch
        return attempt.computation.hid[:16].hex() if attempt else None

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEPALIVE_S)
            await self.say(self.peer.presence())

    async def _hear(self) -> None:
        try:
            while True:
                topic, frame = await self._transport.receive()
                if frame in self._ignored or not frame:
                    continue
                await self._take(topic, frame)
                self._watch.changed()
        except LinkError:
            return
        except Exception as e:  # told to whoever waits, as the verdict of the step
            self.broken = e
            self._watch.broken = str(e) or type(e).__name__
            self._watch.changed()

    async def _take(self, topic: str, frame: bytes) -> None:
        self.observer.frame(topic, frame, board=frame not in self._ours)
        self.judged += 1
        stream = topic.split("/")[4]
        member: Any = self.group if stream in GROUP_STREAMS else self.peer
        if stream in GROUP_STREAMS and self.group.view.state is None and frame not in self._ours:
            return
        with contextlib.suppress(Reject):  # the observer has the word on what the board may say
            await self.say(member.receive(topic, frame))
