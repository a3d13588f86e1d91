"""`make firmware BOARD=ESP32_GENERIC_C3`: MicroPython for a board with the native modules, the core and the node in it.

For an ESP32 in Espressif's container (podman or docker), or with an installed ESP-IDF (IDF_PATH); for a Pico with
cmake and
arm-none-eabi-gcc. The source is MICROPYTHON_DIR, a git checkout, or one cloned into the user's cache.
What is frozen is made by the Python of the container or of ESP-IDF, which may be 3.10.
The image goes to build/firmware/, for `sealcast flash --image`. docs/HARDWARE.md says what of this was tried.
"""

import os
import shlex
import shutil
import sys

import oldest

oldest.need("make firmware")

import tomllib
from pathlib import Path
from typing import Any

from common import BUILD, OLDEST, ROOT, VERSION, Problem, cache_dir, fit_for_make, lock, main, run, say, told
from source import version_of

# The ESP-IDF that MicroPython's own images of this version are built with (ports/esp32/README.md).
CONTAINER = "docker.io/espressif/idf:v5.2.2"
_GIT = "https://github.com/micropython/micropython.git"
_PORTS = {"esp": "esp32", "uf2": "rp2"}  # boards/<NAME>.toml, firmware.format
# Picos need 1.26 (boards/RPI_PICO_W.toml). Its pico-sdk builds the picotool that fits it; that of 1.25 took the newest.
_VERSIONS = {"esp": VERSION, "uf2": "1.26.1"}
_PICO_TOOLS = ("cmake", "arm-none-eabi-gcc", "c++", "make", "git")  # c++: the SDK's own tools, for this computer
# A RISC-V chip's code is larger: with ours a C6 does not fit the 0x1f0000 bytes that MicroPython gives a program, and a
# C3 hardly. vfs: from 1.26 on the board makes it out of what is left.
_PARTITIONS = """\
nvs,data,nvs,0x9000,0x6000,
phy_init,data,phy,0xf000,0x1000,
factory,app,factory,0x10000,0x230000,
"""
_VFS = "vfs,data,fat,0x240000,0x1c0000,\n"


def build(board: str) -> Path:
    """-> the image. Raises Problem."""
    facts = _facts(board)
    format_ = facts["firmware"]["format"]
    port, result = _PORTS[format_], "firmware." + ("bin" if format_ == "esp" else "uf2")
    way = _esp_way() if port == "esp32" else _pico_way()
    tree = _tree(_VERSIONS[format_])
    version = _dotted(version_of(tree))
    if version_of(tree) < tuple(int(part) for part in facts["micropython"].split(".")):
        raise Problem(
            f"{board} needs MicroPython {facts['micropython']} or later, and MICROPYTHON_DIR is {version}: set it to "
            "one, or unset it"
        )
    if not (tree / "ports" / port / "boards" / board).is_dir():
        raise Problem(
            f"MicroPython {version} has no board {board} in ports/{port}/boards: set MICROPYTHON_DIR to one that has"
        )
    out = BUILD / "firmware" / board
    fit_for_make(out, "move this checkout to a folder with a plainer path")
    out.mkdir(parents=True, exist_ok=True)
    with lock(cache_dir() / "firmware.lock"):  # one at a time: all builds use the tree's submodules
        _begin_anew(out, f"{tree}\n{version}\n{' '.join(way)}\n")
        (out / "manifest.py").write_text(_manifest(tree, port, board))
        variables = _variables(tree, port, board, facts["arch"], out)
        with told(f"      building {board} ({way[0]}); all of it: build/log/firmware-{board}.log"):
            run(_command(way, tree, port, variables, out), f"firmware-{board}.log", f"building {board}")
        made = out / "build" / result
        if not made.exists():
            raise Problem(f"the build left no {result}: look at build/log/firmware-{board}.log")
        image = BUILD / "firmware" / f"{board}-sealcast-v{version}{made.suffix}"
        shutil.copyfile(made, image)
    say(f"      {image.stat().st_size // 1024} KB; next: sealcast flash --image {image.relative_to(ROOT)}")
    return image


def _begin_anew(out: Path, built_from: str) -> None:
    """Nothing of a build from another source or by another compiler: the Pico's makefile would go on with it."""
    stamp = out / "built-from"
    if not stamp.exists() or stamp.read_text() != built_from:
        for name in ("build", "mpy-cross"):
            shutil.rmtree(out / name, ignore_errors=True)
        stamp.write_text(built_from)


def boards() -> dict[str, dict[str, Any]]:
    """Boards that a firmware can be built for -> what boards/<NAME>.toml says of it."""
    found = {}
    for path in sorted((ROOT / "boards").glob("*.toml")):
        facts = tomllib.loads(path.read_text())
        if facts["firmware"]["format"] in _PORTS:
            found[path.stem] = facts
    return found


def _facts(board: str) -> dict[str, Any]:
    known = boards()
    if board not in known:
        raise Problem(f"BOARD={board} is none that a firmware is built for: make firmware BOARD={'|'.join(known)}")
    return known[board]


def _esp_way() -> tuple[str, ...]:
    """-> (name for people, program ...): the container's engine, or ("ESP-IDF", path)."""
    idf = os.environ.get("IDF_PATH")
    if idf:
        if not (Path(idf) / "export.sh").exists():
            raise Problem(
                f"IDF_PATH={idf} has no export.sh: point it at an ESP-IDF 5.2 to 5.4, or unset it to use a container"
            )
        return ("ESP-IDF", idf)
    for engine in ("podman", "docker"):
        if shutil.which(engine):
            return (f"{engine}, {CONTAINER}", engine)
    raise Problem(
        "an ESP32's firmware needs podman or docker, or an installed ESP-IDF: install podman, or set IDF_PATH"
    )


