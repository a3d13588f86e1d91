"""Runs on MicroPython: FileStore on the filesystems that boards have,
on a RAM disk whose power goes at every block operation.

power_cuts.py <VfsLfs2 | VfsFat>: prints one JSON object with the counts, or which promise was broken at which cut.
"""

import gc
import json
import sys

import vfs

from sealcast.crypto import best_suite
from sealcast.run.filestore import FileStore

SUITE = best_suite()
KEY = bytes(range(32))
BLOCK = 512
BLOCKS = 64


class PowerCut(Exception):
    pass


class Disk:
    """A block device. After `budget` writes and erases the power is off; the operation it stops at is half done."""

    def __init__(self, image=None, budget=None):
        self.image = bytearray(image or BLOCK * BLOCKS)
        self.budget = budget
        self.done = 0
        # for good: what finalisers of lost file objects still want goes nowhere, and allocates nothing
        self.off = False

    def _spend(self, start, data):
        self.done += 1
        if self.budget is not None:
            self.budget -= 1
            if self.budget < 0:
                if self.budget == -1:
                    half = len(data) // 2
                    self.image[start : start + half] = data[:half]
                self.off = True
                raise PowerCut
        self.image[start : start + len(data)] = data

    def readblocks(self, n, buf, off=0):
        if self.off:
            return -5
        start = n * BLOCK + off
        buf[:] = self.image[start : start + len(buf)]

    def writeblocks(self, n, buf, off=None):
        if self.off:
            return -5
        if off is None:
            off = 0
        self._spend(n * BLOCK + off, bytes(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if self.off:
            return -5
        if op == 6:
            self._spend(arg * BLOCK, b"\xff" * BLOCK)
        return 0


class On:
    """The disk mounted at /d."""

    def __init__(self, kind, disk):
        self.kind = kind
        self.disk = disk

    def __enter__(self):
        vfs.mount(self.kind(self.disk), "/d")
        return FileStore(SUITE, KEY, "/d/state")

    def __exit__(self, *error):
        vfs.umount("/d")


def body(n):
    return bytes([n]) * (700 + 13 * n)


def batch(n):
    return bytes([65 + n]) * (150 + 200 * n)


def check(kind, image, before, after):
    """What a restart finds after a cut: one of the two states; and it can store again."""
    disk = Disk(image)
    with On(kind, disk) as store:
        found = store.load()
        if found not in (before, after):
            return None
        store.store(b"afterwards")
    with On(kind, Disk(disk.image)) as store:
        return found if store.load() == b"afterwards" else None


def appends(kind, image, had):
    """A power cut at every step of appending, behind a body that this run stores: what was appended before stays, and
    of the last batch only a beginning is there, or nothing that says anything. -> cuts; None: a promise is broken."""
    cuts = 0
    for before in range(3):
        budget, whole = 0, False
        while not whole:
            gc.collect()
            cut = Disk(image)
            with On(kind, cut) as store:
                store.store(had)
                for n in range(before):
                    store.append(batch(n))
                cut.budget = budget
                try:
                    store.append(batch(before))
                    whole = True
                except (PowerCut, OSError):
                    pass
                left = bytes(cut.image)
            if whole == cut.off:
                return None
            expected = had + b"".join([batch(n) for n in range(before)])
            with On(kind, Disk(left)) as store:
                found = store.load()
                if found is None or found[: len(expected)] != expected:
                    return None
                rest = found[len(expected) :]
                if not batch(before).startswith(rest) and rest.count(b"\x00") != len(rest):
                    return None
                if whole and rest != batch(before):
                    return None
                store.store(b"afterwards")
                store.append(b" and more")
                if store.load() != b"afterwards and more":
                    return None
            cuts += not whole
            budget += 1
    return cuts


def main(kind):
    disk = Disk()
    kind.mkfs(disk)
    image, before, cuts, new = disk.image, None, 0, 0
    for n in range(1, 5):
        whole = Disk(image)
        with On(kind, whole) as store:
            start = whole.done
            store.store(body(n))
            total = whole.done - start
        seen = False
        for budget in range(total):
            gc.collect()
            cut = Disk(image)
            with On(kind, cut) as store:
                cut.budget = budget
                try:
                    store.store(body(n))
                except (PowerCut, OSError):
                    pass
                left = bytes(cut.image)
            if not cut.off:
                print(json.dumps({"broken": "no cut", "store": n, "budget": budget}))
                return
            found = check(kind, left, before, body(n))
            if found is None and before is not None or seen and found != body(n):
                print(json.dumps({"broken": "lost", "store": n, "budget": budget}))
                return
            seen = seen or found == body(n)
            cuts += 1
            new += found == body(n)
        image, before = whole.image, body(n)
    appended = appends(kind, image, before)
    if not appended:
        print(json.dumps({"broken": "append"}))
        return
    told = {"cuts": cuts, "appends": appended, "new": new, "old": cuts - new}
    told["older_on_disk"] = body(3)[:64] in image
    print(json.dumps(told))


main(getattr(vfs, sys.argv[1]))
