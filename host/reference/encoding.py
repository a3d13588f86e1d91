"""Integers, lists and padding (PROTOCOL.md sections 1 and 3.4), and the one way in which input is refused."""


class Reject(Exception):
    """Input that must be dropped without any change of state, and the reason it is counted under (section 13)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    return value.to_bytes(8, "big")


def lv(*items: bytes) -> bytes:
    """Each item behind its length as u16."""
    return b"".join(u16(len(item)) + item for item in items)


def xor(*items: bytes) -> bytes:
    """The exclusive or of items of one length."""
    result = bytes(len(items[0]))
    for item in items:
        if len(item) != len(result):
            raise ValueError("items of different lengths")
        result = bytes(a ^ b for a, b in zip(result, item, strict=True))
    return result


class Reader:
    """Takes fields from the front of some bytes; Reject(`format`) when they run out or something is left over."""

    def __init__(self, data: bytes, reason: str = "format") -> None:
        self.data, self.position, self.reason = data, 0, reason

    def take(self, size: int) -> bytes:
        if size < 0 or self.position + size > len(self.data):
            raise Reject(self.reason, "too short")
        self.position += size
        return self.data[self.position - size : self.position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    @property
    def left(self) -> int:
        return len(self.data) - self.position

    def rest(self) -> bytes:
        return self.take(self.left)

    def end(self) -> None:
        if self.left:
            raise Reject(self.reason, "too long")


MAX_BODY = 2000


def padme(length: int) -> int:
    """Padme's length for an input of this length, 2 or more (Nikitin et al., PETS 2019)."""
    E = length.bit_length() - 1
    S = E.bit_length()
    step = 1 << (E - S)
    return (length + step - 1) // step * step


def padded_length(length: int) -> int:
    """The length of pad(body) for a body of this length."""
    return max(32, padme(length + 1) if length else 0)


def pad(body: bytes, asks: bool = False) -> bytes:
    """asks: for a receipt."""
    if len(body) > MAX_BODY:
        raise ValueError("a body has at most 2,000 bytes")
    return (body + (b"\x81" if asks else b"\x80")).ljust(padded_length(len(body)), b"\0")


def unpad(padded: bytes) -> bytes:
    """The body; anything but exactly what pad makes of it is Reject(`padding`)."""
    body, mark, zeros = padded.rpartition(b"\x80")
    if not mark or zeros.strip(b"\0") or len(body) > MAX_BODY or pad(body) != padded:
        raise Reject("padding")
    return body


def unpad_asking(padded: bytes) -> tuple[bytes, bool]:
    """The body of a note or conversation message, and whether it asks for a receipt (3.4)."""
    body = padded.rstrip(b"\0")
    if body[-1:] == b"\x81" and len(body) - 1 <= MAX_BODY and pad(body[:-1], True) == padded:
        return body[:-1], True
    return unpad(padded), False
