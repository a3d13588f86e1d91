"""Finds the core tests that run twice, compiles them and the core for MicroPython, and runs one of them there."""

import ast
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "tests" / "core"
BUILD = ROOT / "build"

# Taken literally by the unix port: 163,840 bytes in all, garbage collector's tables included (it leaves 160,480 free).
# Objects are twice as large on this 64-bit machine as on a board, so that this is the harder test.
HEAP = "heapsize=160k"


def runs_on_both(path: Path) -> bool:
    """Whether a file of tests/core is for MicroPython too: all are but those with the word `host` in their name."""
    return "host" not in path.stem.split("_")


def modules() -> list[str]:
    """The test modules that run on both."""
    return sorted(path.stem for path in CORE.glob("test_*.py") if runs_on_both(path))


def functions(module: str) -> list[str]:
    """The names of a module's tests, as its source has them."""
    tree = ast.parse((CORE / f"{module}.py").read_text())
    return sorted(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def compiled(mpy_cross: Path) -> Path:
    """A folder with the core and its tests as .mpy (compiling takes heap, and is not what is under test)."""
    shared = ROOT / "shared"
    sources = {path: Path("shared", path.relative_to(shared)) for path in shared.rglob("*.py")}
    sources |= {path: Path("core", path.name) for path in CORE.glob("*.py") if runs_on_both(path)}
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


def run(micropython: Path, mpy_cross: Path, *arguments: str, heap: str = HEAP) -> subprocess.CompletedProcess[str]:
    """Run on_micropython.py with these arguments under the capped heap."""
    place = compiled(mpy_cross)
    env = {**os.environ, "MICROPYPATH": f"{place}/core:{place}/shared:{ROOT}/firmware/prebuilt/x64:.frozen"}
    command = [micropython, "-X", heap, "-c", "import on_micropython", *arguments]
    return subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=500)
