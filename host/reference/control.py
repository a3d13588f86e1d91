"""Control frames of a group: PROTOCOL.md section 18.2."""

from collections.abc import Callable
from dataclasses import dataclass

from .encoding import Reader, Reject, u8, u32
from .frames import CONTROL, Header, associated, open_sealed, parse_header, seal
from .joins import Join
from .names import ChannelKeys
from .positions import Position, Vouch, split_macs
from .primitives import ZERO32
from .ratchet import MAX_EPOCH


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
    """`hash` is that of the frame that is wanted, zeros if any will do."""

    epoch: int
    hash: bytes = ZERO32


@dataclass(frozen=True)
class Rejoin:
    """`number` is that of the first package made for this."""

    number: int


Control = Sync | Head | Need | Rejoin


MAX_NUMBER = 2**31 - 1
MAX_BELIEVERS = 31


def build_control(
    keys: ChannelKeys,
    group: bytes,
    sender_tag: bytes,
    lamport: int,
    vouched: Vouch,
    control: Control,
    nonce: bytes,
) -> bytes:
    """`group` is the group's hidden name, or its id; `lamport` that of the sender's session."""
    match control:
        case Sync():
            said = u8(1) + control.nonce + u32(control.epoch) + control.head
        case Head():
            said = u8(2) + control.nonce + u8(control.live) + u32(control.epoch) + control.head
        case Need():
            said = u8(3) + u32(control.epoch) + control.hash
        case Rejoin():
            said = u8(4) + u32(control.number)
    ad = associated(Header(CONTROL, sender_tag, lamport), keys.rp, group)
    return seal(keys.msgkey, ad, nonce, said + b"".join(vouched(ad, said)))


@dataclass(frozen=True)
class Opened:
    """A control frame before its MACs are looked at: that comes last, behind what the receiver knows of the group."""

    control: Control
    sender: Join
    position: Position


def open_control(keys: ChannelKeys, group: bytes, frame: bytes, current: Callable[[bytes], Join]) -> Opened:
    """`current` gives the session that a tag's member has now, or raises Reject(`unknown`)."""
    header = parse_header("g", frame)
    sender = current(header.epoch)
    if header.seq != sender.lamport:
        raise Reject("stale", "another session")
    ad = associated(header, keys.rp, group)
    pt = open_sealed(keys.msgkey, ad, frame)
    reader = Reader(pt)
    control: Control
    match reader.number(1):
        case 1:
            control = Sync(reader.take(16), reader.number(4), reader.take(32))
        case 2:
            control = Head(reader.take(16), reader.number(1), reader.number(4), reader.take(32))
        case 3:
            control = Need(reader.number(4), reader.take(32))
        case 4:
            control = Rejoin(reader.number(4))
        case _:
            raise Reject("format", "type")
    said = pt[: reader.position]
    macs = split_macs(reader.rest(), MAX_BELIEVERS)
    match control:
        case Sync(epoch=epoch) | Head(epoch=epoch) | Need(epoch=epoch) if epoch > MAX_EPOCH:
            raise Reject("format", "epoch")
        case Rejoin(number=number) if not 1 <= number <= MAX_NUMBER:
            raise Reject("format", "number")
        case Head(live=live) if live > 1:
            raise Reject("format", "live")
    return Opened(control, sender, Position(group[:16], header.epoch, ad, said, macs))
