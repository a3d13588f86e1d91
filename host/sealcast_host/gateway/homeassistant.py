"""Output `homeassistant`: members are devices of Home Assistant, over its MQTT broker (device-based discovery,
which it knows from 2024.11 on).

What is in JSON readings becomes sensors; presence makes a device available or not; how secret the last message was, and
who proved to have made it, are attributes. Switches, numbers and buttons (ha_commands.py) send messages to members.
The broker is Home Assistant's own: what lies there is in the clear, and who may write there may give commands.
"""

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt

from sealcast.errors import SealcastError
from sealcast_host.errors import Failed, UserError
from sealcast_host.gateway.ha_commands import Command
from sealcast_host.gateway.ha_entities import Member, slug, units
from sealcast_host.gateway.output import Hub, Output
from sealcast_host.gateway.paths import whole
from sealcast_host.gateway.record import Event, Item, Message, clean, values
from sealcast_host.member.ending import heed
from sealcast_host.member.mqtt import let_go, tls_context
from sealcast_host.member.privatefiles import read_password, reason
from sealcast_host.member.refusals import explain

OPTIONS: dict[str, type] = {"broker": str, "password_file": str, "ca": str, "discovery": str, "command": list}
MAIN = "broker"
MOST_MEMBERS = 256
PATIENCE_S = 10.0  # for each answer of the broker
_THERE = ("awake", "asleep")  # one that sleeps is well: its values hold
_SEND_S = 30


