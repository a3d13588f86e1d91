"""A broker and a clock of our own around the board: every frame in one order, time as it is told to pass, all of
it repeatable.

The other members are the reference's Peers, moved by hand; nobody here shares code with what runs on the board.
"""

import hashlib
import random
from typing import Any

from reference.frames import AGREEMENT
from reference.group_peer import GroupPeer
from reference.names import GROUP_STREAMS, ChannelKeys
from reference.peer import Peer, Publication
from sealcast_host.hil.foresight import Foreseen
from sealcast_host.hil.observer import Observer
from sealcast_host.hil.remote import Heard, RemoteChannel
from sealcast_host.hil.results import Wrong
from sealcast_host.hil.rig import Rig

BOARD, CHANNEL, GROUP = "board", "hil", "main"
_STEP_MS = 200
_SPINS = 200


def secret(seed: int, what: str) -> bytes:
    """32 bytes of this run."""
    return hashlib.blake2b(f"sealcast hil {seed} {what}".encode(), digest_size=32).digest()


class Guest:
    """A reference member: a Peer, and its place in a group if there is one."""

    def __init__(self, place: "Place", uid: str, grouped: bool) -> None:
        self.uid, self._place = uid, place
        self.peer = Peer(place.keys, uid, secret(place.seed, uid), random.Random(f"{place.seed} {uid}").randbytes)
        self.group = GroupPeer(self.peer, GROUP)
        self._grouped = grouped
        self.queue: list[tuple[str, bytes]] = list(place.retained.items())

    def arrive(self) -> None:
        """Read what is retained and join."""
        self._place.settle()
        self.say(self.peer.barrier())
        self.say(self.peer.join())
        if self._grouped:
            self.say(self.group.packages())

    def say(self, publications: list[Publication]) -> None:
        for p in publications:
            self._place.publish(p.topic, p.frame, p.retain, board=False)
        self._place.settle()

    def take(self) -> bool:
        """One frame, and what it calls for. -> was there one?"""
        if not self.queue:
            return False
        topic, frame = self.queue.pop(0)
        stream = self.peer.keys.parse_topic(topic).stream
        if self._concerns(stream, frame):
            for p in (self.group if stream in GROUP_STREAMS else self.peer).receive(topic, frame):
                self._place.publish(p.topic, p.frame, p.retain, board=False)
        return True

    def _concerns(self, stream: str, frame: bytes) -> bool:
        """A member of no group looks at nothing of a group's but the agreement that takes it in."""
        if stream not in GROUP_STREAMS:
            return True
        if not self._grouped:
            return False
        if stream == "e":
            return int.from_bytes(frame[18:22], "big") in self.group.view.accepted
        return self.group.view.state is not None or (frame[1] == AGREEMENT and self.peer.name[:16] in frame)


