"""How much the models, mutants, stories and the insider's fuzzer of `make test` went through: docs/ASSURANCE.md."""
import ast
import importlib
import sys
import tempfile
from pathlib import Path

from formal import models

TESTS = Path(__file__).resolve().parents[1]


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
    stories = (_part(f"sim.{name}").seeds() for name in ("test_simulator", "test_group_simulator"))
    put("assurance.stories", sum(last - first for first, last in stories))
    total, killed = _mutants()
    put("assurance.mutants_total", total)
    put("assurance.mutants_killed", killed)


def _part(name):
    """A module of the tests; those beside it are found, too."""
    for folder in (TESTS, TESTS / "reference", TESTS / "core" / "cpython"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    return importlib.import_module(name)


def _mutants():
    """Of the core, each run as its test runs it. -> (how many, how many were found out)"""
    crossed, ruled, mutants = _part("test_mutations"), _part("test_rule_mutants"), _part("mutants")
    total = killed = 0
    for which in (mutants.listed, mutants.by_rule):
        with tempfile.TemporaryDirectory() as folder:
            made = list(which(crossed.CORE))
            total += len(made)
            killed += len(made) - len(crossed.problems(Path(folder, "all"), made))
    for mutant in ruled.MUTANTS:
        with tempfile.TemporaryDirectory() as folder:
            total += 1
            try:
                ruled.test_the_broken_rule_is_found_out(Path(folder), mutant)
                killed += 1
            except AssertionError as e:
                print("\nnot found out: %s\n%s" % (mutant[0], e))
    return total, killed


def _frames():
    """Of tests/core/cpython/test_insider_frames.py, which fails unless it has played them all."""
    tree = ast.parse((Path(__file__).parents[1] / "core" / "cpython" / "test_insider_frames.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "(SEEDS, FRAMES)":
            seeds, frames = node.value.elts
            return ast.literal_eval(seeds.args[0]) * ast.literal_eval(frames)
    raise SystemExit("the fuzzer's size was not found")
