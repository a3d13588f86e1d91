"""Compiles C for an emulated core and counts instructions exactly: under QEMU's -icount they do not depend on the load.

Used by count.py (the developer's loop), tests/bench.py and the constant-time tests.
"""
import os
import re
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BARE = os.path.join(HERE, "bare")

_RV32_QEMU = ["qemu-system-riscv32", "-machine", "virt", "-bios", "none", "-icount", "shift=0"]


def _arm(cpu, machine, base="0", timer="0x40000000", hz="25000000", extra=()):
    return {
        "cc": "arm-none-eabi-",
        "flags": ["-mthumb", "-mcpu=" + cpu, *extra],
        "link": ["-T", os.path.join(BARE, "arm.ld"), "-Wl,--defsym=CODE_BASE=" + base],
        "defines": ["-DTIMER_BASE=" + timer, "-DTIMER_HZ=" + hz],
        "qemu": ["qemu-system-arm", "-machine", machine, "-icount", "shift=7"],
    }


# The instruction set each native architecture of MicroPython is compiled for, and a core that runs it.
ARCHES = {
    "rv32imc": {"cc": "riscv64-unknown-elf-", "flags": ["-march=rv32imac", "-mabi=ilp32", "-mno-relax"],
                "link": ["-T", os.path.join(BARE, "rv32.ld")], "defines": [], "qemu": _RV32_QEMU},
    "armv7m": _arm("cortex-m3", "mps2-an385"),
    "armv6m": _arm("cortex-m0plus", "mps2-an385"),
    "armv7emsp": _arm("cortex-m4", "mps2-an386", extra=("-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")),
    "cortex-m33": _arm("cortex-m33", "mps2-an505", base="0x10000000", timer="0x50000000", hz="20000000"),
}
ARCHES["rv32imac"] = ARCHES["rv32imc"]

DEFAULT_FLAGS = ["-O2", "-std=c99", "-fpic", "-fno-common", "-DNDEBUG"]


def missing(arch):
    """Names of the programs that counting on this architecture needs and that are not installed."""
    spec = ARCHES[arch]
    return [p for p in (spec["cc"] + "gcc", spec["qemu"][0]) if not shutil.which(p)]


def _run(command, timeout=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                          text=True, errors="replace")
    if done.returncode:
        raise RuntimeError("%s failed (%d):\n%s" % (command[0], done.returncode, done.stdout[-4000:]))
    return done.stdout


def _libc(spec):
    """Flags that select the C library the compiler came with (headers, memcpy)."""
    specs = _run([spec["cc"] + "gcc", "--print-file-name=picolibc.specs"]).strip()
    return ["--specs=" + specs] if os.path.isabs(specs) else ["--specs=nosys.specs"]


def compile_objects(arch, sources, flags, folder):
    """Object files of the sources (C or assembly; a path, or a pair of a path and flags of its own), in folder."""
    spec = ARCHES[arch]
    objects, libc = [], _libc(spec)
    for i, source in enumerate(sources):
        source, own = (source, []) if isinstance(source, str) else source
        objects.append(os.path.join(folder, "%d_%s.o" % (i, os.path.basename(source))))
        _run([spec["cc"] + "gcc", *spec["flags"], *libc, *flags, *own, "-c", source, "-o", objects[-1]])
    return objects


def text_bytes(arch, objects):
    """Bytes of code and constants in the object files, as they would land in a board's memory."""
    out = _run([ARCHES[arch]["cc"] + "size", *objects])
    return sum(int(line.split()[0]) for line in out.splitlines()[1:])


def count(arch, sources, ops, flags=None, includes=(), runs=1, timeout=300):
    """Instructions of each operation.

    ops       list of (name, C statements that prepare, C statements to count); buffers a, b, c (256 bytes), d, e (4 KB)
              and f (2 MB) are at hand, a to d hold fresh pseudo-random bytes at every run
    sources   C files: paths, or (path, [flags of its own])
    includes  header files declaring what the operations call
    runs      how often each operation is run, each time on other bytes
    Returns ({name: [count, ...]}, text bytes, everything printed). Raises RuntimeError with the tool's output.
    """
    spec = ARCHES[arch]
    flags = DEFAULT_FLAGS if flags is None else flags
    with tempfile.TemporaryDirectory() as folder:
        objects = compile_objects(arch, sources, flags, folder)
        with open(os.path.join(folder, "ops.h"), "w") as file:
            for name, prepare, run in ops:
                file.write("OP(%s, {%s;}, {%s;})\n" % (name, prepare, run))
        with open(os.path.join(folder, "includes.h"), "w") as file:
            for header in includes:
                file.write('#include "%s"\n' % os.path.abspath(header))
        image = os.path.join(folder, "count.elf")
        _run([spec["cc"] + "gcc", *spec["flags"], *spec["defines"], *flags, "-w", "-DCOUNT_RUNS=%d" % runs,
              '-DCOUNT_OPS="%s/ops.h"' % folder, '-DCOUNT_INCLUDES="%s/includes.h"' % folder, "-std=gnu99",
              os.path.join(BARE, "count.c"), *objects, "-nostartfiles", *_libc(spec), *spec["link"], "-o", image])
        out = _run([*spec["qemu"], "-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config",
                    "enable=on,target=native", "-kernel", image], timeout)
        counts = {}
        for name, number in re.findall(r"^count (\w+) (\d+)$", out, re.M):
            counts.setdefault(name, []).append(int(number))
        if len(counts) != len(ops):
            raise RuntimeError("the program stopped early on %s:\n%s" % (arch, out[-4000:]))
        return counts, text_bytes(arch, objects), out
