"""Mounts the emulated board's disk at /, making a filesystem on the first start; modules are found in / and /lib, as on
other boards."""
import sys

import uctypes
import vfs

import qemu

try:
    vfs.mount(vfs.VfsLfs2(qemu.disk), "/")
except OSError:
    vfs.VfsLfs2.mkfs(qemu.disk)
    vfs.mount(vfs.VfsLfs2(qemu.disk), "/")
if "/lib" not in sys.path:
    sys.path.append("/lib")
# Firmware with a ROMFS partition mounts it like this; its compiled modules run in place and cost little heap. The
# address is that of modules/qemu/machine.h's disk and 2 MB more: board.py writes the image there.
if sys.implementation._mpy >> 10 == 11:  # rv32imc: VIRT_RV32, the only board here with such memory
    rom = uctypes.bytearray_at(0x80A00000, 0x80000)
    if rom[:3] == b"\xd2\xcd\x31":
        vfs.mount(vfs.VfsRom(rom), "/rom")
        sys.path.append("/rom/lib")
    del rom
