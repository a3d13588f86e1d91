"""What the demo's broker saw: every topic and payload, shown in figures and searched for anything readable."""

import base64
from collections import Counter

from sealcast.crypto.keys import Keys
from sealcast.errors import Reject
from sealcast.wire import unb64

NAMES = {
    "j": "joins", "n": "notes", "p": "presence", "h": "handshake", "c": "conversation",
    "s": "sync", "g": "ratchet", "e": "ratchet slots", "k": "key packages", "r": "receipts",
}  # fmt: skip


class Recorder:
    """The broker's tap. frames: (topic, payload, retained) of every message it was given, last wills included."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, bytes, bool]] = []

    def __call__(self, topic: str, payload: bytes, retained: bool) -> None:
        self.frames.append((topic, payload, retained))

    def hits(self, needles: list[str]) -> int:
        """How often one of the texts occurs in a topic or payload: as it is, in hex, in base64 at any alignment."""
        forms = [form for needle in needles for form in forms_of(needle.encode())]
        found = 0
        for topic, payload, _ in self.frames:
            for hay in (topic.encode(), payload, topic.lower().encode(), payload.lower()):
                found += sum(form in hay for form in forms)
        return found

    def opened_with(self, keys: Keys, rp: bytes) -> int:
        """How many frames `keys` open, given the channel's own address `rp`: the best that a guessed password can
        do."""
        keys.rp = rp
        opened = 0
        for topic, payload, _ in self.frames:
            parts = topic.split("/")
            try:
                keys.open(payload, payload[1], unb64(parts[3])[:16])
            except (Reject, IndexError):
                continue
            opened += 1
        return opened

    def table(self) -> list[str]:
        """One line for each kind of message, and an example of what the broker has to go by."""
        count: Counter[str] = Counter()
        sizes: dict[str, list[int]] = {}
        for topic, payload, _ in self.frames:
            stream = topic.split("/")[4]
            count[stream] += 1
            sizes.setdefault(stream, []).append(len(payload))
        lines = [
            f"{NAMES.get(s, s):<13} {n:>4} messages of {min(sizes[s])} to {max(sizes[s])} bytes"
            for s, n in sorted(count.items())
        ]
        longest = max(self.frames, key=lambda frame: len(frame[1]))
        return [*lines, f"a topic    {shorten(longest[0])}", f"a payload  {longest[1][:24].hex()}..."]


def forms_of(needle: bytes) -> list[bytes]:
    """The ways in which a text could stand in the open."""
    forms = [needle, needle.lower(), needle.hex().encode()]
    for shift in range(3):
        # The middle of the encoding, which does not depend on what stands before or after.
        encoded = base64.b64encode(bytes(shift) + needle)
        middle = encoded[(8 * shift + 5) // 6 : len(encoded) - 4]
        forms += [middle, middle.replace(b"+", b"-").replace(b"/", b"_")]
    return [form for form in dict.fromkeys(forms) if len(form) >= 4]


def shorten(topic: str) -> str:
    """A topic with its two long names cut: they are what the broker sees of channel and sender."""
    return "/".join(part if len(part) < 16 else part[:12] + "..." for part in topic.split("/"))
