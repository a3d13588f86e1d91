# An emulated board whose firmware has the node in it, as one that you build yourself can (firmware/manifest.py).
include("manifest.py")  # noqa: F821
include("../manifest.py")  # noqa: F821
