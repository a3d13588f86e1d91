"""`sealcast hil`: a board with the node, examined over its serial port and judged by the desktop reference.

    command    the parts one after the other, their verdict, the exit code
    rig        the board: programs sent to it, restarts, what is lost when it hangs
    results    checks and what became of them          report, page   the terminal's table, JSON; the HTML page
    answers, random_calls, primitives                  known answers and random cross-checks of every primitive
    foresight  scripted randomness, foretold           remote         the core's Channel on the board, driven from here
    place      a broker and reference members around it, in virtual time; every frame is checked
    pieces, zpinc, group                               what the board is made to do there
    live       the node itself, over a real broker     timing         how long, how much heap

The reference (host/reference) lies in the wheel beside this package's data, under its own name, which is no name
of ours to put into everybody's site-packages: importing this package makes it importable.
"""

import importlib.util
import sys
from pathlib import Path

PARTS = ("primitives", "pieces", "zpinc", "group", "live", "timing")
REPORT = Path("build/hil")  # reports go there


def _load_reference() -> None:
    from sealcast_host.boards.shipped import reference_dir

    if "reference" in sys.modules:  # a test has it already, from the same files
        return
    place = reference_dir()
    spec = importlib.util.spec_from_file_location(
        "reference", place / "__init__.py", submodule_search_locations=[str(place)]
    )
    if spec is None or spec.loader is None:
        raise ImportError("the desktop reference is missing: reinstall sealcast-host")
    module = sys.modules["reference"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_load_reference()
