"""The ratcheting group on MicroPython (core/group_cases.py): its life, its state in flash, and what it takes of the heap."""

import ast

import pytest

import dual

# Three whole members, their broker and the cases share this one; a board holds one member, in objects half as large.
HEAP = "heapsize=700k"
NAMES = [
    node.name
    for node in ast.parse((dual.CORE / "group_cases.py").read_text()).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]


@pytest.mark.parametrize("name", NAMES)
def test_group(name, micropython, mpy_cross):
    done = dual.run(micropython, mpy_cross, "group_cases", name, heap=HEAP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1:] == [f"ok {name}"], done.stdout
