"""A member on this computer: settings, identity, stored state and link put together. `sealcast.join` ends up here.

    ch = await sealcast.join("greenhouse")
    await ch.send(b"...")
    async for m in ch: ...
"""

from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Self

from sealcast.crypto import best_suite
from sealcast.effects import Sent
from sealcast.errors import SealcastError, Unstored
from sealcast.run import aio
from sealcast_host.errors import UserError
from sealcast_host.member import arguments, channels, inquiry, migration, system
from sealcast_host.member.aside import Aside
from sealcast_host.member.ending import whole
from sealcast_host.member.engine import Engine
from sealcast_host.member.many import Acked, Outcomes, send_all
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.privatefiles import is_there, read_private_json
from sealcast_host.member.state import MemberState, restored

BACKLOG = 32
BATCH = 64  # inputs that one flush serves

# watch(name, info): called for each event with its details, and as ("message", message) for each message.
Callback = Callable[[str, Any], None]


class HostSession:
    """A running member: the core's Session with types, which gives the member's state back when it ends.

    `async for message in session` yields the messages: sender, body, secrecy, origin, time, age, seq, historic,
    again, epoch."""

    def __init__(
        self,
        channel: Any,
        transport: MqttTransport,
        storage: Any,
        state: MemberState,
        remake: Callable[[], Any],
        keep: int = BACKLOG,
    ) -> None:
        """remake() -> the channel as it was stored: an internal error is survived like a power cut. keep: how many
        messages may wait to be taken."""
        aside = Aside(storage)
        self._session: Any = Engine(channel, transport, aside, aio.Clock(), backlog=keep, remake=remake, batch=BATCH)
        self._state = state
        self._uid = channel.me.uid
        config = channel.me.config
        self._group_name = config.get("group_name") or config.get("group", "main")
        self._fresh: set[str] = set()  # pinned just now: nobody has compared their fingerprints
        self._session.on("pinned", lambda name, info: self._fresh.add(info["uid"]))
        self._gone: set[str] = set()  # declared lost by this session: the channel's file forgets them all
        self._last: dict[str, Any] | None = None  # what is told of the last message
        self.transport = transport  # `transport.failure` tells why a connection failed or ended

    async def start(self) -> None:
        """Begin. Raises SealcastError when the channel cannot."""
        await self._session.start()

    async def send(
        self, body: bytes | str, mode: str | None = None, to: str | None = None, min_secrecy: str | None = None,
        receipt: bool = False, timeout: float = 10,
    ) -> Sent:  # fmt: skip
        """Returns when the broker has acknowledged it, or the group accepted it in its order ("ratchet"): the mode, and
        names of the awake members that it reaches and of those that it does not reach.

        mode: "note", "conversation", "ratchet", None: the strongest that reaches every awake member. to: the name of
        the only receiver ("ratchet"). min_secrecy: refuse any mode weaker than this one. receipt: returns when those
        that it reaches have confirmed it, or `timeout` seconds after the call; `confirmed` and `unconfirmed` (of all
        that are awake, and `to`) say who has and who has not, else they are None. A program that sends at once after
        join() waits here until it is connected, or cannot be. Raises SealcastError."""
        sent: Sent = await self._session.send(body, mode, to, min_secrecy, receipt, arguments.timeout(timeout))
        return sent

    async def send_all(
        self, bodies: list[bytes], mode: str | None = None, to: str | None = None, min_secrecy: str | None = None,
        timeout: float = 60, acked: Acked | None = None,
    ) -> Outcomes:  # fmt: skip
        """As `send`, all of them together and in this order. -> for each what `send` returns, the error why it was not
        sent, or None: not acknowledged within `timeout` seconds (it may be, later). acked(number, sent): called for
        each when it is acknowledged, also when this was cancelled, for as long as the session lasts."""
        given, seconds = arguments.bodies(bodies), arguments.timeout(timeout)
        told = None if acked is None else arguments.callback(acked)
        return await send_all(self._session, given, mode, to, min_secrecy, seconds, told)

    async def change_group(self, action: str, uids: list[str] | None = None) -> None:
        """The ratcheting group: "create" (without uids: of all that are awake and take part), "add", "remove", "leave",
        "resync", "rejoin".

        Returns when the wish is stored ("leave": when the group knows); the event group tells that it is fulfilled,
        group_failed that it cannot be. Raises SealcastError."""
        await self._session.change_group(arguments.text("action", action), arguments.texts("uids", uids or []))

    async def declare_lost(
        self, uid: str, admin_secret: bytes | None = None, also: Iterable[str] = (), keep: Iterable[str] | None = None
    ) -> None:
        """Leave a member behind: the channel moves to a new key. The event followed tells who came along.

        admin_secret: 32 bytes; None takes that of the channel's file. keep: who comes along (None: all but `uid`).
        also: others who are lost, and not in `keep`: they leave the file's roster as well. Raises SealcastError,
        UserError."""
        stay = None if keep is None else arguments.texts("keep", keep)
        gone = {arguments.text("uid", uid), *arguments.texts("also", also)}
        if admin_secret is None:
            admin_secret = inquiry.admin_secret(self.channel.me.config["channel"])
        secret, self._gone = arguments.secret(admin_secret), gone
        try:
            await self._session.declare_lost(uid, secret, stay)
        except Unstored:
            raise  # it happens once the state can be stored
        except SealcastError:
            self._gone = set()  # nobody is
            raise
        migration.follow(self.channel, self._gone)

    def follow(self, removed: str) -> None:
        """The channel has moved, and left `removed` behind: its file follows."""
        migration.follow(self.channel, self._gone | {removed})

    async def approve(self, uid: str, text: str) -> None:
        """Pin a member's changed identity, the one with the fingerprint that a person has compared; where the channel's
        file holds the admin's secret, for all members that know the admin."""
        arguments.text("uid", uid), arguments.text("fingerprint", text)
        await self._session.approve(uid, text, inquiry.held_admin_secret(self.channel.me.config["channel"]))

    async def settled(self) -> None:
        """Returns once what the broker keeps of the members (presence, key packages, notes) has been read."""
        await inquiry.settled(self)

    async def fingerprints(self) -> list[dict[str, Any]]:
        """Of everybody known: uid, fingerprint, changed (the refused one, or None), me. This member first."""
        self._fresh.clear()
        return inquiry.fingerprints(self.channel)

    async def staying(self, lost: str | None) -> list[tuple[str, str, bool]]:
        """(uid, fingerprint, first seen by this session and not shown by `fingerprints` yet) of all that get the new
        key when `lost` is left behind; None: of all that could be lost."""
        return inquiry.staying(self.channel, lost, self._fresh)

    async def status(self) -> dict[str, Any]:
        """How the member is: the keys of `sealcast status --json`."""
        return inquiry.status(self, self._last)

    @property
    def uid(self) -> str:
        """This member's name."""
        return str(self._uid)

    @property
    def waiting(self) -> int:
        """How many messages wait to be taken."""
        return len(self._session._messages)

    def hurry(self) -> None:
        """Try to connect now, if the link only waits for its next attempt."""
        link = self._session._link
        if link._reason is not None and not link.up:
            link._lost.set()

    @property
    def channel(self) -> Any:
        """The member's state machine; another object after an internal error (None while that one is made)."""
        return self._session.channel

    @property
    def group(self) -> dict[str, Any] | None:
        """Where this member is in the ratcheting group: name (here), phase, members, epoch, head, digest. None: in no
        group."""
        group: dict[str, Any] | None = self._session.group
        return group | {"name": self._group_name} if group else None

    def on(self, event: str, callback: Callback) -> None:
        """Call callback(name, info) at every `event`; "*" means all of them."""
        self._session.on(event, arguments.callback(callback))

    @property
    def members(self) -> list[tuple[str, str]]:
        """(name, status) of everybody known, this member included."""
        return list(self._session.members)

    @property
    def data(self) -> dict[str, str]:
        """What members say of themselves in their joins, by name; who says nothing is not in it."""
        return dict(self._session.data)

    @property
    def epoch(self) -> str | None:
        """The name of the conversation key in use, None when there is none."""
        epoch: str | None = self._session.epoch
        return epoch

    @property
    def online(self) -> bool:
        """Connected to the broker just now?"""
        return bool(self._session.online)

    @property
    def closed(self) -> bool:
        """Ended: by leave, sleep or close."""
        return bool(self._session.closed)

    async def rekey(self) -> None:
        """Ask for a new conversation key now."""
        await self._session.rekey()

    async def sleep(self, seconds: int) -> None:
        """Stay a member for `seconds` without being there, and close."""
        await self._ending(self._session.sleep(arguments.sleep(seconds)))

    async def leave(self) -> None:
        """Say goodbye and close: the others agree on a new key without this member. Of a session that is closed there
        is nothing left to do."""
        if not self._session.closed:
            await self._ending(self._session.leave())

    async def close(self) -> None:
        """Stop at once, without a word to the others."""
        await whole(self._end())

    async def _ending(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            await whole(self._end())

    async def _end(self) -> None:
        try:
            await self._session.close()
        finally:
            self._state.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        message = await self._session.__anext__()
        self.remember("message", message)
        return message

    def remember(self, name: str, message: Any) -> None:
        """What `status` tells of the last message: not its body."""
        self._last = {k: getattr(message, k) for k in ("sender", "secrecy", "origin", "time", "age", "seq", "historic")}


async def join(
    channel: str | None = None, settings: dict[str, Any] | Path | str | None = None, **overrides: Any
) -> HostSession:
    """Take part in a channel; returns a started session (it connects, and reconnects, by itself).

    channel: its name, as made by `sealcast channel new`. settings: a dict, or a sealcast.json's path; without either,
    ./sealcast.json is read. overrides: fields of sealcast.json that replace those. Raises UserError, SealcastError."""
    merged = _find(channel, settings) | overrides
    channels.raise_wrong_settings(merged, "settings")
    return await start(merged, MemberState(merged["channel"], merged["uid"]))


async def join_watched(settings: dict[str, Any], watch: Callback) -> HostSession:
    """Take part, with `watch` told everything from the first event on (messages are not queued then). Raises
    MemberBusy when this member is at work in another process."""
    channels.raise_wrong_settings(settings, "settings")
    return await start(settings, MemberState(settings["channel"], settings["uid"]), watch)


async def start(
    settings: dict[str, Any], state: MemberState, watch: Callback | None = None, *, keep: int | None = None
) -> HostSession:
    """Build and start the session of a member whose state is held. Releases it when that fails.

    watch is told of all events from the first on, and of messages; with `keep` these wait instead (so many at most)
    for `async for`."""
    try:
        system.raise_if_blind()
        config, store, member = restored(settings, state)
        migration.follow(member)

        def remake() -> Any:
            return migration.restored(best_suite(), config, store.load())

        session = HostSession(member, transport_for(config), store, state, remake, keep or BACKLOG)
        session.on("moved", lambda name, info: session.follow(info["removed"]))
        session.on("approved", lambda name, info: migration.repin(session.channel, info["uid"]))
        if watch is not None:
            session.on("*", watch)
        if watch is not None and keep is None:
            session.on("message", session.remember)  # "*" has told it; this says that nobody reads the queue
        try:
            await session.start()
        except BaseException:
            await session.close()
            raise
        return session
    except BaseException:
        state.release()
        raise


def transport_for(config: dict[str, Any]) -> MqttTransport:
    """The link described by completed settings. Raises UserError when the CA file cannot be used."""
    if config["transport"] == "serial":
        raise UserError('transport: "serial" is for boards; this computer needs a broker')
    return MqttTransport.to(config["broker"], config["keepalive"])


def _find(channel: str | None, settings: dict[str, Any] | Path | str | None) -> dict[str, Any]:
    """The settings meant by join's arguments. A dict of the caller's is not changed."""
    if isinstance(settings, dict):
        found = dict(settings)
    elif settings is not None:
        found = read_private_json(Path(settings))
    elif channel is not None and is_there(channels.path_of(channel)):
        return channels.load(channel).settings()  # `channel` is its name here
    elif Path("sealcast.json").exists():
        found = read_private_json(Path("sealcast.json"))
    else:
        raise UserError("no such channel and no sealcast.json here: make one with: sealcast channel new NAME")
    if channel is not None and found.setdefault("channel", channel) != channel:
        raise UserError("the settings are those of another channel: name the right one")
    return found
