"""The same sources as a USER_C_MODULE: a unix port with both modules linked in, and every buffer test on it."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, HERE)
from operations import natmod  # noqa: E402

_OPTIONS = ["MICROPY_PY_FFI=0", "MICROPY_PY_BTREE=0", "MICROPY_SSL_MBEDTLS=0", "MICROPY_PY_SSL=0", "FROZEN_MANIFEST="]


def test_user_c_module(mpy_cross, tmp_path):
    tree = natmod.micropython_tree()
    build, modules = tmp_path / "build", tmp_path / "modules"
    modules.mkdir()  # the checkout's path may have spaces, which make does not take
    (modules / "curve25519").symlink_to(os.path.realpath(os.path.join(ROOT, "firmware", "curve25519")))
    command = ["make", "-C", str(tree / "ports" / "unix"), "-j2", f"BUILD={build}", f"MICROPY_MPYCROSS={mpy_cross}",
               f"USER_C_MODULES={modules}", *_OPTIONS]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-4000:]
    # An empty folder, so that no .mpy and no source folder can stand in for what is linked in.
    empty = tmp_path / "empty"
    empty.mkdir()
    binary = build / "micropython"
    environment = {**os.environ, "MICROPYPATH": f":{HERE}"}
    done = subprocess.run(
        [binary, os.path.join(HERE, "buffers_on_module.py")], cwd=empty, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
    code = (
        "import curve25519, scrypt, symcrypto; print([hasattr(m, '__file__') for m in (curve25519, scrypt, symcrypto)])"
    )
    found = subprocess.run([binary, "-c", code], cwd=empty, capture_output=True, text=True)
    assert found.stdout.strip() == "[False, False, False]", found.stdout + found.stderr


def test_the_lists_of_sources_agree():
    """micropython.mk, micropython.cmake and build.py name the same C files."""
    natively = {source for sources in natmod.MODULES.values() for source in sources}
    for name in ("micropython.mk", "micropython.cmake"):
        with open(natmod.HERE / name) as file:
            assert set(re.findall(r"\b(\w+\.c)\b", file.read())) == natively, name
