"""Bytes on the wire: topics, frame headers, length prefixes, padding. PROTOCOL.md sections 2 and 3.

Nothing here knows a key. Every parser is strict: one encoding a value, exact lengths, `Reject` on anything else.
"""

from . import compat
from .compat import a2b, b2a, const
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
U32 = 0xFFFFFFFF


def u32(n):
    return n.to_bytes(4, "big")


def lv(*items):
    """Length-prefix each item with 2 bytes, big endian: injective for any list. PROTOCOL.md 3.1."""
    out = bytearray()
    for item in items:
        out += len(item).to_bytes(2, "big")
        out += item
    return bytes(out)


def b64(data):
    """base64url without padding."""
    return b2a(data).decode().rstrip("=").replace("+", "-").replace("/", "_")


def unb64(text):
    """Strict inverse of `b64`: anything `b64` would not have written is rejected."""
    try:
        data = a2b(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    except ValueError:
        raise Reject("topic")
    if b64(data) != text:
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
    end = len(data.rstrip(b"\x00"))
    asks = data[end - 1 : end] == b"\x81"
    return unpad(data[: end - 1] + b"\x80" + data[end:] if asks else data), asks


class Reader:
    """Reads fixed-size fields from bytes; Reject(reason) when they run out or are left over."""

    def __init__(self, data, reason="format"):
        self.data = data
        self.pos = 0
        self.reason = reason

    def take(self, n):
        end = self.pos + n
        if end > len(self.data):
            raise Reject(self.reason)
        out = bytes(self.data[self.pos : end])
        self.pos = end
        return out

    def uint(self, n):
        return int.from_bytes(self.take(n), "big")

    def lv(self):
        return self.take(self.uint(2))

    def rest(self):
        return self.take(len(self.data) - self.pos)

    def end(self):
        if self.pos != len(self.data):
            raise Reject(self.reason)


class Topics:
    """The topics of one channel: zp/1/<rp>/<P_i>/<stream>[/<slot>]. PROTOCOL.md section 2."""

    def __init__(self, rp):
        self.prefix = "zp/1/" + b64(rp) + "/"

    def make(self, name, stream, slot=None):
        topic = self.prefix + b64(name) + "/" + stream
        return topic if slot is None else topic + "/" + str(slot)

    def everyone(self, stream):
        return self.prefix + "+/" + stream + ("/+" if stream in RETAINED_SLOTS else "")

    def ring(self, name):
        return self.make(name, "n") + "/+"

    def parse(self, topic):
        """topic -> (P_i bytes, stream letter). Reject("topic") unless it is exactly one of ours."""
        if not topic.startswith(self.prefix):
            raise Reject("topic")
        parts = topic[len(self.prefix) :].split("/")
        if len(parts) < 2 or len(parts[1]) != 1 or parts[1] not in STREAMS:  # "" and "np" are in STREAMS, too
            raise Reject("topic")
        if parts[1] in RETAINED_SLOTS:
            if len(parts) != 3 or len(parts[2]) > 3 or str(_slot(parts[2])) != parts[2]:
                raise Reject("topic")
        elif len(parts) != 2:
            raise Reject("topic")
        return unb64(parts[0]), parts[1]


def _slot(text):
    for c in text:
        if not "0" <= c <= "9":
            raise Reject("topic")
    if not text:
        raise Reject("topic")
    return int(text)
