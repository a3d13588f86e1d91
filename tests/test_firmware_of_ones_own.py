"""`make firmware`: what it runs, and its failures in one line. The builds themselves need Espressif's container or
the pico-sdk."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sealcast_host.boards import image, models

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = "firmware/bootstrap/firmware.py"
_PICO = ("cmake", "arm-none-eabi-gcc", "c++", "make", "git")
_TOOLS = ("cat", "mkdir", "touch", "printf", "env", "sh", "bash", "dirname")

# In place of a tool: writes down how it was called, and leaves what a build leaves.
_RECORD = """#!/bin/sh
echo "$0 $*" >> "$RECORD"
for word in $(echo "$*" | tr " '" "  "); do
    case $word in BUILD=*) mkdir -p "${word#BUILD=}"; echo image > "${word#BUILD=}/$RESULT";; esac
done
"""


def copied(checkout):
    """What of the source `make firmware` itself reads, in a checkout there."""
    for name in ("firmware/bootstrap", "boards"):
        shutil.copytree(ROOT / name, checkout / name)
    return checkout


@pytest.fixture
def machine(tmp_path):
    """run(*arguments, tools=..., **variables) on a machine that has python, a shell and these tools alone, and a
    checkout of its own, whose path make takes."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in _TOOLS:
        (bin_ / name).symlink_to(
            subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        )
    (bin_ / "tr").symlink_to("/usr/bin/tr")
    tree = tmp_path / "micropython"
    for board in ("ESP32_GENERIC", "ESP32_GENERIC_C3", "ESP32_GENERIC_C6", "ESP32_GENERIC_S3", "RPI_PICO_W"):
        (tree / "ports" / ("esp32" if "ESP" in board else "rp2") / "boards" / board).mkdir(parents=True)
    (tree / "ports/rp2/boards/RPI_PICO_W/manifest.py").touch()
    (tree / "py").mkdir()

    def version(minor):
        numbers = (("MAJOR", 1), ("MINOR", minor), ("MICRO", 0))
        (tree / "py" / "mpconfig.h").write_text("".join(f"#define MICROPY_VERSION_{n} {v}\n" for n, v in numbers))

    version(25)

    own = copied(tmp_path / "checkout")

    def run(*arguments, tools=(), result="firmware.bin", checkout=own, **variables):
        for name in tools:
            (bin_ / name).write_text(_RECORD)
            (bin_ / name).chmod(0o755)
        env = {
            "PATH": str(bin_),
            "HOME": str(tmp_path),
            "RECORD": str(tmp_path / "record"),
            "RESULT": result,
            **variables,
        }
        env.setdefault("MICROPYTHON_DIR", str(tree))
        env = {name: value for name, value in env.items() if value}
        command = [sys.executable, checkout / SCRIPT, *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)

    run.record = tmp_path / "record"
    run.tree, run.version, run.checkout = tree, version, own
    return run


def one_line(done, way_out):
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealcast: ") and way_out in line


def test_failures_are_one_line_with_the_way_out(machine, tmp_path):
    one_line(machine(), "make firmware BOARD=ESP32_GENERIC|")
    one_line(machine("ESP8266_GENERIC"), "none that a firmware is built for")
    one_line(machine("UNIX"), "none that a firmware is built for")
    one_line(machine("ESP32_GENERIC_C3"), "install podman, or set IDF_PATH")
    one_line(machine("ESP32_GENERIC_C3", IDF_PATH=str(tmp_path)), "has no export.sh")
    one_line(machine("RPI_PICO_W"), "needs cmake, arm-none-eabi-gcc, c++, make, git: apt-get install")
    one_line(machine("ESP32_GENERIC_C3", tools=["podman"], MICROPYTHON_DIR=str(ROOT)), "1.23 or later")
    one_line(machine("ESP32_GENERIC_S2", tools=["podman"]), "no board ESP32_GENERIC_S2")
    one_line(
        machine("ESP32_GENERIC_C3", tools=["podman"], MICROPYTHON_DIR="", XDG_CACHE_HOME=str(tmp_path / "c")), "no git"
    )
    one_line(machine("RPI_PICO_W", tools=_PICO), "needs MicroPython 1.26 or later, and MICROPYTHON_DIR is 1.25.0")


