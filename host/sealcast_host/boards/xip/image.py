"""Links the bytecode of all modules into one image for an address in a board's memory. firmware/xip/xip.h has its
beginning.

Names stay out of it: bytecode refers to them by their place in the module's own table, which the stock importer makes
from the stub; what only stands for a text is a constant instead. So an image needs no address of the firmware; with
`Words` of one, constants lie in it as well.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass, field

from sealcast_host.boards.names import firmware_names
from sealcast_host.boards.xip import mpy

MAGIC = b"SEALXIP1"
HEADER_BYTES = 64
_SETTINGS = "sealcast/run/settings.mpy"
PROBE = "xip_probe.mpy"  # module 0: what a board compares before it trusts the rest
_MODULE_BYTES = 16
_BYTECODE = 2  # MP_CODE_BYTECODE, py/emitglue.h


@dataclass(frozen=True)
class Words:
    """What a firmware keeps of a hash, and has for its types and its single objects: `id()` of each, on the board."""

    hash_mask: int  # of hash_mask(): MICROPY_QSTR_BYTES_IN_HASH
    str_type: int
    bytes_type: int
    tuple_type: int
    none: int
    false: int
    true: int
    ellipsis: int


def hash_mask(text: str, value: int) -> int:
    """The bits that a firmware keeps of a string's hash: value is its `hash(text)`. Raises mpy.Unreadable."""
    for mask in (0xFF, 0xFFFF):
        if value == (_hash(text.encode()) & mask or 1):
            return mask
    raise mpy.Unreadable("this firmware hashes strings in another way")


def _hash(data: bytes) -> int:
    """djb2, as MicroPython has it (py/qstr.c)."""
    value = 5381
    for byte in data:
        value = (value * 33 ^ byte) & 0xFFFFFFFF
    return value


@dataclass(frozen=True)
class Target:
    """A machine to link for. architecture: MicroPython's number of it; words: those of its firmware, None leaves
    constants to the stubs."""

    architecture: int
    word_bytes: int
    base: int
    words: Words | None = None


@dataclass(frozen=True)
class Image:
    """data: the image. stubs: path below the folder of stubs -> contents. id: what names it, everywhere."""

    data: bytes
    stubs: dict[str, bytes]
    id: str


@dataclass
class _Linker:
    target: Target
    at: int
    out: bytearray = field(default_factory=bytearray)

    @property
    def here(self) -> int:
        return self.at + len(self.out)

    def align(self, count: int) -> None:
        self.out += bytes(-self.here % count)

    def word(self, *values: int) -> bytes:
        return b"".join(value.to_bytes(self.target.word_bytes, "little") for value in values)

    def put(self, data: bytes) -> int:
        """-> its address"""
        address = self.target.base + self.here
        self.out += data
        return address

    def raw_code(self, code: mpy.RawCode) -> int:
        """The function with all that are made in it; -> the address of its record (mp_raw_code_t)."""
        table = 0
        if code.children:
            addresses = [self.raw_code(child) for child in code.children]
            self.align(self.target.word_bytes)
            table = self.put(self.word(*addresses))
        if len(code.bytecode) > 0xFFFF or len(code.children) > 0xFFFF:
            raise mpy.Unreadable("a function is too long")
        self.align(8)
        self.out += bytes(4) + struct.pack("<HH", len(code.bytecode), len(code.children))  # for the probe's comparison
        address = self.put(code.bytecode)
        self.align(self.target.word_bytes)
        flags = bytes([0, 0, _BYTECODE, code.is_generator]) + bytes(self.target.word_bytes - 4)
        return self.put(flags + self.word(address, table, 0))

    def constant(self, value: mpy.Constant, words: Words) -> int:
        """What stands for it in a table of constants (mp_obj_t). Raises _NotInFlash."""
        single = {None: words.none, False: words.false, True: words.true, ...: words.ellipsis}
        if value is None or value is ... or isinstance(value, bool):
            return single[value]
        if isinstance(value, tuple):
            items = [self.constant(item, words) for item in value]
            self.align(8)
            return self.put(self.word(words.tuple_type, len(items), *items))
        if isinstance(value, (str, bytes)):
            content = value.encode() if isinstance(value, str) else value
            data = self.put(content + b"\0")
            self.align(8)
            kind = words.str_type if isinstance(value, str) else words.bytes_type
            # Never 0, "not computed": an exception writes the hash of its text where there is none (py/objexcept.c).
            return self.put(self.word(kind, _hash(content) & words.hash_mask or 1, len(content), data))
        if isinstance(value, mpy.Number) and value.is_int:
            number, bits = int(value.text), 8 * self.target.word_bytes - 1
            if -(1 << bits - 1) <= number < 1 << bits - 1:
                return (number << 1 | 1) % (1 << bits + 1)
        raise _NotInFlash


