"""A computer that is suspended: its monotonic clock stands still meanwhile, and takes nothing old for new behind it."""

import asyncio
import sys
import time

import pytest

from sealcast_host.member import engine
from sealcast_host.member.session import join

DEADLINE_S = 90
KEY = "A" * 42 + "E"
pytestmark = pytest.mark.usefixtures("own_home")


def test_what_was_made_before_a_suspension_is_not_live_behind_it(mosquitto, monkeypatch):
    """A message that names our presence of before may be as old as the suspension was long; one that names the next is
    live again. The computer's two clocks are said to part, as they do then."""
    parted = 0.0
    monkeypatch.setattr(engine, "suspended", lambda: parted)
    where = {"host": "127.0.0.1", "port": mosquitto.port}

    async def go():
        nonlocal parted
        about = {"channel": "barn", "key": KEY, "broker": where, "keepalive": 5}
        ben = await join(settings=about | {"uid": "ben"})
        anna = await join(settings=about | {"uid": "anna"})
        shown, receive = asyncio.Event(), anna._session.receive

        def watched(topic, payload):
            receive(topic, payload)
            if topic.endswith("/p"):
                shown.set()

        anna._session.receive = watched

        async def told(text):
            await anna.send(text, "note")
            message = await anext(ben)
            assert bytes(message.body).decode() == text
            return message

        async def until_live(text):
            """Anna says it again behind each presence that comes to her."""
            while (message := await told(text)).historic:
                shown.clear()
                await shown.wait()
            return message

        assert (await until_live("before")).age <= 13
        for seconds in (0.9, 3600.0, 7200.0):
            parted = seconds
            message = await told("held back meanwhile")
            assert (message.historic, message.age is None) == (seconds > 1, seconds > 1)
            assert (await until_live("behind it")).age <= 13
        await anna.leave()
        await ben.leave()

    asyncio.run(asyncio.wait_for(go(), DEADLINE_S))


def test_a_note_that_waited_for_another_through_a_suspension_has_no_age():
    """It came before, and its age would be short by the suspension."""

    class Note:
        since = 5

    class Record:
        pass

    channel, session = Record(), Record()
    channel.others, session.window = Record(), Record()
    note = session.window.held = {3: Note()}
    member = Record()
    member.sessions = [session]
    channel.others.by_tag = {b"tag": member}
    channel.others.heard = before = engine.Heard()
    before.marks = [b"presence"]
    assert not engine.forget_times(channel, 0)
    assert note[3].since is None
    assert channel.others.heard is not before and channel.others.heard.marks == [b"presence"]


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="elsewhere no clock tells")
def test_the_clock_that_goes_on_is_there_and_keeps_step():
    """While nothing is suspended the difference stands still, so that nothing is forgotten for nothing."""
    assert engine._ALWAYS is not None and time.clock_gettime(engine._ALWAYS) > 0
    first = engine.suspended()
    assert max(engine.suspended() - first for _ in range(1000)) < engine.SUSPENDED_S