def test_a_clone_that_was_cut_short_is_fetched_anew(machine, tmp_path):
    """The version's file is there, the rest is not: git was killed."""
    for text in ("exit 1", "exit 0"):
        git = tmp_path / "bin" / "git"
        git.write_text(f'#!/bin/sh\nfor to; do :; done\nmkdir -p "$to/py" && cat {machine.tree}/py/mpconfig.h > ')
        with git.open("a") as f:
            f.write(f'"$to/py/mpconfig.h"\necho "$0 $*" >> "$RECORD"\n{text}\n')
        git.chmod(0o755)
        done = machine("ESP32_GENERIC_C3", tools=["podman"], MICROPYTHON_DIR="", XDG_CACHE_HOME=str(tmp_path / "c"))
        assert "git clone failed" in done.stderr if text == "exit 1" else "no board ESP32_GENERIC_C3" in done.stderr
    cloned = machine.record.read_text().splitlines()
    assert len(cloned) == 2 and "--branch v1.25.0" in cloned[0]  # it took the half of it for a tree
    machine("RPI_PICO_W", tools=set(_PICO) - {"git"}, MICROPYTHON_DIR="", XDG_CACHE_HOME=str(tmp_path / "c"))
    assert "--branch v1.26." in machine.record.read_text().splitlines()[-1]  # what its board's file asks for


def test_an_esp32_in_the_container(machine):
    for engine in ("docker", "podman"):  # podman first, where both are there
        done = machine("ESP32_GENERIC_C3", tools=[engine])
        assert done.returncode == 0, done.stderr
        made = Path(done.stdout.strip())
        called = machine.record.read_text().splitlines()[-1]
        mounts = rf"--volume={machine.tree}:\S+ --volume={machine.checkout}:\S+"
        labels = "--security-opt=label=disable"  # where SELinux is, a container cannot read a home directory
        assert re.search(rf"/{engine} run --rm {mounts} {labels} .*docker.io/espressif/idf:v[\d.]+ bash -ec", called)
        folder = f"{machine.checkout}/build/firmware/ESP32_GENERIC_C3"
        assert (
            f"make -C {machine.tree}/ports/esp32 BOARD=ESP32_GENERIC_C3 BOARD_DIR={folder}/board BUILD={folder}/build "
            "submodules" in called
        )
        assert f"USER_C_MODULES={machine.checkout}/firmware/curve25519/micropython.cmake" in called
        manifest = machine.checkout / "build" / "firmware" / "ESP32_GENERIC_C3" / "manifest.py"
        assert f"FROZEN_MANIFEST={manifest}" in called
        assert (
            manifest.read_text()
            == f'include("$(PORT_DIR)/boards/manifest.py")\ninclude("{machine.checkout}/firmware/manifest.py")\n'
        )
        # Its name says board and version, as `sealcast flash --image` reads them.
        board = models.named("ESP32_GENERIC_C3")
        assert image.board_for(image.Image(made, "esp", board.firmware.image_chip), None) == board
        made.unlink()


def test_the_flash_of_a_board(machine):
    """A RISC-V chip has more room for the program, an S3 of 8 MB is not asked for, and an ESP32 is as it is."""
    folder, boards = machine.checkout / "build" / "firmware", machine.tree / "ports" / "esp32" / "boards"
    (boards / "ESP32_GENERIC_S3" / "sdkconfig.flash_4m").touch()
    called = {}
    for board in ("ESP32_GENERIC", "ESP32_GENERIC_S3", "ESP32_GENERIC_C6"):
        done = machine(board, tools=["podman"])
        assert done.returncode == 0, done.stderr
        called[board] = machine.record.read_text().splitlines()[-1]
        Path(done.stdout.strip()).unlink()
    assert "BOARD_" not in called["ESP32_GENERIC"]
    assert called["ESP32_GENERIC_S3"].count("BOARD=ESP32_GENERIC_S3 BOARD_VARIANT=FLASH_4M BUILD=") == 2
    assert called["ESP32_GENERIC_C6"].count(f"BOARD_DIR={folder}/ESP32_GENERIC_C6/board BUILD=") == 2

    own = folder / "ESP32_GENERIC_C6" / "board"
    assert (own / "mpconfigboard.h").read_text() == f'#include "{boards}/ESP32_GENERIC_C6/mpconfigboard.h"\n'
    cmake = (own / "mpconfigboard.cmake").read_text().splitlines()
    assert cmake[0] == f'include("{boards}/ESP32_GENERIC_C6/mpconfigboard.cmake")' and f'"{own}/sdkconfig"' in cmake[1]
    assert (own / "sdkconfig").read_text() == f'CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="{own}/partitions.csv"\n'
    rows = [row.split(",") for row in (own / "partitions.csv").read_text().splitlines()]
    ends = [int(row[3], 16) + int(row[4], 16) for row in rows]
    assert [int(row[3], 16) for row in rows] == [0x9000, *ends[:-1]] and ends[-1] == 4 << 20
    assert [row[0] for row in rows] == ["nvs", "phy_init", "factory", "vfs"]

    machine.version(26)  # which makes its filesystem out of what is left
    assert machine("ESP32_GENERIC_C6", tools=["podman"]).returncode == 0
    assert "vfs" not in (own / "partitions.csv").read_text()
    (folder / "ESP32_GENERIC_C6-sealcast-v1.26.0.bin").unlink()


