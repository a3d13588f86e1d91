"""The demo's last act: a gateway joins, and what the nodes measure is to be seen in a house and on a page.

    gateway_messages           messages that it handed on to its database
    homeassistant_entities     entities announced at Home Assistant's broker (a second one, without Home Assistant)
    page_plots                 plots on the page in a headless Chromium; 0, and said, where there is none
"""

import asyncio
import contextlib
import json
import math
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt

from sealcast_host.broker.server import running_broker
from sealcast_host.demo.browser import browsing, chromium
from sealcast_host.demo.members import Member
from sealcast_host.gateway.config import Wish
from sealcast_host.gateway.gateway import Gateway
from sealcast_host.gateway.ha_commands import Command
from sealcast_host.member import channels
from sealcast_host.member.session import HostSession, join_watched
from sealcast_host.waiting import NotKept, Watch

UID = "gateway"
ROUNDS = 12
RING = "ring the bell"


class GatewayAct:
    """Runs once; the page stays up until the demo's stack is closed. address: where it is, with a link that lets in."""

    def __init__(self, nodes: list[Any], folder: Path, watch: Watch, picture: Path) -> None:
        self._nodes = nodes
        self._database = folder / "readings.db"
        self._watch = watch
        self._picture = picture
        self._kept: dict[str, str] = {}  # what stands at Home Assistant's broker
        self.address = ""
        self._gateway: Gateway
        self._session: HostSession

    async def run(
        self,
        stack: AsyncExitStack,
        known: channels.ChannelFile,
        note: Callable[[Member, str], Awaitable[None]],
        tell: Callable[[str], None],
    ) -> dict[str, int]:
        """note(member, body): send one, for the demo's book. Raises NotKept."""
        self._tell = tell
        house = await stack.enter_async_context(running_broker())
        listening = asyncio.ensure_future(self._listen(house.port))
        stack.push_async_callback(_ended, listening)
        bell = {"member": self._nodes[0].uid, "kind": "button", "name": "Bell", "send": RING, "mode": "note"}
        home = {"broker": f"mqtt://127.0.0.1:{house.port}", "command": [bell]}
        wishes = [Wish("sqlite", "sqlite", {"path": str(self._database)}), Wish("homeassistant", "homeassistant", home)]
        if _has_nicegui():
            web = {"listen": "127.0.0.1:0", "history": str(self._database)}
            wishes.append(Wish("web", "web", web))
        self._gateway = Gateway(known.channel, wishes, self._said)
        self._session = await join_watched(known.settings(UID) | {"keepalive": 20}, self._heard)
        stack.push_async_callback(self._session.close)
        stack.push_async_callback(_ended, asyncio.ensure_future(self._gateway.run(self._session)))
        stack.push_async_callback(_ended, asyncio.ensure_future(self._tick()))
        names = {node.uid for node in self._nodes}
        await self._watch.until(
            "the gateway meets the nodes", lambda: names <= {u for u, s in self._session.members if s == "awake"}
        )
        await self._watch.until("the gateway is in the conversation", lambda: self._session.epoch is not None)
        for i in range(ROUNDS):
            await asyncio.gather(*(note(node, _reading(place, i)) for place, node in enumerate(self._nodes)))
            enough = (i + 1) * len(self._nodes)
            await self._watch.until("the gateway keeps every reading", partial(self._has_rows, enough))
        tell(f"a gateway joined: {ROUNDS * len(self._nodes)} readings of the nodes lie in its database")
        await self._watch.until("Home Assistant's broker has the devices", self._announced)
        entities = sum(len(json.loads(p)["components"]) for t, p in self._kept.items() if t.endswith("/config"))
        topic = next(t for t in self._kept if t.endswith("/config"))
        tell(f"it told Home Assistant of {entities} entities, like {topic}")
        await self._press(house.port, Command.of(bell))
        plots = await self._look(tell) if self.address else 0
        handed = self._gateway.runners[0].handed
        return {"gateway_messages": handed, "homeassistant_entities": entities, "page_plots": plots}

    async def stay(self, keep: bool) -> None:
        """Leave the page up until Ctrl-C, or say how that is had."""
        if self.address and keep:
            self._tell(f"the page stays up at {self.address} (the link works once); Ctrl-C ends it")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        elif self.address:
            self._tell(f"the page was at {self.address.partition('/enter')[0]}; make demo ARGS=--keep leaves it up")

    async def _tick(self) -> None:
        """The database and the other broker tell nobody."""
        while True:
            await asyncio.sleep(0.1)
            self._watch.changed()

    def _heard(self, name: str, info: Any) -> None:
        self._gateway.heard(name, info)
        self._watch.changed()

    def _said(self, line: str) -> None:
        if line.startswith("web: the page is at "):
            self.address = line.split()[-1]
        else:
            self._tell(line)
        self._watch.changed()

    def _has_rows(self, count: int) -> bool:
        """Are so many readings in the database, as any program would count them?"""
        try:
            with sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True) as db:
                question = "SELECT count(*) FROM messages WHERE json_valid(text)"
                return bool(db.execute(question).fetchone()[0] == count)
        except sqlite3.Error:
            return False

    async def _listen(self, port: int) -> None:
        """Home Assistant's ears."""
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe([("homeassistant/#", 1), ("sealcast/#", 1)])
            async for arrived in client.messages:
                if isinstance(arrived.payload, bytes):
                    self._kept[str(arrived.topic)] = arrived.payload.decode()
                    self._watch.changed()

    def _announced(self) -> bool:
        """Each node's device, and its last reading."""
        devices = {json.loads(p)["device"]["name"]: json.loads(p) for t, p in self._kept.items() if "/device/" in t}
        return all(
            node.uid in devices
            and {"temperature_s", "humidity_s"} <= set(devices[node.uid]["components"])
            and all(c.get("state_topic", t) in self._kept for t, c in _sensors(devices[node.uid]))
            for node in self._nodes
        )

    async def _press(self, port: int, bell: Command) -> None:
        """A button of Home Assistant reaches the board."""
        node = self._nodes[0]
        devices = [json.loads(p) for t, p in self._kept.items() if "/device/" in t]
        device = next(d for d in devices if d["device"]["name"] == node.uid)
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.publish(device["components"][bell.key]["command_topic"], "PRESS", qos=1)
        await self._watch.until(f"{node.uid} hears the bell", lambda: any(m["body"] == RING for m in node.messages))
        how = next(m["secrecy"] for m in node.messages if m["body"] == RING)
        self._tell(f"a button pressed in Home Assistant reached {node.uid}, as a {how} message")

    async def _look(self, tell: Callable[[str], None]) -> int:
        """The page in a browser, as a picture."""
        if chromium() is None:
            tell("no picture of the page: chromium is not installed")
            return 0
        try:
            return await self._pictured(tell)
        except OSError as e:  # the browser's own trouble, which is none of the page's
            tell(f"no picture of the page: {e}")
            return 0

    async def _pictured(self, tell: Callable[[str], None]) -> int:
        async with browsing() as browser:
            await browser.look(1280, 960)
            await browser.goto(self.address)
            try:
                await browser.until("document.querySelectorAll('canvas').length >= 2")
            except TimeoutError:  # an OSError, too, and yet the page's own trouble
                raise NotKept(f"the page shows no plots; its console: {browser.complaints}") from None
            plots = int(await browser.ask("document.querySelectorAll('canvas').length"))
            await browser.picture(self._picture)
        tell(f"its page in Chromium: {plots} plots; the picture: {self._picture}")
        return plots


def _reading(place: int, turn: int) -> str:
    """What the sensor of a bench could say: a morning that becomes warm."""
    warm = 20 + 2 * place + 3 * math.sin((turn + 2 * place) / 2)
    return json.dumps({"temperature": round(warm, 1), "humidity": round(85 - 2 * warm + place, 1)})


def _sensors(device: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(key, entity) for key, entity in device["components"].items() if entity["platform"] == "sensor"]


async def _ended(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _has_nicegui() -> bool:
    import importlib.util

    return importlib.util.find_spec("nicegui") is not None
