"""Where systems differ: locks on files, modes, directories. Unix is what is tried; Windows has fallbacks that a test
with a stubbed platform imports and runs, on no real Windows.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any

from sealcast_host.errors import UserError

CLOSED = getattr(os, "O_CLOEXEC", 0)  # of os.open: not for the programs that we start


def windows() -> bool:
    return sys.platform == "win32"


def locked(path: Path) -> Any:
    """A lock (mode 0600) that goes with this process; give it to `unlock`. None: somebody else has it. Raises
    OSError. filelock is for systems without flock: it loads thirty modules, and `sealcast send` is to be quick."""
    if not windows():
        return _flocked(path)
    from filelock import FileLock, Timeout

    lock = FileLock(str(path), timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        return None
    return lock


def _flocked(path: Path) -> int | None:
    import fcntl

    fd = os.open(path, os.O_RDWR | os.O_CREAT | CLOSED, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def unlock(lock: Any) -> None:
    if isinstance(lock, int):
        os.close(lock)
    else:
        lock.release()


def synced(fd: int) -> None:
    """What was written survives a power cut: a Mac's fsync leaves it in the drive's own memory. Raises OSError."""
    full = None
    with contextlib.suppress(ImportError):
        import fcntl

        full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with contextlib.suppress(OSError):  # a drive, or a network's folder, that has no such thing
            fcntl.fcntl(fd, full)
            return
    os.fsync(fd)


def private(mode: int) -> bool:
    """Is a file of this mode for its owner alone? Windows has no such modes: the user's folders are private there."""
    return windows() or not mode & 0o077


def me() -> int | None:
    """This user's number, where there are such."""
    return os.getuid() if hasattr(os, "getuid") else None


def raise_if_blind() -> None:
    """UserError where the running loop watches no sockets, as Windows' usual one does not: MQTT needs that."""
    if type(asyncio.get_running_loop()).add_reader is asyncio.AbstractEventLoop.add_reader:
        raise UserError(
            "asyncio's loop here cannot watch sockets: start the program with asyncio.Runner(loop_factory="
            "asyncio.SelectorEventLoop)"
        )
