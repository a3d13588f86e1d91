"""A member's state that there is twice: a clone, and a backup that comes back together with the broker's. Real
processes behind real brokers: those who are concerned are told, what is said then is heard, nobody is taken for a
forger. PROTOCOL.md 6.2, 6.4, 8.
"""

import asyncio
import contextlib
import shutil

import pytest

from delivery.hands import Hands
from host_support import DEADLINE_S, free_port, start_broker
from sealcast.wire import b64

CHANNEL = "copies"
SAME = ("dropped", {"reason": "same_uid", "uid": "gate"})


class Watched:
    """One member in a process of its own, and all that it has been told."""

    def __init__(self, uid, home, port):
        self.uid, self.home, self.port = uid, home, port
        self.hands, self.told, self._more = Hands(str(home)), [], asyncio.Event()
        self.hands.on(uid, lambda life, name, info: self._tell(name, info), lambda: None)

    def _tell(self, name, info):
        self.told.append((name, info))
        self._more.set()

    @property
    def state(self):
        return self.home / "sealcast" / CHANNEL / self.uid

    async def start(self):
        settings = {
            "channel": CHANNEL, "uid": self.uid, "key": b64(b"k" * 32), "keepalive": 5,
            "broker": {"host": "127.0.0.1", "port": self.port},
        }  # fmt: skip
        self.told.clear()
        await self.hands.ready()
        assert "error" not in await self.hands.call("start", self.uid, life=1, settings=settings)
        await self.until(lambda name, info: name == "online")

    async def say(self, body):
        assert "error" not in await self.hands.call("send", self.uid, body=body, mode="note")

    async def until(self, wanted):
        """Until it has been told something of this kind."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(wanted(*what) for what in self.told):
                self._more.clear()
                await self._more.wait()

    async def hears(self, body):
        await self.until(lambda name, info: name == "message" and info["body"] == body)

    async def learns_of_the_copy(self):
        await self.until(lambda name, info: name == SAME[0] and SAME[1].items() <= info.items())


@contextlib.asynccontextmanager
async def crew(*members):
    for m in members:
        await m.hands.start()
    try:
        yield
        assert not [what for m in members for what in m.told if what[0] in ("forged", "error")]
    finally:
        for m in members:
            await m.hands.end()


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_a_backup_of_member_and_broker_comes_back(kind, tmp_path):
    """One connection old: only the other member knows which numbers were used since."""
    port, kept, backup = free_port(), tmp_path / "broker", tmp_path / "backup"
    kept.mkdir()
    ann, gate = Watched("ann", tmp_path / "ann", port), Watched("gate", tmp_path / "gate", port)

    async def story(brokers):
        broker = brokers.enter_context(start_broker(kind, port, kept))
        async with crew(ann, gate):
            await ann.start()
            await gate.start()
            await gate.say("first")
            await ann.hears("first")
            await gate.hands.call("leave", "gate")
            broker.__exit__()
            shutil.copytree(kept, backup / "broker")
            shutil.copytree(gate.state, backup / "gate")
            broker = brokers.enter_context(start_broker(kind, port, kept))
            await gate.start()
            for body in ("one", "two"):
                await gate.say(body)
                await ann.hears(body)
            await gate.hands.call("leave", "gate")
            broker.__exit__()
            for original, copy in ((kept, backup / "broker"), (gate.state, backup / "gate")):
                shutil.rmtree(original)
                shutil.copytree(copy, original)
            ann.told.clear()
            brokers.enter_context(start_broker(kind, port, kept))
            await ann.until(lambda name, info: name == "online")
            await gate.start()
            await gate.learns_of_the_copy()
            await ann.learns_of_the_copy()
            await gate.say("after")
            await ann.hears("after")

    with contextlib.ExitStack() as brokers:
        asyncio.run(story(brokers))


def test_a_backup_of_a_running_member_comes_back_and_its_broker_has_forgotten_all(tmp_path):
    """No connection was numbered twice and no retained note says so: the other has more from it than it knows of."""
    port, kept, backup = free_port(), tmp_path / "broker", tmp_path / "backup"
    kept.mkdir()
    ann, gate = Watched("ann", tmp_path / "ann", port), Watched("gate", tmp_path / "gate", port)

    async def story(brokers):
        broker = brokers.enter_context(start_broker("mosquitto", port, kept))
        async with crew(ann, gate):
            await ann.start()
            await gate.start()
            await gate.say("first")
            await ann.hears("first")
            shutil.copytree(gate.state, backup)
            await gate.say("swallowed, if it were not told")
            await ann.hears("swallowed, if it were not told")
            await gate.hands.end()
            broker.__exit__()
            shutil.rmtree(kept)
            kept.mkdir()
            shutil.rmtree(gate.state)
            shutil.copytree(backup, gate.state)
            brokers.enter_context(start_broker("mosquitto", port, kept))
            await gate.hands.start()
            await gate.start()
            await gate.until(lambda name, info: name == SAME[0] and info.get("last") == 0)
            await gate.say("after")
            await ann.hears("after")

    with contextlib.ExitStack() as brokers:
        asyncio.run(story(brokers))


def test_two_clones_of_one_member(tmp_path):
    """Both are told, and what either says is heard."""
    port = free_port()
    (tmp_path / "broker").mkdir()
    ann, gate = Watched("ann", tmp_path / "ann", port), Watched("gate", tmp_path / "gate", port)
    clone = Watched("gate", tmp_path / "clone", port)

    async def story():
        async with crew(ann, gate, clone):
            await ann.start()
            await gate.start()
            await gate.hands.call("leave", "gate")
            shutil.copytree(gate.state, clone.state)
            await asyncio.gather(gate.start(), clone.start())
            await gate.learns_of_the_copy()
            await clone.learns_of_the_copy()
            await gate.say("of the one")
            await ann.hears("of the one")
            await clone.say("of the other")
            await ann.hears("of the other")

    with start_broker("mosquitto", port, tmp_path / "broker"):
        asyncio.run(story())
