"""The programs and headers each make target needs, and how they come onto a Debian machine.

To add one: a line in NEEDS, and its name in the group of every target that uses it. Presence is probed by the thing
itself (a command, a header, a Python module), not by dpkg, so that machines other than Debian pass when they have it.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from common import BUILD, Problem, lock, run, told

# Debian package -> what shows that it is there: "command:x", "file:x" (any of several, separated by a space),
# "glob:x" (below /), "python:x"
NEEDS = {
    "gcc": "command:gcc",
    "libc6-dev": "file:/usr/include/stdio.h",
    "make": "command:make",
    "git": "command:git",
    "python3-venv": "python:ensurepip",
    "dpkg-dev": "command:dpkg-source",
    "libmbedtls-dev": "file:/usr/include/mbedtls/ssl.h",
    "mosquitto": "command:mosquitto",
    "chromium": "command:chromium",
    "fonts-dejavu-core": "glob:usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "valgrind": "command:valgrind",
    "libc6-dbg": "file:/usr/lib/debug/.build-id",  # valgrind cannot follow libc without
    "spin": "command:spin",
    "clang": "command:clang",
    "libclang-rt-dev": "glob:usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a",
    "qemu-system-misc": "command:qemu-system-riscv32",
    "qemu-system-arm": "command:qemu-system-arm",
    "gcc-riscv64-unknown-elf": "command:riscv64-unknown-elf-gcc",
    "picolibc-riscv64-unknown-elf": "file:/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs",
    "gcc-arm-none-eabi": "command:arm-none-eabi-gcc",
    "libnewlib-arm-none-eabi": "file:/usr/include/newlib/string.h /usr/lib/arm-none-eabi/include/string.h",
}

_PYTHON = ["python3-venv"]
_UNIX_PORT = ["gcc", "libc6-dev", "make", "libmbedtls-dev"]
_RISCV = ["gcc-riscv64-unknown-elf", "picolibc-riscv64-unknown-elf"]
_ARM = ["gcc-arm-none-eabi", "libnewlib-arm-none-eabi"]
_BOARDS = [*_RISCV, *_ARM, "qemu-system-misc", "qemu-system-arm"]

GROUPS = {
    "lint": _PYTHON,
    "demo": _PYTHON + _UNIX_PORT,
    "test": _PYTHON + _UNIX_PORT + ["mosquitto", "valgrind", "libc6-dbg", "spin", "clang", "libclang-rt-dev"] + _BOARDS,
    "bench": _PYTHON + _UNIX_PORT + ["mosquitto", "spin"] + _BOARDS,
    "natmod": _PYTHON + _UNIX_PORT + _RISCV + _ARM,
}

# What a target can do without: it says in one line what it leaves out then.
OPTIONAL = {"demo": [*_RISCV, "qemu-system-misc"]}

# The page of `sealcast gateway --to web` is tried in it.
BROWSER = ["chromium", "fonts-dejavu-core"]

# A daemon's or a distribution's tools may stand outside an ordinary user's PATH.
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def present(package: str) -> bool:
    """Whether what the Debian package brings is on this machine, wherever it came from."""
    kind, _, what = NEEDS[package].partition(":")
    if kind == "command":
        return shutil.which(what, path=_PATH) is not None
    if kind == "python":
        return importlib.util.find_spec(what) is not None
    if kind == "glob":
        return any(Path("/").glob(what))
    return any(Path(name).exists() for name in what.split())


def is_debian() -> bool:
    """Debian itself (its archive is where we take sources from), not a derivative."""
    try:
        return "ID=debian" in Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return False


def update_lists() -> None:
    """apt-get update."""
    run(["apt-get", "-q", "update"], "apt.log", "apt-get update")


def may_install(packages: list[str]) -> None:
    """Raises Problem, which says exactly what is missing, where we cannot install it."""
    names = " ".join(packages)
    if sys.platform != "linux":
        way = "in a container or a virtual machine with Debian"
        raise Problem(f"this needs Linux (missing: {names}, the names of Debian packages): run it {way}")
    if shutil.which("apt-get") is None:
        way = "install them with this system's package manager, then run again"
        raise Problem(f"missing: {names} (the names of Debian packages): {way}")
    if os.geteuid() != 0:
        raise Problem(f"missing Debian packages: {names}; as root: apt-get install --no-install-recommends {names}")


def install(packages: list[str]) -> None:
    """Bring the packages onto this machine. Raises Problem."""
    may_install(packages)
    names = " ".join(packages)
    with lock(BUILD / "apt.lock"):
        update_lists()
        # The dpkg lock may be held by an unattended upgrade: wait for it rather than fail.
        command = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"]
        command += ["install", "--no-install-recommends", *packages]
        run(command, "apt.log", f"installing {names}", env={"DEBIAN_FRONTEND": "noninteractive"})


def ensure(packages: list[str]) -> None:
    """Install those of the packages that are missing; nothing happens when none is. Raises Problem."""
    missing = [name for name in packages if not present(name)]
    if missing:
        may_install(missing)
        with told(f"      installing {len(missing)} Debian packages ({' '.join(missing)})"):
            install(missing)
        importlib.invalidate_caches()
        absent = [name for name in missing if not present(name)]
        if absent:
            needed = NEEDS[absent[0]].partition(":")[2]
            raise Problem(f"installed {' '.join(absent)}, yet {needed} is not there: look at build/log/apt.log")
