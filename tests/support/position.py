"""Draws the table of shared/sealcast/smmp/sync.py into docs/PROTOCOL.md, section 18.3.

    python3 tests/support/position.py

What an input does is read from the table, where it may lead from the text of the procedures: the stages that they set,
and which other procedures they go on with. Held frames that are taken on the way are inputs of their own.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMMP = ROOT / "shared" / "sealcast" / "smmp"
PROTOCOL = ROOT / "docs" / "PROTOCOL.md"
BEGIN, END = "<!-- the table of sync.py: tests/support/position.py writes it -->\n", "<!-- end of the table -->\n"
MODULES = ("sync", "fetch", "suspicion")

sys.path.insert(0, str(ROOT / "shared"))

from sealcast.smmp import sync  # noqa: E402

PHASES = {"REST": "NONE, FORKED, offline", "FOUNDING": "NONE", "CALM": "LIVE", "DOUBT": "LIVE", "OUT": "REJOIN"}


def _functions() -> dict[str, ast.FunctionDef]:
    found = {}
    for module in MODULES:
        for node in ast.parse((SMMP / f"{module}.py").read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found[node.name] = node
    return found


def _stages(node: ast.AST) -> set[str]:
    names = {
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(node)
        if isinstance(n, (ast.Attribute, ast.Name))
    }
    return names & set(sync.STAGES)


def _sets(function: ast.FunctionDef) -> set[str]:
    """Stages that the function sets itself."""
    found: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            if any(isinstance(n, ast.Attribute) and n.attr == "stage" for n in ast.walk(node.targets[0])):
                found |= _stages(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "clear":
                found |= _stages(node.args[0])
            elif node.func.attr in ("accept", "fitting"):
                found.add("REST")  # an agreement without us
    return found


def _calls(function: ast.FunctionDef) -> set[str]:
    nodes = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    return {n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in nodes}


def procedures() -> dict[str, tuple[str, list[str], list[str]]]:
    """Those that change the stage or are in the table: name -> (what
    it does, stages it sets, procedures it may go on with).
    """
    functions = _functions()
    sets = {name: _sets(function) for name, function in functions.items()}
    moving = {name for name in functions if sets[name]}
    while more := {name for name in functions if _calls(functions[name]) & moving} - moving:
        moving |= more
    found, todo = {}, [where.split(".")[1] for where in sync.TABLE.values()]
    while todo:
        name = todo.pop(0)
        if name not in found:
            says = (ast.get_docstring(functions[name]) or "").split("\n\n")[0].replace("\n", " ")
            goes = sorted((_calls(functions[name]) & moving) - {name})
            found[name] = (says, sorted(sets[name], key=sync.STAGES.index), goes)
            todo += goes
    return found


def leads_to(name: str) -> set[str]:
    """Stages in which a procedure and what it goes on with may end."""
    known, todo, seen = procedures(), [name], set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += known[name][2]
    return {stage for name in seen for stage in known[name][1]}


def drawn() -> str:
    inputs = list(dict.fromkeys(given for _, given in sync.TABLE))
    lines = ["| stage | " + " | ".join(inputs) + " |", "|---" * (len(inputs) + 1) + "|"]
    for stage in dict.fromkeys(stage for stage, _ in sync.TABLE):
        name = sync.STAGES[stage]
        cells = [sync.TABLE.get((stage, given), "").split(".")[-1] for given in inputs]
        lines.append(f"| {name} ({PHASES.get(name, 'SYNC')}) | " + " | ".join(cells) + " |")
    lines += ["", "| procedure | | next stage | or goes on with |", "|---|---|---|---|"]
    for name, (says, sets, goes) in procedures().items():
        lines.append(f"| {name} | {says} | {', '.join(sets)} | {', '.join(goes)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    text = PROTOCOL.read_text()
    before, rest = text.split(BEGIN)
    PROTOCOL.write_text(before + BEGIN + "\n" + drawn() + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
