"""Bytes on the wire: topics, frame headers, length prefixes, padding. PROTOCOL.md sections 2 and 3.

Nothing here knows a key. Every parser is strict: one encoding a value, exact lengths, `Reject` on anything else.
"""

from binascii import a2b_base64, b2a_base64

from . import compat
from .compat import const
from .errors import Reject

VERSION = const(1)

# Kinds of frames (PROTOCOL.md section 3.2); the stream of the topic must agree.
JOIN = const(1)
NOTE = const(2)
PRESENCE = const(3)
HANDSHAKE = const(4)
CONVERSATION = const(5)
BARRIER = const(6)
AGREEMENT = const(7)
RATCHET = const(8)
CONTROL = const(9)
PACKAGE = const(10)
NOTICE = const(11)
RECEIPT = const(12)  # 13: zpinc/approval.py

STREAMS = "jnphcsgekxra"
RETAINED_SLOTS = "jnek"  # streams whose topics end in a slot number

HEADER = const(22)  # version 1, kind 1, epoch 16, seq 4
NONCE = const(24)
TAG = const(16)
MAX_BODY = const(2000)
MAX_FRAME = const(2400)
MAX_NAME = const(48)
HIDDEN = (32, 48, 64)  # bytes that a hidden name can have
U32 = 0xFFFFFFFF
LAMPORT_MAX = 0x7FFFFFFF  # the last number of a session
_LAST = ("", "", "AQgw", "AEIMQUYcgkosw048")  # letters of base64 whose last bits are 0, after so many of four


def u32(n):
    return n.to_bytes(4, "big")


def lv(*items):
    """Length-prefix each item with 2 bytes, big endian: injective for any list. PROTOCOL.md 3.1."""
    return b"".join(prefixed(*items))


def prefixed(*items):
    """The same in pieces."""
    out = []
    for item in items:
        out.append(len(item).to_bytes(2, "big"))
        out.append(item)
    return out


def b64(data):
    """base64url without padding."""
    return b2a_base64(data)[: (len(data) * 4 + 2) // 3].decode().replace("+", "-").replace("/", "_")


def unb64(text):
    """Strict inverse of `b64`: anything `b64` would not have written is rejected."""
    over = len(text) & 3
    if over == 1 or over and text[-1] not in _LAST[over] or "+" in text or "/" in text or "=" in text:
        raise Reject("topic")
    try:
        data = a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-over & 3))
    except ValueError:
        raise Reject("topic")
    if len(data) != len(text) * 3 >> 2:  # binascii passes over what is not of its letters
        raise Reject("topic")
    return data


def header(kind, epoch, seq):
    """version || kind || epoch(16) || seq(4): the first 22 bytes of every frame."""
    return bytes((VERSION, kind)) + epoch + u32(seq)


def check(frame, kind):
    """Is it a frame of this kind? Raises Reject("length" | "version" | "kind")."""
    if not HEADER + NONCE + TAG <= len(frame) <= MAX_FRAME:
        raise Reject("length")
    if frame[0] != VERSION:
        raise Reject("version")
    if frame[1] != kind:
        raise Reject("kind")


def as_bytes(body):
    """bytes of a body; text as UTF-8. Raises TypeError for anything else: bytes(5) would be five zeros."""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise TypeError("a message is bytes or str, not " + type(body).__name__ + ": encode it first")


def pad(body, asks=False):
    """body || 0x80 || zeros, to a Padme length, never under 32. asks: for a receipt, which 0x81 says (24)."""
    padded = compat.pad(b"", body)
    return padded[: len(body)] + b"\x81" + padded[len(body) + 1 :] if asks else padded


def unpad(data, limit=MAX_BODY):
    """Strict inverse of `pad`; Reject("padding") on any other form, and for more than `limit` bytes."""
    n = compat.unpad(data, limit)
    if n < 0:
        raise Reject("padding")
    return data[:n]


def unpad_asking(data):
    """-> (body, does it ask for a receipt?), of what `pad` makes in either way. Reject("padding")."""
    n = compat.unpad(data, MAX_BODY)
    if n >= 0:
        return data[:n], False
    end = len(data.rstrip(b"\x00"))
    if data[end - 1 : end] != b"\x81":
        raise Reject("padding")
    return unpad(data[: end - 1] + b"\x80" + data[end:]), True


class Reader:
    """Reads fixed-size fields from bytes; Reject("format") when they run out or are left over."""

    def __init__(self, data):
        self.data = data
        self.pos = 0

    def take(self, n):
        end = self.pos + n
        if end > len(self.data):
            raise Reject("format")
        out = self.data[self.pos : end]
        self.pos = end
        return out if isinstance(out, bytes) else bytes(out)

    def uint(self, n):
        return int.from_bytes(self.take(n), "big")

    def lv(self):
        return self.take(self.uint(2))

    def rest(self):
        return self.take(len(self.data) - self.pos)

    def end(self):
        if self.pos != len(self.data):
            raise Reject("format")


class Topics:
    """The topics of one channel: zp/1/<rp>/<P_i>/<stream>[/<slot>]. PROTOCOL.md section 2."""

    def __init__(self, rp):
        self.prefix = "zp/1/" + b64(rp) + "/"
        self._names = {}  # base64 -> name of who is heard again and again

    def remember(self, name):
        self._names[b64(name)] = name

    def make(self, name, stream, slot=None):
        """slot: a number, or "+" for all of them."""
        topic = self.prefix + b64(name) + "/" + stream
        return topic if slot is None else topic + "/" + str(slot)

    def everyone(self, stream):
        return self.prefix + "+/" + stream + ("/+" if stream in RETAINED_SLOTS else "")

    def parse(self, topic):
        """topic -> (P_i bytes, stream letter). Reject("topic") unless it is exactly one of ours."""
        if not topic.startswith(self.prefix):
            raise Reject("topic")
        begin = len(self.prefix)
        end = topic.find("/", begin)
        stream, slot = topic[end + 1 : end + 2], topic[end + 2 :]
        if end < 0 or stream not in STREAMS or not stream:  # "" is in STREAMS, too
            raise Reject("topic")
        if stream in RETAINED_SLOTS:
            number = slot[1:].encode()
            if slot[:1] != "/" or not number.isdigit() or len(number) > (3 if number[0] > 48 else 1):
                raise Reject("topic")
        elif slot:
            raise Reject("topic")
        text = topic[begin:end]
        name = self._names.get(text)
        if name is None:
            name = unb64(text)
            if len(name) not in HIDDEN:
                raise Reject("topic")
        return name, stream
