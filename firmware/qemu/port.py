#!/usr/bin/env python3
"""Builds MicroPython for the emulated boards, with what a Sealcast node needs (DESIGN section 7):

    port.py VIRT_RV32|MPS2_AN385 [HEAP_BYTES]      prints the path of firmware.elf
    port.py esp32|esp32c3                          the same, of VIRT_RV32 with that chip's memory and radio

The source tree is $MICROPYTHON_DIR, or the one that firmware/bootstrap keeps in the user's cache.
"""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BOARDS = {"VIRT_RV32": "riscv64-unknown-elf-", "MPS2_AN385": "arm-none-eabi-"}
FIRMWARE = os.path.dirname(HERE)
_WHOLE = tuple(os.path.join(FIRMWARE, *path) for path in (("curve25519",), ("node",), ("..", "shared", "sealcast")))
# By what manifest.py makes what it freezes
_MERGE = [os.path.join(FIRMWARE, "..", "host", "sealcast_host", "boards", name + ".py")
          for name in ("kept", "merge", "modules", "rewriting", "scopes")]
HEAP_BYTES = 143360     # the port's own figure
KEEP_S = 3 * 86400
C3_HEAP_BYTES = 181248  # leaves 177,000 bytes free after start-up, as an ESP32-C3 does before its radio is on

# Boards with a chip's memory and radio (chip/): what MicroPython's heap begins with, before it grows, and the chip.
PROFILES = {"esp32": (56 * 1024, "CHIP_ESP32"), "esp32c3": (64 * 1024, "CHIP_ESP32C3")}


def missing(board):
    """Names of the programs that building the board needs and that are not installed, or of the chip's C library."""
    gcc = BOARDS[board] + "gcc"
    absent = [p for p in (gcc, "gcc", "make") if not shutil.which(p)]
    if not absent and not any(_has_library(gcc, *specs) for specs in ((), ("--specs=picolibc.specs",))):
        return ["a C library for " + gcc]
    return absent


def _has_library(*gcc):
    ask = [*gcc, "-E", "-x", "c", "-"]
    return not subprocess.run(ask, input=b"#include <string.h>", capture_output=True, check=False).returncode


def bootstrap(script, *arguments):
    """What one of the bootstrap's scripts prints: a path."""
    command = [sys.executable, os.path.join(HERE, "..", "bootstrap", script), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError("%s failed: its own line above says why" % script)
    return done.stdout.strip()


def _cache(name):
    base = os.environ.get("XDG_CACHE_HOME", "")
    base = base if os.path.isabs(base) else os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "sealcast", "micropython", name)


def _inputs_digest(tree, more):
    digest = hashlib.sha256(tree.encode())
    steps = [step for top in (HERE, *more) for step in os.walk(top)]
    if more:
        steps += [(os.path.dirname(path), [], [os.path.basename(path)]) for path in _MERGE]
    for folder, folders, files in steps:
        folders[:] = sorted(set(folders) - {"bare"})
        for name in sorted(files):
            own = name in ("port.py", "manifest.py", "manifest_whole.py", "_boot.py")
            if own or name.endswith((".c", ".h", ".mk", ".ld")) or more and name.endswith(".py"):
                path = os.path.join(folder, name)
                digest.update(os.path.relpath(path, FIRMWARE).encode())
                with open(path, "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()


def _compiler_settings(board, here):
    """Make variables of one board, some of which depend on the compiler's age."""
    if board != "VIRT_RV32":
        return ["LDSCRIPT=" + os.path.join(here, "mps2.ld")]
    settings = ["LDSCRIPT=" + os.path.join(here, "virt.ld")]
    gcc = BOARDS[board] + "gcc"
    probe = [gcc, "-march=rv32imac_zicsr", "-mabi=ilp32", "--print-multi-directory"]
    if subprocess.run(probe, capture_output=True, text=True, check=False).stdout.strip() not in ("", "."):
        return settings
    # Older compilers have libraries for rv32imac only; ISA specification 2.2 still counts Zicsr into it.
    return settings + ["RV32_ARCH=rv32imac", "CC=%s -misa-spec=2.2" % gcc, "AS=%sas -misa-spec=2.2" % BOARDS[board]]


def _make(folder, variables, log):
    # Without the settings of a make around us.
    env = {**os.environ, **dict.fromkeys(("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"), "")}
    command = ["make", "-C", folder, "-j2", *variables]
    with open(log, "a") as file:
        if subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=env, check=False).returncode:
            with open(log) as text:
                raise RuntimeError("%s failed; %s ends:\n%s" % (" ".join(command[:3]), log, text.read()[-3000:]))


