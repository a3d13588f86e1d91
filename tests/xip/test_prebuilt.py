"""The shipped xipnative.mpy are what the sources make, and no larger than a board has room for."""

import hashlib
import importlib.util
import sys
from pathlib import Path

import pytest

XIP = Path(__file__).resolve().parents[2] / "firmware" / "xip"
sys.path.append(str(XIP.parent / "curve25519"))

_spec = importlib.util.spec_from_file_location("xip_build", XIP / "build.py")
xip_build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(xip_build)
natmod = xip_build.natmod


def test_the_sums_are_right():
    lines = (XIP / "prebuilt" / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == len(xip_build.ARCHES)
    for line in lines:
        digest, path = line.split("  ")
        assert hashlib.sha256((XIP / "prebuilt" / path).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("arch", xip_build.ARCHES)
def test_the_sources_make_it(arch, tmp_path):
    if natmod.compiler(arch) is None or natmod.read_compilers().get(arch) != natmod.compiler_version(arch):
        pytest.skip(f"the compiler that made it is not here: {natmod.read_compilers().get(arch)}")
    made = xip_build.build(arch, tmp_path)
    shipped = XIP / "prebuilt" / arch / "xipnative.mpy"
    assert made.read_bytes() == shipped.read_bytes(), "run `python firmware/xip/build.py --prebuilt`"
    assert natmod.text_bytes(shipped) < 2560
