#!/usr/bin/env python3
"""Builds xipnative.mpy for each architecture that bytecode in flash is for: with the compilers of
firmware/curve25519/build.py.

    build.py [--arch NAME ...] [--out FOLDER] [--prebuilt]      --prebuilt: into prebuilt/<arch>/, with SHA256SUMS
"""

import argparse
import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PREBUILT = HERE / "prebuilt"
ARCHES = ("x64", "rv32imc", "xtensawin")
MODULE = "xipnative"

_spec = importlib.util.spec_from_file_location("curve25519_build", HERE.parent / "curve25519" / "build.py")
natmod = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(natmod)


def build(arch, folder, tree=None):
    """Builds the module of one architecture. Returns the path of the .mpy."""
    cc = natmod.compiler(arch)
    if cc is None:
        raise natmod.Problem(f"no compiler for {arch} ({natmod.ARCHES[arch][0]})")
    tree = tree or natmod.micropython_tree()
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    link = [sys.executable, tree / "tools" / "mpy_ld.py", "--arch", arch]
    natmod.run([*link, "--preprocess", "-o", folder / f"{MODULE}.config.h", HERE / f"{MODULE}.c"])
    objects = []
    for source in (f"{MODULE}.c", f"map_{arch}.c"):
        objects.append(source[:-2] + ".o")
        # Its loops must not become calls of a libc that a native module does not have.
        flags = [
            *natmod.flags_for(arch, "symcrypto", source, tree, folder),
            "-I",
            HERE,
            "-fno-tree-loop-distribute-patterns",
        ]
        flags = [
            f"-DMP_CONFIGFILE=<{MODULE}.config.h>" if str(flag).startswith("-DMP_CONFIGFILE") else flag
            for flag in flags
        ]
        if arch == "rv32imc":  # the functions that save registers are the other modules' own
            flags.append("-mno-save-restore")
        if arch == "xtensawin" and cc[0] == sys.executable:  # clang has its own name for it
            flags[-1] = "-fno-builtin"
        natmod.compile_source(arch, cc, flags, HERE / source, folder / objects[-1])
    natmod.run([*link, "--qstrs", f"{MODULE}.config.h", "-o", f"{MODULE}.mpy", *objects], cwd=folder)
    return folder / f"{MODULE}.mpy"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", action="append", choices=ARCHES, help="default: all")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "xip", help="default: build/xip")
    parser.add_argument("--prebuilt", action="store_true", help="copy the results to prebuilt/")
    args = parser.parse_args()
    for arch in args.arch or ARCHES:
        if natmod.compiler(arch) is None:
            print(f"not built, no compiler: {arch}")
            continue
        made = build(arch, args.out / arch)
        print(f"{arch:10} {natmod.text_bytes(made):6,} bytes")
        if args.prebuilt:
            (PREBUILT / arch).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, PREBUILT / arch / made.name)
    if args.prebuilt:
        paths = sorted(PREBUILT.glob("*/*.mpy"))
        sums = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(PREBUILT).as_posix()}\n"
            for path in paths
        ]
        (PREBUILT / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    try:
        main()
    except natmod.Problem as problem:
        sys.exit(f"xip: {problem}")
