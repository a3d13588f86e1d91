"""The serial link: how a board without radio reaches `sealcast bridge` over UART or USB. docs/PROTOCOL.md section 23.

Sans-I/O, for both ends. `Lines` finds packets in whatever a serial port says; `Link` makes of packets that may be lost,
damaged or repeated a pair of message streams: complete, in order, once, and no faster than the receiver takes them.
"""

from binascii import a2b_base64, b2a_base64, crc32

from ..compat import const

MESSAGE = const(2816)  # the longest message: the largest frame of the protocol, its topic, and a few bytes
# bytes of a message in one packet: its line fits the 260 bytes that an ESP32 buffers while it is busy
SEGMENT = const(120)
LINE = const(192)
VERSION = const(1)

_MARK = b"\x1e"  # begins a packet; no REPL takes it for a command, and no text holds it
_CRC = const(4)
_HEAD = const(5)  # kind, session (2), number, acknowledgement

# Kinds
_HELLO = const(1)
WELCOME = const(2)
_MORE = const(3)
_LAST = const(4)
_ACK = const(5)
_PING = const(6)
_GONE = const(7)

_HELLO_MS = const(1000)
_RESEND_MS = const(400)
_RESEND_MOST_MS = const(5000)
_REASON = const(100)


def line(packet):
    """packet -> the bytes to send."""
    return _MARK + b2a_base64(packet + crc32(packet).to_bytes(_CRC, "big"))


def unline(text):
    """The base64 of a line -> packet, or None when it is damaged."""
    try:
        data = a2b_base64(text)
    except ValueError:
        return None
    packet = data[:-_CRC]
    if len(packet) < _HEAD or crc32(packet).to_bytes(_CRC, "big") != data[-_CRC:]:
        return None
    return packet


class Lines:
    """Takes a serial port's bytes as they come -> what they complete: [("packet", bytes) or ("text", bytes)].
    text: how long a line of text may be before it comes in pieces; at least LINE."""

    def __init__(self, text=LINE):
        self._most = text
        self._part = b""  # of the line that is coming in
        self._packet = False
        self.damaged = 0

    def put(self, data):
        found = []
        for n, piece in enumerate(data.split(_MARK)):  # byte by byte it takes a board 5,000 instructions for each
            if n:
                self._close(found, False)
                self._packet = True
            for n, part in enumerate(piece.split(b"\n")):
                if n:
                    self._close(found, True)
                self._add(found, self._part + part)
        return found

    def _add(self, found, part):
        if self._packet and len(part) > LINE:  # no packet is as long as this: its end was lost
            self._packet, part = False, part[LINE + 1 :]
            self.damaged += 1
        while not self._packet and len(part) > self._most:
            found.append(("text", part[: self._most].rstrip(b"\r")))
            part = part[self._most :]
        self._part = part

    def _close(self, found, ended):
        """ended: as lines are; a packet that a new one cuts short is none."""
        packet, part = self._packet, self._part
        self._packet, self._part = False, b""
        if packet:
            part = unline(part) if ended else None
            self.damaged += part is None
        else:
            part = part.rstrip(b"\r")
        if part:
            found.append(("packet" if packet else "text", part))


