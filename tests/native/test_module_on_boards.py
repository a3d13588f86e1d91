"""The native modules on emulated boards: import, what that costs in heap, agreement with libsodium, buffers.

The Cortex-M3 runs the armv6m code as well: it executes all of Thumb-1.
"""

import os
import random
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, HERE)
import agreement  # noqa: E402
from operations import QEMU, load, natmod  # noqa: E402

from sealcast.crypto import host as suite_host  # noqa: E402

# A board boots, takes files over its serial port and computes for a
# while: see to it that the timeouts are for a hang only.
RUN_SECONDS = 300
BOARDS = [("VIRT_RV32", "rv32imc"), ("MPS2_AN385", "armv7m"), ("MPS2_AN385", "armv6m")]
COUNTS = {
    "h": 300, "secretbox": 100, "secretbox_open": 100, "xsalsa20_xor": 50, "equal": 50, "scalar_reduce": 50,
    "x25519": 25, "x25519_base": 10, "ed25519_public": 5, "ed25519_sign": 10, "ed25519_verify": 20,
    "ristretto_map": 20, "ristretto_mul": 20, "ristretto_add": 20, "ristretto_sub": 20, "ristretto_valid": 20,
    "bd_key": 8,
}  # fmt: skip


@pytest.mark.parametrize(("name", "arch"), BOARDS, ids=[arch for _, arch in BOARDS])
def test_on_a_board(name, arch, tmp_path):
    emulator = load(QEMU, "board")
    missing = emulator.missing(name)
    if natmod.compiler(arch) is None or missing:
        pytest.skip(f"not installed: {', '.join(missing) or natmod.ARCHES[arch][0]}")
    modules = natmod.build(arch, tmp_path)
    seed = random.randrange(1 << 32)
    calls = agreement.calls(random.Random(seed), suite_host, COUNTS)
    with emulator.Board(name) as board:
        for module, path in modules.items():
            board.put(f"/lib/{module}.mpy", path.read_bytes())
        for script in ("agreement_functions.py", "on_module.py", "buffers_on_module.py"):
            board.put(f"/lib/{script}", read(HERE, script))
        for part in ("__init__.py", "crypto/__init__.py", "crypto/native.py", "crypto/arguments.py"):
            board.put(f"/lib/sealcast/{part}", read(ROOT, "shared", "sealcast", part))

        code = "import gc\ngc.collect(); _a = gc.mem_free()\nimport curve25519, symcrypto\n"
        code += "gc.collect(); print(_a - gc.mem_free())"
        heap_bytes = int(board.run(code))
        assert heap_bytes < 35 << 10, "issue 3: an import should take under 35 KB of heap"

        board.put("/calls", agreement.pack(calls))
        board.run("import on_module; on_module.main('/calls', '/answers')", timeout=RUN_SECONDS)
        answers = agreement.unpack(board.get("/answers"))
        agreement.compare(seed, calls, answers, agreement.expected(suite_host, calls))

        assert board.run("import buffers_on_module", timeout=RUN_SECONDS).splitlines()[-1] == "ok"


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()
