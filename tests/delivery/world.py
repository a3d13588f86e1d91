"""One channel behind a real broker, driven by a seed: members join, leave, stop, are killed, sleep, send once, lose
their identity (and a person approves the new one), get an old backup of their state back; the broker forgets retained
joins, or shows retained messages late. Then it is asked whether what `send` said was true.

The members are in real processes (crew.py), several worlds' in each: kill -9 takes them all.
"""

import asyncio
import contextlib
import random
import shutil
from dataclasses import dataclass, field

import aiomqtt

from delivery.hands import Killed
from late_proxy import LateProxy
from sealcast.crypto import best_suite
from sealcast.crypto.keys import Keys
from sealcast.wire import Topics, b64

NAMES = ("anna", "ben", "cara", "dan", "eve")
ACTIONS = (
    "join", "join", "leave", "stop", "sleep", "once", "once", "send", "send", "send", "backup", "restore", "renew"
)  # fmt: skip
CRASH = ("crash", "crash")  # kill -9 of a process, and of all whom it holds
LYING = ("forget", "late")  # the broker loses retained joins, or shows what it keeps late
STEPS = 9
PAUSES = (0.0, 0.05, 0.3, 0.8, 2.0)
QUIET_S = 90.0  # a busy machine: everything is delivered or reported by then (a gap after 6 s, silence after 12.5)
SEND_S = 120.0


@dataclass
class Send:
    """One send() that said ok."""

    body: str
    sender: str
    mode: str
    ended: float
    audience: frozenset  # (uid, which life) that were awake before and that it must reach


@dataclass
class Member:
    """One name: what it has got and been told in all its lives."""

    uid: str
    who: str  # for its process
    hands: object  # its process
    here: bool = False
    life: int = 0  # counts starts
    online: bool = False
    joined_at: float = 0.0  # the start of its present session (not of a restart from its state)
    got: list = field(default_factory=list)  # (message, life, joined_at)
    events: list = field(default_factory=list)  # (name, info)
    backup: bool = False
    known: bool = False  # has a state on disk


