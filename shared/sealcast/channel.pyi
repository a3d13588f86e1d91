"""Types of channel.py for the host; tests/test_stubs.py holds names and signatures to the source."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from .effects import Message, Out, Sent, Wanted
from .journal import Journal
from .zpinc.me import Me
from .zpinc.members import LEFT, Epochs, Members
from .zpinc.notes import Reading, Ring
from .zpinc.places import Places
from .zpinc.presence import Keepalive

Effects = list[tuple[Any, ...]]

OFFLINE: int
READING: int
ONLINE: int
CONFIRM_MS: int
SWEEP_MS: int

class Channel:
    me: Me
    out: Out
    places: Places
    journal: Journal
    phase: int
    others: Members
    ring: Ring
    epochs: Epochs
    reading: Reading
    keepalive: Keepalive
    group: Any
    ratchet: ModuleType
    held: bool
    sent: Sent | None
    wanted: Wanted | None
    def __init__(
        self,
        suite: ModuleType,
        config: dict[str, Any],
        blob: bytes | None,
        hardware: Callable[[int], bytes | None] | None,
    ) -> None: ...
    def commit(self) -> Effects: ...
    def snapshot(self) -> Effects: ...
    def settle_at(self, root: bytes) -> None: ...
    def start(self, now: int) -> Effects: ...
    def connecting(self, now: int) -> Effects: ...
    def connected(self, now: int) -> Effects: ...
    def disconnected(self, now: int) -> Effects: ...
    def acked(self, token: int, now: int) -> Effects: ...
    def receive(self, topic: str, payload: bytes | bytearray | memoryview, now: int) -> Effects: ...
    def tick(self, now: int) -> Effects: ...
    def send(
        self,
        body: bytes,
        mode: str | None,
        now: int,
        time: int = 0,
        to: str | None = None,
        min_secrecy: str | None = None,
        receipt: bool = False,
    ) -> Effects: ...
    def change_group(self, action: str, uids: Iterable[str], now: int) -> Effects: ...
    def taken(self, message: Message) -> Effects: ...
    def sleep(self, seconds: int, now: int) -> Effects: ...
    def leave(self, now: int, status: int = LEFT, seconds: int = 0) -> Effects: ...
    def rekey(self, now: int) -> Effects: ...
    def declare_lost(
        self, uid: str, admin_seed: bytes, now: int, keep: Iterable[str] | None = None
    ) -> Effects: ...
    def approve(
        self, uid: str, text: str, now: int, admin_seed: bytes | None = None, time: int = 0
    ) -> Effects: ...
    def group_summary(self) -> dict[str, Any] | None: ...
    def settling(self, place: bool) -> bool: ...
    @property
    def epoch(self) -> str | None: ...
    @property
    def members(self) -> list[tuple[str, str]]: ...
