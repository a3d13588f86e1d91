"""Real Channels of the core on a tiny broker in virtual time, with a recorder around their primitives.

The core is touched through its driving interface alone: methods in, effects out (PROTOCOL.md section 11).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from reference.joins import SecretIdentity
from reference.known import Known, expect_true
from reference.names import GROUP_STREAMS, ChannelKeys
from reference.notice import parse_notice
from reference.smmp import GroupView, Unsaid
from reference.zpinc import View
from sealcast.channel import Channel
from sealcast.crypto import host as suite_host

ROOT = bytes(range(32))
CHANNEL = "greenhouse"


class Recorder:
    """The core's crypto suite; what goes into the making of public keys and scalars is noted for the reference."""

    def __init__(self, suite: types.ModuleType, known: Known) -> None:
        self._suite, self._known = suite, known

    def __getattr__(self, name: str) -> Any:
        return getattr(self._suite, name)

    def x25519_base(self, k: bytes) -> bytes:
        self._known.add_x25519(bytes(k))
        return bytes(self._suite.x25519_base(k))

    def ed25519_public(self, seed: bytes) -> bytes:
        self._known.add_seed(bytes(seed))
        return bytes(self._suite.ed25519_public(seed))

    def scalar_reduce(self, b: bytes) -> bytes:
        result = bytes(self._suite.scalar_reduce(b))
        self._known.scalars.append(int.from_bytes(result, "little"))
        return result


def identity_secret(uid: str) -> bytes:
    return uid.encode().ljust(32, b"!")


def hardware(uid: str, boot: int) -> Callable[[int], bytes]:
    """A generator that is constant for one boot: enough, because what is drawn is bound to a count as well."""
    return lambda n: (b"%d %s" % (boot, uid.encode())).ljust(n, b"#")[:n]


def matches(pattern: str, topic: str) -> bool:
    a, b = pattern.split("/"), topic.split("/")
    return len(a) == len(b) and all(x in ("+", y) for x, y in zip(a, b, strict=True))