class World:
    def __init__(self, seed, broker_port, hands, folder, actions=ACTIONS):
        """hands: the processes of its members (hands.py). folder: of their stored states."""
        self.seed = seed
        self._actions = actions
        self._rng = random.Random(seed)
        self._broker = broker_port
        self._key = random.Random(-1 - seed).randbytes(32)
        self._channel = f"s{seed}"
        self._folder = folder / self._channel
        self.cuts = 0  # members that were there when their process was killed
        self.members = {}
        for n, uid in enumerate(NAMES):
            m = Member(uid, f"{self._channel}/{uid}", hands[(n + seed) % len(hands)])
            m.hands.on(m.who, lambda life, name, info, m=m: self._told(m, life, name, info), lambda m=m: self._gone(m))
            self.members[uid] = m
        self.sends = []
        self.log = []
        self._number = 0
        self._changed = asyncio.Event()
        self._late = 0.0
        self._proxy = None
        self._tasks = set()

    async def run(self):
        """-> what was not true, as lines."""
        try:
            async with LateProxy(self._broker, lambda n: self._late) as self._proxy:
                for uid in NAMES[:2]:
                    await self._start(self.members[uid])
                for _ in range(STEPS):
                    with contextlib.suppress(Killed):
                        await self._step()
                    await asyncio.sleep(self._rng.choice(PAUSES))
                await self._calm()
                return self._judge()
        finally:
            for m in self.members.values():
                if m.here:
                    with contextlib.suppress(Killed):
                        await self._part("close", m)

    # What happens.

    async def _step(self):
        here = [m for m in self.members.values() if m.here]
        away = [m for m in self.members.values() if not m.here]
        what = self._rng.choice(self._actions)
        self._late = 0.0
        if what == "late":
            self._late, what = self._rng.choice((0.5, 1.0, 3.0)), "join"
        if what in ("leave", "stop", "sleep", "backup", "crash") and len(here) > 1:
            await getattr(self, "_" + what)(self._rng.choice(here))
        elif what in ("join", "restore", "once", "renew") and away:
            m = self._rng.choice(away)
            if what == "restore" and m.backup:
                self._restore(m)
            if what == "renew" and m.known:
                self._renew(m)
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
        if not m.known:
            m.joined_at = asyncio.get_running_loop().time()
        port = self._proxy.port if set(LYING) & set(self._actions) else self._broker
        settings = {
            "channel": self._channel, "uid": m.uid, "key": b64(self._key), "keepalive": 5,
            "broker": {"host": "127.0.0.1", "port": port},
        }  # fmt: skip
        await m.hands.ready()
        m.online, m.here, m.known = False, True, True
        try:
            error = (await m.hands.call("start", m.who, life=m.life, settings=settings)).get("error")
        except Killed:
            m.here = False
            return
        assert error is None, error
        async with asyncio.timeout(SEND_S):
            while m.here and not m.online:
                self._changed.clear()
                await self._changed.wait()

    def _told(self, m, life, name, info):
        if name == "message":
            m.got.append((info, life, m.joined_at))
        else:
            m.events.append((name, info))
        if name == "online" and life == m.life:
            m.online = True
        if name == "identity_changed" and m.here:  # a person has compared the fingerprints
            order = m.hands.call("approve", m.who, uid=info["uid"], text=info["fingerprint"])
            task = asyncio.ensure_future(order)
            self._tasks.add(task)
            task.add_done_callback(lambda t: (self._tasks.discard(t), t.cancelled() or t.exception()))
        self._changed.set()

    def _gone(self, m):
        if m.here:
            self._say("killed", m.uid)
            self.cuts += 1
        m.here = False
        self._changed.set()

    async def _part(self, how, m):
        self._say(how, m.uid)
        m.here = False
        await m.hands.call(how, m.who)

    async def _leave(self, m):
        await self._part("leave", m)

    async def _sleep(self, m):
        await self._part("sleep", m)

    async def _stop(self, m):
        """As by a power cut: its last will says that it is gone."""
        await self._part("close", m)

    async def _crash(self, m):
        if not await m.hands.kill():
            await self._stop(m)

    async def _once(self, m):
        await self._start(m)
        if m.here:
            await self._send(m, None)
        if m.here:
            await self._sleep(m)

    async def _backup(self, m):
        """While it is stopped, as people make them; then it goes on."""
        await self._stop(m)
        self._say("backup", m.uid)
        shutil.copytree(self._folder / m.uid, self._copy(m), dirs_exist_ok=True)
        m.backup = True
        await self._start(m)

    def _restore(self, m):
        self._say("restore", m.uid)
        shutil.rmtree(self._folder / m.uid, ignore_errors=True)  # it may have been killed before it had one
        shutil.copytree(self._copy(m), self._folder / m.uid)

    def _copy(self, m):
        return self._folder.with_name(f"{self._channel}.{m.uid}.backup")

    def _renew(self, m):
        """Its disk is lost, and its identity with it."""
        self._say("renew", m.uid)
        shutil.rmtree(self._folder / m.uid, ignore_errors=True)  # it may have been killed before it had one
        m.backup = m.known = False

    async def _forget(self):
        """The broker loses all joins that it keeps."""
        self._say("forget")
        everyone = Topics(Keys(best_suite(), self._key, self._channel.encode()).rp).everyone("j")
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
        body = f"{self._number} {m.uid}"
        awake = {(o.uid, o.life) for o in self.members.values() if o.here and o is not m}
        async with asyncio.timeout(SEND_S):
            answer = await m.hands.call("send", m.who, body=body, mode=mode)
        if "error" in answer:
            self._say("send", m.uid, mode, "refused", answer["error"])
            return
        used, reached = answer["sent"]
        audience = frozenset(a for a in awake if a[0] in reached)
        self._say("send", m.uid, body, used, sorted(a[0] for a in audience))
        self.sends.append(Send(body, m.uid, used, asyncio.get_running_loop().time(), audience))

    # What was true.

    async def _calm(self):
        """Wait until nothing is missing, `QUIET_S` at most; then each sender that is there sends once more, which makes
        what is lost known, and again."""
        for again in (False, True):
            if again and not self._missing():
                return
            if again:
                for m in list(self.members.values()):
                    for mode in ("note", "conversation"):
                        with contextlib.suppress(Killed):
                            if m.here:
                                await self._send(m, mode)
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
                if not m.here or m.life != life:
                    continue  # it was not awake all the time
                if any(g["body"] == send.body for g, _, _ in m.got) or self._reported(m, send):
                    continue
                out.append((send, m))
        return out

    def _reported(self, m, send):
        numbers = {g["seq"] for o in self.members.values() for g, _, _ in o.got if g["body"] == send.body}
        for name, info in m.events:
            if name == "gap" and (info["uid"], info["secrecy"]) == (send.sender, send.mode):
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
                if not g["historic"] and ended.get(g["body"], joined_at) < joined_at:
                    wrong.append(f"{m.uid} takes {g['body']!r} for live, made before it joined")
            for name, info in m.events:
                if name == "forged":
                    wrong.append(f"{m.uid} calls {info.get('uid')} a forger: {info}")
                if name == "error":
                    wrong.append(f"{m.uid} has trouble: {info}")
        return [f"seed {self.seed}: {line}" for line in wrong]
