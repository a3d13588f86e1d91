# What is frozen into the unix port: asyncio, and nothing else. Boards' stock firmware carries it frozen too; the node
# and the core are loaded from files, as on a board. (MicroPython's own manifest needs the micropython-lib submodule.)
include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
