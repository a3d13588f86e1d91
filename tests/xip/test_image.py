"""Reading .mpy files, and the image that is made of them: what stands where, and what is refused."""

import ast
import zlib

import pytest

import architecture
import flashed
from sealcast_host.boards import names
from sealcast_host.boards.xip import mpy
from sealcast_host.boards.xip.image import Target, Words, hash_mask, make, parts

WORDS = Words(0xFFFF, 0x1000, 0x2000, 0x3000, 6, 14, 30, 0x4000)


def word(data, at, size=4):
    return int.from_bytes(data[at : at + size], "little")


def test_every_file_of_the_core_is_read_whole(code):
    for path, data in code.items():
        of = mpy.read(data)
        assert of.code.walk() and len(of.constants) == len(of.objects), path
        assert b"".join(of.names) in data and b"".join(of.constants) in data


def test_what_is_no_bytecode_is_refused(code, lib):
    data = code["sealcast/wire.mpy"]
    for wrong in (
        b"",
        b"M",
        b"X" + data[1:],
        b"M\x05" + data[2:],
        data[:-1],
        data + b"\0",
        (lib / "xipnative.mpy").read_bytes(),
    ):
        with pytest.raises(mpy.Unreadable):
            mpy.read(wrong)
    with pytest.raises(mpy.Unreadable, match="other.mpy: "):
        make(code | {"other.mpy": b"M\x06"}, Target(11, 4, 0x80000000), "0.1.0")


def test_a_stub_has_the_names_of_its_module_and_two_more(code):
    for path, data in code.items():
        of = mpy.read(data)
        stub = mpy.read(mpy.stub(of, 300, 0x3FFFFFFF, [False] * len(of.constants)))
        assert stub.names[:-2] == of.names and stub.names[-2:] == (b"\x06xip\0", b"\x0aenter\0"), path
        assert stub.constants == () and len(stub.code.children) == 1
        mixed = [i % 2 == 0 for i in range(len(of.constants))]
        stub = mpy.read(mpy.stub(of, 0, 1, mixed))
        assert [a == b for a, b in zip(stub.constants, of.constants, strict=True) if a != b"\x01"].count(False) == 0
        assert len(stub.constants) == len(of.constants)


@pytest.mark.parametrize("size", [4, 8])
def test_the_records_lead_to_the_bytecode(code, size):
    base = 0x3C7C0000
    target = Target(11, size, base, WORDS)
    made, linked = make(code, target, "0.1.0").data, parts(code, target)
    assert made[:8] == b"SEALXIP1" and word(made, 8) == len(made) and word(made, 12) == zlib.crc32(made[16:])
    assert made[16:19] == bytes([11, size, 6]) and word(made, 20) == len(code) and word(made, 24, 8) == base

    def same(at, raw):
        assert at % size == 0 and made[at : at + 4] == bytes([0, 0, 2, raw.is_generator])
        bytecode, table = word(made, at + size, size) - base, word(made, at + 2 * size, size)
        assert made[bytecode : bytecode + len(raw.bytecode)] == raw.bytecode
        assert (table == 0) == (not raw.children)
        for i, child in enumerate(raw.children):
            same(word(made, table - base + i * size, size) - base, child)

    assert list(linked) == ["xip_probe.mpy", *sorted(path for path in code if path != "xip_probe.mpy")]
    for number, (path, of) in enumerate(linked.items()):
        entry = 64 + 16 * number
        same(word(made, entry), of.code)
        assert word(made, entry + 4) == zlib.crc32(code[path]) & 0x3FFFFFFF


def test_constants_of_a_firmware(code):
    """Each string has its type, its hash as that firmware keeps it, its length and its bytes; what differs is the
    stub's."""
    base = 0x80B00000
    target = Target(11, 4, base, WORDS)
    made, seen = make(code, target, "0.1.0").data, set()
    for number, of in enumerate(parts(code, target).values()):
        objects = of.objects
        table, mixed = word(made, 64 + 16 * number + 8), word(made, 64 + 16 * number + 12)
        assert (table == 0) == (not objects)
        for i, value in enumerate(objects):
            found = word(made, table + 4 * i)
            if isinstance(value, (str, bytes)):
                kind, hashed, length, data = (word(made, found - base + 4 * n) for n in range(4))
                content = value.encode() if isinstance(value, str) else value
                assert (
                    kind == (0x1000 if isinstance(value, str) else 0x2000)
                    and length == len(content)
                    and 0 < hashed <= 0xFFFF
                )
                assert made[data - base : data - base + length + 1] == content + b"\0"
                seen.add(type(value))
            elif isinstance(value, mpy.Number) and not (value.is_int and -(1 << 30) <= int(value.text) < 1 << 30):
                assert found == 0 and mixed == len(objects)
                seen.add(int)
            elif isinstance(value, tuple) and found:
                assert word(made, found - base) == 0x3000 and word(made, found - base + 4) == len(value)
                seen.add(tuple)
    assert seen == {str, bytes, int, tuple}


def test_a_short_text_takes_no_name(code):
    """In the image it is a constant, its place in the table of names empty; what names something anywhere stays a name,
    also where it is a text."""
    files = {path: mpy.read(data) for path, data in code.items()}
    linked = parts(code, Target(11, 4, 0x80B00000, WORDS))
    named = set().union(*(mpy.called(of) for of in files.values()))
    board = {name: path for name, path in architecture.modules().items() if name.split(".")[0] in ("sealcast", "node")}
    sources = [ast.parse(path.read_text()) for path in board.values()]
    keywords = {node.arg for tree in sources for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    keywords -= set(names.own_names())  # of our own functions: in `named`, as they are called there
    gone = 0
    for path, of in linked.items():
        was = files[path]
        assert mpy.called(of) <= mpy.called(was) and len(of.names) == len(was.names)
        assert of.names[0] == was.names[0]  # of the file, in tracebacks
        changed = [mpy.text(old) for old, new in zip(was.names, of.names, strict=True) if old != new]
        assert list(of.objects) == [*was.objects, *changed] and not named & set(changed), path
        if path.startswith("sealcast/") and path != "sealcast/crypto/host.mpy":  # this one no board has
            assert not keywords & set(changed), path  # MicroPython knows them by identity
        assert len(of.constants) == len(of.objects)
        sizes = [[len(raw.bytecode) for raw in one.code.walk()] for one in (of, was)]
        assert sizes[0] == sizes[1]
        gone += len(changed)
    assert gone > 100 and linked["xip_probe.mpy"] == files["xip_probe.mpy"]
    assert parts(code, Target(11, 4, 0x80B00000)) == {path: files[path] for path in linked}


def test_the_hash_of_a_firmware():
    assert hash_mask("a", 0xFFFF & (5381 * 33 ^ 0x61)) == 0xFFFF
    assert hash_mask("a", 0xFF & (5381 * 33 ^ 0x61)) == 0xFF
    with pytest.raises(mpy.Unreadable):
        hash_mask("a", 12345678)


def test_the_same_modules_make_the_same_image(code):
    one = make(code, Target(11, 4, 0x80B00000, WORDS), "0.1.0")
    assert one == make(dict(reversed(code.items())), Target(11, 4, 0x80B00000, WORDS), "0.1.0")
    others = [
        make(code, Target(11, 4, 0x80B10000, WORDS), "0.1.0"),
        make(code, Target(11, 4, 0x80B00000), "0.1.0"),
        make(code, Target(11, 4, 0x80B00000, WORDS), "0.1.1"),
    ]
    assert len({one.id, *(other.id for other in others)}) == 4
    assert flashed.X64 == 2
