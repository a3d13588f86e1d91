"""Control frames of a group: PROTOCOL.md section 18.2."""

from dataclasses import dataclass

from .encoding import Reader, Reject, u8, u32
from .frames import CONTROL, Header, associated, open_sealed, parse_header, seal
from .names import ChannelKeys
from .primitives import ZERO32


@dataclass(frozen=True)
class Sync:
    """Where is the group? With the asker's own position, zeros without one."""

    nonce: bytes
    epoch: int = 0
    head: bytes = ZERO32


@dataclass(frozen=True)
class Head:
    """The sender's position; `nonce` is that of the sync it answers, or zeros."""

    nonce: bytes
    live: int
    epoch: int
    head: bytes


@dataclass(frozen=True)
class Need:
    epoch: int


@dataclass(frozen=True)
class Rejoin:
    """`number` is that of the first package made for this."""

    number: int


Control = Sync | Head | Need | Rejoin


def build_control(keys: ChannelKeys, group: bytes, sender_tag: bytes, control: Control, nonce: bytes) -> bytes:
    """`group` is the group's hidden name, or its id."""
    match control:
        case Sync():
            pt = u8(1) + control.nonce + u32(control.epoch) + control.head
        case Head():
            pt = u8(2) + control.nonce + u8(control.live) + u32(control.epoch) + control.head
        case Need():
            pt = u8(3) + u32(control.epoch)
        case Rejoin():
            pt = u8(4) + u32(control.number)
    return seal(keys.msgkey, associated(Header(CONTROL, sender_tag, 0), keys.rp, group), nonce, pt)


def parse_control(keys: ChannelKeys, group: bytes, frame: bytes) -> tuple[bytes, Control]:
    """(tag of the sender, what it says)."""
    header = parse_header("g", frame)
    if header.seq:
        raise Reject("format", "seq")
    reader = Reader(open_sealed(keys.msgkey, associated(header, keys.rp, group), frame))
    control: Control
    match reader.number(1):
        case 1:
            control = Sync(reader.take(16), reader.number(4), reader.take(32))
        case 2:
            control = Head(reader.take(16), reader.number(1), reader.number(4), reader.take(32))
        case 3:
            control = Need(reader.number(4))
        case 4:
            control = Rejoin(reader.number(4))
        case _:
            raise Reject("format", "type")
    reader.end()
    if isinstance(control, Head) and control.live > 1:
        raise Reject("format", "live")
    return header.epoch, control
