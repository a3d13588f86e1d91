"""The agent's log: a line with its time for what happens to members and to the agent. Names, never contents.

A log that cannot be written (a full disk) harms nothing.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from sealcast_host.member.system import CLOSED

MOST = 1 << 20  # bytes; then it begins anew, and the one before is kept as log.1


class Log:
    """Lines to standard error, or to a file of this user's alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def say(self, text: str) -> None:
        line = time.strftime("%Y-%m-%d %H:%M:%S ") + "".join(c if c.isprintable() else "?" for c in text) + "\n"
        with contextlib.suppress(OSError, ValueError):
            out = sys.stderr if self._path is None else self._open(self._path)
            out.write(line)
            out.flush()

    def _open(self, path: Path) -> TextIO:
        if self._file is not None and self._file.tell() > MOST:
            self._file.close()
            self._file = None
            os.replace(path, path.with_name(path.name + ".1"))
        if self._file is None:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | CLOSED, 0o600)
            if (size := os.fstat(fd).st_size) and os.pread(fd, 1, size - 1) != b"\n":
                os.write(fd, b"\n")  # behind a line that a power cut has torn
            self._file = os.fdopen(fd, "a", encoding="utf-8", errors="replace")
        return self._file