class _NotInFlash(Exception):
    """A long integer or a float: their objects differ between firmwares."""


def make(modules: dict[str, bytes], target: Target, version: str) -> Image:
    """modules: path below a folder of sys.path -> .mpy; PROBE must be among them. Raises mpy.Unreadable."""
    files = parts(modules, target)
    linker = _Linker(target, HEADER_BYTES + _MODULE_BYTES * len(files))
    directory, stubs = b"", {}
    for number, (path, of) in enumerate(files.items()):
        check = zlib.crc32(modules[path]) & 0x3FFFFFFF  # a small int on every board
        code = linker.raw_code(of.code) - target.base
        objects, kept = _constants(linker, of.objects, target.words)
        stubs[path] = mpy.stub(of, number, check, kept)
        directory += struct.pack("<4I", code, check, objects, len(kept) if objects and any(kept) else 0)
    body = bytes(directory + linker.out)
    facts = struct.pack(
        "<4BIQ", target.architecture, target.word_bytes, mpy.VERSION, len(files[PROBE].objects), len(files), target.base
    )
    name = hashlib.sha256(facts + version.encode() + b"\0" + body).digest()[:16]
    after = facts + name + version.encode()[:15].ljust(16, b"\0") + body
    size = 16 + len(after)
    after = struct.pack("<II", size, zlib.crc32(after)) + after
    return Image(MAGIC + after, stubs, name.hex())


def parts(modules: dict[str, bytes], target: Target) -> dict[str, mpy.Mpy]:
    """What of each file is linked and has a stub, the probe first. Raises mpy.Unreadable."""
    files = {path: _read(path, modules[path]) for path in (PROBE, *sorted(set(modules) - {PROBE}))}
    if target.words is None:
        return files
    names = _names(files)
    return {path: of if path == PROBE else mpy.texts_apart(of, names) for path, of in files.items()}


def _read(path: str, data: bytes) -> mpy.Mpy:
    try:
        return mpy.read(data)
    except mpy.Unreadable as e:
        raise mpy.Unreadable(f"{path}: {e}") from None


def _names(files: dict[str, mpy.Mpy]) -> set[str]:
    """What has to be a name on the board: what names something in any file, what a firmware may look for, and the
    settings' fields, which are there as keys while the node runs."""
    fields = [mpy.text(name) for name in files[_SETTINGS].names] if _SETTINGS in files else []
    return {*firmware_names(), *fields, *(name for of in files.values() for name in mpy.called(of))}


def _constants(linker: _Linker, objects: tuple[mpy.Constant, ...], words: Words | None) -> tuple[int, list[bool]]:
    """Puts a module's table of constants into the image; -> its offset (0: none), and which of them the stub must
    bring."""
    if words is None or not objects:
        return 0, [True] * len(objects)
    values, kept = [], []
    for value in objects:
        before = len(linker.out)
        try:
            values.append(linker.constant(value, words))
            kept.append(False)
        except _NotInFlash:
            del linker.out[before:]
            values.append(0)
            kept.append(True)
    linker.align(linker.target.word_bytes)
    return linker.put(linker.word(*values)) - linker.target.base, kept
