"""Runs on MicroPython's unix port: two members whose states lie in littlefs, each on a block device that counts.

    run(mode, messages, every_ms) prints  flash <uid> <bytes programmed> <blocks erased>  for the sender (anna) and the
    receiver (bert), from the first message to the last.
"""

import gc
import os

from day_on_board import Room

from sealcast.crypto import native as suite
from sealcast.run.durable import able
from sealcast.run.filestore import FileStore

BLOCK = 4096
BLOCKS = 64  # more would be the same: littlefs goes round whatever there is


class Counting:
    """Flash in memory. Programmed bytes and erased blocks are counted."""

    def __init__(self):
        self._data = bytearray(BLOCK * BLOCKS)
        self.programmed = self.erased = 0

    def readblocks(self, n, buf, at=0):
        at += n * BLOCK
        memoryview(buf)[:] = memoryview(self._data)[at : at + len(buf)]

    def writeblocks(self, n, buf, at=0):
        at += n * BLOCK
        memoryview(self._data)[at : at + len(buf)] = buf
        self.programmed += len(buf)

    def ioctl(self, what, n):
        if what == 4:
            return BLOCKS
        if what == 5:
            return BLOCK
        if what == 6:
            self.erased += 1
        return 0


class Kept(Room):
    """A room whose members store what they are told to."""

    def __init__(self, uids):
        self.flash, self.stores = {}, {}
        for uid in uids:
            self.flash[uid] = flash = Counting()
            os.VfsLfs2.mkfs(flash)
            os.mount(os.VfsLfs2(flash), "/" + uid)
            self.stores[uid] = FileStore(suite, bytes(32), "/%s/state" % uid)
            self.stores[uid].load()
        super().__init__(uids)
        for uid in uids:
            able(self.members[uid], self.stores[uid]).out.prompt = True

    def keep(self, uid, kind, what):
        getattr(self.stores[uid], kind)(what)


def run(mode, messages, every_ms):
    gc.threshold(1 << 20)
    room = Kept(("anna", "bert"))
    room.advance(10000)
    if mode == "ratchet":
        room.call("anna", "change_group", "create", ["bert"])
        room.advance(10000)
    heard = room.heard
    before = {uid: (flash.programmed, flash.erased) for uid, flash in room.flash.items()}
    for _ in range(messages):
        room.call("anna", "send", b"21.5 C, 48 % relative humidity..", mode)
        room.advance(every_ms)
    if room.heard - heard < messages:
        raise ValueError("heard %d of %d" % (room.heard - heard, messages))
    for uid, flash in room.flash.items():
        print("flash", uid, flash.programmed - before[uid][0], flash.erased - before[uid][1])
