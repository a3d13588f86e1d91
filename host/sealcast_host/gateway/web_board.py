"""What the page shows, apart from how: recent messages, series of numbers, what happened, whose identity changed."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any

from sealcast_host.gateway.record import Event, Item, Message, clean, numbers

MESSAGES, EVENTS, POINTS = 200, 100, 1500
SEEN = 12_000  # two for each message: what a database is asked for at the start, and more
DRAWN = 300  # points of a line that a browser is sent
PLOTS, LINES = 48, 32  # of members' choosing: a hostile one names quantities without end,
OF_ONE = 24  # ... and leaves the others room

_EVENTS = {
    "connected": "connected to the broker", "offline": "the broker is not reachable; trying again",
    "joined": "{uid} joined", "left": "{uid} left", "gone": "{uid} is gone", "asleep": "{uid} sleeps",
    "awake": "{uid} is awake", "vanished": "{uid} vanished: no sign of life", "gap": "messages of {uid} are missing",
    "pinned": "{uid} is known by its identity from now on",
    "approved": "{uid} is known by the identity that was approved",
    "approval_waits": "{uid} has not shown the approved identity yet: it is taken when it does",
    "group": "the group is now: {members}",
    "identity_changed": "{uid} shows another identity than before",
    "removed": "{by} removed this member from the group",
    "unconfirmed": "{by} took this member into a group that is not the others'",
    "forked": "the group's order has split", "desync": "out of step with the group", "resynced": "in step again",
    "moved": "a lost member was declared: the channel has a new key", "handshake_failed": "no new conversation key yet",
    "overflow": "messages of {sender} were given up", "leaving": "{uid} leaves the group",
}  # fmt: skip
_QUIET = {"dropped", "forged", "online", "accepted", "collision"}


class Board:
    """Grows by take(); `version` grows with it, so that a page knows when to draw."""

    def __init__(self) -> None:
        self.version = 0
        self.count = 0
        self.messages: deque[Message] = deque(maxlen=MESSAGES)
        self.events: deque[tuple[float, str]] = deque(maxlen=EVENTS)
        self.series: dict[str, dict[str, deque[tuple[float, float]]]] = {}  # quantity -> member -> (time, value)
        self._begun: Counter[str] = Counter()  # member -> how many quantities it was the first to name
        self.grown: dict[str, int] = {}  # quantity -> how often it got a point
        self.last: dict[str, float] = {}  # member -> time of its last message
        self.changed: dict[str, str] = {}  # member -> fingerprint that waits for a person's eye
        self.epoch_at = 0.0
        self._seen: dict[tuple[Any, ...], None] = {}  # what, and when it arrived or, for what comes again, None

    def take(self, items: Iterable[Item]) -> None:
        """Take in what arrived, or what a database kept; what it has already it does not take twice."""
        for item in items:
            if isinstance(item, Message):
                self._message(item)
            else:
                self._event(item)
        self.version += 1

    def _message(self, m: Message) -> None:
        mark = (m.sender, m.seq, m.secrecy, m.epoch, m.time, m.body)
        # A board without a clock says the same under the same number in another session
        if (*mark, None if m.again else m.at) in self._seen:
            return
        self._seen |= {(*mark, m.at): None, (*mark, None): None}
        while len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]
        self.count += 1
        self.messages.append(m)
        self.last[m.sender] = m.seen(self.last.get(m.sender, 0))
        for quantity, value in numbers(m.reading()).items():
            lines = self.series.get(quantity)
            if lines is None and len(self.series) < PLOTS and self._begun[m.sender] < OF_ONE:
                self._begun[m.sender] += 1
                lines = self.series[quantity] = {}
            if lines is not None and (m.sender in lines or len(lines) < LINES):
                points = lines.setdefault(m.sender, deque(maxlen=POINTS))
                while points and points[-1][0] > m.at:  # this computer's clock was set back
                    points.pop()
                if not points or m.last >= points[-1][0]:  # history that comes late has no place in the line
                    points.append((m.last, value))
                    self.grown[quantity] = self.grown.get(quantity, 0) + 1

    def _event(self, event: Event) -> None:
        info = event.info
        if event.name == "identity_changed" and isinstance(info.get("fingerprint"), str):
            self.changed[str(info.get("uid"))] = info["fingerprint"]
        elif event.name in ("pinned", "approved"):
            self.changed.pop(str(info.get("uid")), None)
        elif event.name == "rekeyed":
            self.epoch_at = event.at
            members = info.get("members") or []
            text = f"new conversation key for {len(members)}" if info.get("epoch") else "no conversation key now"
            self.events.append((event.at, text))
            return
        if event.name in _QUIET:
            return
        known = {"uid": "somebody", "by": "somebody", "sender": "somebody", "members": ""}
        told = {
            k: ", ".join(map(str, v)) if isinstance(v, list | tuple) else str(v) for k, v in info.items() if k in known
        }
        self.events.append((event.at, clean(_EVENTS.get(event.name, event.name).format_map(known | told))))


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most DRAWN of (time, value), in their order: the first, the last, and the lowest and highest of each stretch
    between them."""
    if len(points) <= DRAWN:
        return list(points)
    first, *between, last = points
    step = -(-len(between) // (DRAWN // 2 - 1))
    out = [first]
    for start in range(0, len(between), step):
        stretch = between[start : start + step]
        low, high = (pick(range(len(stretch)), key=lambda i: stretch[i][1]) for pick in (min, max))
        out += [stretch[i] for i in sorted({low, high})]
    return [*out, last]
