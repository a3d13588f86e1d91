"""Mounts the emulated board's disk at /, making a filesystem on the first start."""
import vfs

import qemu

try:
    vfs.mount(vfs.VfsLfs2(qemu.disk), "/")
except OSError:
    vfs.VfsLfs2.mkfs(qemu.disk)
    vfs.mount(vfs.VfsLfs2(qemu.disk), "/")
