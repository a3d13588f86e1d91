"""`sealcast flash`: MicroPython onto a chip when an image is named, then the node onto its filesystem."""

import argparse
import time
from pathlib import Path

from sealcast_host.boards import image, models
from sealcast_host.boards.install import WAIT_S, install
from sealcast_host.boards.repl import Device, wait_for
from sealcast_host.boards.serial import present, the_port
from sealcast_host.boards.xip import board as in_flash
from sealcast_host.cli.arguments import PORT_HELP, seconds
from sealcast_host.errors import Failed, UserError


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument("board", metavar="BOARD", nargs="?", help="what it is, like ESP32_GENERIC_C3 (default: found out)")
    p.add_argument("--port", help=PORT_HELP + "; for a UF2 bootloader also the folder of its drive")
    p.add_argument(
        "--image", type=Path, metavar="FILE", help="erase the board and write this MicroPython first (.bin, .uf2)"
    )
    p.add_argument("--install-only", action="store_true", help="the node alone; the default without --image")
    p.add_argument(
        "--xip",
        action="store_true",
        help="experimental: the node's bytecode into flash, where it takes no memory (ESP32, C3)",
    )
    p.add_argument(
        "--wait",
        type=seconds,
        default=120.0,
        metavar="S",
        help="wait so long for an unplugged board (default: %(default)g)",
    )
    p.set_defaults(run=lambda args: flash(args.board, args.port, args.image, args.install_only, args.wait, args.xip))


def flash(
    board_name: str | None,
    port: str | None,
    file: Path | None,
    install_only: bool,
    wait_s: float = WAIT_S,
    xip: bool = False,
) -> int:
    """file: the firmware image to write first. Without it the board must run MicroPython already."""
    wanted = models.named(board_name) if board_name is not None else None
    if xip and file is not None and file.suffix == ".uf2":
        raise UserError("--xip knows the ESP32 and ESP32-C3: leave it out")
    if file is not None and install_only:
        raise UserError("--install-only and --image exclude each other: leave one out")
    if file is not None:
        found = image.read(file)
        wanted = image.board_for(found, wanted)
        if found.format == "uf2":
            return _uf2(found, wanted, port, wait_s)
        port = the_port(port)
        print(f"image     {file.name} for {wanted.name}; everything on the board is erased")
        image.write_esp(found, wanted, port)
    port = the_port(port)
    plan = in_flash.Plan() if xip else None
    done = install(port, wanted, wait_s, patient=file is not None, more=plan.add if plan is not None else None)
    if plan is not None:
        _put_in_flash(plan, port, wait_s)
    print(
        f"next      sealcast provision CHANNEL --uid NAME --port {port}"
        + ("" if done is None or done.radio != "none" else "   (it has no radio: sealcast bridge)")
    )
    return 0


def _put_in_flash(plan: in_flash.Plan, port: str, wait_s: float) -> None:
    """The image, and the board's own trial of it. A refusal is no failure of the node: it runs from files then."""
    plan.write(port)
    wait_for(port, wait_s)
    with Device(port) as device:
        in_flash.forget_trials(device)
        used, why = in_flash.prove(device)
        device.restart()
    if not used:
        raise Failed(why)
    size = len(plan.made.data) if plan.made is not None else 0
    print(f"xip       {size // 1024} KB of bytecode run out of flash (experimental, see docs/HARDWARE.md)")


def _uf2(found: image.Image, board: models.Board, port: str | None, wait_s: float) -> int:
    before = set(present())
    drive = Path(port) if port is not None and Path(port).is_dir() else None
    print(f"image     {found.path.name} for {board.name}")
    print(f"copied to {image.write_uf2(found, board, drive)}; the board restarts with MicroPython")
    named = port if drive is None and port is not None else None
    new = named or _new_port(before, wait_s)
    install(new, board, wait_s, patient=True)
    print(f"next      sealcast provision CHANNEL --uid NAME --port {new}")
    return 0


def _new_port(before: set[str], wait_s: float) -> str:
    """The port that appears when the board restarts."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        new = sorted(set(present()) - before)
        if new:
            return new[0]
        time.sleep(0.2)  # between looks
    raise UserError("the board did not come back as a serial port: find its port, then: sealcast flash --port PORT")


_ABOUT = """\
Put the node on a board that runs MicroPython; with --image, write MicroPython itself first. Only what differs is
copied, each file is checked on the board, and an unplugged cable is waited for."""
_EXAMPLES = """\
examples:
  sealcast flash                                             the only board that is plugged in; it runs MicroPython
  sealcast flash --port /dev/ttyUSB0 --xip --image ESP32_GENERIC_C3-20241129-v1.24.1.bin
  sealcast flash --image RPI_PICO_W-20250809-v1.26.0.uf2     with BOOTSEL held while plugging in

images: https://micropython.org/download/ (the page of the board's name; the file boards/NAME.toml has its address)
"""
