"""`make firmware BOARD=ESP32_GENERIC_C3`: MicroPython for a board with the native modules, the core and the node in it.

For an ESP32 in Espressif's container (podman or docker), or with an installed ESP-IDF (IDF_PATH); for a Pico with
cmake and
arm-none-eabi-gcc. The source is MICROPYTHON_DIR, a git checkout, or one cloned into the user's cache.
The image goes to build/firmware/, for `sealcast flash --image`. docs/HARDWARE.md says what of this was tried.
"""

import os
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

from common import BUILD, OLDEST, ROOT, VERSION, Problem, cache_dir, fit_for_make, lock, main, run, say, told
from source import version_of

# The ESP-IDF that MicroPython's own images of this version are built with (ports/esp32/README.md).
CONTAINER = "docker.io/espressif/idf:v5.2.2"
_GIT = "https://github.com/micropython/micropython.git"
_PORTS = {"esp": "esp32", "uf2": "rp2"}  # boards/<NAME>.toml, firmware.format
_PICO_TOOLS = ("cmake", "arm-none-eabi-gcc", "make", "git")


def build(board: str) -> Path:
    """-> the image. Raises Problem."""
    format_ = _format(board)
    port, result = _PORTS[format_], "firmware." + ("bin" if format_ == "esp" else "uf2")
    way = _esp_way() if port == "esp32" else _pico_way()
    tree = _tree()
    if not (tree / "ports" / port / "boards" / board).is_dir():
        version = _dotted(version_of(tree))
        raise Problem(
            f"MicroPython {version} has no board {board} in ports/{port}/boards: set MICROPYTHON_DIR to one that has"
        )
    out = BUILD / "firmware" / board
    fit_for_make(out, "move this checkout to a folder with a plainer path")
    out.mkdir(parents=True, exist_ok=True)
    with lock(cache_dir() / "firmware.lock"):  # one at a time: all builds use the tree's mpy-cross and submodules
        (out / "manifest.py").write_text(_manifest(tree, port, board))
        with told(f"      building {board} ({way[0]}); all of it: build/log/firmware-{board}.log"):
            run(_command(way, tree, port, board, out), f"firmware-{board}.log", f"building {board}")
        made = out / "build" / result
        if not made.exists():
            raise Problem(f"the build left no {result}: look at build/log/firmware-{board}.log")
        image = BUILD / "firmware" / f"{board}-sealcast-v{_dotted(version_of(tree))}{made.suffix}"
        shutil.copyfile(made, image)
    say(f"      {image.stat().st_size // 1024} KB; next: sealcast flash --image {image.relative_to(ROOT)}")
    return image


def boards() -> dict[str, str]:
    """Boards that a firmware can be built for -> format of its image."""
    found = {}
    for path in sorted((ROOT / "boards").glob("*.toml")):
        format_ = tomllib.loads(path.read_text())["firmware"]["format"]
        if format_ in _PORTS:
            found[path.stem] = format_
    return found


def _format(board: str) -> str:
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
        packages = "cmake gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib make git"
        raise Problem(f"a Pico's firmware needs {', '.join(absent)}: apt-get install {packages}")
    return ("pico-sdk",)


def _tree() -> Path:
    """A git checkout of MicroPython: ports get their libraries as its submodules, which no source package has."""
    given = os.environ.get("MICROPYTHON_DIR")
    if given:
        tree = Path(given).resolve()
        if version_of(tree) < OLDEST:
            raise Problem(
                f"MICROPYTHON_DIR={given} is no MicroPython source of 1.23 or later: point it at one, or unset it"
            )
        return tree
    tree = cache_dir() / f"git-{VERSION}"
    with lock(cache_dir() / "git.lock"):
        if not version_of(tree):
            if shutil.which("git") is None:
                raise Problem(
                    "there is no git to fetch MicroPython with: install it, or set MICROPYTHON_DIR to a checkout"
                )
            shutil.rmtree(tree, ignore_errors=True)
            new = tree.with_name(tree.name + ".new")
            shutil.rmtree(new, ignore_errors=True)
            clone: list[str | Path] = ["git", "clone", "-q", "--depth", "1", "--branch", f"v{VERSION}", _GIT, new]
            with told(f"      fetching MicroPython {VERSION}"):
                run(clone, "firmware-source.log", "git clone", env={"GIT_TERMINAL_PROMPT": "0"})
            new.rename(tree)  # only a whole one has this name
    return tree


def _manifest(tree: Path, port: str, board: str) -> str:
    """What MicroPython's own firmware for this board freezes, and our packages."""
    own = tree / "ports" / port / "boards" / board / "manifest.py"
    theirs = f"$(PORT_DIR)/boards/{board}/manifest.py" if own.exists() else "$(PORT_DIR)/boards/manifest.py"
    return f'include("{theirs}")\ninclude("{ROOT / "firmware" / "manifest.py"}")\n'


def _command(way: tuple[str, ...], tree: Path, port: str, board: str, out: Path) -> list[str]:
    """The one command that builds everything; the container has source, checkout and result at the paths of this
    machine."""
    modules = ROOT / "firmware" / "curve25519" / "micropython.cmake"
    make = ["make", "-C", str(tree / "ports" / port), f"BOARD={board}", f"BUILD={out / 'build'}"]
    build = [*make, f"-j{os.cpu_count() or 1}", f"FROZEN_MANIFEST={out / 'manifest.py'}", f"USER_C_MODULES={modules}"]
    steps = [["make", "-C", str(tree / "mpy-cross")], [*make, "submodules"], build]
    if way[0] == "pico-sdk":
        return ["sh", "-ec", _joined(steps)]
    if way[0] == "ESP-IDF":
        return ["bash", "-ec", f". {shlex.quote(way[1] + '/export.sh')} && {_joined(steps)}"]
    mounts = [f"--volume={path}:{path}" for path in dict.fromkeys((tree, ROOT))]
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
