"""Finds the core tests that run on MicroPython, compiles them and the core for it, and runs one of them there."""

import ast
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "tests" / "core"
HELPERS = ROOT / "tests" / "support" / "core"  # what those tests share
BUILD = ROOT / "build"

# Taken literally by the unix port: 212,992 bytes in all, garbage collector's tables included. Of these the core, its
# tests and their helpers take 130,000 before a test begins: several members, a whole state and all rare code in one
# heap, and objects twice as large on this 64-bit machine as on a board, so that this is the harder test; what a board
# has is tests/memory's business. The largest tests pass in 192 KB, 8 % less (they did not everywhere: what is left of
# the last kilobytes depends on the length of paths and where the collector finds something that looks like a pointer).
# A module of tests whose cases hold whole groups says another HEAP.
HEAP = "heapsize=208k"


def _sources() -> dict[str, Path]:
    """What MicroPython gets, module's name -> file: all of tests/core but its folder cpython, and the helpers.

    There they lie in one folder, so that no two may have one name.
    """
    paths = [path for path in CORE.rglob("*.py") if "cpython" not in path.relative_to(CORE).parts]
    found: dict[str, Path] = {}
    for path in [*paths, *HELPERS.glob("*.py")]:
        assert path.stem not in found, f"{path} and {found[path.stem]} have the same name"
        found[path.stem] = path
    return found


SOURCES = _sources()


def modules() -> list[str]:
    """The test modules that run on MicroPython."""
    return sorted(name for name in SOURCES if name.startswith("test_"))


def functions(module: str) -> list[str]:
    """The names of a module's tests, as its source has them."""
    tree = ast.parse(SOURCES[module].read_text())
    return sorted(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def heap(module: str) -> str:
    """The heap that a module's tests run in: what its source says as HEAP, or ours."""
    for node in ast.parse(SOURCES[module].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HEAP":
            return str(ast.literal_eval(node.value))
    return HEAP


def compiled(mpy_cross: Path) -> Path:
    """A folder with the core and its tests as .mpy (compiling takes heap, and is not what is under test)."""
    shared = ROOT / "shared"
    sources = {path: Path("shared", path.relative_to(shared)) for path in shared.rglob("*.py")}
    sources |= {path: Path("tests", "core", path.name) for path in SOURCES.values()}
    digest = hashlib.sha256(str(mpy_cross.resolve()).encode())
    for path in sorted(sources):
        digest.update(str(sources[path]).encode() + b"\0O3\0" + path.read_bytes() + b"\0")
    place = BUILD / "mpy" / digest.hexdigest()[:16]
    if not place.is_dir():
        _forget_old(place.parent)
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            for path, name in sources.items():
                target = Path(folder, "ready", name).with_suffix(".mpy")
                target.parent.mkdir(parents=True, exist_ok=True)
                # The core as boards get it; tests keep their asserts and line numbers.
                level = "-O3" if name.parts[0] == "shared" else "-O0"
                command = [mpy_cross, level, "-s", path.relative_to(ROOT), "-o", target, path]
                done = subprocess.run(command, capture_output=True, text=True)
                assert done.returncode == 0, f"mpy-cross refuses {path}: {done.stderr or done.stdout}"
            Path(folder, "ready", "vectors").symlink_to(ROOT / "tests" / "vectors")
            try:
                Path(folder, "ready").rename(place)  # another worker may have been first with the same contents
            except OSError:
                assert place.is_dir()
    return place


def _forget_old(parent: Path) -> None:
    parent.mkdir(parents=True, exist_ok=True)
    for path in parent.iterdir():
        if path.stat().st_mtime < time.time() - 24 * 3600:
            shutil.rmtree(path, ignore_errors=True)


def run(
    micropython: Path, mpy_cross: Path, module: str, *arguments: str, limit: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run on_micropython.py with this module and arguments under the module's capped heap, or under `limit`."""
    place = compiled(mpy_cross)
    env = {**os.environ, "MICROPYPATH": f"{place}/tests/core:{place}/shared:{ROOT}/firmware/prebuilt/x64:.frozen"}
    command = [micropython, "-X", limit or heap(module), "-c", "import on_micropython", module, *arguments]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=500)
