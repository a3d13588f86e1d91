"""Builds MicroPython's unix port and mpy-cross into the per-user cache, keyed by all that goes into them.

As a command it prints the path of the micropython binary (`unix.py mpy-cross`: that of mpy-cross), building if needed.
$MICROPYTHON and $MPY_CROSS name binaries to use instead.
"""

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import OLDEST, VERSION, Problem, cache_dir, fit_for_make, lock, main, run, say, told
from source import source_tree, version_of

_MANIFEST = Path(__file__).with_name("manifest.py")
# No FFI (needs libffi, and no board has it) and no btree (needs a submodule). Later compilers find new warnings: not
# errors here.
_OPTIONS = ["MICROPY_PY_FFI=0", "MICROPY_PY_BTREE=0", "CFLAGS_EXTRA=-Wno-error"]
# The port's makefile builds for size; the tests' time is mostly this interpreter's, and a computer has the room.
# In the environment, since the makefile adds to it.
_FOR_SPEED = {"COPT": "-O2"}
_NO_TLS = ["MICROPY_PY_SSL=0", "MICROPY_SSL_MBEDTLS=0"]
_CHECK = "import sys, asyncio, socket, select; print('%d.%d' % sys.implementation[1][:2])"


def binaries() -> tuple[Path, Path]:
    """The paths of micropython and mpy-cross, built if need be. Raises Problem."""
    given = os.environ.get("MICROPYTHON")
    cross = os.environ.get("MPY_CROSS")
    if given:
        _check(Path(given), "MICROPYTHON")
    if cross and not os.access(cross, os.X_OK):
        raise Problem(f"MPY_CROSS={cross} cannot be run: point it at an mpy-cross, or unset it")
    built = None if given and cross else _built()
    micropython = Path(given) if given else built / "micropython"  # type: ignore[operator]
    mpy_cross = Path(cross) if cross else built / "mpy-cross"  # type: ignore[operator]
    return micropython.resolve(), mpy_cross.resolve()


def _check(binary: Path, name: str) -> None:
    problem = f"{name}={binary} is no MicroPython 1.23 or later with asyncio and sockets: point it at one, or unset it"
    try:
        done = subprocess.run([binary, "-c", _CHECK], capture_output=True, text=True, timeout=20, check=False)
        if tuple(int(part) for part in done.stdout.split(".")) < OLDEST:
            raise Problem(problem)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise Problem(problem) from None


def _tls_options(tree: Path) -> list[str]:
    """Debian's source links the system's mbedTLS, MicroPython's git its own submodule; with neither there is no TLS."""
    system = "-lmbedtls" in (tree / "extmod" / "extmod.mk").read_text()
    header, submodule = Path("/usr/include/mbedtls/ssl.h"), tree / "lib" / "mbedtls" / "library"
    if header.exists() if system else submodule.is_dir():
        return []
    way = "install libmbedtls-dev" if system else "git submodule update --init lib/mbedtls in the source tree"
    say(f"      this MicroPython will have no TLS: {way} to have it")
    return _NO_TLS


def _key(tree: Path, options: list[str]) -> str:
    """Everything that decides what is built: source, options, manifest, compiler, system."""
    compiler = shlex.split(os.environ.get("CC", "gcc")) or ["gcc"]
    try:
        asked = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False)
    except OSError as e:
        raise Problem(f"CC={' '.join(compiler)} cannot be run ({e.strerror}): name a C compiler, or unset it") from None
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    facts: list[object] = [VERSION, options, _FOR_SPEED, _MANIFEST.read_text(), asked.stdout, platform.machine(), libc]
    if os.environ.get("MICROPYTHON_DIR"):
        facts.append(_state(tree))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _state(tree: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of the files of a tree that is its user's and may change between two builds."""
    state = []
    for part in ("py", "extmod", "shared", "ports/unix", "mpy-cross", "tools"):
        for path in sorted((tree / part).rglob("*.[chmp]*")):
            if path.is_file() and "build" not in str(path.relative_to(tree)):
                state.append((str(path), path.stat().st_size, path.stat().st_mtime_ns))
    return state


def _built() -> Path:
    if shutil.which("gcc") is None or shutil.which("make") is None:
        raise Problem("building MicroPython needs gcc and make: install them, or set MICROPYTHON (and MPY_CROSS)")
    fit_for_make(cache_dir(), "set XDG_CACHE_HOME to a folder with a plainer path")
    tree = source_tree()
    options = _OPTIONS + _tls_options(tree)
    place = cache_dir() / f"unix-{_key(tree, options)}"
    with lock(cache_dir() / "unix.lock"):
        if _runs(place):
            return place
        shutil.rmtree(place, ignore_errors=True)  # built against a library that has gone since
        version = ".".join(str(n) for n in version_of(tree))
        with told(f"      building MicroPython {version} (unix port, mpy-cross)"):
            with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="build-") as folder:
                _build(tree, options, Path(folder), place)
        if not _runs(place):
            raise Problem(f"the MicroPython just built in {place} does not run: see build/log/micropython.log")
    return place


def _runs(place: Path) -> bool:
    try:
        _check(place / "micropython", "MICROPYTHON")
        return subprocess.run([place / "mpy-cross", "--version"], capture_output=True, check=False).returncode == 0
    except (Problem, OSError):
        return False


def _build(tree: Path, options: list[str], folder: Path, place: Path) -> None:
    make: list[str | Path] = ["make", f"-j{os.cpu_count() or 1}"]
    cross = folder / "mpy-cross" / "mpy-cross"
    library = folder / "lib"  # stands in for the micropython-lib submodule, from which we use nothing
    library.mkdir()
    (library / "README.md").touch()
    manifest = folder / _MANIFEST.name  # the checkout's path may have spaces, which make does not take
    manifest.write_text(_MANIFEST.read_text())
    # A make of ours must not hand its own flags (or BUILD=...) down to MicroPython's.
    env = dict.fromkeys(("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"), "")
    env |= _FOR_SPEED
    command = [*make, "-C", tree / "mpy-cross", f"BUILD={cross.parent}", "CFLAGS_EXTRA=-Wno-error"]
    run(command, "micropython.log", "building mpy-cross", env=env)
    paths = [f"BUILD={folder / 'unix'}", f"FROZEN_MANIFEST={manifest}", f"MPY_LIB_DIR={library}"]
    paths += [f"MICROPY_MPYCROSS={cross}", f"MICROPY_MPYCROSS_DEPENDENCY={cross}"]
    run([*make, "-C", tree / "ports" / "unix", *paths, *options], "micropython.log", "building MicroPython", env=env)
    ready = folder / "ready"
    ready.mkdir()
    shutil.move(folder / "unix" / "micropython", ready / "micropython")
    shutil.move(cross, ready / "mpy-cross")
    ready.rename(place)


if __name__ == "__main__":
    wanted = 1 if sys.argv[1:] == ["mpy-cross"] else 0
    sys.exit(main(lambda: print(binaries()[wanted])))
