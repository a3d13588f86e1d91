"""Standard input, output and error, as every command finds them: there, and honest. One that was closed fails when it
is used; what this terminal's encoding has no character for is written as \\u2603; that output is lost is an error of a
kind of its own."""

import io
import os
import stat
import sys
from typing import Any

_ENCODING = "utf-8"


class Unwritable(OSError):
    """Standard output took no more. errno EPIPE: who read it has gone."""


class _Out(io.TextIOWrapper):
    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as e:
            raise Unwritable(*e.args) from None

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as e:
            raise Unwritable(*e.args) from None


def begin() -> None:
    """Before anything is read or written. A file that is opened must not become standard output, so that each of the
    three gets a descriptor: one that fails, but for standard error."""
    for fd, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, flags)  # the lowest that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding=_ENCODING, closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding=_ENCODING, errors="backslashreplace", closefd=False)
    if sys.stdout is None:
        sys.stdout = _Out(open(1, "wb", closefd=False), encoding=_ENCODING, errors="backslashreplace")
    elif type(sys.stdout) is io.TextIOWrapper:
        sys.stdout = _honest(sys.stdout)


def _honest(out: io.TextIOWrapper) -> io.TextIOWrapper:
    how: dict[str, Any] = {"line_buffering": out.line_buffering, "write_through": out.write_through}
    encoding = out.encoding
    return _Out(out.detach(), encoding=encoding, errors="backslashreplace", **how)


def own_line() -> None:
    """Where what a command prints is appended to a file (>>) whose last line a power cut has torn, its first line is
    not glued to that. On systems with /proc alone."""
    try:
        size = os.fstat(1).st_size
        if not size or not stat.S_ISREG(os.fstat(1).st_mode):
            return
        fd = os.open("/proc/self/fd/1", os.O_RDONLY)
        try:
            torn = os.pread(fd, 1, size - 1) != b"\n"
        finally:
            os.close(fd)
        import fcntl  # not on every system

        if torn and fcntl.fcntl(1, fcntl.F_GETFL) & os.O_APPEND:
            os.write(1, b"\n")
    except (OSError, ImportError):
        pass  # it is no file that can be read: what cannot be written is told when it is


def settle() -> OSError | None:
    """Write what waits -> why that failed; from then on output goes nowhere, so that the end says nothing more."""
    try:
        sys.stdout.flush()
    except OSError as e:
        give_up()
        return e
    return None


def give_up() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
