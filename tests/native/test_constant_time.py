"""No branch and no address of the native modules depends on a secret.

On x64 valgrind watches every instruction with the secrets marked undefined; on the emulated cores an operation must
take the same number of instructions whatever the secrets are. armv6m code runs on the Cortex-M3 model, which executes
all of it.
"""

import os
import random
import re
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from operations import INCLUDES, OPERATIONS, QEMU, SOURCE, Operation, c_sources, count, load, natmod  # noqa: E402

SECRET_TAKING = [op for op in OPERATIONS if op.secret]
LEAKS = {
    "curve25519": [
        Operation("leaks_by_branch", "curve25519", "leak_by_branch()", secret=[("b", 32)]),
        Operation("leaks_by_address", "curve25519", "leak_by_address()", secret=[("b", 32)]),
    ]
}
# One run of an operation has between 300 and 4,000,000 instructions; eight random secrets each.
RUNS = 8


def memcheck(folder, module, operations, compiler, flags):
    """{name: reports} of running the operations under valgrind, and valgrind's output."""
    program = os.path.join(folder, "program.h")
    with open(program, "w") as file:
        for op in operations:
            poison = " ".join("SECRET(%s, %d);" % secret for secret in op.secret)
            file.write("OP(%s, {%s;}, {%s}, {%s;})\n" % (op.name, op.prepare, poison, op.run))
    objects = []
    for source, own in c_sources(module):
        objects.append(os.path.join(folder, os.path.basename(source) + ".o"))
        subprocess.check_call(
            [
                compiler,
                *flags,
                *own,
                "-gdwarf-4",
                "-include",
                os.path.join(HERE, "public_outcome.h"),
                "-c",
                source,
                "-o",
                objects[-1],
            ]
        )
    binary, seed = os.path.join(folder, "memcheck"), random.randrange(1, 1 << 60)
    includes = [part for header in INCLUDES for part in ("-include", header)]
    subprocess.check_call(
        [
            compiler,
            "-O1",
            "-gdwarf-4",
            "-DSEED=%dull" % seed,
            '-DPROGRAM="%s"' % program,
            *includes,
            os.path.join(HERE, "memcheck.c"),
            *objects,
            "-o",
            binary,
        ]
    )
    command = ["valgrind", "--quiet", "--track-origins=no", "--error-limit=no", binary]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return {name: int(n) for name, n in re.findall(r"^(\w+) (\d+)$", done.stdout, re.M)}, "seed %d\n%s" % (
        seed,
        done.stderr[-6000:],
    )


# gcc builds the shipped x64 module; clang makes other choices from the same source; and the other representations of
# field elements are judged as C here, their machine code by the counts below.
BUILDS = [("gcc", []), ("clang", []), ("gcc", ["-DSC_FE=29"]), ("gcc", ["-DSC_FE=32"]), ("gcc", ["-DSC_FE=13"])]


@pytest.mark.parametrize(
    "compiler,variant", BUILDS, ids=lambda part: part if isinstance(part, str) else "".join(part).lower() or "fe51"
)
def test_memcheck_sees_no_secret_dependence(tmp_path, compiler, variant):
    for program in (compiler, "valgrind"):
        if not shutil.which(program):
            pytest.skip(program + " is not installed")
    gcc_only = [] if compiler == "gcc" else ["-fno-ident"]
    flags = [
        flag
        for flag in natmod._COMMON + natmod.ARCHES["x64"][1]
        if not flag.startswith(("-W", "-DMICROPY")) and flag not in gcc_only
    ]
    for module in natmod.MODULES:
        if variant and module != "curve25519":
            continue
        operations = LEAKS.get(module, []) + [op for op in SECRET_TAKING if op.module == module]
        if not operations:
            continue  # scrypt
        folder = tmp_path / module
        folder.mkdir()
        found, log = memcheck(str(folder), module, operations, compiler, flags + variant)
        assert set(found) == {op.name for op in operations}
        for leak in LEAKS.get(module, []):
            assert found.pop(leak.name) > 0, "a leak that was put there on purpose was not seen"
        assert not any(found.values()), "%r\n%s" % ({name: n for name, n in found.items() if n}, log)


@pytest.mark.parametrize("arch", ["rv32imac", "armv7m", "armv6m", "armv7emsp"])
def test_instruction_counts_do_not_depend_on_secrets(arch):
    missing = load(QEMU, "baremetal").missing(arch)
    if missing:
        pytest.skip(", ".join(missing) + " not installed")
    leak = Operation("leaks", "curve25519", "for (int i = 0; i < (b[0] & 15); i++) { a[i]++; }", secret=[("b", 1)])
    counts = count(arch, SECRET_TAKING + [leak], RUNS)
    assert len(set(counts.pop("leaks"))) > 1, "a leak that was put there on purpose was not seen"
    assert set(counts) == {op.name for op in SECRET_TAKING}
    different = {name: runs for name, runs in counts.items() if len(set(runs)) > 1}
    assert not different, different


def test_every_entry_point_is_here():
    """A function added to the headers must be added to operations.py, or named below with the reason."""
    covered = " ".join(op.run + op.prepare for op in OPERATIONS)
    exempt = {
        "sc_begin", "sc_part", "sc_item", "sc_padded",                      # inside the frames
        "sc_wipe", "sc_burn", "sc_copy",                                    # lengths alone
        "sc_sha512", "sc_sha256_init", "sc_sha256_update", "sc_sha256_final",   # inside ed25519 and scrypt
        "sc_salsa20_rounds", "sc_xsalsa20_block", "sc_poly1305",            # inside xsalsa20 and secretbox
        "sc_scrypt_memory_min", "sc_scrypt_cost",                           # public numbers
    }  # fmt: skip
    for header in INCLUDES:
        with open(header) as file:
            for name in re.findall(r"\b(sc_\w+)\(", re.sub(r"//.*", "", file.read())):
                assert name in exempt or name in covered, name + " of " + os.path.relpath(header, SOURCE)