def _pico_way() -> tuple[str, ...]:
    absent = [tool for tool in _PICO_TOOLS if shutil.which(tool) is None]
    if absent:
        packages = "cmake gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib g++ make git"
        raise Problem(f"a Pico's firmware needs {', '.join(absent)}: apt-get install {packages}")
    return ("pico-sdk",)


def _tree(wanted: str) -> Path:
    """A git checkout of MicroPython: ports get their libraries as its submodules, which no source package has."""
    given = os.environ.get("MICROPYTHON_DIR")
    if given:
        tree = Path(given).resolve()
        if version_of(tree) < OLDEST:
            raise Problem(
                f"MICROPYTHON_DIR={given} is no MicroPython source of 1.23 or later: point it at one, or unset it"
            )
        return tree
    tree = cache_dir() / f"git-{wanted}"
    with lock(cache_dir() / "git.lock"):
        if not version_of(tree):
            if shutil.which("git") is None:
                raise Problem(
                    "there is no git to fetch MicroPython with: install it, or set MICROPYTHON_DIR to a checkout"
                )
            shutil.rmtree(tree, ignore_errors=True)
            new = tree.with_name(tree.name + ".new")
            shutil.rmtree(new, ignore_errors=True)
            clone: list[str | Path] = ["git", "clone", "-q", "--depth", "1", "--branch", f"v{wanted}", _GIT, new]
            with told(f"      fetching MicroPython {wanted}"):
                run(clone, "firmware-source.log", "git clone", env={"GIT_TERMINAL_PROMPT": "0"})
            new.rename(tree)  # only a whole one has this name
    return tree


def _manifest(tree: Path, port: str, board: str) -> str:
    """What MicroPython's own firmware for this board freezes, and our packages."""
    own = tree / "ports" / port / "boards" / board / "manifest.py"
    theirs = f"$(PORT_DIR)/boards/{board}/manifest.py" if own.exists() else "$(PORT_DIR)/boards/manifest.py"
    return f'include("{theirs}")\ninclude("{ROOT / "firmware" / "manifest.py"}")\n'


def _variables(tree: Path, port: str, board: str, arch: str, out: Path) -> list[str]:
    """Make's variables that choose the board: MicroPython's own, but for the flash."""
    own = tree / "ports" / port / "boards" / board
    if (own / "sdkconfig.flash_4m").exists():
        # An S3, before 1.26: its image without the variant starts on no board that has less than 8 MB.
        return [f"BOARD={board}", "BOARD_VARIANT=FLASH_4M"]
    if port != "esp32" or arch != "rv32imc":
        return [f"BOARD={board}"]
    folder = out / "board"
    folder.mkdir(exist_ok=True)
    (folder / "partitions.csv").write_text(_PARTITIONS + (_VFS if version_of(tree) < (1, 26) else ""))
    (folder / "sdkconfig").write_text(f'CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="{folder}/partitions.csv"\n')
    (folder / "mpconfigboard.h").write_text(f'#include "{own}/mpconfigboard.h"\n')
    (folder / "mpconfigboard.cmake").write_text(
        f'include("{own}/mpconfigboard.cmake")\nlist(APPEND SDKCONFIG_DEFAULTS "{folder}/sdkconfig")\n'
    )
    return [f"BOARD={board}", f"BOARD_DIR={folder}"]


def _command(way: tuple[str, ...], tree: Path, port: str, variables: list[str], out: Path) -> list[str]:
    """The one command that builds everything; the container has source, checkout and result at the paths of this
    machine. mpy-cross is built beside the result: a container does not run this machine's, nor the other way round."""
    modules = ROOT / "firmware" / "curve25519" / "micropython.cmake"
    cross = out / "mpy-cross"
    make = ["make", "-C", str(tree / "ports" / port), *variables, f"BUILD={out / 'build'}"]
    build = ["env", f"MICROPY_MPYCROSS={cross / 'mpy-cross'}", *make, f"-j{os.cpu_count() or 1}"]
    build += [f"FROZEN_MANIFEST={out / 'manifest.py'}", f"USER_C_MODULES={modules}"]
    compiler = ["make", "-C", str(tree / "mpy-cross"), f"BUILD={cross}", "CFLAGS_EXTRA=-Wno-error"]
    steps = [compiler, [*make, "submodules"], build]
    if way[0] == "pico-sdk":
        return ["sh", "-ec", _joined(steps)]
    if way[0] == "ESP-IDF":
        return ["bash", "-ec", f". {shlex.quote(way[1] + '/export.sh')} && {_joined(steps)}"]
    mounts = [f"--volume={path}:{path}" for path in dict.fromkeys((tree, ROOT))]
    mounts.append("--security-opt=label=disable")  # SELinux keeps a container out of a home directory otherwise
    who = [] if way[1] == "podman" else [f"--user={os.getuid()}:{os.getgid()}", "--env=HOME=/tmp"]
    trusted = (
        "git config --global --add safe.directory '*'"  # the checkout belongs to another user than the container's
    )
    return [way[1], "run", "--rm", *mounts, *who, CONTAINER, "bash", "-ec", f"{trusted} && {_joined(steps)}"]


def _joined(steps: list[list[str]]) -> str:
    return " && ".join(shlex.join(step) for step in steps)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in version)


def _from_arguments(arguments: list[str]) -> None:
    if arguments == ["--boards"]:
        print("\n".join(boards()))
        return
    if len(arguments) != 1 or not arguments[0]:
        raise Problem(f"which board? make firmware BOARD={'|'.join(boards())}")
    print(build(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(_from_arguments, sys.argv[1:]))
