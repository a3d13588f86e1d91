"""`sealcast flash`: MicroPython onto a chip when an image is named, then the node onto its filesystem."""

from pathlib import Path

from sealcast_host.boards import image
from sealcast_host.boards import models as boards
from sealcast_host.boards.install import WAIT_S, install
from sealcast_host.boards.serial import present
from sealcast_host.errors import UserError


def flash(board_name: str | None, port: str | None, file: Path | None, install_only: bool, wait_s: float = WAIT_S) -> int:
    """file: the firmware image to write first. Without it the board must run MicroPython already."""
    wanted = boards.named(board_name) if board_name is not None else None
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
    done = install(port, wanted, wait_s, patient=file is not None)
    print(
        f"next      sealcast provision CHANNEL --uid NAME --port {port}"
        + ("" if done is None or done.radio != "none" else "   (it has no radio: sealcast bridge)")
    )
    return 0


def _uf2(found: image.Image, board: boards.Board, port: str | None, wait_s: float) -> int:
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
    import time

    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        new = sorted(set(present()) - before)
        if new:
            return new[0]
        time.sleep(0.2)  # between looks
    raise UserError("the board did not come back as a serial port: find its port, then: sealcast flash --port PORT")


def the_port(port: str | None) -> str:
    """The port that was named, or the only one there is. Raises UserError."""
    if port is not None:
        return port
    seen = present()
    if len(seen) == 1:
        return seen[0]
    if seen:
        raise UserError(f"several ports have something plugged in ({', '.join(seen)}): choose with --port")
    raise UserError("no serial port has anything plugged in: plug the board in (some USB cables only charge), or name --port")
