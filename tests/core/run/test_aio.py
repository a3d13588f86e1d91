"""The clock over ticks that wrap, and time limits (sealcast/run/aio.py)."""

import asyncio

from scripted import run
from sealcast.run import aio


def test_the_clock_survives_wrapping_ticks():
    period = 1 << 30
    ticks = [period - 10]

    def diff(a, b):
        return (a - b + period // 2) % period - period // 2

    clock = aio.Clock(lambda: ticks[0] % period, diff)
    last = clock.now()
    total = 0
    for step in (5, 10, period // 4, period // 3, 1, 0, period // 2 - 1):
        ticks[0] += step
        total += step
        assert clock.now() == last + total
    ticks[0] -= 3
    assert clock.now() == last + total, "time does not run backwards"


def test_the_clock_knows_the_date_or_says_that_it_does_not():
    assert aio.Clock().time() == 0 or aio.Clock().time() > 1735689600


def test_a_clock_before_1970_or_after_2106_is_no_clock():
    """What does not fit into a frame must not stop the engine."""

    class Calendar:
        now = 0

        def time(self):
            return self.now

        def gmtime(self, _):
            return (1970,)

    clock, real, calendar = aio.Clock(), aio.time, Calendar()
    aio.time = calendar
    try:
        now = 1767225600
        for calendar.now, said in ((-1, 0), (-(1 << 40), 0), (now, now), (0xFFFFFFFF, 0xFFFFFFFF), (1 << 32, 0)):
            assert clock.time() == said
    finally:
        aio.time = real


def test_within():
    async def test():
        async def value():
            return 5

        async def never():
            await asyncio.Event().wait()

        async def failing():
            raise ValueError("x")

        assert await aio.within(value(), 1000, "late") == 5
        try:
            await aio.within(never(), 10, "late")
            raise AssertionError("no limit")
        except OSError as e:
            assert str(e) == "late"
        try:
            await aio.within(failing(), 1000, "late")
            raise AssertionError("swallowed")
        except ValueError:
            pass

    run(test())
