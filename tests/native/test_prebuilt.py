"""firmware/prebuilt holds what the sources here make, byte for byte, wherever the compiler is installed.

Another version of a compiler makes other code: COMPILERS beside the files says which ones made them, and only those are
asked to repeat it. What every machine can check (sums, formats, sizes, stubs) is checked on every machine.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from operations import SOURCE, natmod  # noqa: E402

ARCHES = list(natmod.ARCHES)
# The numbers of MicroPython's py/persistentcode.h.
ARCH_NUMBERS = {"x64": 2, "armv6m": 4, "armv7m": 5, "armv7emsp": 7, "xtensawin": 10, "rv32imc": 11}
KIB = 1024


def prebuilt(arch):
    return {module: natmod.PREBUILT / arch / f"{module}.mpy" for module in natmod.MODULES}


def test_sums_name_every_file_and_no_other():
    lines = (natmod.PREBUILT / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = {path.relative_to(natmod.PREBUILT).as_posix(): path for path in natmod.PREBUILT.glob("*/*.mpy")}
    assert set(files) == set(listed) == {f"{arch}/{module}.mpy" for arch in ARCHES for module in natmod.MODULES}
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


@pytest.mark.parametrize("arch", ARCHES)
def test_the_format_is_what_micropython_1_23_loads(arch):
    for path in prebuilt(arch).values():
        # "M", version 6, native architecture and sub-version 3, bits of a small int
        assert path.read_bytes()[:4] == bytes([ord("M"), 6, ARCH_NUMBERS[arch] << 2 | 3, 31])


def test_sizes_on_rv32imc():
    """The largest block that may hold native code on an ESP32-C3 is
    27 to 31 KB: 20 KB a file, 28 KB what every board loads.
    """
    sizes = {module: natmod.text_bytes(path) for module, path in prebuilt("rv32imc").items()}
    assert all(size <= 20 * KIB for size in sizes.values()), sizes
    assert sizes["curve25519"] + sizes["symcrypto"] <= 28 * KIB, sizes


@pytest.mark.parametrize("arch", ARCHES)
def test_rebuilding_gives_the_same_bytes(arch, tmp_path):
    version = natmod.compiler_version(arch)
    made_by = natmod.read_compilers()[arch]
    if version is None:
        pytest.skip(f"{natmod.ARCHES[arch][0]} is not installed")
    if version != made_by:
        pytest.skip(f"made by {made_by}, here is {version}")
    for module, path in natmod.build(arch, tmp_path).items():
        assert path.read_bytes() == prebuilt(arch)[module].read_bytes(), (
            f"firmware/prebuilt/{arch}/{module}.mpy is not what the sources make: "
            "run `make -C firmware/curve25519 prebuilt`"
        )


def test_building_twice_in_different_folders_gives_the_same_bytes(tmp_path):
    first, second = natmod.build("x64", tmp_path / "a"), natmod.build("x64", tmp_path / "another" / "place")
    for module in natmod.MODULES:
        assert first[module].read_bytes() == second[module].read_bytes()


def test_stubs_are_current():
    done = subprocess.run([sys.executable, Path(SOURCE, "stubs.py"), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
