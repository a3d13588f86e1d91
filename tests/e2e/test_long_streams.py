"""`sealcast send -` beside a sensor that talks for years: what it keeps does not grow with the lines."""

import asyncio

import pytest

from sealcast.effects import Sent
from sealcast_host.cli.send import _Sender
from sealcast_host.member.session import join

KEY = "A" * 42 + "E"
pytestmark = pytest.mark.usefixtures("own_home")


def test_lines_of_a_conversation_leave_nothing_with_the_member(mosquitto):
    """Each with a receipt left two callbacks there."""
    where = {"host": "127.0.0.1", "port": mosquitto.port}

    async def go():
        ben = await join(settings={"channel": "barn", "key": KEY, "broker": where, "uid": "ben"})
        anna = await join(settings={"channel": "barn", "key": KEY, "broker": where, "uid": "anna"})
        ben.on("message", lambda name, message: None)
        sender, kept = _Sender("conversation", 60, None, None, True, "nobody"), []
        deadline = asyncio.get_running_loop().time() + 60
        for number in range(3):
            await sender.one(anna, f"line {number}".encode(), deadline)
            kept.append(sum(map(len, anna._session._callbacks.values())))
        sender.judge()
        assert sender.acknowledged == 3 and len(set(kept)) == 1
        await anna.leave()
        await ben.leave()

    asyncio.run(asyncio.wait_for(go(), 90))


def test_what_is_acknowledged_while_it_parts_is_counted():
    """Somebody stops it, and the broker's word comes just then: who read 0 sent it again."""

    class Parting:
        async def send_all(self, bodies, mode, to, least, timeout, acked):
            self.acked = acked
            await asyncio.Event().wait()

    async def stopped(sender, member):
        task = asyncio.ensure_future(sender.one(member, b"text", asyncio.get_running_loop().time() + 60))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def go():
        sender, member = _Sender("note", 60, None, None, False, "nobody"), Parting()
        await stopped(sender, member)
        assert sender.sent() == 0
        await stopped(sender, member)
        member.acked(0, Sent("note", [], [], None, None))
        assert sender.sent() == sender.sent() == 1

    asyncio.run(asyncio.wait_for(go(), 60))
