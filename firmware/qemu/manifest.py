# Frozen into the emulated boards: what a released firmware freezes and a node imports.
include("$(MPY_DIR)/extmod/asyncio")
module("_boot.py", base_path="frozen")
