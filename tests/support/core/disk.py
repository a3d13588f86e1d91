"""A disk in memory whose power fails at a step that is chosen: a FileStore's files, and how filesystems lose them."""


class PowerCut(Exception):
    """The lights go out."""


class Disk:
    """Files in memory, on which at most `budget` steps happen before the power is cut.

    model "now": every write and truncation is on the disk at once (a FAT without cache); the step that is cut is half
    done. model "sync": nothing is on the disk before a sync (littlefs). model "hole": the length is on the disk before
    a sync, the contents are not (a FAT with a cache).
    """

    def __init__(self, model, files=None, budget=1000000):
        self.model = model
        self.disk = dict(files or {})
        self.budget = budget
        self.steps = 0

    def step(self):
        self.steps += 1
        if self.steps > self.budget:
            raise PowerCut

    def open(self, path, mode):
        if mode == "wb":
            if self.model != "sync":
                self.step()
                self.disk[path] = b""
            return Handle(self, path, b"")
        if path not in self.disk and mode != "ab":
            raise OSError(2, "no such file")
        handle = Handle(self, path, self.disk.get(path, b""))
        if mode == "ab":
            handle.kept = handle.seek(0, 2)
        return handle

    def sync(self, file):
        self.step()
        self.disk[file.path] = bytes(file.data)

    def settle(self, path):
        self.step()

    def remove(self, path):
        if path not in self.disk:
            raise OSError(2, "no such file")
        self.step()
        del self.disk[path]


class Handle:
    def __init__(self, disk, path, data):
        self.disk = disk
        self.path = path
        self.data = bytearray(data)
        self.at = 0
        self.kept = 0  # bytes that are not written: we append

    def read(self, n):
        out = bytes(self.data[self.at : self.at + n])
        self.at += len(out)
        return out

    def readinto(self, view):
        out = self.read(len(view))
        view[: len(out)] = out
        return len(out)

    def seek(self, at, whence=0):
        self.at = at + (len(self.data) if whence == 2 else 0)
        return self.at

    def write(self, part):
        part = bytes(part)
        before = self.at
        half = len(part) // 2
        self.data = self.data[:before] + part[:half] + self.data[before + half :]
        self._spill()
        self.disk.step()
        self.data = self.data[:before] + part + self.data[before + len(part) :]
        self.at = before + len(part)
        self._spill()
        return len(part)

    def _spill(self):
        if self.disk.model == "now":
            self.disk.disk[self.path] = bytes(self.data)
        elif self.disk.model == "hole":
            self.disk.disk[self.path] = bytes(self.data[: self.kept]) + bytes(len(self.data) - self.kept)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        pass
