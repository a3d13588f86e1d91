"""The receive buffer of the MQTT client: one allocation for its whole life, whatever the broker sends.

Bytes between `_start` and `_end` are received and not yet used; need(n) waits until there are n of them. What a packet
carries goes past the buffer, to where it will stay: take(n).
"""

import time

CLOSED = "the broker closed the connection"


def violation(what):
    """A packet that breaks the rules: the link is as good as lost."""
    return OSError("the broker breaks the MQTT rules: " + what)


class Input:
    """Reads MQTT packets from a stream through a buffer of `size` bytes."""

    def __init__(self, size):
        self._size = size
        self._buf = bytearray(size)
        self._view = memoryview(self._buf)
        self.attach(None)

    def attach(self, stream):
        """Begin anew, on a new connection."""
        self._stream = stream
        self._start = self._end = 0
        self.heard = time.ticks_ms()  # when the last byte came

    async def need(self, n):
        """Wait for n (at most `size`) bytes. Raises OSError at the end of the stream."""
        while self._end - self._start < n:
            if self._start + n > self._size or self._start == self._end:
                held = self._end - self._start
                self._view[:held] = self._view[self._start : self._end]
                self._start, self._end = 0, held
            self._end += await self._more(self._view[self._end :])

    async def _more(self, room):
        """Read what has come, at most what there is room for -> how many bytes."""
        count = await self._stream.readinto(room)
        if count == 0:
            raise OSError(CLOSED)
        self.heard = time.ticks_ms()
        return count or 0  # None: TLS had no whole record yet

    async def take(self, n):
        """The next n bytes, as an object of their own; they are done with."""
        have = min(n, self._end - self._start)
        out = bytearray(n)
        out[:have] = self.view(0, have)
        self._start += have
        rest = memoryview(out)
        while have < n:
            have += await self._more(rest[have:])
        return out

    def byte(self, at):
        """Byte `at` of those that were needed."""
        return self._buf[self._start + at]

    def u16(self, at):
        return self._buf[self._start + at] << 8 | self._buf[self._start + at + 1]

    def view(self, at, n):
        """n bytes from `at`, valid until the next need()."""
        return self._view[self._start + at : self._start + at + n]

    def use(self, n):
        """n bytes are done with."""
        self._start += n

    async def skip(self, n):
        """Read past n bytes, however many, without storing them."""
        while n:
            await self.need(1)
            step = min(n, self._end - self._start)
            self._start += step
            n -= step

    async def head(self):
        """A packet's fixed header (2.2.3): -> (first byte, remaining length)."""
        size = shift = 0
        at = 1
        while True:
            await self.need(at + 1)
            byte = self.byte(at)
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
            if at > 4:
                raise violation("a malformed length")
        first = self.byte(0)
        self.use(at)
        return first, size
