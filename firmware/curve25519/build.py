#!/usr/bin/env python3
"""Builds the native modules: one .mpy for each module and architecture, the same bytes every time.

    build.py [--arch NAME ...] [--out FOLDER] [--prebuilt]

Architectures whose compiler is not installed are left out and named in one line. --prebuilt writes
firmware/prebuilt/<arch>/ and its SHA256SUMS. The MicroPython tools come from firmware/bootstrap/source.py
(or MICROPYTHON_DIR). For xtensawin: xtensa-esp32-elf-gcc on the PATH, or else Debian's LLVM (see xtensa.py).
"""

import argparse
import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PREBUILT = ROOT / "firmware" / "prebuilt"

MODULES = {
    "curve25519": ["curve25519_module.c", "curve25519.c", "sha512.c", "memory.c"],
    "symcrypto": ["symcrypto_module.c", "memory.c", "blake2b.c", "salsa20.c", "poly1305.c", "secretbox.c",
                  "frames.c", "ratchet.c"],
    "scrypt": ["scrypt_module.c", "memory.c", "salsa20.c", "sha256.c", "scrypt.c"],
}
# Stack that sc_burn overwrites below a binding, in bytes (tests/native/test_stack_wiped.py). Curve code burns its own.
BURN = {"curve25519": 0, "symcrypto": 1088, "scrypt": 1024}

# -O2 where loops pay for it; the rest, and what a sensor calls once a join, for size.
_FAST = {"blake2b.c", "salsa20.c", "curve25519.c"}

