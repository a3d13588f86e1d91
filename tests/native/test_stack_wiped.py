"""After an operation and the burn that its binding ends with, the C stack holds neither its secret nor its result.

symcrypto's bindings call sc_burn (build.py, BURN); the curve code burns its own stack. How deep each operation goes is
measured too, since what lies deeper than the burn would only by luck be clean.
Registers are out of reach of C, and so is what an interrupt handler copied elsewhere.
"""

import os
import random
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from operations import INCLUDES, OPERATIONS, c_sources, natmod  # noqa: E402

# What the stack search must find: the call leaves 32 bytes of b behind, and no burn follows that covers it.
LEAK = "OP(leak, ;, leak(b), b, 32)\n"


# Public by nature: the encoding came over the wire, and nothing is burnt after looking at it.
PUBLIC = {"ristretto_valid"}
# Stands in no constant-time test, so not in OPERATIONS with a secret; its password must not stay behind all the same.
SCRYPT = (
    "OP(scrypt_16, ;, sc_scrypt_begin(f, 65536, 16, 8, 1, b, 100, c, 16); while (!sc_scrypt_step(f, 65536, 3)) { }"
    " sc_scrypt_end(f, 65536, a, 64), b, 100)\n"
)
# Bytes that the curve code's own burn overwrites (curve25519.c), and its frame.
CURVE_BURN = 4096 + 128


def measure(folder, module, level, extra=""):
    """{operation: (depth, secret found, result found)}, and the seed."""
    program = folder / "program.h"
    lines = [extra]
    for op in OPERATIONS:
        if op.module == module and op.secret and op.name not in PUBLIC:
            expression, size = op.secret[0]
            lines.append(f"OP({op.name}, {{{op.prepare};}}, {{{op.run};}}, {expression}, {size})\n")
    program.write_text("".join(lines))
    includes = folder / "includes.h"
    includes.write_text("".join(f'#include "{path}"\n' for path in INCLUDES))
    objects = []
    for source, flags in c_sources(module):
        objects.append(str(folder / (source.rsplit("/", 1)[-1] + ".o")))
        common = [flag for flag in natmod._COMMON if flag.startswith(("-std", "-f"))]
        subprocess.check_call(
            ["gcc", *common, *natmod.ARCHES["x64"][1], *flags, *level, "-c", source, "-o", objects[-1]]
        )
    seed = random.randrange(1, 1 << 60)
    burn = "-DBURN=sc_burn" if natmod.BURN[module] else "-DBURN()="
    binary = folder / "stack"
    # -z now: else the first call of a libc function runs the dynamic linker on the stack that is measured.
    command = ["gcc", "-O1", "-Wl,-z,now", "-fno-stack-protector", "-fcf-protection=none", burn, f"-DSEED={seed}ull"]
    command += [
        f'-DSTACK_PROGRAM="{program}"',
        f'-DSTACK_INCLUDES="{includes}"',
        f"{HERE}/stack.c",
        *objects,
        "-o",
        str(binary),
    ]
    subprocess.check_call(command)
    out = subprocess.run([binary], capture_output=True, text=True, timeout=300, check=True).stdout
    return {line.split()[0]: tuple(map(int, line.split()[1:])) for line in out.splitlines()}, seed


@pytest.mark.parametrize("module", list(natmod.MODULES))
def test_nothing_secret_is_left_on_the_stack(tmp_path, module):
    results, seed = measure(tmp_path, module, [], SCRYPT if module == "scrypt" else "")
    assert len(results) > (0 if module == "scrypt" else 5)
    for name, (depth, secret, result) in results.items():
        covered = natmod.BURN[module] - 64 if natmod.BURN[module] else CURVE_BURN
        assert depth <= covered, f"{name} goes {depth} bytes deep, the burn covers {covered} (seed {seed})"
        assert not secret, f"{name} leaves its secret on the stack (seed {seed})"
        assert not result, f"{name} leaves its result on the stack (seed {seed})"


def test_the_search_finds_what_is_left(tmp_path):
    """With a burn of a few bytes only, a leak is found: the search above can fail."""
    results, seed = measure(tmp_path, "symcrypto", ["-USC_BURN_BYTES", "-DSC_BURN_BYTES=4"], LEAK)
    assert results["leak"][1], f"seed {seed}"