def _links(folder, sources):
    """A folder of links, for make: it looks for modules in one folder only."""
    os.makedirs(folder, exist_ok=True)
    for name, source in sources.items():
        link = os.path.join(folder, name)
        if not os.path.islink(link) or os.readlink(link) != source:
            if os.path.islink(link):
                os.unlink(link)
            os.symlink(source, link)
    return folder


def firmware(board, heap_bytes=HEAP_BYTES, whole=False, profile=None):
    """Path of the board's firmware.elf, built if anything it depends on has changed. Raises RuntimeError.

    whole: with the native modules, the core and the node in it, as a firmware of one's own may have them.
    profile: a name of PROFILES: the board with that chip's memory and radio; heap_bytes does not count then.
    """
    defines, modules = [], {"qemu": os.path.join(HERE, "modules", "qemu")}
    tree, name = bootstrap("source.py"), "%d" % heap_bytes
    if whole:
        modules["curve25519"] = _WHOLE[0]
    if profile:
        name, (heap_bytes, chip) = profile, PROFILES[profile]
        defines = ["-DCHIP_PROFILE=1", "-D%s=1" % chip, "-Wno-error=pointer-arith"]     # py/gc.c, where the heap grows
        modules.update(chip=os.path.join(HERE, "chip"), lwip=bootstrap("lwip.py"))
    digest = _inputs_digest(tree + modules.get("lwip", ""), _WHOLE if whole else ())
    # A folder for each state of the sources: several checkouts would build over each other's firmware else.
    kind = "qemu-%s-%s%s" % (board, name, "-whole" if whole else "")
    folder = _cache("%s-%s" % (kind, digest[:12]))
    os.makedirs(folder, exist_ok=True)
    elf, stamp = os.path.join(folder, "build", "firmware.elf"), os.path.join(folder, "stamp")
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(elf) and os.path.exists(stamp):
            with open(stamp) as file:
                if file.read() == digest:
                    os.utime(stamp)
                    return elf
        shutil.rmtree(os.path.join(folder, "build"), ignore_errors=True)
        log = os.path.join(folder, "log")
        open(log, "w").close()
        # A manifest's include() asks for micropython-lib even when nothing comes from it: any folder with a README.md.
        no_library = os.path.join(folder, "no-library")
        os.makedirs(no_library, exist_ok=True)
        open(os.path.join(no_library, "README.md"), "w").close()
        mpy_cross = bootstrap("unix.py", "mpy-cross")
        # The checkout's path may have spaces, which make does not take.
        here = os.path.join(_links(os.path.join(folder, "source"), {"qemu": HERE}), "qemu")
        _make(os.path.join(tree, "ports", "qemu"), [
            "BOARD=" + board, "BUILD=" + os.path.join(folder, "build"),
            "FROZEN_MANIFEST=" + os.path.join(here, "manifest_whole.py" if whole else "manifest.py"),
            "MPY_LIB_DIR=" + no_library, "MICROPY_VFS_LFS2=1",
            "USER_C_MODULES=" + _links(os.path.join(folder, "modules"), modules),
            "MICROPY_MPYCROSS=" + mpy_cross,
            "MICROPY_MPYCROSS_DEPENDENCY=" + mpy_cross,
            "MICROPY_HEAP_SIZE=%d" % heap_bytes,
            "CFLAGS_EXTRA=" + " ".join(["-DMP_CONFIGFILE='\"%s\"'" % os.path.join(here, "boardconfig.h"), *defines]),
            *_compiler_settings(board, here)], log)
        with open(stamp, "w") as file:
            file.write(digest)
    _forget(kind)
    return elf


def _forget(kind):
    """Removes firmware of this kind that nobody has used for days."""
    for folder in glob.glob(_cache(kind + "-" + "?" * 12)):
        stamp = os.path.join(folder, "stamp")
        if os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) > KEEP_S:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        if sys.argv[1] in PROFILES:
            print(firmware("VIRT_RV32", profile=sys.argv[1]))
        else:
            print(firmware(sys.argv[1], *map(int, sys.argv[2:])))
    except (RuntimeError, IndexError, KeyError, TypeError, ValueError) as error:
        sys.exit(str(error) if isinstance(error, RuntimeError) else __doc__)
