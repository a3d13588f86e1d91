"""Mounts the emulated board's disk at /, making a filesystem on the first start; modules are found in / and /lib, as on other boards."""
import sys

import vfs

import qemu

try:
    vfs.mount(vfs.VfsLfs2(qemu.disk), "/")
except OSError:
    vfs.VfsLfs2.mkfs(qemu.disk)
    vfs.mount(vfs.VfsLfs2(qemu.disk), "/")
if "/lib" not in sys.path:
    sys.path.append("/lib")
