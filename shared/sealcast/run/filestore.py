"""State in two files that a power cut cannot spoil. PROTOCOL.md section 12 (storage); slots.py reads them.

`store(body)`: 1. write the slot that is not current and sync it; 2. read it back and compare; 3. only then overwrite
the older slot with zeros, sync, and remove it. A cut during 1 leaves the new slot invalid and the current one
untouched; after 1 both are valid and the newer one wins; during 3 the older one is partly zero, which is no valid slot.
`load()` finishes an interrupted 3. Every store goes to the other file, so writes rotate; a filesystem with wear
levelling (littlefs) spreads them further.

What erasing means: on FAT without a translation layer the zeros land on the old sectors. littlefs, and flash behind a
controller (SD cards, SSDs), write elsewhere and keep the old blocks until they are reused: someone who reads the flash
chip may find old states there. THREATS.md says so.

The same class serves boards and hosts; what differs between their files is in `Files`.
"""

import os

from ..compat import const
from ..errors import BadState
from ..rare import load
from ..wire import u32

FORMAT = const(1)
HEADER = const(13)
CHECK = const(16)
# above any state: 64 messages in, 64 out, 511 members; bounds what a broken header can ask for
MAX_BODY = const(0xFFFFF)
MAGIC = b"SCst"
CHUNK = const(128)
_ENOENT = const(2)  # the same number on every port


def header(generation, length):
    """The 13 bytes before a body. Raises BadState when the generation number is used up or the state too long."""
    if not 0 < generation <= 0xFFFFFFFF:
        raise BadState("the storage has been written 4,294,967,295 times: remove the state files to begin anew")
    if length > MAX_BODY:
        raise BadState("the state has {} bytes, the limit is {}".format(length, MAX_BODY))
    return MAGIC + bytes((FORMAT,)) + u32(generation) + u32(length)


def check(suite, key, head, *pieces):
    """The 16 bytes after a body, which may be given in pieces."""
    return suite.h(CHECK, key, b"", b"sc/store", head, *pieces)


class Files:
    """Files of this machine, with the one thing both Pythons lack in common: making a write durable."""

    def open(self, path, mode):
        """open(), but new files are for the owner's eyes only where there are permissions."""
        if mode in ("wb", "ab") and hasattr(os, "O_CREAT"):
            how = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if mode == "ab" else os.O_TRUNC)
            return os.fdopen(os.open(path, how, 0o600), mode)
        return open(path, mode)

    def sync(self, file):
        """Everything written to `file` survives a power cut once this returns."""
        file.flush()  # MicroPython's flush is fsync (or the filesystem's own sync)
        if hasattr(os, "fsync"):
            os.fsync(file.fileno())

    def settle(self, path):
        """The same for the file's entry in its directory; filesystems of boards do this in sync()."""
        if hasattr(os, "O_DIRECTORY"):
            fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def remove(self, path):
        os.remove(path)


class FileStore:
    """load() -> the newest body or None, and all that was appended to it; store(body) and append(batch) return when it
    is durable. They block for as long as the flash takes (some milliseconds a sector).

    path: both files are path + ".0" and path + ".1", and what is appended to them has a "j" behind that. key: 0..64
    bytes for the check. files: a `Files` or what acts like it. After load(), `damaged` says that there was something,
    and that it could not be believed."""

    room = 2048  # bytes that may be appended to a body: both are read back in one piece
    ahead = 48  # so many messages may a record say ahead: flash wears out

    def __init__(self, suite, key, path, files=None):
        self._suite = suite
        self._key = key
        self._paths = (path + ".0", path + ".1")
        self._files = files or Files()
        self._buffer = bytearray(CHUNK)  # allocated once: a board stores for years
        self._current = None  # 0 or 1; None before load() and when there is no valid slot
        self._generation = None
        self._appended = None  # bytes behind the body that we stored; None: it is not ours, nothing is appended
        self.damaged = False

    def load(self):
        """The newest valid body or None. Raises OSError when the files cannot be read at all."""
        return load("run.slots").load(self)

    def store(self, body):
        """Make `body`, a list of pieces, or bytes, the state. Raises OSError (the former one stands) or BadState."""
        pieces = body if isinstance(body, list) else [body]
        if self._generation is None:
            self.load()
        target = 0 if self._current is None else 1 - self._current
        path = self._paths[target]
        self._remove(path + "j")
        head = header(self._generation + 1, sum([len(piece) for piece in pieces]))
        self._write(path, "wb", 0, [head] + pieces + [check(self._suite, self._key, head, *pieces)])
        self._current, self._generation, self._appended = target, self._generation + 1, 0
        self._erase(self._paths[1 - target])

    def append(self, batch):
        """Put bytes behind the body that was stored last. Raises OSError: what is there now must not be appended to,
        store() makes it good."""
        if self._appended is None:
            raise OSError("nothing to append to: store a whole state first")
        path, at = self._paths[self._current] + "j", self._appended
        self._appended = None
        self._write(path, "ab", at, [batch])
        self._appended = at + len(batch)

    def forget(self):
        """Erase both slots: nothing of this member's state stays that we can reach."""
        for path in self._paths:
            self._erase(path)
        self._current, self._generation, self._appended = None, 0, None

    def _there(self, path, mode):
        """The file, opened; None when there is none."""
        try:
            return self._files.open(path, mode)
        except OSError as e:
            if e.errno != _ENOENT:
                raise
            return None

    def _write(self, path, mode, at, parts):
        """These parts, from `at` on: durable, and there, on return. Raises OSError."""
        with self._files.open(path, mode) as file:
            for part in parts:
                file.write(part)
            self._files.sync(file)
        if at == 0:
            self._files.settle(path)
        if not self._holds(path, parts, at):
            raise OSError("the storage did not keep what was written")

    def _holds(self, path, parts, at):
        """Does the file hold exactly these parts from `at` on? In chunks: a second copy of the state may not fit."""
        view = memoryview(self._buffer)
        file = self._files.open(path, "rb")
        try:
            file.seek(at)
            for part in parts:
                at = 0
                while at < len(part):
                    n = min(CHUNK, len(part) - at)
                    if file.readinto(view[:n]) != n or view[:n] != memoryview(part)[at : at + n]:
                        return False
                    at += n
            return file.readinto(view[:1]) == 0
        finally:
            self._suite.wipe(self._buffer)
            file.close()

    def _remove(self, path):
        """What may not be there. Raises OSError when it stays."""
        try:
            self._files.remove(path)
        except OSError as e:
            if e.errno != _ENOENT:
                raise
            return
        self._files.settle(path)

    def _erase(self, path):
        """A slot and what was appended to it: overwrite, sync, remove. A failure is no error: the slot is overwritten
        by the next store at the latest."""
        try:
            self._overwrite(path)
            self._remove(path)
            self._remove(path + "j")
        except OSError:
            pass

    def _overwrite(self, path):
        file = self._there(path, "r+b")
        if file is None:
            return
        with file:
            view = memoryview(self._buffer)
            self._suite.wipe(self._buffer)
            left = file.seek(0, 2)
            file.seek(0)
            while left > 0:
                left -= file.write(view[: min(CHUNK, left)])
            self._files.sync(file)
