# Freezes the core and the node into a firmware of your own, where they cost next to no heap (docs/HARDWARE.md, "A firmware of
# your own"). In your manifest, after the port's own:
#
#     include("$(PORT_DIR)/boards/manifest.py")
#     include("<checkout>/firmware/manifest.py")
import os

# What a board with the native modules never imports, and what lies beside the packages on it.
_NOT = ("crypto/host", "crypto/soft", "main.py", "boot.py", "sealcast_platform.py")


def _files(folder, below=""):
    out = []
    for name in sorted(os.listdir(folder + "/" + below)):
        path = below + name
        if name.endswith(".py"):
            out += [] if path.startswith(_NOT) else [path]
        elif name != "__pycache__" and os.path.isdir(folder + "/" + path):
            out += list(_files(folder, path + "/"))
    return tuple(out)


package("sealcast", files=_files("../shared/sealcast"), base_path="../shared", opt=3)  # noqa: F821
module("sealcast_platform.py", base_path="node", opt=3)  # noqa: F821
package("node", files=_files("node"), base_path=".", opt=3)  # noqa: F821
