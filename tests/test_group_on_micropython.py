"""The ratcheting group on MicroPython: its life, its state in flash, what it takes of the heap (core/group_cases.py), and
the attacks on it (core/*_attacks.py)."""

import ast

import pytest

import dual

# Three whole members, their broker and the cases share this one; a board holds one member, in objects half as large.
HEAP = "heapsize=700k"
CASES = [
    (module, node.name)
    for module in ("group_cases", "group_attacks", "package_attacks", "lost_attacks")
    for node in ast.parse((dual.CORE / (module + ".py")).read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]


@pytest.mark.parametrize(("module", "name"), CASES)
def test_group(module, name, micropython, mpy_cross):
    done = dual.run(micropython, mpy_cross, module, name, heap=HEAP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1:] == [f"ok {name}"], done.stdout
