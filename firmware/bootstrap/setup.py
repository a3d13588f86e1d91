"""All the set-up of a make target: `python3 firmware/bootstrap/setup.py demo|test|bench|lint|natmod`.

Every step says what it does, does nothing when it was done before, and fails with one line that tells the way out.
"""

import sys

import oldest

oldest.need("make")

import debian
import environment
import homeassistant
import unix
from common import ROOT, Problem, cache_dir, link, main, run, say, told

_C3_HEAP_BYTES = 181248  # as in firmware/qemu/port.py
_FINALLY = {
    "demo": "running the demo",
    "test": "running all tests",
    "bench": "measuring",
    "lint": "checking style and types",
    "natmod": "building the native modules",
}


def set_up(target: str) -> None:
    """Do the target's set-up, and announce what make runs then. Raises Problem."""
    last = 3 if target == "lint" else 4
    say(f"[1/{last}] system packages")
    debian.ensure(debian.GROUPS[target])
    say(f"[2/{last}] Python environment (.venv)")
    environment.ensure_venv()
    if target != "lint":
        say(f"[3/{last}] MicroPython (kept in {cache_dir()})")
        micropython, mpy_cross = unix.binaries()
        link("micropython", micropython)
        link("mpy-cross", mpy_cross)
        say(f"      {micropython}")
        if target == "demo":
            _emulated_boards()
        if target in ("demo", "test"):
            _browser(target)
        if target == "test":
            homeassistant.ensure()
    say(f"[{last}/{last}] {_FINALLY[target]}")


def _emulated_boards() -> None:
    """MicroPython for the demo's emulated boards, built once and kept; the demo can do without."""
    port = ROOT / "firmware" / "qemu" / "port.py"
    try:
        debian.ensure(debian.OPTIONAL["demo"])
        for what, board in (("RISC-V board", ["VIRT_RV32", str(_C3_HEAP_BYTES)]), ("ESP32-C3", ["esp32c3"])):
            with told(f"      MicroPython for an emulated {what} (a minute when it is built the first time)"):
                run([sys.executable, port, *board], "qemu.log", "building it")
    except Problem as e:
        say(f"      the demo goes without emulated boards: {e}")


def _browser(target: str) -> None:
    """Chromium, in which the gateway's page is tried and shown; the rest goes on without."""
    try:
        debian.ensure(debian.BROWSER)
    except Problem as e:
        without = "the demo makes no picture of its page" if target == "demo" else "the page is not tried in a browser"
        say(f"      {without}: {e}")


def _command(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in _FINALLY:
        raise Problem(f"setup.py takes one of: {' '.join(_FINALLY)}")
    set_up(arguments[0])


if __name__ == "__main__":
    sys.exit(main(_command, sys.argv[1:]))
