"""MicroPython's ROMFS (from 1.25 on): a read-only filesystem in memory-mapped flash, whose compiled modules run in
place.

A module imported from there costs a third of the heap that the same file in a writable filesystem costs. Format: the
comment that begins MicroPython's extmod/vfs_rom.c.
"""

_FILE, _FOLDER, _DATA = 5, 4, 2
_MAGIC = b"\xd2\xcd\x31"


def image(files: dict[str, bytes]) -> bytes:
    """{path: contents} -> the filesystem."""
    body = _folder(files)
    size = _number(len(body))
    if (len(_MAGIC) + len(size) + len(body)) % 2:
        size = b"\x80" + size
    return _MAGIC + size + body


def _folder(files: dict[str, bytes]) -> bytes:
    here: dict[str, bytes] = {}
    below: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name, _, rest = path.strip("/").partition("/")
        if rest:
            below.setdefault(name, {})[rest] = data
        else:
            here[name] = data
    out = b"".join(_record(_FOLDER, _name(name) + _folder(below[name])) for name in sorted(below))
    return out + b"".join(_record(_FILE, _name(name) + _record(_DATA, here[name])) for name in sorted(here))


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _name(name: str) -> bytes:
    return _number(len(name.encode())) + name.encode()


def _number(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.insert(0, 0x80 | value & 0x7F)
    return bytes(out)
