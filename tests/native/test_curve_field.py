"""Every field representation against big integers, at the edges of
its limbs: here in C, and the assembly of each core in QEMU.
"""

import ctypes
import importlib.util
import os
import random
import re
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from curve_cases import OPS, RADIX, cases  # noqa: E402
from curve_library import SOURCE, VARIANTS, build  # noqa: E402
from curve_reference import P, le, num  # noqa: E402

_spec = importlib.util.spec_from_file_location(
    "baremetal", os.path.join(HERE, "..", "..", "firmware", "qemu", "baremetal.py")
)
baremetal = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(baremetal)

ON_CORES = 600  # operations on each core
REDUCING = {"mul", "sqr", "addmul_a24", "carry", "invert", "abs", "sqr_select f", "sqr_select g"}


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_field_operations(tmp_path, variant):
    curve = build(tmp_path, variant, VARIANTS[variant])
    radix = RADIX[int(variant[:2])]
    seed = random.randrange(1 << 32)
    print("seed", seed)
    limb = {8: ctypes.c_uint64, 4: ctypes.c_int32 if radix.limbs == 20 else ctypes.c_uint32}[curve.limb_bytes]
    array = limb * radix.limbs
    assert curve.limbs == radix.limbs
    out, result = ctypes.create_string_buffer(32), array()
    for op, f, g, expected in cases(radix, 8000, seed):
        name = OPS[op][0]
        for h, a, b in aliased(array, f, g, result):
            curve.c.probe_fe(op, h, a, b)
            if name in REDUCING:
                assert radix.reduced(list(h)), (seed, name, f, g, list(h))
            curve.c.probe_tobytes(out, h)
            assert num(out.raw) == expected, (seed, name, f, g)


def aliased(array, f, g, result):
    """(h, f, g) with a result of its own, in the place of f, and in the place of g."""
    yield result, array(*f), array(*g)
    same = array(*f)
    yield same, same, array(*g)
    same = array(*g)
    yield same, array(*f), same


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_bytes(tmp_path, variant):
    """Numbers around 0, p, 2p and 2^255 as bytes, in and out; bit 255 is ignored."""
    curve = build(tmp_path, variant, VARIANTS[variant])
    h, out = ctypes.create_string_buffer(256), ctypes.create_string_buffer(32)
    numbers = [k + off for k in (0, P, 2**255, 2**254, 2**256) for off in range(-40, 41)]
    numbers += [1 << i for i in range(256)] + [(1 << i) - 1 for i in range(256)]
    for n in numbers:
        if 0 <= n < 2**256:
            curve.c.probe_frombytes(h, le(n))
            curve.c.probe_tobytes(out, h)
            assert num(out.raw) == n % 2**255 % P, n


@pytest.mark.parametrize("arch,radix,flags", [
    ("rv32imac", 29, []), ("rv32imac", 29, ["-DFE_PLAIN_C"]), ("armv7m", 29, []), ("armv7emsp", 32, []),
    ("cortex-m33", 32, []), ("armv6m", 13, []),
])  # fmt: skip
def test_field_operations_on_cores(tmp_path, arch, radix, flags):
    if baremetal.missing(arch):
        pytest.skip(", ".join(baremetal.missing(arch)) + " not installed")
    radix = RADIX[radix]
    seed = random.randrange(1 << 32)
    print("seed", seed)
    words = {5: "ull", 20: ""}.get(radix.limbs, "u")
    lines = []
    listed = list(cases(radix, ON_CORES, seed))
    for number, (op, f, g, expected) in enumerate(listed):
        wrong = number == 123  # the machine's comparison itself must be seen to work
        numbers = [", ".join("%d%s" % (x, words) for x in limbs) for limbs in (f, g)]
        value = ", ".join("0x%xu" % ((expected ^ wrong) >> (32 * i) & 0xFFFFFFFF) for i in range(8))
        lines.append("{%d, {{%s}}, {{%s}}, {%s}},\n" % (op, *numbers, value))
    header = tmp_path / "cases.h"
    header.write_text("".join(lines))
    probe = os.path.join(HERE, "fe_cases.c")
    sources = [probe, os.path.join(SOURCE, "sha512.c"), os.path.join(SOURCE, "memory.c")]
    flags = ["-Os", "-std=gnu99", "-fpic", "-DNDEBUG", "-I" + SOURCE, '-DCASES="%s"' % header, *flags]
    ops = [("cases", "", 'fe_cases(f); show("failed", f, %d)' % (2 * ON_CORES))]
    _, _, out = baremetal.count(arch, sources, ops, flags, [os.path.join(HERE, "fe_cases.h")])
    failed = bytes.fromhex(re.search(r"failed ([0-9a-f]+)", out).group(1))
    assert [i for i in range(ON_CORES) if failed[2 * i]] == [123], (seed, arch)
    assert not any(failed[1::2]), (seed, arch, "not reduced")


@pytest.mark.parametrize("target", ["thumbv7em-none-eabihf", "thumbv6m-none-eabi", "thumbv7m-none-eabi", "riscv32"])
def test_clang_takes_the_assembly_too(tmp_path, target):
    """A firmware of one's own may be built with it."""
    if not shutil.which("clang"):
        pytest.skip("clang not installed")
    (tmp_path / "string.h").write_text("#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n")
    march = ["-march=rv32imc"] if target == "riscv32" else []
    command = ["clang", f"--target={target}", *march, "-ffreestanding", "-Os", "-ffunction-sections", "-Werror",
               "-I", tmp_path, "-c", os.path.join(SOURCE, "curve25519.c"), "-o", tmp_path / "curve.o"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
