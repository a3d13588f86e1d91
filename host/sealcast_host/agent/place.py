"""Where the agent of this user is: a socket (0600) in a directory (0700) beside the members' states that it holds.

One state directory, one agent. A socket's path may have some 100 bytes only: a longer one is reached by way of the
directory's descriptor where the system has /proc.
"""

import os
import socket
import stat
import struct
from pathlib import Path

from sealcast_host.errors import Failed, UserError
from sealcast_host.member import system
from sealcast_host.member.privatefiles import make_private_dir, reason, state_dir, way_back

PROTOCOL = 3  # version of the lines on the socket, of what send returns, too: another one is refused at once
_LONGEST = 100
_DESCRIPTORS = "/proc/self/fd"


class NoAgent(UserError):
    """None runs for this user (or the system has no such sockets)."""


def directory() -> Path:
    """Of the socket, the log and the lock. No member's folder has this name: dots in those are quoted."""
    return state_dir() / ".agent"


def socket_path() -> Path:
    return directory() / "socket"


def log_path() -> Path:
    return directory() / "log"


def connect() -> socket.socket:
    """A connected socket. Raises NoAgent; UserError when what is there is not for this user alone."""
    if not hasattr(socket, "AF_UNIX"):
        raise NoAgent("this system has no private sockets: no agent here")
    try:
        _private(directory().lstat())
    except OSError:
        raise NoAgent("no agent runs: start one with: sealcast agent --detach") from None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _Address() as address:
            sock.connect(address)
        if peer_uid(sock) not in (None, system.me()):
            raise UserError(f"{socket_path()} belongs to another user: remove it")
    except OSError:  # nobody listens: what lies there is of an agent that was killed
        sock.close()
        raise NoAgent("no agent runs: start one with: sealcast agent --detach") from None
    except UserError:
        sock.close()
        raise
    return sock


def listening() -> socket.socket:
    """The agent's own end; a socket that was left behind is replaced. The caller holds the lock. Raises UserError
    (NoAgent where there can be none)."""
    make_private_dir(directory())
    _private(directory().lstat())
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        socket_path().unlink(missing_ok=True)
        with _Address() as address:
            sock.bind(address)
        sock.listen(128)
    except OSError as e:
        sock.close()
        raise UserError(f"cannot listen at {socket_path()}: {reason(e)}") from None
    except NoAgent:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def peer_uid(sock: socket.socket) -> int | None:
    """Who is at the other end; None where the system does not say (the directory's mode keeps others out there)."""
    found = _peer(sock)
    return found[1] if found is not None else None


def silent(sock: socket.socket) -> Failed:
    """The error of an agent that does not answer."""
    found = _peer(sock)
    if found is None:
        return Failed("the agent does not answer: end its process, and try again")
    pid = found[0]
    return Failed(f"the agent does not answer: kill -CONT {pid} wakes it if it was stopped, kill {pid} ends it")


def _peer(sock: socket.socket) -> tuple[int, int, int] | None:
    """Process, user, group."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", raw)
    return pid, uid, gid


def _private(found: os.stat_result) -> None:
    if found.st_uid != system.me() or stat.S_IMODE(found.st_mode) & 0o077 or not stat.S_ISDIR(found.st_mode):
        way = way_back(directory()) or ": chmod 700 it, or remove it"
        raise UserError(f"{directory()} must be a directory for you alone{way}")


class _Address:
    """The socket's path, short enough for the system."""

    def __init__(self) -> None:
        self._fd = -1

    def __enter__(self) -> str:
        path = str(socket_path())
        if len(os.fsencode(path)) <= _LONGEST:
            return path
        if not os.path.isdir(_DESCRIPTORS):  # macOS, FreeBSD
            raise NoAgent(f"{path} is too long for a socket's path here: set XDG_STATE_HOME to a shorter folder")
        self._fd = os.open(directory(), os.O_RDONLY | system.CLOSED)
        return f"{_DESCRIPTORS}/{self._fd}/socket"

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
