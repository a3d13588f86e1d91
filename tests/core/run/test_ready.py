"""What a body may be, and what clocks may say."""

import time

from check import raises
from scripted import Script, Wire, run, running
from sealcast.run.aio import Clock
from sealcast.wire import as_bytes


def test_a_body_is_bytes_or_text_and_nothing_else():
    assert as_bytes(b"a") == as_bytes(bytearray(b"a")) == as_bytes(memoryview(b"a")) == as_bytes("a") == b"a"
    assert as_bytes("\u00e9") == b"\xc3\xa9"
    for wrong in (5, 0, None, 2.5, [1, 2], ("a",), {"a": 1}, True):
        raises(TypeError, lambda wrong=wrong: as_bytes(wrong))


def test_a_wrong_body_is_told_to_its_sender_alone():
    async def test():
        s = await running(Script(), Wire())
        try:
            await s.send(5)
            raise AssertionError("five zeros were sent")
        except TypeError as e:
            assert "bytes or str" in str(e)
        assert s.healthy()
        assert [name for name, _ in s.events if name == "error"] == []
        await s.close()

    run(test())


def test_leaving_the_block_leaves_the_channel():
    async def test():
        ch = Script()
        async with await running(ch, Wire()) as s:
            assert s.online
        assert s.closed
        assert "leave" in ch.names()

    run(test())


class At:
    """time.time() that says this."""

    def __init__(self, seconds):
        self._seconds = seconds

    def __enter__(self):
        import sealcast.run.aio as aio

        self._aio, self._old = aio, aio.time
        aio.time = self
        return self

    def __exit__(self, *_):
        self._aio.time = self._old

    def time(self):
        return self._seconds

    def gmtime(self, n):
        return time.gmtime(n)


def test_a_clock_out_of_reason_says_that_it_does_not_know():
    for wrong in (-1, -(1 << 40), 0, 1000, 1 << 32, 1 << 40):
        clock = Clock(lambda: 0, lambda a, b: a - b)
        with At(wrong):
            assert clock.time() == 0
    with At(1800000000):
        assert Clock(lambda: 0, lambda a, b: a - b).time() == 1800000000
