"""The slot that holds a stored state on flash: PROTOCOL.md section
12. What the state itself looks like is each member's affair.
"""

from .encoding import Reader, Reject, lv, u8, u32
from .primitives import H

MAGIC = b"SCst" + u8(1)


def slot_key(identity: bytes, channel: str, uid: str) -> bytes:
    """The key of a member's slots, from its identity's secret."""
    return H(identity, lv(channel.encode(), uid.encode()), person=b"sc/store-key")


def pack_slot(key: bytes, generation: int, state: bytes) -> bytes:
    slot = MAGIC + u32(generation) + u32(len(state)) + state
    return slot + H(key, slot, person=b"sc/store", size=16)


def parse_slot(key: bytes, slot: bytes) -> tuple[int, bytes]:
    """(generation, state); Reject(`state`) for anything but one whole slot."""
    reader = Reader(slot, "state")
    if reader.take(len(MAGIC)) != MAGIC:
        raise Reject("state", "not a slot")
    generation, length = reader.number(4), reader.number(4)
    state = reader.take(length)
    if H(key, slot[: reader.position], person=b"sc/store", size=16) != reader.rest():
        raise Reject("state", "checksum")
    return generation, state
