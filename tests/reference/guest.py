"""The reference as a member among real Channels: it hears everything that a world's broker carries, and answers."""

from __future__ import annotations

import random
from typing import Any

from ref_world import CHANNEL, ROOT, World, identity_secret

from reference.group_peer import GroupPeer
from reference.names import GROUP_STREAMS, ChannelKeys
from reference.peer import Peer, Publication

GROUP = "main"


class Guest:
    """A Peer and its place in a group, moved by the test; `say` publishes and lets everybody answer."""

    def __init__(self, world: World, uid: str = "guest", seed: int = 1) -> None:
        self.world = world
        signed, K = world.settings.get("sign", True), world.settings.get("ring", 16)
        self.peer = Peer(
            ChannelKeys(ROOT, CHANNEL), uid, identity_secret(uid), random.Random(seed).randbytes, K, signed
        )
        self.group = GroupPeer(self.peer, GROUP)
        self.seen: list[Any] = []
        """All that it took of its group."""
        self.queue = list(world.retained.items())
        world.listeners.append(lambda topic, frame: self.queue.append((topic, frame)))

    def arrive(self) -> None:
        """Read what is retained, join, and be ready for groups."""
        self.turn()
        self.say(self.peer.barrier())
        self.say(self.peer.join())
        self.say(self.group.packages())

    def say(self, publications: list[Publication]) -> None:
        for p in publications:
            self.world.publish(p.topic, p.frame, p.retain)
        self.turn()

    def turn(self) -> None:
        """Everybody takes and answers what there is."""
        self.world.pump()
        while self.queue:
            topic, frame = self.queue.pop(0)
            for p in self.take(topic, frame):
                self.world.publish(p.topic, p.frame, p.retain)
            self.world.pump()

    def take(self, topic: str, frame: bytes) -> list[Publication]:
        if self.peer.keys.parse_topic(topic).stream not in GROUP_STREAMS:
            return self.peer.receive(topic, frame)
        answers = self.group.receive(topic, frame)
        self.seen.append(self.group.last)
        return answers

    def wait(self, ms: int) -> None:
        """Time passes, in steps short enough for the guest to answer in time."""
        end = self.world.now + ms
        while self.world.now < end:
            self.world.advance(min(200, end - self.world.now))
            self.turn()


def among_two(ms: int, **settings: Any) -> tuple[World, Guest]:
    """A guest that arrived among two members of the core, anna and boris, `ms` milliseconds ago."""
    world = World(**settings)
    world.add("anna")
    world.add("boris")
    world.advance(5000)
    guest = Guest(world)
    guest.arrive()
    guest.wait(ms)
    return world, guest
