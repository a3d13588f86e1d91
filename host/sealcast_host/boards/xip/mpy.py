"""Reads .mpy files of bytecode (format 6) into their parts, and writes the stubs that stand in their place.

Source: py/persistentcode.c of MicroPython (the file), py/bc.h (the prelude of a function), py/bc.c and py/bc0.h (how
long an instruction is, and the few opcodes below).
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import TypeAlias

VERSION = 6
_NONE, _FALSE, _TRUE, _ELLIPSIS, _STR, _BYTES, _INT, _FLOAT, _COMPLEX, _TUPLE = range(1, 11)
_HAS_CHILDREN = 4
_GENERATOR = 1
_LOAD_CONST_STRING, _LOAD_CONST_OBJ = 0x10, 0x23
_NAMELESS = b"\x03"  # the empty name, which every MicroPython has


class Unreadable(Exception):
    """Not a .mpy of bytecode that this module knows; the text says what is."""


@dataclass(frozen=True)
class Number:
    """A constant that fits no small int of the smallest board, or a float: its text."""

    text: bytes
    is_int: bool


Constant: TypeAlias = "str | bytes | tuple[Constant, ...] | None | bool | Number | EllipsisType"


@dataclass(frozen=True)
class RawCode:
    """One function: its bytecode, and the functions that are made in it."""

    bytecode: bytes
    children: tuple["RawCode", ...]

    @property
    def is_generator(self) -> bool:
        return bool(_Prelude(self.bytecode).flags & _GENERATOR)

    def walk(self) -> "list[RawCode]":
        return [self, *(inner for child in self.children for inner in child.walk())]


@dataclass(frozen=True)
class Mpy:
    """A file's parts. names, constants: as they stand in the file, each; objects: what the constants are."""

    header: bytes
    names: tuple[bytes, ...]
    constants: tuple[bytes, ...]
    objects: tuple[Constant, ...]
    code: RawCode


