"""One stored state as bytes, and the choice between two of them. PROTOCOL.md section 12 (storage).

A slot is  header || body || check  with
  header = magic "SCst" (4) || format version (1) || generation (4, big endian) || length of the body (4, big endian)
  check  = h(16, key, person="sc/store"; header || body)

Two slots are written in turn, so that a power cut can only spoil the one that is being written. The keyed check finds
torn writes, worn flash, and the state of another device or channel; it is no defence against someone who holds the key.
Nothing here touches a file: filestore.py has the policy.
"""

from ..compat import const
from ..errors import BadState
from ..wire import lv, u32

FORMAT = const(1)
HEADER = const(13)
CHECK = const(16)
# above any state: 64 messages in, 64 out, 511 members; bounds what a broken header can ask for
MAX_BODY = const(0xFFFFF)
_MAGIC = b"SCst"


def key_for(suite, identity, channel, uid):
    """The check's key for a member's state, bound to who and where it is. identity: 32 bytes; channel, uid: bytes."""
    return suite.h(32, identity, b"", b"sc/store-key", lv(channel, uid))


def header(generation, length):
    """The 13 bytes before a body. Raises BadState when the generation number is used up or the state too long."""
    if not 0 < generation <= 0xFFFFFFFF:
        raise BadState("the storage has been written 4,294,967,295 times: remove the state files to begin anew")
    if length > MAX_BODY:
        raise BadState("the state has {} bytes, the limit is {}".format(length, MAX_BODY))
    return _MAGIC + bytes((FORMAT,)) + u32(generation) + u32(length)


def check(suite, key, head, *pieces):
    """The 16 bytes after a body, which may be given in pieces."""
    return suite.h(CHECK, key, b"", b"sc/store", head, *pieces)


def pack(suite, key, generation, body):
    """A whole slot as bytes."""
    head = header(generation, len(body))
    return head + bytes(body) + check(suite, key, head, body)


def measure(head):
    """The first 13 bytes -> length of the whole slot; None when they are no header of this format."""
    if len(head) != HEADER or bytes(head[:4]) != _MAGIC or head[4] != FORMAT:
        return None
    length = int.from_bytes(head[9:13], "big")
    if not int.from_bytes(head[5:9], "big") or length > MAX_BODY:
        return None
    return HEADER + length + CHECK


def unpack(suite, key, data):
    """A whole slot -> (generation, body), or None for anything that `pack` did not write under this key."""
    if data is None or measure(data[:HEADER]) != len(data):
        return None
    view = memoryview(data)
    head, body = view[:HEADER], view[HEADER : len(data) - CHECK]
    if not suite.equal(check(suite, key, head, body), view[len(data) - CHECK :]):
        return None
    return int.from_bytes(head[5:9], "big"), bytes(body)


def newest(suite, key, a, b):
    """The two slots' bytes (None: not there) -> (0 or 1, generation, body), or None when neither is valid.

    Two valid slots of one generation with different bodies cannot come from our own writing (someone copied files):
    neither is believed.
    """
    first, second = unpack(suite, key, a), unpack(suite, key, b)
    if first and second and first[0] == second[0] and first[1] != second[1]:
        return None
    if second and (first is None or second[0] > first[0]):
        return (1,) + second
    return (0,) + first if first else None


def blank(data):
    """True for a slot that holds nothing: missing, empty, or overwritten with zeros."""
    return data is None or not any(data)
