"""Channel keys, hidden names and topics: PROTOCOL.md sections 2 and 4."""

import base64
import binascii
from dataclasses import dataclass

from .encoding import Reject, lv
from .primitives import H, derive, scrypt, xsalsa20_xor

# stream: (number of slots, 0 for a topic without one). The ring's slots depend on K; 64 is the most there can be (7.2).
SLOTS = {"j": 4, "n": 64, "p": 0, "h": 0, "c": 0, "s": 0, "k": 3, "g": 0, "e": 64, "x": 0, "r": 0}
# Whose hidden name stands in a topic (section 2): the label of it for the streams that are not a member's.
LABELS = {"g": b"group", "e": b"group", "x": b"notice"}
GROUP_STREAMS = "ge"
RETAINED = "jnpkex"
LENGTHS = (32, 48, 64)  # bytes of a hidden name (4.3)


def root_key(password: str, channel: str, stretch: int = 15) -> bytes:
    """Section 4.1."""
    if not 15 <= stretch <= 20:
        raise ValueError("stretch is 15 to 20")
    return scrypt(password.encode(), H(b"", channel.encode(), person=b"sc/mhf"), 2**stretch, 8, 1, 32)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    """The bytes of the one spelling; any other is Reject(`topic`)."""
    try:
        data = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Reject("topic", "not base64url") from None
    if base64url(data) != text:
        raise Reject("topic", "not the canonical base64url")
    return data


@dataclass(frozen=True)
class Topic:
    """A topic taken apart; `name` is the hidden name P_i of the
    member; of the group in `g` and `e`, of the channel in `x`.
    """

    name: bytes
    stream: str
    slot: int | None = None


class ChannelKeys:
    """What a channel's root key gives: the keys of section 4.2, hidden names (4.3), topics (2)."""

    def __init__(self, root: bytes, channel: str) -> None:
        self.channel = channel
        self._known: dict[tuple[bytes, str], bytes] = {}
        self.ckey = derive(root, b"sc/ckey", lv(channel.encode()))
        self.msgkey = derive(root, b"sc/msgkey", lv(channel.encode()))
        self.rp = self.siv(b"channel", channel)

    def siv(self, label: bytes, text: str) -> bytes:
        """The hidden name of a text. Kept, because a reader asks for the same few again and again."""
        if (label, text) not in self._known:
            self._known[label, text] = self._siv(label, text)
        return self._known[label, text]

    def _siv(self, label: bytes, text: str) -> bytes:
        raw = text.encode()
        if not 1 <= len(raw) <= 48 or b"\0" in raw:
            raise ValueError("a name has 1 to 48 bytes of UTF-8, without NUL")
        padded = raw + bytes(-len(raw) % 16)
        tag = derive(derive(self.ckey, b"sc/siv-mac"), b"sc/siv", lv(label, padded))[:16]
        return tag + self._cipher(label, tag, padded)

    def unsiv(self, label: bytes, name: bytes) -> str:
        """The text under a hidden name; Reject(`name`) if it is not the one that siv gives."""
        for (kind, text), known in self._known.items():
            if (kind, known) == (label, name):
                return text
        if len(name) not in LENGTHS:
            raise Reject("name", "wrong length")
        try:
            text = self._cipher(label, name[:16], name[16:]).rstrip(b"\0").decode()
            same = self.siv(label, text) == name
        except ValueError:
            same = False
        if not same:
            raise Reject("name")
        return text

    def _cipher(self, label: bytes, tag: bytes, data: bytes) -> bytes:
        return xsalsa20_xor(derive(self.ckey, b"sc/siv-enc", label), tag + bytes(8), data)

    def name(self, uid: str) -> bytes:
        """P_i of a member; its first 16 bytes are the member's tag."""
        return self.siv(b"uid", uid)

    def uid(self, name: bytes) -> str:
        return self.unsiv(b"uid", name)

    def group_name(self, name: str) -> bytes:
        """The hidden name of a group; its first 16 bytes are the group's id."""
        return self.siv(b"group", name)

    def notice_name(self) -> bytes:
        return self.siv(b"notice", self.channel)

    def topic(self, name: bytes, stream: str, slot: int | None = None) -> str:
        tail = "" if slot is None else f"/{slot}"
        return f"zp/1/{base64url(self.rp)}/{base64url(name)}/{stream}{tail}"

    def parse_topic(self, topic: str) -> Topic:
        parts = topic.split("/")
        if len(parts) not in (5, 6) or parts[:2] != ["zp", "1"] or parts[4] not in SLOTS:
            raise Reject("topic")
        if unbase64url(parts[2]) != self.rp:
            raise Reject("topic", "another channel")
        slots = SLOTS[parts[4]]
        slot = None
        if len(parts) == 6:
            if parts[5] not in {str(i) for i in range(slots)}:
                raise Reject("topic", "no such slot")
            slot = int(parts[5])
        if (slot is None) != (slots == 0):
            raise Reject("topic", "a slot too many or too few")
        found = Topic(unbase64url(parts[3]), parts[4], slot)
        if len(found.name) not in LENGTHS:
            raise Reject("topic", "a hidden name of no such length")
        self.unsiv(LABELS.get(found.stream, b"uid"), found.name)
        return found