@dataclass
class _Reader:
    data: bytes
    at: int = field(default=0)

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Unreadable("it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        value = 0
        while True:
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value

    def name(self) -> bytes:
        start, length = self.at, self.number()
        if not length & 1:  # else its number in the list that every MicroPython has
            self.take((length >> 1) + 1)
        return self.data[start : self.at]

    def constant(self) -> Constant:
        kind = self.take(1)[0]
        if kind in (_NONE, _FALSE, _TRUE, _ELLIPSIS):
            return (None, False, True, ...)[kind - _NONE]
        length = self.number()
        if kind == _TUPLE:
            return tuple(self.constant() for _ in range(length))
        content = self.take(length)
        if kind in (_STR, _BYTES):
            self.take(1)
            return content.decode() if kind == _STR else content
        if kind in (_INT, _FLOAT, _COMPLEX):
            return Number(content, kind == _INT)
        raise Unreadable(f"a constant of kind {kind}")

    def raw_code(self) -> RawCode:
        facts = self.number()
        if facts & 3:
            raise Unreadable("it has native code")
        bytecode = self.take(facts >> 3)
        count = self.number() if facts & _HAS_CHILDREN else 0
        return RawCode(bytecode, tuple(self.raw_code() for _ in range(count)))


def read(data: bytes) -> Mpy:
    """Raises Unreadable."""
    reader = _Reader(data)
    header = reader.take(4)
    if header[0] != ord("M") or header[1] != VERSION or header[2] >> 2:
        raise Unreadable("no bytecode of format 6")
    names, constants = reader.number(), reader.number()
    qstrs = tuple(reader.name() for _ in range(names))
    pieces: list[bytes] = []
    objects: list[Constant] = []
    for _ in range(constants):
        start = reader.at
        objects.append(reader.constant())
        pieces.append(data[start : reader.at])
    code = reader.raw_code()
    if reader.at != len(data):
        raise Unreadable("more follows")
    return Mpy(header, qstrs, tuple(pieces), tuple(objects), code)


def renamed(data: bytes, names: dict[str, str]) -> bytes:
    """The same file with other names: names has the old ones and the new. Raises Unreadable."""
    reader = _Reader(data)
    out = reader.take(4)
    count = reader.number()
    constants = reader.number()
    out += _number(count) + _number(constants)
    for _ in range(count):
        name = reader.name()
        old = text(name)
        out += _name(names[old]) if old in names else name
    return out + data[reader.at :]


def names(data: bytes) -> list[str]:
    """The names in a file, of native code, too; "" for those that every MicroPython has."""
    reader = _Reader(data)
    reader.take(4)
    count, _ = reader.number(), reader.number()
    return [text(reader.name()) for _ in range(count)]


def text(name: bytes) -> str:
    """Of a name as it stands in a file; "" for those that every MicroPython has."""
    reader = _Reader(name)
    length = reader.number()
    return "" if length & 1 else reader.take(length >> 1).decode()


def stub(of: Mpy, number: int, check: int, kept: list[bool]) -> bytes:
    """A file with the same names whose top level is `import xip; xip.enter(<a function of it>, number, check)()`, on
    the stack alone.

    kept: which of the constants it brings itself; the places of the others stay, unless it brings none.
    """
    names = [*of.names, _name("xip"), _name("enter")]
    xip, enter = _number(len(of.names)), _number(len(of.names) + 1)
    code = b"\x22\x00\x51\x1b" + xip + b"\x13" + enter  # level 0, None; IMPORT_NAME; LOAD_ATTR
    code += b"\x32\x00\x22" + _signed(number) + b"\x22" + _signed(check)  # MAKE_FUNCTION 0; two numbers
    code += b"\x34\x03\x34\x00\x59\x51\x63"  # CALL_FUNCTION 3, CALL_FUNCTION 0, POP_TOP, None, RETURN_VALUE
    constants = (
        [data if keep else bytes([_NONE]) for data, keep in zip(of.constants, kept, strict=True)] if any(kept) else []
    )
    out = of.header + _number(len(names)) + _number(len(constants)) + b"".join(names) + b"".join(constants)
    # Preludes: 8 slots of state, or 1; one byte of source information, the index of a name.
    return out + _raw(b"\x38\x02\x00" + code, [_raw(b"\x00\x02\x00\x51\x63", [])])


def _raw(bytecode: bytes, children: list[bytes]) -> bytes:
    facts = len(bytecode) << 3 | (_HAS_CHILDREN if children else 0)
    return _number(facts) + bytecode + (_number(len(children)) if children else b"") + b"".join(children)


def _name(text: str) -> bytes:
    return _number(len(text) << 1) + text.encode() + b"\0"


def _number(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def _signed(value: int) -> bytes:
    """A number of 0 and more as LOAD_CONST_SMALL_INT has it: the first group's highest bit is the sign."""
    out = _number(value)
    return b"\x80" + out if out[0] & 0x40 else out


def called(of: Mpy) -> set[str]:
    """The names in a file that name something: all but those that only stand for a text."""
    used = {i for raw in of.code.walk() for i, _, _ in _names_in(raw.bytecode, texts=False)}
    return {text(of.names[i]) for i in used}


def texts_apart(of: Mpy, kept: Container[str]) -> Mpy:
    """The same with short texts as constants: MicroPython takes each for a name, which has its place on the heap for
    good. kept: those that stay names. Their places in the table of names stay, too, so no bytecode gets longer. The
    first name is the file's, for tracebacks."""
    loaded, named = ({i for raw in of.code.walk() for i, _, _ in _names_in(raw.bytecode, t)} for t in (True, False))
    places: dict[int, int] = {}  # of a name -> of the constant in its stead
    for i, name in enumerate(of.names):
        fits = len(_number(len(of.objects) + len(places))) <= len(_number(i))
        if i and i in loaded - named and text(name) and text(name) not in kept and fits:
            places[i] = len(of.objects) + len(places)
    texts = [text(of.names[i]) for i in places]
    return replace(
        of,
        names=tuple(_NAMELESS if i in places else name for i, name in enumerate(of.names)),
        constants=of.constants + tuple(_constant(one) for one in texts),
        objects=of.objects + tuple(texts),
        code=_with_constants(of.code, places),
    )


def _constant(content: str) -> bytes:
    data = content.encode()
    return bytes([_STR]) + _number(len(data)) + data + b"\0"


def _with_constants(raw: RawCode, places: dict[int, int]) -> RawCode:
    code = bytearray(raw.bytecode)
    for i, begin, end in _names_in(raw.bytecode, texts=True):
        if i in places:
            number = _number(places[i])
            code[begin - 1 : end] = bytes([_LOAD_CONST_OBJ]) + b"\x80" * (end - begin - len(number)) + number
    return RawCode(bytes(code), tuple(_with_constants(child, places) for child in raw.children))


def _names_in(bytecode: bytes, texts: bool) -> Iterator[tuple[int, int, int]]:
    """Places in the table of names that a function refers to: (place, where the number begins and ends).

    texts: those that it loads as a text, else all others. mp_opcode_decode of py/bc.c."""
    prelude = _Prelude(bytecode)
    reader = _Reader(bytecode, prelude.names)
    for _ in range(0 if texts else 1 + prelude.arguments):  # its own name, and its arguments'
        begin = reader.at
        yield reader.number(), begin, reader.at
    reader.at = prelude.code
    while reader.at < len(bytecode):
        opcode = reader.take(1)[0]
        form = 0x3A4 >> 2 * (opcode >> 4) & 3  # MP_BC_FORMAT: alone, with a name, with a number, with a distance
        begin = reader.at
        if form == 1:
            value = reader.number()
            if (opcode == _LOAD_CONST_STRING) == texts:
                yield value, begin, reader.at
            continue
        if form == 2:
            reader.number()
        elif form == 3:
            reader.take(2 if bytecode[begin] & 0x80 else 1)
        reader.take(0 if opcode & 0x9E else 1)  # MP_BC_MASK_EXTRA_BYTE


class _Prelude:
    """What a function's bytecode begins with (py/bc.h, MP_BC_PRELUDE_SIG_DECODE and MP_BC_PRELUDE_SIZE_DECODE).

    flags: of its scope; arguments: how many have a name; names: where these stand, after its own; code: where the
    instructions begin."""

    def __init__(self, bytecode: bytes) -> None:
        byte, at, n = bytecode[0], 1, 0
        self.flags, self.arguments, only_named = 0, byte & 3, 0
        while byte & 0x80:
            byte, at = bytecode[at], at + 1
            self.flags |= (byte >> 6 & 1) << n
            self.arguments |= (byte & 4) << n
            only_named |= (byte >> 3 & 1) << n
            n += 1
        self.arguments += only_named
        information, cells, n = 0, 0, 0
        while True:
            byte, at = bytecode[at], at + 1
            cells |= (byte & 1) << n
            information |= (byte >> 1 & 0x3F) << 6 * n
            n += 1
            if not byte & 0x80:
                break
        self.names, self.code = at, at + information + cells
