"""Runs scenarios on mutants of the core, each in a process of its own, forked from one that has loaded the reference
already.

Standard input: lines of `folder scenario`, the folder holding the changed files as below shared/. Standard output: a
line `folder code` for each, when it ends; what it said is in `folder/said`. Two run at a time.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import traceback
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIMIT_S = 120
AT_ONCE = 2


class Changed:
    """Finds the modules that a mutant changes before the core's own are looked for."""

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        file = self._folder.joinpath(*name.split(".")).with_suffix(".py")
        return spec_from_file_location(name, file) if file.exists() else None


def load_reference() -> None:
    """All of it but nothing of the core."""
    sys.path.insert(0, str(ROOT / "host"))
    import reference

    for path in Path(reference.__file__ or "").parent.glob("*.py"):
        importlib.import_module(f"reference.{path.stem}")


def run(folder: Path, scenario: str) -> int:
    """In the child: 0 if the scenario passes on this mutant."""
    said = os.open(folder / "said", os.O_CREAT | os.O_WRONLY)
    os.dup2(said, 1)
    os.dup2(said, 2)
    signal.alarm(LIMIT_S)
    sys.path[:0] = [str(ROOT / "shared"), str(HERE)]
    sys.meta_path.insert(0, Changed(folder))
    try:
        found = importlib.import_module("scenarios")
        next(s for s in found.SCENARIOS if s.__name__ == scenario)()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    load_reference()
    running: dict[int, str] = {}

    def ended() -> None:
        pid, status = os.wait()
        print(running.pop(pid), os.waitstatus_to_exitcode(status), flush=True)

    for line in sys.stdin.read().splitlines():
        folder, scenario = line.split()
        if len(running) == AT_ONCE:
            ended()
        pid = os.fork()
        if not pid:
            code = run(Path(folder), scenario)
            sys.stderr.flush()
            os._exit(code)
        running[pid] = folder
    while running:
        ended()


if __name__ == "__main__":
    main()
