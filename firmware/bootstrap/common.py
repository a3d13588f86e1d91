"""What every bootstrap step needs: places, versions, one lock, one way to fail, one way to run a quiet command.

Plain python3 without dependencies: this runs before anything is installed.
"""

import contextlib
import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

VERSION = "1.25.0"  # the MicroPython that tests, demo and benchmarks run on
OLDEST = (1, 23)  # the .mpy format (6.3) and the asyncio that the node uses start here

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LOGS = BUILD / "log"
BIN = BUILD / "bin"  # links to the MicroPython and mpy-cross in use; everything else in the repository looks here


class Problem(Exception):
    """A failure told in one line: what went wrong, and the way out."""


def cache_dir() -> Path:
    """The per-user cache, made if missing: $XDG_CACHE_HOME (unless relative, as its specification wants it) or
    ~/.cache, then sealcast/micropython."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        path = (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "sealcast" / "micropython"
    except RuntimeError:
        raise Problem("this user has no home to keep MicroPython in: set HOME to a folder of yours") from None
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        way = "set XDG_CACHE_HOME to a folder you can write"
        raise Problem(f"cannot make the cache folder {path} ({e.strerror}): {way}") from None
    return path


def fit_for_make(path: Path, way: str) -> None:
    """MicroPython's makefiles build in no folder whose path has a space, or what make and the shell read otherwise.
    way: what to do then. Raises Problem."""
    odd = sorted(set(str(path)) & set(" \t\n'\"`$#%:;&|()<>*?[]\\"))
    if odd:
        raise Problem(f"MicroPython cannot be built in {path}, since make takes no {odd[0]!r} in a path: {way}")


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file, so that two makes do not build the same thing at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another make that holds {path}")
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """Progress goes to stderr: the standard output of these scripts is the path they found."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def told(text: str) -> Iterator[None]:
    """Tell a step that takes more than a moment: its line at once, its time when it is over."""
    print(f"{text} ... ", end="", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - start:.0f} s")


def run(
    command: Sequence[str | Path], log: str, doing: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> None:
    """Run a command with all its output in build/log/<log>. Raises Problem with the telling line of that output."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    with path.open("a", encoding="utf-8") as f:
        f.write("\n$ " + " ".join(str(part) for part in command) + "\n")
        f.flush()
        offset = f.tell()
        try:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT,
                cwd=cwd, env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise Problem(f"{doing} failed: there is no command '{command[0]}'; install it and run again") from None
        except OSError as e:
            raise Problem(f"{doing} failed: '{command[0]}' cannot be run ({e.strerror})") from None
    if done.returncode:
        with path.open("rb") as raw:
            raw.seek(offset)
            lines = raw.read().decode("utf-8", "replace").splitlines()
        raise Problem(f"{doing} failed: {telling_line(lines)} (all of it: {path})")


def telling_line(lines: Sequence[str]) -> str:
    """The line of a log that most likely says why: the first compiler or tool error, else the last line."""
    # E: apt's; NOTICE: is ESP-IDF's
    marks = ("NO_PUBKEY", "No space left on device", "error:", "Error:", "ERROR:", "^E: ", "fatal:", "Error ")
    for mark in marks:
        for line in lines:
            if re.search(mark, line):
                return line.strip()[:200]
    full = [line for line in lines if line.strip()]
    return full[-1].strip()[:200] if full else "it said nothing"


def link(name: str, target: Path) -> None:
    """build/bin/<name>. A test that starts at this moment sees the old one or the new one."""
    BIN.mkdir(parents=True, exist_ok=True)
    with lock(BIN / ".lock"):
        place, new = BIN / name, BIN / f".{name}.new"
        if not (place.is_symlink() and place.readlink() == target):
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(place)


def main(action: Callable[..., None], *args: object) -> int:
    """Run a step as a command: a Problem, or a file that is not ours, becomes one line on stderr and exit code 1."""
    try:
        action(*args)
    except Problem as e:
        say(f"sealcast: {e}")
        return 1
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        say(f"sealcast: {where}{e.strerror or e}; make it yours to write, or free some space, and run again")
        return 1
    except KeyboardInterrupt:
        say("sealcast: interrupted")
        return 130
    return 0