class Place:
    """The broker, the clock, the board and its company."""

    def __init__(self, rig: Rig, seed: int, grouped: bool) -> None:
        """grouped: the ratcheting half takes part (some 30 KB more on the board)."""
        self.rig, self.seed, self.grouped = rig, seed, grouped
        self.root, self.identity = secret(seed, "root"), secret(seed, BOARD)
        self.keys = ChannelKeys(self.root, CHANNEL)
        self.foreseen = Foreseen(BOARD, self.identity)
        self.observer = Observer(self.keys, BOARD, self.foreseen)
        self.now = 0
        self.retained: dict[str, bytes] = {}
        self.guests: dict[str, Guest] = {}
        self.channel: RemoteChannel | None = None
        self.heard: list[Heard] = []
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.frames: list[tuple[str, bytes]] = []  # what the board published
        self._filters: list[str] = []
        self._queue: list[tuple[str | None, Any]] = []
        self._wake: int | None = None
        self._will: tuple[str, bytes] = ("", b"")

    # --- the company

    def guest(self, uid: str) -> Guest:
        """A reference member comes."""
        guest = self.guests[uid] = Guest(self, uid, self.grouped)
        guest.arrive()
        return guest

    # --- the board

    def config(self) -> dict[str, Any]:
        who = {
            "uid": BOARD,
            "channel": CHANNEL,
            "key": self.root,
            "identity": self.identity,
            "roster": None,
            "group": GROUP,
            "admin": None,
        }
        how = {
            "sign": True,
            "ring": 16,
            "keepalive": 30,
            "rekey_seconds": 3600,
            "rekey_messages": 1000,
            "history": "all",
        }
        return who | how | {"ratchet": self.grouped}

    def switch_on(self, forget: bool = False) -> RemoteChannel:
        """Start the member on the board, from its storage unless that is to be forgotten, and connect it."""
        number = len(self.foreseen.starts) + 1
        hardware = secret(self.seed, f"hardware {number}")

        def next_seed(stored: bytes) -> bytes:
            return self.foreseen.start(stored, hardware).randomness.next_seed

        self._filters, self._queue, self._wake = [], [], None
        self.channel = RemoteChannel(self.rig, self.config(), hardware, next_seed, forget)
        self.carry_out(self.channel.do("start", self.now))
        self.do("connecting", self.now)
        return self.channel

    def cut(self) -> None:
        """The board's power is gone: what it did not store is forgotten; the broker says its last will."""
        self._filters, self._queue, self._wake, self.channel = [], [], None, None
        topic, payload = self._will
        self.publish(topic, payload, True, board=True)
        self.settle()

    @property
    def board(self) -> RemoteChannel:
        if self.channel is None:
            raise Wrong("11", "the board is off")
        return self.channel

    def do(self, method: str, *arguments: object) -> None:
        """A call of the core's Channel, and everything that follows from it."""
        self.carry_out(self.board.do(method, *arguments))
        self.settle()

    def send(self, body: bytes, mode: str, *more: object) -> None:
        self.do("send", body, mode, self.now, *more)

    def carry_out(self, effects: list[tuple[Any, ...]]) -> None:
        for effect in effects:
            match effect:
                case ("connect", topic, payload):
                    self._will = topic, payload
                    self.carry_out(self.board.do("connected", self.now))
                case ("subscribe", pattern, _):
                    self._filters.append(pattern)
                    self._queue += [(topic, frame) for topic, frame in self.retained.items() if matches(pattern, topic)]
                case ("publish", topic, payload, retain, _, token):
                    self.publish(topic, payload, bool(retain), board=True)
                    if token:
                        self._queue.append((None, token))
                case ("wake", at):
                    self._wake = at
                case ("message", heard):
                    self.heard.append(heard)
                case ("event", name, details):
                    self.events.append((name, details))

    def publish(self, topic: str, frame: bytes, retain: bool, board: bool) -> None:
        """The broker's order is the order of these calls; each frame is judged as it passes."""
        self.observer.frame(topic, frame, board)
        if board:
            self.frames.append((topic, frame))
        if retain:
            self.retained[topic] = frame
        if any(matches(pattern, topic) for pattern in self._filters):
            self._queue.append((topic, frame))
        for guest in self.guests.values():
            guest.queue.append((topic, frame))

    def inject(self, topic: str, frame: bytes) -> None:
        """A frame for the board alone, which nobody judges."""
        self.carry_out(self.board.do("receive", topic, frame, self.now))
        self.settle()

    def settle(self) -> None:
        """Everybody takes and answers what there is."""
        busy = True
        while busy:
            busy = False
            while self._queue and self.channel is not None:
                busy = True
                calls = [
                    ("acked", v, self.now) if topic is None else ("receive", topic, v, self.now)
                    for topic, v in self._queue[:8]
                ]
                done, effects = self.channel.do_some(calls)
                del self._queue[:done]
                self.carry_out(effects)
            for guest in list(self.guests.values()):
                busy = guest.take() or busy

    def advance(self, ms: int) -> None:
        """Time passes; the board is woken when it asked for it."""
        end = self.now + ms
        self.settle()
        spins = 0
        while self.channel is not None and self._wake is not None and self._wake <= end:
            spins = spins + 1 if self._wake <= self.now else 0
            if spins > _SPINS:
                raise Wrong("11", "the board wants to be woken at the same time, again and again", "", self._wake)
            self.now = max(self.now, self._wake)
            self._wake = None
            self.carry_out(self.channel.do("tick", self.now))
            self.settle()
        self.now = end

    # --- what can be asked

    def heard_since(self, mark: int) -> list[tuple[str, str, bytes]]:
        """[(sender, secrecy, body)] of what the board handed over since len(heard) was `mark`."""
        return [(h.sender, h.secrecy, h.body) for h in self.heard[mark:]]

    def must(self, section: str, what: str, expected: object, found: object) -> None:
        if expected != found:
            raise Wrong(section, what, expected, found)


def matches(pattern: str, topic: str) -> bool:
    """Does an MQTT filter (with + only) take this topic?"""
    a, b = pattern.split("/"), topic.split("/")
    return len(a) == len(b) and all(x in ("+", y) for x, y in zip(a, b, strict=True))
