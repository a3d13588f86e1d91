"""The wheel holds all that the checkout has for hosts and boards, and
finds it once installed, far from any checkout.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Checkout -> wheel, and which files of each
PLACES = {
    "shared/sealcast": ("sealcast", ["**/*.py", "**/*.pyi", "py.typed"]),
    "host/sealcast_host": ("sealcast_host", ["**/*.py", "**/*.txt", "py.typed"]),
    "firmware/node": ("sealcast_host/_data/node", ["**/*.py", "**/*.json"]),
    "firmware/prebuilt": ("sealcast_host/_data/prebuilt", ["**/*.mpy", "SHA256SUMS"]),
    "firmware/xip": ("sealcast_host/_data/xip", ["**/*.py", "**/*.mpy", "prebuilt/SHA256SUMS"]),
    "boards": ("sealcast_host/_data/boards", ["*.toml"]),
    "host/reference": ("sealcast_host/_data/reference", ["**/*.py"]),
    "tests/vectors": ("sealcast_host/_data/vectors", ["primitives_*.json", "*.py"]),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy, since setuptools leaves files behind in the tree that it builds from."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in PLACES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copy(ROOT / "host" / "sealcast_platform.py", copy / "host")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        copy / "dist",
        copy,
    ]
    subprocess.run(command, check=True)
    (built,) = (copy / "dist").glob("sealcast_host-*.whl")
    return built


def expected():
    return {"sealcast_platform.py"} | {
        f"{inside}/{path.relative_to(ROOT / place)}"
        for place, (inside, patterns) in PLACES.items()
        for pattern in patterns
        for path in (ROOT / place).glob(pattern)
    }


def test_the_wheel_holds_exactly_what_the_checkout_has(wheel):
    with zipfile.ZipFile(wheel) as z:
        names = {name for name in z.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("licenses/LICENSE") for name in z.namelist())
    assert names == expected()


def test_the_unpacked_wheel_finds_its_files_and_starts(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as z:
        z.extractall(tmp_path / "site")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    asked = ", ".join(f"s.{name}_dir()" for name in ("node", "prebuilt", "xip", "boards", "core"))
    ask = f"import sealcast_host.boards.shipped as s; print({asked}, sep='\\n')"
    # -S leaves the venv's site-packages out, where this checkout is installed
    done = subprocess.run(
        [sys.executable, "-S", "-c", ask], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    places = [Path(line) for line in done.stdout.splitlines()]
    assert [path.relative_to(tmp_path / "site").as_posix() for path in places] == [
        "sealcast_host/_data/node",
        "sealcast_host/_data/prebuilt",
        "sealcast_host/_data/xip",
        "sealcast_host/_data/boards",
        "sealcast",
    ]
    wanted = {str(Path(name).parent) for name in expected()}
    assert all(path.is_dir() for path in places if path.relative_to(tmp_path / "site").as_posix() in wanted)
    start = subprocess.run(
        [sys.executable, "-m", "sealcast_host", "--help"], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert start.returncode == 0, start.stderr
    assert "usage: sealcast" in start.stdout


def test_the_unpacked_wheel_judges_boards_by_its_own_reference(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as z:
        z.extractall(tmp_path / "site")
    ask = "from sealcast_host.hil import answers; import reference; "
    ask += "print(reference.__file__, len(answers.known_answers()))"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", ask], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    place, count = done.stdout.rsplit(maxsplit=1)
    assert (
        Path(place).relative_to(tmp_path / "site").as_posix() == "sealcast_host/_data/reference/__init__.py"
        and int(count) > 15
    )