class HomeAssistant(Output):
    """A client of Home Assistant's broker."""

    def __init__(
        self,
        hub: Hub,
        broker: str = "mqtt://127.0.0.1:1883",
        password_file: str = "",
        ca: str = "",
        discovery: str = "homeassistant",
        command: list[Any] | None = None,
    ) -> None:
        """ca: a PEM file, with the authority of the broker's certificate. discovery: Home Assistant's discovery prefix.
        Raises UserError."""
        super().__init__(hub)
        try:
            self._url = urlsplit(broker if "://" in broker else "mqtt://" + broker)
            (self._url.hostname or "").encode("idna")
            usable = self._url.scheme in ("mqtt", "mqtts") and self._url.hostname and self._url.port != 0
        except ValueError:
            usable = False
        if not usable or self._url.password or not broker.isprintable() or " " in broker:
            raise UserError(
                "homeassistant: broker is mqtt://[USER@]HOST[:PORT], or mqtts://...; a password goes into password_file"
            )
        if not discovery.isprintable() or not 0 < len(discovery) <= 200 or "#" in discovery or "+" in discovery:
            raise UserError("homeassistant: discovery is no topic: give what its discovery topics begin with")
        whole("homeassistant: password_file", password_file)
        self._password_file = password_file
        if ca and self._url.scheme != "mqtts":
            raise UserError("homeassistant: ca is for TLS: give the broker as mqtts://HOST[:PORT], too")
        self._ca = str(whole("homeassistant: ca", ca)) if ca else None
        self._discovery = discovery
        self._commands = [Command.of(given) for given in command or []]
        taken = [(one.member, one.key) for one in self._commands]
        for one in self._commands:
            if taken.count((one.member, one.key)) > 1:  # one topic of theirs: the second would never be sent
                raise UserError(f"homeassistant.command {one.name}: {one.member} has two of this name: rename one")
        self._prefix = f"sealcast/{slug(hub.channel)}"
        self._status = f"{self._prefix}/status"  # is a gateway looking after the devices?
        self._members: dict[str, Member] = {}
        self._last: dict[str, str] = {}  # topic -> payload: what Home Assistant knows, told anew when it starts
        self._client: aiomqtt.Client | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def entities(self) -> int:
        """How many Home Assistant was told of."""
        return sum(len(member.entities) for member in self._members.values())

    async def open(self) -> None:
        """Connect, and tell all that is known. Raises OSError."""
        password = read_password(self._password_file) if self._password_file else None
        tls = self._url.scheme == "mqtts"
        logger = logging.getLogger("sealcast_host.mqtt")
        logger.setLevel(logging.CRITICAL)  # what matters is said in one line
        client = aiomqtt.Client(
            str(self._url.hostname),
            self._url.port or (8883 if tls else 1883),
            username=unquote(self._url.username) if self._url.username else None,
            password=password,
            tls_context=self._tls() if tls else None,
            will=aiomqtt.Will(self._status, "offline", qos=1, retain=True),
            timeout=PATIENCE_S,
            logger=logger,
        )
        try:
            await client.__aenter__()
        except aiomqtt.MqttError as e:
            let_go(client)
            raise OSError(f"no connection to Home Assistant's broker: {_way_out(e)}") from None
        self._client = client
        try:
            await client.subscribe(f"{self._discovery}/status", qos=1)
            for wanted in (self._status, f"{self._prefix}/+/status", f"{self._prefix}/+/+/set"):
                await client.subscribe(wanted, qos=1)
            await self._tell_all()
        except aiomqtt.MqttError as e:
            raise OSError(f"no connection to Home Assistant's broker: {e}") from None

    def _tls(self) -> ssl.SSLContext:
        try:
            return tls_context(self._ca)
        except OSError as e:
            raise OSError(f"cannot use the CA certificate {self._ca}: {reason(e)}") from None

    async def close(self) -> None:
        """Say that nobody is looking after the devices any more, and go."""
        for task in self._tasks:
            task.cancel()
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await client.publish(self._status, "offline", qos=1, retain=True, timeout=2)
        finally:
            await client.__aexit__(None, None, None)

    async def _tell_all(self) -> None:
        await self._publish(self._status, "online")
        for command in self._commands:
            member = self._member(command.member)
            if member is not None:
                member.add_command(command.key, command.kind, command.name, command.options())
        for member in list(self._members.values()):  # more may come meanwhile
            await self._publish_config(member)
        await self._presence()
        for topic in list(self._last):
            await self._publish(topic, self._last[topic])  # as it is by now: more readings may come meanwhile

    async def _publish(self, topic: str, payload: str) -> None:
        if self._client is None:
            raise OSError("the link to Home Assistant's broker was lost")
        try:
            await self._client.publish(topic, payload, qos=1, retain=True)
        except aiomqtt.MqttError as e:
            raise OSError(f"the link to Home Assistant's broker was lost: {e}") from None
        heed()

    async def _publish_config(self, member: Member) -> None:
        if member.entities:  # a device without any would be refused
            await self._publish(f"{self._discovery}/device/{member.id}/config", json.dumps(member.payload()))

    async def _state(self, topic: str, payload: str) -> None:
        self._last[topic] = payload
        await self._publish(topic, payload)

    def _member(self, uid: str) -> Member | None:
        if uid not in self._members and len(self._members) < MOST_MEMBERS:
            self._members[uid] = Member(self.hub.channel, uid, self._prefix)
        return self._members.get(uid)

    async def take(self, items: Sequence[Item]) -> None:
        """Tell the values of readings; any event may have changed who is there."""
        for item in items:
            if isinstance(item, Message):
                await self._message(item)
        if any(isinstance(item, Event) for item in items):
            await self._presence()

    async def _presence(self) -> None:
        """Of all members, also those that were told of by an earlier gateway, or are in the channel no more."""
        known = dict(self.hub.members)
        for uid in (*known, *self._members):
            member = self._member(uid)
            if member is None:
                continue
            topic, state = f"{member.base}/status", "offline"
            if known.get(uid) in _THERE or uid == self.hub.uid:
                state = "online"
            if self._last.get(topic) != state:
                await self._state(topic, state)

    async def _message(self, message: Message) -> None:
        member = self._member(message.sender)
        if member is None:
            return
        before = dict(member.entities)
        read = message.reading()
        given = units(read)
        states: dict[str, str] = {}
        for path, value in values(read).items():
            key = member.add(path, value, given.get(path))
            if key is not None:
                states[f"{member.base}/{key}"] = _shown(value)
        if not read:
            member.add_text()
            text = message.text
            states[f"{member.base}/message"] = _shown(text if text is not None else f"{len(message.body)} bytes")
        for command in self._commands:
            if command.member == message.sender and command.state in values(read):
                states[f"{member.base}/{command.key}"] = _as_state(command, values(read)[command.state])
        if member.entities != before:
            await self._publish_config(member)
        if f"{member.base}/status" not in self._last:
            await self._presence()
        about = {
            name: getattr(message, name)
            for name in ("secrecy", "origin", "private", "historic", "again", "time", "seq", "epoch")
        }
        await self._state(f"{member.base}/attributes", json.dumps(about | {"sender": clean(message.sender)}))
        for topic, payload in states.items():
            await self._state(topic, payload)

    async def attend(self) -> None:
        """Commands, Home Assistant's own start, and what is said of our devices that is not so any more: by the last
        will of a link of ours that was cut, by another gateway that ends, by one that ran before us."""
        assert self._client is not None
        try:
            async for arrived in self._client.messages:
                topic, payload = str(arrived.topic), arrived.payload
                if not isinstance(payload, bytes):
                    continue
                if topic == f"{self._discovery}/status":
                    if payload == b"online":
                        await self._tell_all()
                elif topic == self._status:
                    if payload == b"offline" and not arrived.retain:
                        await self._publish(topic, "online")
                elif topic.endswith("/status"):
                    if payload == b"online" and arrived.retain and topic not in self._last:
                        await self._publish(topic, "offline")
                elif not arrived.retain:  # a command that lies there for ever would be given at each start
                    self._tasks.add(task := asyncio.ensure_future(self._command(topic, payload)))
                    task.add_done_callback(self._tasks.discard)
        except aiomqtt.MqttError as e:
            raise OSError(f"the link to Home Assistant's broker was lost: {e}") from None

    async def _command(self, topic: str, payload: bytes) -> None:
        for command in self._commands:
            member = self._members.get(command.member)
            if member is None or topic != f"{member.base}/{command.key}/set":
                continue
            body = command.message(payload)
            if body is None:
                self.hub.say(f"homeassistant: {clean(command.name)}: {clean(repr(payload[:40]))} is no command for it")
                return
            to = command.member if command.mode == "ratchet" else None
            result: dict[str, Any] = {"command": command.name, "ok": True}
            try:
                async with asyncio.timeout(_SEND_S):
                    result |= await self.hub.send(body, command.mode, to, command.receipt)
                if command.receipt and command.member not in result["confirmed"]:
                    raise Failed(f"{command.member} has not confirmed it: is it awake?")
            except TimeoutError:
                result = {"command": command.name, "ok": False, "why": f"not sent within {_SEND_S} s"}
            except (SealcastError, UserError) as e:
                result |= {"ok": False, "why": str(e)}
            if not result["ok"]:
                self.hub.say(f"homeassistant: {clean(command.name)} was not done: {clean(str(result['why']))}")
            with contextlib.suppress(OSError):  # attend() tells that the link to Home Assistant is lost
                if result["ok"] and command.state is None and command.kind != "button":
                    await self._state(f"{member.base}/{command.key}", payload.decode())
                await self._publish(f"{member.base}/{command.key}/result", json.dumps(result))


def _way_out(error: aiomqtt.MqttError) -> str:
    """Why the broker does not let us in, and what to do."""
    why = explain(error)
    if why.kind in ("auth", "rights"):
        return f"{why}: give it as mqtt://USER@HOST, and the password of USER in password_file"
    return f"{why}: ca names the file of its authority" if why.kind == "tls" else str(why)


def _shown(value: float | bool | str) -> str:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, float):
        return f"{value:.10g}"
    return clean(value)[:255]


def _as_state(command: Command, value: float | bool | str) -> str:
    """A reading's value as the state of a switch or number."""
    if command.kind != "switch":
        return _shown(value)
    return "ON" if value in (True, 1.0, "on", "open", command.messages["on"]) else "OFF"


make = HomeAssistant
