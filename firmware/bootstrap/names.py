"""Reads off MicroPython's sources which names its firmware has, for the names of a board's bundle
(host/sealcast_host/boards/names.py):

    names.py BUILT TREE [TREE ...]     BUILT: build/genhdr/qstrdefs.generated.h of an emulated chip (port.py esp32);
                                       TREE: a checkout. Writes host/sealcast_host/boards/firmware_names.txt and
                                       firmware/qemu/chip/flashnames.h

What is taken are facts: the words behind MP_QSTR_, and those in the Python that firmware has frozen in.
"""

import io
import re
import sys
import textwrap
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "host" / "sealcast_host" / "boards" / "firmware_names.txt"
HEADER = ROOT / "firmware" / "qemu" / "chip" / "flashnames.h"
_NAME = re.compile(r"MP_QSTR_(\w+)")
_FOLDERS = ("py", "extmod", "shared", "drivers", "ports")
# What every ESP32's stock firmware is made of, beside py/: the rest depends on the chip or on settings.
_EXTMOD = (
    "machine_*.c modbinascii.c modbluetooth.c modcryptolib.c moddeflate.c modframebuf.c modhashlib.c modheapq.c "
    "modjson.c modmachine.c modnetwork.c modonewire.c modos.c modplatform.c modrandom.c modre.c modselect.c modtime.c "
    "modtls_mbedtls.c moductypes.c modvfs.c modwebrepl.c modwebsocket.c vfs.c vfs_fat.c vfs_lfs.c vfs_lfsx.c"
).split()
_ALL_OF = ("network_common", "network_wlan", "modsocket", "modos", "machine_pin", "machine_timer", "machine_uart")
_NOT_ALL = ("dac", "i2s", "pcnt", "sdcard", "touchpad", "ulp", "lan", "ppp", "usb", "adc", "rmt")


def main(built: str, trees: list[str]) -> None:
    # The emulated chips' py/ is configured as an ESP32's (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES).
    known = set(re.findall(r'^QDEF[01]\(MP_QSTR_\w+, \d+, \d+, "(\w+)"\)', Path(built).read_text(), re.M))
    found = [tree_names(Path(tree), known) for tree in trees]
    flash = set.intersection(*[flash for flash, _ in found])
    every = set.union(*[every for _, every in found])
    DATA.write_text(
        "# Written by firmware/bootstrap/names.py from MicroPython's sources: names that an ESP32's stock firmware "
        "has\n# in flash, whatever its version, then all the others that some MicroPython knows.\n"
        + _lines(flash) + "\n--\n" + _lines(every - flash) + "\n"
    )  # fmt: skip
    HEADER.write_text(
        "// Written by firmware/bootstrap/names.py: names that an ESP32's stock firmware has in flash. "
        "Here they are, too.\n"
        + "\n".join(textwrap.wrap(", ".join("MP_QSTR_" + name for name in sorted(flash)), 118)) + "\n"
    )  # fmt: skip
    print("%d in flash, %d others" % (len(flash), len(every - flash)))


def tree_names(tree: Path, known: set[str]) -> tuple[set[str], set[str]]:
    """-> (names in the flash of an ESP32, all names)"""
    every: set[str] = set()
    for folder in _FOLDERS:
        for path in (tree / folder).rglob("*.[ch]"):
            every.update(_NAME.findall(path.read_text(errors="replace")))
    frozen = [*(tree / "extmod" / "asyncio").glob("*.py")]
    flash = _words(frozen)
    for path in [*frozen, *(tree / "drivers").rglob("*.py"), *tree.glob("ports/*/modules/*.py")]:
        every |= _words([path])
    for folder in ("py", "extmod", "shared", "ports/esp32"):
        for path in (tree / folder).rglob("*.[ch]"):
            flash |= known & set(_NAME.findall(path.read_text(errors="replace")))
    for pattern in _EXTMOD:
        for path in (tree / "extmod").glob(pattern):
            if not any(word in path.stem for word in _NOT_ALL):
                flash |= _certain(path, 1)
    for path in (tree / "ports" / "esp32").glob("*.[ch]"):
        if not any(word in path.stem for word in _NOT_ALL):
            flash |= _certain(path, 1 if path.stem in _ALL_OF else 0)
    return flash, every | flash


def _certain(path: Path, depth: int) -> set[str]:
    """Names that stand in no more than so many conditions."""
    found: set[str] = set()
    level = 0
    for line in path.read_text(errors="replace").splitlines():
        line = line.strip()
        if line.startswith("#if"):
            level += 1
        elif line.startswith("#endif"):
            level -= 1
        elif level <= depth and not line.startswith("//"):
            # One underscore begins what stands for other characters: _slash_lib is "/lib".
            found.update(name for name in _NAME.findall(line) if name[0] != "_" or name.startswith("__"))
    return found


def _words(paths: list[Path]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        found.update(token.string for token in tokens if token.type == tokenize.NAME)
    return found


def _lines(names: set[str]) -> str:
    return "\n".join(textwrap.wrap(" ".join(sorted(names)), 118, break_on_hyphens=False))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
