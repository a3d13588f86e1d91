"""One channel behind a real broker, driven by a seed: members join, leave, are killed, sleep, send once, get an old backup
of their state back; the broker forgets retained joins, or shows retained messages late. Then it is asked whether what
`send` said was true.

Each member is a HostSession of its own with its own state directory and connection; all worlds of a run share a process.
"""

import asyncio
import contextlib
import random
import shutil
from dataclasses import dataclass, field

import aiomqtt

from late_proxy import LateProxy
from sealcast.errors import SealcastError
from sealcast.wire import b64
from sealcast_host.member.privatefiles import state_dir
from sealcast_host.member.session import join_watched

NAMES = ("anna", "ben", "cara", "dan", "eve")
ACTIONS = ("join", "join", "leave", "kill", "sleep", "once", "once", "send", "send", "send", "backup", "restore")
LYING = ("forget", "late")  # the broker loses retained joins, or shows what it keeps late
STEPS = 9
PAUSES = (0.0, 0.05, 0.3, 0.8, 2.0)
QUIET_S = 90.0  # a busy machine: everything is delivered or reported by then (a gap after 6 s, silence after 12.5)
SEND_S = 120.0


@dataclass
class Send:
    """One send() that said ok."""

    body: bytes
    sender: str
    mode: str
    begun: float
    ended: float
    audience: frozenset  # (uid, which life) that were awake before and that it must reach


@dataclass
class Member:
    """One name: what it has got and been told in all its lives."""

    uid: str
    session: object = None
    life: int = 0  # counts starts
    settled: bool = False  # online, and the others know it
    joined_at: float = 0.0  # the start of its present session (not of a restart from its state)
    got: list = field(default_factory=list)  # (message, life, joined_at)
    events: list = field(default_factory=list)  # (name, info)
    backup: bool = False
    known: bool = False  # has a state on disk


