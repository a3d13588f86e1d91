"""How much the formal models and the insider's fuzzer of `make test` went through: docs/ASSURANCE.md."""
import ast
from pathlib import Path

from formal import models


def missing():
    return models.missing()


def measure(put):
    total = 0
    for run in models.SMALL:
        result = models.check(run)
        if result.errors:
            raise SystemExit("a property does not hold: %s %s %s" % run[:3])
        total += result.states
    put("assurance.model_states", total)
    put("assurance.insider_frames", _frames())


def _frames():
    """Of tests/core/cpython/test_insider_frames.py, which fails unless it has played them all."""
    tree = ast.parse((Path(__file__).parents[1] / "core" / "cpython" / "test_insider_frames.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(SEEDS, FRAMES)":
            seeds, frames = node.value.elts
            return ast.literal_eval(seeds.args[0]) * ast.literal_eval(frames)
    raise SystemExit("the fuzzer's size was not found")