_COMMON = [
    "-std=c99", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Werror", "-DNDEBUG",
    "-DNO_QSTR", "-DMICROPY_ENABLE_DYNRUNTIME", "-fpic", "-fno-common", "-fvisibility=hidden", "-fno-jump-tables",
    "-U_FORTIFY_SOURCE",
]  # fmt: skip
_GCC = ["-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-ident"]
_THUMB = [*_GCC, "-mthumb"]
_RV32 = [*_GCC, "-march=rv32imc", "-mabi=ilp32", "-misa-spec=2.2", "-mno-relax", "-msave-restore"]
ARCHES = {
    # Two limbs in a vector are waited for by what takes them one by one: X25519 took 6 % longer.
    "x64": ("gcc", [*_GCC, "-m64", "-march=x86-64", "-fcf-protection=none", "-fno-tree-vectorize"], "DOUBLE"),
    "rv32imc": ("riscv64-unknown-elf-gcc", _RV32, "NONE"),
    "xtensawin": ("xtensa-esp32-elf-gcc", [*_GCC], "FLOAT"),
    "armv6m": ("arm-none-eabi-gcc", [*_THUMB, "-mcpu=cortex-m0plus"], "NONE"),
    "armv7m": ("arm-none-eabi-gcc", [*_THUMB, "-mcpu=cortex-m3"], "NONE"),
    "armv7emsp": ("arm-none-eabi-gcc", [*_THUMB, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"], "FLOAT"),
}


# Sources that one architecture needs besides.
EXTRA = {"rv32imc": ["save_rv32.S"]}


class Problem(Exception):
    """A failure told in one line."""


def run(command, cwd=None):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise Problem(f"{Path(str(command[0])).name} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def compiler(arch):
    """The compile command for an architecture as a list, or None if it is not installed."""
    name = ARCHES[arch][0]
    if shutil.which(name):
        specs = run([name, "--print-file-name=picolibc.specs"]).strip() if arch == "rv32imc" else ""
        return [name, "-specs=" + specs] if os.path.isabs(specs) else [name]
    if arch == "xtensawin" and (HERE / "xtensa.py").exists():
        llvm = [sys.executable, str(HERE / "xtensa.py")]
        if subprocess.run([*llvm, "--available"], capture_output=True).returncode == 0:
            return llvm
    return None


def compiler_version(arch):
    """One line that says which compiler builds an architecture here, or None."""
    cc = compiler(arch)
    if cc is None:
        return None
    if cc[0] == sys.executable:  # xtensa.py
        return run(["clang-22", "--version"]).splitlines()[0]
    return run([cc[0], "--version"]).splitlines()[0]


def read_compilers():
    """{arch: the compiler that made its prebuilt files}"""
    lines = (PREBUILT / "COMPILERS").read_text().splitlines()
    return {line.split(": ", 1)[0]: line.split(": ", 1)[1] for line in lines}


def micropython_tree():
    """The MicroPython source tree, whose linker and headers are used."""
    return Path(run([sys.executable, ROOT / "firmware" / "bootstrap" / "source.py"]).strip().splitlines()[-1])


def flags_for(arch, module, source, tree, folder):
    level = "-O2" if source in _FAST else "-Os"
    return [*_COMMON, *ARCHES[arch][1], level, f"-DMICROPY_FLOAT_IMPL=MICROPY_FLOAT_IMPL_{ARCHES[arch][2]}",
            f"-DSC_BURN_BYTES={BURN[module]}", f"-DMP_CONFIGFILE=<{module}.config.h>",
            "-I", folder, "-I", HERE, "-I", tree]  # fmt: skip


def compile_source(arch, cc, flags, source, output):
    """Compiles one file to an object file."""
    if arch != "rv32imc":
        run([*cc, *flags, "-c", source, "-o", output])
        return
    if source.suffix == ".S":
        run([*cc, *ARCHES[arch][1], "-c", source, "-o", output])
        return
    # Without linker relaxation (mpy_ld has none) GCC's `call` is two instructions that reach 2 GB; a module is
    # smaller than the 1 MB that one `jal` reaches. Saves 4 bytes a call, 2.6 KB in all.
    assembly = output.with_suffix(".s")
    run([*cc, *flags, "-S", source, "-o", assembly])
    text = re.sub(r"^\tcall\t([\w.$]+)(@plt)?$", r"\tjal\tra,\1", assembly.read_text(), flags=re.M)
    text = re.sub(r"^\tcall\tt0,(\w+)$", r"\tjal\tt0,\1", text, flags=re.M)
    assembly.write_text(re.sub(r"^\ttail\t([\w.$]+)(@plt)?$", r"\tjal\tzero,\1", text, flags=re.M))
    run([*cc, *ARCHES[arch][1], "-c", assembly, "-o", output])


def build(arch, folder, tree=None):
    """Builds every module of one architecture into folder. Returns {module: path of the .mpy}."""
    cc = compiler(arch)
    if cc is None:
        raise Problem(f"no compiler for {arch} ({ARCHES[arch][0]})")
    tree = tree or micropython_tree()
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    link = [sys.executable, tree / "tools" / "mpy_ld.py", "--arch", arch]
    made = {}
    for module, sources in MODULES.items():
        run([*link, "--preprocess", "-o", folder / f"{module}.config.h", HERE / sources[0]])
        objects = []
        for source in [*sources, *EXTRA.get(arch, [])]:
            objects.append(f"{module}.{source[:-2]}.o")
            compile_source(arch, cc, flags_for(arch, module, source, tree, folder), HERE / source, folder / objects[-1])
        # Relative names: the output's name is written into the .mpy.
        run([*link, "--qstrs", f"{module}.config.h", "-o", f"{module}.mpy", *objects], cwd=folder)
        made[module] = folder / f"{module}.mpy"
    return made


def text_bytes(mpy):
    """Bytes of machine code and constants in a native .mpy (header, qstr names, then a length << 3 | kind)."""
    data = io.BytesIO(Path(mpy).read_bytes())

    def number():
        value = 0
        while True:
            byte = data.read(1)[0]
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value

    data.read(4)
    qstrs, objects = number(), number()
    if objects:
        raise Problem("unexpected objects in a native .mpy")
    for _ in range(qstrs):
        length = number()
        if not length & 1:
            data.read((length >> 1) + 1)
    code = number() >> 3
    data.read(code)
    return code + (number() if number() & 0x20 else 0)  # scope flag 0x20: rodata of its own


def write_lists(arches):
    """SHA256SUMS over everything in firmware/prebuilt, in `sha256sum -c` form, and which compilers made it."""
    compilers = read_compilers() if (PREBUILT / "COMPILERS").exists() else {}
    compilers.update({arch: compiler_version(arch) for arch in arches})
    (PREBUILT / "COMPILERS").write_text("".join(f"{arch}: {compilers[arch]}\n" for arch in ARCHES if arch in compilers))
    lines = []
    for path in sorted(PREBUILT.glob("*/*.mpy")):
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(PREBUILT).as_posix()}\n")
    (PREBUILT / "SHA256SUMS").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", choices=list(ARCHES), help="default: all")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "natmod", help="default: build/natmod")
    parser.add_argument("--prebuilt", action="store_true", help="copy the results to firmware/prebuilt")
    args = parser.parse_args()
    wanted = args.arch or list(ARCHES)
    present = [arch for arch in wanted if compiler(arch)]
    tree = micropython_tree() if present else None
    for arch in present:
        made = build(arch, args.out / arch, tree)
        sizes = {module: text_bytes(path) for module, path in made.items()}
        each = "".join(f" {module} {size:6,} bytes" for module, size in sizes.items())
        print(f"{arch:10}{each}   sum {sum(sizes.values()):6,}")
        if args.prebuilt:
            for module, path in made.items():
                (PREBUILT / arch).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, PREBUILT / arch / f"{module}.mpy")
    if args.prebuilt:
        write_lists(present)
    absent = [f"{arch} ({ARCHES[arch][0]})" for arch in wanted if arch not in present]
    if absent:
        print("not built, no compiler: " + ", ".join(absent))


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        try:
            main()
        except Problem as problem:
            sys.exit(f"natmod: {problem}")