class Link:
    """One end. The board's end opens: open(); the bridge's end answers. `out` collects lines to write.

    take(packet, now) -> None, ("opened", keepalive in s), ("message", bytes) or ("gone", reason str).
    window: packets that this end takes without having acknowledged them."""

    def __init__(self, window):
        self._window = window
        self._opener = False
        self.out = []
        self._begin(0)

    def _begin(self, session):
        self.session = session
        self.up = False
        self.heard = 0
        self._limit = 0  # ms of silence after which the other end is gone
        self._hello_at = None
        self._ping_at = None
        self._room = 1  # packets that the other end takes unacknowledged
        self._count = self._acked = self._sent = 0  # packets of the message that is being sent
        self._parts = ()  # that message as it was given: no buffer of ours holds the largest there could be
        self._size = 0
        self._number = 0  # of its first packet
        self._resend_at = 0
        self._wait = _RESEND_MS
        self._expected = 0
        self._pieces = []  # of the message that is coming in
        self._fill = 0

    # --- the board's side

    def open(self, session, keepalive_s, now):
        """Ask for a session; its number (1..65535) must differ from the last one's."""
        self._begin(session)
        self._opener = True
        self._keepalive_s = keepalive_s
        self._limit = keepalive_s * 1000
        self.heard = now
        self._hello_at = now
        self.tick(now)

    # --- both sides

    @property
    def idle(self):
        """May send() be called?"""
        return self.up and not self._count

    def send(self, parts, now):
        """Send one message, given in parts, together at most MESSAGE bytes, that stay as they are. Only when idle."""
        size = sum(map(len, parts))
        if not self.idle or not size or size > MESSAGE:
            raise ValueError("serial link: busy, or a message of a wrong length")
        self._parts = parts
        self._size = size
        self._count = (size + SEGMENT - 1) // SEGMENT
        self._acked = self._sent = 0
        self._wait = _RESEND_MS
        self._pump(now)

    def gone(self, reason):
        """End the session and tell the other end why."""
        if self.session:
            self._put(_GONE, 0, reason.encode()[:_REASON])
        self._begin(0)

    def take(self, packet, now):
        """A packet from Lines."""
        kind, session, number, ack = packet[0], packet[1] << 8 | packet[2], packet[3], packet[4]
        data = packet[_HEAD:]
        if kind == _HELLO:
            return None if self._opener else self._hello(session, data, now)
        if session != self.session or not session:
            if not self._opener and kind != _GONE:
                # A board that talks in a session of which we know nothing: one of us was restarted.
                self.out.append(line(bytes((_GONE, session >> 8, session & 255, 0, 0)) + b"the bridge was restarted"))
            return None
        if kind == _GONE:
            self._begin(0)
            return ("gone", "".join([chr(c) if 32 <= c < 127 else "?" for c in data]))
        self.heard = now
        if kind == WELCOME:
            return self._welcome(data, now)
        if not self.up:
            return None
        self._acknowledged((ack - self._number) & 255, now)
        if kind == _PING:
            self._put(_ACK, 0)
        elif kind in (_MORE, _LAST):
            return self._piece(kind == _LAST, number, data)
        return None

    def tick(self, now):
        """Do what is due. Returns None or ("gone", reason)."""
        if self._hello_at is not None and now >= self._hello_at:
            self._hello_at = now + _HELLO_MS
            self._put(_HELLO, 0, bytes((VERSION, self._window)) + self._keepalive_s.to_bytes(2, "big"))
        if not self.up:
            return None
        if now - self.heard >= self._limit:
            self._begin(0)
            return ("gone", "the serial port is silent")
        if self._ping_at is not None and now >= self._ping_at:
            self._ping_at = now + self._limit // 3
            self._put(_PING, 0)
        if self._count and now >= self._resend_at:
            self._wait = min(2 * self._wait, _RESEND_MOST_MS)
            self._sent = self._acked
            self._pump(now)
        return None

    def due(self, now):
        """Milliseconds until tick() has something to do."""
        times = [t for t in (self._hello_at, self._ping_at) if t is not None]
        if self.up:
            times.append(self.heard + self._limit)
        if self._count:
            times.append(self._resend_at)
        return max(0, min(times) - now) if times else 1000

    # --- inside

    def _put(self, kind, number, data=b""):
        s = self.session
        self.out.append(line(bytes((kind, s >> 8, s & 255, number & 255, self._expected)) + data))

    def _hello(self, session, data, now):
        if len(data) != 4 or not session or not data[1]:
            return None
        if data[0] != VERSION:
            self.out.append(
                line(bytes((_GONE, session >> 8, session & 255, 0, 0)) + b"the bridge speaks another version")
            )
            return None
        again = self.up and session == self.session  # our WELCOME was lost
        if not again:
            self._begin(session)
        self.up = True
        self.heard = now
        self._room = data[1]
        keepalive_s = data[2] << 8 | data[3]
        self._limit = max(5, keepalive_s) * 1500
        self._put(WELCOME, 0, bytes((VERSION, self._window)))
        return None if again else ("opened", keepalive_s)

    def _welcome(self, data, now):
        if self.up or len(data) != 2 or data[0] != VERSION or not data[1]:
            return None
        self.up = True
        self._hello_at = None
        self._room = data[1]
        self._ping_at = now + self._limit // 3
        return ("opened", self._keepalive_s)

    def _acknowledged(self, n, now):
        """The other end has the first n packets of our message."""
        if self._count and self._acked < n <= self._sent:
            self._acked = n
            self._wait = _RESEND_MS
            if n == self._count:
                self._number = self._number + n & 255
                self._count = 0
                self._parts = ()
            else:
                self._pump(now)

    def _pump(self, now):
        while self._sent < self._count and self._sent - self._acked < self._room:
            at = self._sent * SEGMENT
            end = min(at + SEGMENT, self._size)
            kind = _LAST if end == self._size else _MORE
            self._put(kind, self._number + self._sent, self._cut(at, end))
            self._sent += 1
        self._resend_at = now + self._wait

    def _cut(self, at, end):
        """Bytes at..end of the message that is being sent."""
        out = b""
        for part in self._parts:
            if at < len(part) and end > 0:
                out += bytes(memoryview(part)[max(0, at) : max(0, end)])
            at -= len(part)
            end -= len(part)
        return out

    def _piece(self, last, number, data):
        """A piece of a message: only the next one counts; the answer says in any case which one that is."""
        found = None
        if number == self._expected:
            if not data or self._fill + len(data) > MESSAGE:
                self.gone("a message that is too long or empty")
                return ("gone", "a message that is too long or empty")
            self._pieces.append(data)
            self._fill += len(data)
            self._expected = self._expected + 1 & 255
            if last:
                found = ("message", b"".join(self._pieces))
                self._pieces = []
                self._fill = 0
        self._put(_ACK, 0)
        return found
