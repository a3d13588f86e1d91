# Freezes the core and the node into a firmware of your own, where they cost next to no heap (docs/HARDWARE.md, "A
# firmware of your own"). In your manifest, after the port's own:
#
#     include("$(PORT_DIR)/boards/manifest.py")
#     include("<checkout>/firmware/manifest.py")
import atexit
import os
import shutil
import sys
import tempfile

# What a board with the native modules never imports, and what lies beside the packages on it.
_NOT = ("sealcast.crypto.host", "sealcast.crypto.soft")


def _merged():
    """Core and node as a bundle has them, in fewer modules (host/sealcast_host/boards/merge.py) -> their folder, and
    their files by package."""
    sys.path[:0] = [os.path.abspath("../host"), os.path.abspath("../shared")]
    from sealcast_host.boards import merge

    folder, files = tempfile.mkdtemp(prefix="sealcast-"), {"sealcast": [], "node": []}
    atexit.register(shutil.rmtree, folder, True)
    texts = merge.merged()
    for module in sorted(texts):
        if not module.startswith(_NOT):
            path = merge.file_of(module, texts) + ".py"
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w") as f:
                f.write(texts[module])
            package, _, rest = path.partition("/")
            files[package].append(rest)
    return folder, files


_folder, _files = _merged()
package("sealcast", files=tuple(_files["sealcast"]), base_path=_folder, opt=3)  # noqa: F821
module("sealcast_platform.py", base_path="node", opt=3)  # noqa: F821
package("node", files=tuple(_files["node"]), base_path=_folder, opt=3)  # noqa: F821