class World:
    def __init__(self, seed, broker_port, actions=ACTIONS):
        self.seed = seed
        self._actions = actions
        self._rng = random.Random(seed)
        self._broker = broker_port
        self._key = b64(random.Random(-1 - seed).randbytes(32))
        self._channel = f"s{seed}"
        self.members = {uid: Member(uid) for uid in NAMES}
        self.sends = []
        self.log = []
        self._number = 0
        self._changed = asyncio.Event()
        self._late = 0.0
        self._proxy = None

    async def run(self):
        """-> what was not true, as lines."""
        try:
            async with LateProxy(self._broker, lambda n: self._late) as self._proxy:
                for uid in NAMES[:2]:
                    await self._start(self.members[uid])
                for _ in range(STEPS):
                    await self._step()
                    await asyncio.sleep(self._rng.choice(PAUSES))
                await self._calm()
                return self._judge()
        finally:
            for m in self.members.values():
                if m.session:
                    await m.session.close()

    # What happens.

    async def _step(self):
        here = [m for m in self.members.values() if m.session]
        away = [m for m in self.members.values() if not m.session]
        what = self._rng.choice(self._actions)
        self._late = 0.0
        if what == "late":
            self._late, what = self._rng.choice((0.5, 1.0, 3.0)), "join"
        if what in ("leave", "kill", "sleep", "backup") and len(here) > 1:
            await getattr(self, "_" + what)(self._rng.choice(here))
        elif what in ("join", "restore", "once") and away:
            m = self._rng.choice(away)
            if what == "restore" and m.backup:
                self._restore(m)
            if what == "once":
                await self._once(m)
            else:
                await self._start(m)
        elif what == "forget":
            await self._forget()
        elif here:
            await self._send(self._rng.choice(here), self._rng.choice((None, None, "note", "conversation")))

    def _say(self, *what):
        self.log.append(" ".join(map(str, what)))

    async def _start(self, m):
        self._say("start", m.uid, f"late {self._late}" if self._late else "")
        m.life += 1
        m.settled = False
        now = asyncio.get_running_loop().time()
        if not m.known:
            m.joined_at = now
        settings = {
            "channel": self._channel, "uid": m.uid, "key": self._key, "keepalive": 5,
            "broker": {"host": "127.0.0.1", "port": self._proxy.port},
        }  # fmt: skip
        life, online = m.life, asyncio.Event()

        def watch(name, info):
            if name == "online":
                online.set()
            self._told(m, life, name, info)

        m.session = await join_watched(settings, watch)
        m.known = True
        async with asyncio.timeout(SEND_S):
            await online.wait()

    def _told(self, m, life, name, info):
        if name == "message":
            m.got.append((info, life, m.joined_at))
        else:
            m.events.append((name, info))
        self._changed.set()

    async def _leave(self, m):
        self._say("leave", m.uid)
        session, m.session = m.session, None
        await session.leave()

    async def _sleep(self, m):
        self._say("sleep", m.uid)
        session, m.session = m.session, None
        await session.sleep(60)

    async def _kill(self, m):
        self._say("kill", m.uid)
        session, m.session = m.session, None
        await session.close()

    async def _once(self, m):
        await self._start(m)
        await self._send(m, None)
        if m.session:
            await self._sleep(m)

    def _place(self, m):
        return state_dir() / self._channel / m.uid

    async def _backup(self, m):
        """While it is stopped, as people make them; then it goes on."""
        await self._kill(m)
        self._say("backup", m.uid)
        place = self._place(m)
        shutil.copytree(place, place.with_name(m.uid + ".backup"), dirs_exist_ok=True)
        m.backup = True
        await self._start(m)

    def _restore(self, m):
        self._say("restore", m.uid)
        place = self._place(m)
        shutil.rmtree(place)
        shutil.copytree(place.with_name(m.uid + ".backup"), place)

    async def _forget(self):
        """The broker loses all joins that it keeps."""
        self._say("forget")
        session = next((m.session for m in self.members.values() if m.session), None)
        if session is None:
            return
        everyone = session.channel.me.topics.everyone("j")
        async with aiomqtt.Client("127.0.0.1", self._broker) as client:
            await client.subscribe(everyone, 1)
            topics = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    async for message in client.messages:
                        if message.retain:
                            topics.append(message.topic.value)
            for topic in topics:
                await client.publish(topic, b"", 1, True)

    async def _send(self, m, mode):
        self._number += 1
        body = b"%d %s" % (self._number, m.uid.encode())
        now = asyncio.get_running_loop().time
        begun = now()
        awake = {(o.uid, o.life) for o in self.members.values() if o.session and o is not m}
        try:
            async with asyncio.timeout(SEND_S):
                sent = await m.session.send(body, mode)
        except (SealcastError, TimeoutError) as e:
            self._say("send", m.uid, mode, "refused", type(e).__name__)
            return
        audience = frozenset(a for a in awake if sent is None or a[0] in sent.audience)
        used = mode if sent is None else sent.mode
        self._say("send", m.uid, body.decode(), used, sorted(a[0] for a in audience))
        self.sends.append(Send(body, m.uid, used or "auto", begun, now(), audience))

    # What was true.

    async def _calm(self):
        """Wait until nothing is missing, `QUIET_S` at most; then each sender that is there sends once more, which makes
        what is lost known, and again."""
        for again in (False, True):
            if again and not self._missing():
                return
            if again:
                for m in list(self.members.values()):
                    if m.session:
                        await self._send(m, "note")
                        with contextlib.suppress(SealcastError):
                            await m.session.send(b"last", "conversation")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    while self._missing():
                        self._changed.clear()
                        await self._changed.wait()

    def _missing(self):
        """(send, member) that were neither delivered nor reported."""
        out = []
        for send in self.sends:
            for uid, life in send.audience:
                m = self.members[uid]
                if m.session is None or m.life != life:
                    continue  # it was not awake all the time
                if any(g.body == send.body for g, _, _ in m.got) or self._reported(m, send):
                    continue
                out.append((send, m))
        return out

    def _reported(self, m, send):
        numbers = {g.seq for o in self.members.values() for g, _, _ in o.got if g.body == send.body}
        for name, info in m.events:
            if name == "gap" and info["uid"] == send.sender:
                if not numbers or any(info["first"] <= n <= info["last"] for n in numbers):
                    return True
            if name in ("overflow", "message_undecryptable") and send.sender in (info.get("sender"), info.get("uid")):
                return True
        return False

    def _judge(self):
        wrong = [f"{s.sender}'s {s.body!r} ({s.mode}) said ok; {m.uid} has nothing" for s, m in self._missing()]
        ended = {s.body: s.ended for s in self.sends}
        for m in self.members.values():
            for g, _, joined_at in m.got:
                if not g.historic and ended.get(g.body, joined_at) < joined_at:
                    wrong.append(f"{m.uid} takes {g.body!r} for live, made before it joined")
            for name, info in m.events:
                if name == "forged":
                    wrong.append(f"{m.uid} calls {info.get('uid')} a forger: {info}")
                if name == "error":
                    wrong.append(f"{m.uid} has trouble: {info}")
        return [f"seed {self.seed}: {line}" for line in wrong]
