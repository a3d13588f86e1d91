"""What the tests of bytecode in flash share: the loader's folder, and the modules of the image."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import flashed


@pytest.fixture(scope="session")
def lib(mpy_cross, tmp_path_factory):
    return flashed.loader(mpy_cross, tmp_path_factory.mktemp("lib"))


@pytest.fixture(scope="session")
def code(mpy_cross, lib):
    return flashed.modules(mpy_cross, lib)


@pytest.fixture(scope="session")
def other_layout(mpy_cross):
    """MicroPython's unix port with `child_table` and `bytecode` of mp_obj_fun_bc_t exchanged. Built once into the
    user's cache."""
    bootstrap = flashed.dual.ROOT / "firmware" / "bootstrap"
    script = "import source, common; print(source.source_tree()); print(common.cache_dir())"
    done = subprocess.run([sys.executable, "-c", script], cwd=bootstrap, capture_output=True, text=True, check=True)
    tree, cache = (Path(line) for line in done.stdout.splitlines())
    header = (tree / "py" / "objfun.h").read_text()
    lines = [
        next(line for line in header.splitlines(True) if f" *{name};" in line or f"*const *{name};" in line)
        for name in _FIELDS
    ]
    assert "".join(lines) in header
    place = cache / ("xip-layout-" + hashlib.sha256(header.encode() + str(tree).encode()).hexdigest()[:16])
    with (cache / "xip-layout.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "unix" / "micropython").exists():
            subprocess.run(["rm", "-rf", place], check=True)
            subprocess.run(["cp", "-rs", tree, place], check=True)
            (place / "py" / "objfun.h").unlink()
            (place / "py" / "objfun.h").write_text(header.replace("".join(lines), "".join(reversed(lines))))
            (place / "no-library").mkdir()
            (place / "no-library" / "README.md").touch()
            options = [
                "MICROPY_PY_FFI=0",
                "MICROPY_PY_BTREE=0",
                "MICROPY_PY_SSL=0",
                "MICROPY_SSL_MBEDTLS=0",
                "CFLAGS_EXTRA=-Wno-error",
            ]
            options += [
                f"BUILD={place / 'unix'}",
                f"FROZEN_MANIFEST={bootstrap / 'manifest.py'}",
                f"MPY_LIB_DIR={place / 'no-library'}",
            ]
            options += [f"MICROPY_MPYCROSS={mpy_cross}", f"MICROPY_MPYCROSS_DEPENDENCY={mpy_cross}"]
            env = {**os.environ, **dict.fromkeys(("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES"), "")}
            command = ["make", "-C", place / "ports" / "unix", "-j2", *options]
            built = subprocess.run(command, env=env, capture_output=True, text=True)
            assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return place / "unix" / "micropython"


_FIELDS = ("child_table", "bytecode")
