"""Output `prometheus`: metrics on http://ADDRESS/metrics, by prometheus_client.

sealcast_reading{member,quantity}             the last number that a member's JSON readings gave
sealcast_messages_total{member,secrecy,origin}
sealcast_last_message_seconds{member}         Unix time of the last message: of its arrival, of history the sender's
sealcast_member_awake{member}                 1 or 0
sealcast_events_total{event}                  joined, vanished, rekeyed, gap, dropped, forged ...
sealcast_drops_total{reason}                  frames not accepted (docs/DROPS.md)
sealcast_online                               1: this member is connected to the broker
"""

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sealcast_host.gateway.output import Hub, Output, aside, needs
from sealcast_host.gateway.record import Event, Item, clean, numbers
from sealcast_host.gateway.web_address import address_of, is_address, named

OPTIONS: dict[str, type] = {"listen": str}
MAIN = "listen"
MOST_SERIES = 2000  # of members' choosing: a hostile one names quantities without end
MOST_QUANTITIES = 64  # of one member: it leaves the others room


class Prometheus(Output):
    """A web server in threads of its own, for this computer alone unless another address is given."""

    def __init__(self, hub: Hub, listen: str = "127.0.0.1:9464") -> None:
        """Raises UserError."""
        super().__init__(hub)
        needs("prometheus_client", "gateway")
        self._address = address_of(listen)
        self._readings: dict[tuple[str, str], float] = {}
        self._messages: Counter[tuple[str, str, str]] = Counter()
        self._last: dict[str, float] = {}
        self._events: Counter[str] = Counter()
        self._named: Counter[str] = Counter()  # how many quantities of each member
        self._full = False
        self._server: Any = None
        self.port = 0

    async def open(self) -> None:
        """Listen. Raises OSError."""
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        host, port = self._address
        self._server, _ = start_http_server(port, addr=host, registry=registry)
        self._server.handle_error = lambda *_: None  # who asked has gone
        if ipaddress.ip_address(self._server.server_address[0].partition("%")[0]).is_loopback:
            self._server.set_app(_no_other_name(self._server.get_app()))
        self.port = self._server.server_port
        self.hub.say(f"prometheus: metrics on http://{host}:{self.port}/metrics")

    async def take(self, items: Sequence[Item]) -> None:
        """Count them, and keep their numbers."""
        for item in items:
            if isinstance(item, Event):
                self._events[clean(item.name)] += 1
                continue
            sender = clean(item.sender)
            if not self._room(self._messages, (sender, item.secrecy, item.origin)):
                continue
            self._messages[sender, item.secrecy, item.origin] += 1
            self._last[sender] = item.seen(self._last.get(sender, 0))
            for quantity, value in numbers(item.reading()).items():
                key = sender, clean(quantity)
                if key in self._readings or self._room(self._readings, key) and self._named[sender] < MOST_QUANTITIES:
                    self._named[sender] += key not in self._readings
                    self._readings[key] = value

    def _room(self, series: dict[Any, Any], key: tuple[str, ...]) -> bool:
        room = key in series or len(series) < MOST_SERIES
        if not room and not self._full:
            self._full = True
            self.hub.say(f"prometheus: more than {MOST_SERIES} series: further ones are left out")
        return room

    def collect(self) -> Iterator[Any]:
        """What prometheus_client asks for at each scrape, in a thread of its own."""
        from prometheus_client.core import CounterMetricFamily as Count
        from prometheus_client.core import GaugeMetricFamily as Gauge

        reading = Gauge("sealcast_reading", "the last number of a member's readings", labels=["member", "quantity"])
        for key, value in list(self._readings.items()):
            reading.add_metric(list(key), value)
        messages = Count("sealcast_messages", "messages received", labels=["member", "secrecy", "origin"])
        for names, count in list(self._messages.items()):
            messages.add_metric(list(names), count)
        last = Gauge("sealcast_last_message_seconds", "Unix time of the last message", labels=["member"])
        for member, when in list(self._last.items()):
            last.add_metric([member], when)
        awake = Gauge("sealcast_member_awake", "1: it is there", labels=["member"])
        for uid, status in self.hub.members:
            awake.add_metric([clean(uid)], float(status == "awake"))
        events = Count("sealcast_events", "what happened in the channel", labels=["event"])
        for event, count in list(self._events.items()):
            events.add_metric([event], count)
        drops = Count("sealcast_drops", "frames that were not accepted", labels=["reason"])
        for reason, count in self.hub.drops().items():
            drops.add_metric([reason], count)
        yield from (reading, messages, last, awake, events, drops)
        yield Gauge("sealcast_online", "1: connected to the broker", value=float(self.hub.online))

    async def close(self) -> None:
        """Listen no more."""
        server, self._server = self._server, None
        if server is not None:
            await aside(server.shutdown)
            server.server_close()


def _no_other_name(app: Any) -> Any:
    """What this computer alone may ask for is for no site that has its own name lead here (DNS rebinding)."""

    def answer(environ: dict[str, Any], start: Any) -> Any:
        name, _ = named(environ.get("HTTP_HOST", "localhost"))
        if name == "localhost" or is_address(name):
            return app(environ, start)
        start("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"these metrics are for this computer: ask for them by its address\n"]

    return answer


make = Prometheus