def test_nothing_is_left_of_a_build_from_another_source(machine):
    """The Pico's makefile goes on with a build that it finds, whatever it was built from."""
    left = machine.checkout / "build" / "firmware" / "ESP32_GENERIC" / "build" / "left"

    def build(engine):
        done = machine("ESP32_GENERIC", tools=[engine])
        assert done.returncode == 0, done.stderr
        Path(done.stdout.strip()).unlink()
        there = left.exists()
        left.touch()
        return there

    build("docker")
    assert build("docker")
    assert not build("podman") and build("podman")
    machine.version(26)
    assert not build("podman")
    called = machine.record.read_text().splitlines()[-1]
    cross = left.parents[1] / "mpy-cross"  # a container does not run this machine's
    assert f"make -C {machine.tree}/mpy-cross BUILD={cross} " in called
    assert f"env MICROPY_MPYCROSS={cross}/mpy-cross make -C {machine.tree}/ports/esp32 " in called


def test_an_older_python_is_told():
    code = (
        "import os, runpy, sys; sys.version_info = (3, 10, 1); sys.path.insert(0, os.path.dirname(sys.argv[1])); "
        "runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    for script, command in ((SCRIPT, "make firmware"), ("firmware/bootstrap/setup.py", "make")):
        done = subprocess.run([sys.executable, "-c", code, ROOT / script], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "Python 3.11 or later is needed, this is 3.10" in done.stderr
        assert done.stderr.endswith(f": run `{command} PYTHON=<a later python3>`\n") and done.stderr.count("\n") == 1


def test_an_esp32_with_an_installed_idf(machine, tmp_path):
    (tmp_path / "export.sh").write_text("echo exported >> $RECORD\n")
    done = machine("ESP32_GENERIC_C3", tools=["make"], IDF_PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    calls = machine.record.read_text().splitlines()
    assert calls[0] == "exported" and len(calls) == 4  # mpy-cross, submodules, the firmware
    Path(done.stdout.strip()).unlink()


def test_a_checkout_that_make_cannot_build_in_is_one_line(machine, tmp_path):
    machine.version(26)
    done = machine("RPI_PICO_W", tools=_PICO, checkout=copied(tmp_path / "my checkout"))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sealcast: ") and "my checkout" in line and "move this checkout" in line


def test_a_pico(machine):
    machine.version(26)
    done = machine("RPI_PICO_W", tools=_PICO, result="firmware.uf2")
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.strip())
    assert made.name == "RPI_PICO_W-sealcast-v1.26.0.uf2"
    board = models.named("RPI_PICO_W")  # `sealcast flash --image` refuses what is too old for the board
    assert image.board_for(image.Image(made, "uf2", board.firmware.image_chip), None) == board
    assert (
        (machine.checkout / "build/firmware/RPI_PICO_W/manifest.py")
        .read_text()
        .startswith('include("$(PORT_DIR)/boards/RPI_PICO_W/manifest.py")')
    )
    made.unlink()


def test_a_build_that_fails_says_which_line(machine, tmp_path):
    (tmp_path / "bin" / "podman").write_text("#!/bin/sh\necho 'Error: no such image'\nexit 125\n")
    (tmp_path / "bin" / "podman").chmod(0o755)
    done = machine("ESP32_GENERIC_C3")
    assert done.returncode == 1
    assert "building ESP32_GENERIC_C3 failed: Error: no such image (all of it: " in done.stderr


def test_the_release_has_every_board_that_it_names():
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    named = re.findall(r"^ +- ((?:ESP32|RPI)_\w+)$", workflow, re.M)
    listed = subprocess.run(
        [sys.executable, ROOT / SCRIPT, "--boards"], capture_output=True, text=True, check=True, env=os.environ
    ).stdout.split()
    assert set(named) == set(listed) - {"ESP32_GENERIC_S2"}
    assert len(named) == 6