class World:
    """The broker, the clock, and the members; `log` is everything published, in the broker's order."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.now = 0
        self.known = Known()
        self.suite = Recorder(suite_host, self.known)
        self.retained: dict[str, bytes] = {}
        self.subscriptions: dict[str, list[str]] = {}
        self.queue: list[tuple[str, str | None, Any]] = []
        self.log: list[tuple[str, bytes, bool]] = []
        self.channels: dict[str, Any] = {}
        self.booted: dict[str, list[bytes | None]] = {}
        self.loses: Callable[[str], bool] = lambda topic: False
        self.wakes: dict[str, int] = {}
        self.stored: dict[str, bytes] = {}
        self.messages: dict[str, list[Any]] = {}
        self.events: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.wills: dict[str, tuple[str, bytes]] = {}
        self.listeners: list[Callable[[str, bytes], None]] = []
        self.computers: set[str] = set()
        """Who keeps the others' notice keys, because it may have to make a notice (PROTOCOL.md 22)."""

    def config(self, uid: str) -> dict[str, Any]:
        who = {
            "uid": uid,
            "channel": CHANNEL,
            "key": ROOT,
            "identity": identity_secret(uid),
            "roster": None,
            "group": "main",
        }
        how = {
            "sign": True,
            "ring": 16,
            "keepalive": 30,
            "rekey_seconds": 3600,
            "rekey_messages": 1000,
            "history": "all",
        }
        return who | how | self.settings

    def add(self, uid: str, blob: bytes | None = None) -> Any:
        """Start a member, or start it again with the state it stored."""
        self.known.identities[uid] = SecretIdentity(identity_secret(uid))
        boots = self.booted.setdefault(uid, [])
        boots.append(blob)
        channel = self.channels[uid] = Channel(self.suite, self.config(uid), blob, hardware(uid, len(boots)))
        channel.places.collects = uid in self.computers
        self.messages.setdefault(uid, [])
        self.events.setdefault(uid, [])
        self.run(uid, channel.start(self.now))
        self.run(uid, channel.connecting(self.now))
        self.pump()
        return channel

    def cut(self, uid: str) -> None:
        """The connection breaks: the broker says the last will."""
        self.subscriptions.pop(uid, None)
        self.queue = [entry for entry in self.queue if entry[0] != uid]
        self.run(uid, self.channels[uid].disconnected(self.now))
        self.publish(*self.wills[uid], True)
        self.pump()

    def reconnect(self, uid: str) -> None:
        """The same member connects again, wherever it now wants to be."""
        self.subscriptions.pop(uid, None)
        self.run(uid, self.channels[uid].disconnected(self.now))
        self.run(uid, self.channels[uid].connecting(self.now))
        self.pump()

    def do(self, uid: str, method: str, *args: Any) -> None:
        self.run(uid, getattr(self.channels[uid], method)(*args))
        self.pump()

    def send(self, uid: str, body: bytes, mode: str | None, *more: Any) -> None:
        self.do(uid, "send", body, mode, self.now, *more)

    def run(self, uid: str, effects: list[tuple[Any, ...]]) -> None:
        for effect in effects:
            match effect:
                case ("store", parts):
                    self.stored[uid] = b"".join(parts)
                case ("connect", topic, payload):
                    self.wills[uid] = topic, payload
                    self.subscriptions[uid] = []
                    self.run(uid, self.channels[uid].connected(self.now))
                case ("subscribe", pattern, _):
                    self.subscribe(uid, pattern)
                case ("publish", topic, payload, retain, _, token):
                    self.publish(topic, payload, retain)
                    if token:
                        self.queue.append((uid, None, token))
                case ("wake", at_ms):
                    self.wakes[uid] = at_ms
                case ("message", message):
                    self.messages[uid].append(message)
                    self.run(uid, self.channels[uid].taken(message))
                case ("event", name, details):
                    self.events[uid].append((name, details))

    def subscribe(self, uid: str, pattern: str) -> None:
        self.subscriptions.setdefault(uid, []).append(pattern)
        self.queue += [(uid, topic, payload) for topic, payload in self.retained.items() if matches(pattern, topic)]

    def publish(self, topic: str, payload: bytes, retain: bool) -> None:
        payload = bytes(payload)
        self.log.append((topic, payload, retain))
        if retain:
            self.retained[topic] = payload
        if self.loses(topic):
            return
        for uid, patterns in self.subscriptions.items():
            if any(matches(pattern, topic) for pattern in patterns):
                self.queue.append((uid, topic, payload))
        for listener in self.listeners:
            listener(topic, payload)

    def pump(self) -> None:
        while self.queue:
            uid, topic, payload = self.queue.pop(0)
            channel = self.channels[uid]
            self.run(
                uid, channel.acked(payload, self.now) if topic is None else channel.receive(topic, payload, self.now)
            )

    def advance(self, ms: int) -> None:
        end = self.now + ms
        ticks = 0
        self.pump()
        while self.wakes:
            uid, at = min(self.wakes.items(), key=lambda item: item[1])
            if at > end:
                break
            ticks = ticks + 1 if at <= self.now else 0
            if ticks > 1000:
                raise RuntimeError(f"{uid} spins: it wants to be woken at {at}, again and again")
            self.now = max(self.now, at)
            del self.wakes[uid]
            self.run(uid, self.channels[uid].tick(self.now))
            self.pump()
        self.now = end

    def drops(self) -> dict[str, dict[str, int]]:
        return {uid: dict(channel.out.drops) for uid, channel in self.channels.items() if channel.out.drops}


class Reference:
    """The reference reading everything that a world's members said in one place, with all it needs to foretell it."""

    def __init__(self, world: World, told: bool = True, root: bytes = ROOT, alone: bool = True) -> None:
        """`alone`: nothing may be said in any other place."""
        self.world, self.alone = world, alone
        self.keys = ChannelKeys(root, CHANNEL)
        self.view = View(self.keys, world.known if told else Known(), world.settings.get("sign", True))
        self.groups: dict[bytes, GroupView] = {}
        self.position = 0

    def read(self) -> list[Any]:
        """Check what was published since the last call; everything must be acceptable."""
        seen = []
        while self.position < len(self.world.log):
            topic, frame, _ = self.world.log[self.position]
            self.position += 1
            if not self.alone and not topic.startswith(self.keys.topic(b"", "").rstrip("/")):
                continue
            parsed = self.keys.parse_topic(topic)
            if parsed.stream == "x":
                seen.append(parse_notice(self.keys, self.world.settings["admin"], frame))
            elif parsed.stream in GROUP_STREAMS:
                if parsed.name not in self.groups:
                    self.groups[parsed.name] = GroupView(self.view, parsed.name)
                group = self.groups[parsed.name]
                seen.append(group.receive(topic, frame))
                expect_true("17.4", "m is a message", not isinstance(seen[-1].what, Unsaid))
            else:
                seen.append(self.view.receive(topic, frame))
        return seen
