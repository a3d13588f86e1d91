"""Bytecode in flash on the unix port: links modules into an image for the very process that runs it, and runs a
program there."""

import ast
import ctypes
import functools
import json
import shutil
import subprocess
import zlib
from pathlib import Path

import dual
from sealcast_host.boards import names, scopes, shipped
from sealcast_host.boards.xip import mpy
from sealcast_host.boards.xip.image import PROBE, Image, Target, Words, hash_mask, make

BASE = 0x5EA10000000
X64 = 2
TEXT = "a text whose hash tells how many bits are kept"
_NO_RANDOM_ADDRESSES = 0x0040000  # ADDR_NO_RANDOMIZE of Linux's personality(2)


def loader(mpy_cross: Path, folder: Path) -> Path:
    """A folder with what a board has in /lib for it: Python, compiled, and the native module."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((shipped.xip_dir() / "board").glob("*.py")):
        made = folder / path.with_suffix(".mpy").name
        subprocess.run([mpy_cross, "-O3", "-s", path.stem, "-o", made, path], check=True)
        made.write_bytes(names.renamed(made.read_bytes()))
    shutil.copy(shipped.xip_dir() / "prebuilt" / "x64" / "xipnative.mpy", folder)
    return folder


def modules(mpy_cross: Path, lib: Path) -> dict[str, bytes]:
    """The core and its tests, and the probe: all that the image has; with the shorter names of a board's bundle."""
    place = dual.compiled(mpy_cross)
    nodes = [node for path in dual.SOURCES.values() for node in ast.walk(ast.parse(path.read_text()))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    kept = {*dual.SOURCES, *(word for text in texts for word in text.split("."))}  # tests name things as strings
    theirs = scopes.identifiers(nodes)  # names of the firmware that tests call, and no module of a bundle
    short = {old: new for old, new in names.own_names().items() if old not in kept and new not in theirs}
    found = {PROBE: (lib / PROBE).read_bytes()}
    for folder in ("shared", "tests/core"):
        for path in sorted((place / folder).rglob("*.mpy")):
            found[path.relative_to(place / folder).as_posix()] = mpy.renamed(path.read_bytes(), short)
    return found


def write(folder: Path, image: Image, probe: bytes, **other: object) -> None:
    """What `sealcast flash --xip` leaves: stubs, image, description. other: values of the description that are to be
    others."""
    for path, data in image.stubs.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (folder / "image").write_bytes(image.data)
    description: dict[str, object] = {
        "how": "unix",
        "base": BASE,
        "size": len(image.data),
        "id": image.id,
        "probe_check": zlib.crc32(probe) & 0x3FFFFFFF,
        "file": str(folder / "image"),
    }
    (folder / "image.json").write_text(json.dumps(description | other))


# Where the system gives each process its types at the same places, one image serves them all; else each gets its own.
_made = functools.lru_cache(8)(lambda code, target, version: make(dict(code), target, version))
_PERSONALITY = getattr(ctypes.CDLL(None), "personality", None)


class Run:
    """A MicroPython that has said what its firmware is like and waits: link(...) for it, then go(). folder: of its
    stubs."""

    def __init__(
        self,
        micropython: Path,
        lib: Path,
        home: Path,
        program: str,
        *arguments: str,
        heap: str = "heapsize=1m",
        path: str = "",
    ):
        prebuilt = dual.ROOT / "firmware" / "prebuilt" / "x64"
        self.folder = home / "xip" / "stubs"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (home / "vectors").is_symlink():  # where tests look for them, seen from their own file
            (home / "vectors").symlink_to(dual.ROOT / "tests" / "vectors")
        text = _TELL % (TEXT, str(self.folder)) + program
        self._process = subprocess.Popen(
            [micropython, "-X", heap, "-c", text, *arguments],
            env={"MICROPYPATH": f"{path}{lib}:{prebuilt}:.frozen"},
            cwd=dual.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=functools.partial(_PERSONALITY, _NO_RANDOM_ADDRESSES) if _PERSONALITY else None,
        )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.firmware, (*ids, hashed) = json.loads(line)
        self.words = Words(hash_mask(TEXT, hashed), *ids)

    def link(self, code: dict[str, bytes], constants: bool = True, version: str = "0.1.0", **other: object) -> Image:
        image = _made(tuple(code.items()), Target(X64, 8, BASE, self.words if constants else None), version)
        write(self.folder, image, code[PROBE], **({"firmware": self.firmware} | other))
        return image

    def go(self, timeout: float = 500) -> tuple[int, str]:
        """-> (exit code, what it printed)"""
        out, _ = self._process.communicate("\n", timeout=timeout)
        return self._process.returncode, out


# `started` is the loader's answer.
_TELL = """
import json, sys
_i = sys.implementation
print(json.dumps([[getattr(_i, '_machine', sys.platform), '.'.join([str(n) for n in _i.version[:3]])],
                  [id(x) for x in (str, bytes, tuple, None, False, True, ...)] + [hash(%r)]]))
sys.stdin.readline()
del json
import xip_start
started = xip_start.start(%r)
del xip_start, sys.modules['xip_start']
"""
