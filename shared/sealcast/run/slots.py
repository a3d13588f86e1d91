"""One stored state as bytes, and the choice between two of them. PROTOCOL.md section 12 (storage). Rare code.

A slot is  header || body || check  with
  header = magic "SCst" (4) || format version (1) || generation (4, big endian) || length of the body (4, big endian)
  check  = h(16, key, person="sc/store"; header || body)

Two slots are written in turn, so that a power cut can only spoil the one that is being written. The keyed check finds
torn writes, worn flash, and the state of another device or channel; it is no defence against someone who holds the key.
filestore.py writes them; here is how they are read again.
"""

from ..journal import MOST
from ..wire import lv
from .filestore import CHECK, CHUNK, FORMAT, HEADER, MAGIC, MAX_BODY, check, header


def key_for(suite, identity, channel, uid):
    """The check's key for a member's state, bound to who and where it is. identity: 32 bytes; channel, uid: bytes."""
    return suite.h(32, identity, b"", b"sc/store-key", lv(channel, uid))


def pack(suite, key, generation, body):
    """A whole slot as bytes."""
    head = header(generation, len(body))
    return head + bytes(body) + check(suite, key, head, body)


def measure(head):
    """The first 13 bytes -> length of the whole slot; None when they are no header of this format."""
    if len(head) != HEADER or bytes(head[:4]) != MAGIC or head[4] != FORMAT:
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
    neither is believed."""
    first, second = unpack(suite, key, a), unpack(suite, key, b)
    if first and second and first[0] == second[0] and first[1] != second[1]:
        return None
    if second and (first is None or second[0] > first[0]):
        return (1,) + second
    return (0,) + first if first else None


def blank(data):
    """True for a slot that holds nothing: missing, empty, or overwritten with zeros."""
    return data is None or not any(data)


def load(store):
    """The newest valid body or None. Raises OSError when the files cannot be read at all."""
    both = (_read(store, store._paths[0]), _read(store, store._paths[1]))
    best = newest(store._suite, store._key, both[0], both[1])
    if best is None:
        store.damaged = not (blank(both[0]) and blank(both[1]))
        store._current, store._generation = None, 0
        return None
    store._current, store._generation, body = best
    store._erase(store._paths[1 - store._current])
    return body + _journal(store, store._paths[store._current] + "j")


def _journal(store, path):
    """What was appended; of what is longer than any room, enough to tell that nobody of us did it."""
    file = store._there(path, "rb")
    if file is None:
        return b""
    with file:
        size = file.seek(0, 2)
        file.seek(0)
        return file.read(min(size, MOST + 1))


def _read(store, path):
    """The bytes of a slot; None when there is no file. It asks for no more memory than a slot of this length needs."""
    file = store._there(path, "rb")
    if file is None:
        return None
    try:
        head = file.read(HEADER)
        size = measure(head)
        whole = size is not None and file.seek(0, 2) == size
        file.seek(len(head))
        # of a slot that is not as long as it says, enough to tell it from a blank one
        return head + file.read(size - HEADER if whole else CHUNK)
    except OSError:
        return b"unreadable"  # a worn sector: this slot is lost, the other one may be well
    finally:
        file.close()
