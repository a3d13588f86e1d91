"""Where the core refuses what it hears, and which test shows it: docs/DROPS.md is written from here, and judged by it.

    python tests/support/drops.py       runs the core's tests, notes which test makes what refuse, and writes the page

As a pytest plugin (-p drops) it notes, into the file that $SEALCAST_DROPS names, every Reject that a test causes.
"""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "shared" / "sealcast"
PAGE = ROOT / "docs" / "DROPS.md"
TESTS = ("tests/core", "tests/reference")  # where a test of a refusal may stand
# they play what the others play
LONG = ("tests/core/cpython/test_rare_scenarios.py", "tests/reference/test_mutations.py")
HEAD = """# What is refused, where, and by which test

What a peer's bytes do wrong is counted under a reason (PROTOCOL.md 13); nothing that such a frame
says changes anything. A row: the reason, a function that gives it, the sections of PROTOCOL.md that
its file implements, and a test that makes this function say so. Written by
`python tests/support/drops.py`, kept honest by `tests/test_drops.py`.

| reason | function | PROTOCOL.md | test |
|---|---|---|---|
"""
SECTIONS = re.compile(r"PROTOCOL\.md (?:sections? )?(\d+(?:\.\d+)?(?:(?:,| and| to)+ \d+(?:\.\d+)?)*)")
ROW = re.compile(r"\| `(\w+)` \| `([\w/.]+)` \| ([^|]*) \| `([^`]*)` \|")


class Sites(ast.NodeVisitor):
    """(reason, "folder/file.function") of every Reject("...") and complain("...") in a file."""

    def __init__(self, path):
        self.file = str(path.relative_to(SHARED).with_suffix(""))
        self.names, self.found = [], set()
        self.visit(ast.parse(path.read_text()))

    def _inside(self, node):
        self.names.append(node.name)
        self.generic_visit(node)
        self.names.pop()

    visit_FunctionDef = visit_ClassDef = _inside

    def visit_Call(self, node):
        self.generic_visit(node)
        if not node.args or ast.unparse(node.func).split(".")[-1] not in ("Reject", "complain"):
            return
        for value in ast.walk(node.args[0]):
            # "a" if x == "b" else "c": what is compared is no reason
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                self.found.add((value.value, ".".join([self.file, *self.names])))


def sites():
    return set().union(*(Sites(path).found for path in sorted(SHARED.rglob("*.py"))))


def sections(function):
    """What the head of its file says that it implements."""
    path = SHARED / (function.partition(".")[0] + ".py")
    found = SECTIONS.search(" ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split()))
    return found[1] if found else ""


def source(test):
    """The text of a test function, "path::name" -> str. Raises KeyError when there is none."""
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_source_segment(text, node)
    raise KeyError(test)


def rows():
    """[(reason, function, sections, test)] of the page."""
    return ROW.findall(PAGE.read_text())


# --- noting, as a plugin


def pytest_configure(config):
    from sealcast import effects, errors

    noted, current = {}, [""]
    config.drops = noted, current
    first, complain = errors.Reject.__init__, effects.Out.complain

    def note(reason, frame):
        path = Path(frame.f_code.co_filename)
        if SHARED in path.parents:
            where = f"{path.relative_to(SHARED).with_suffix('')}.{frame.f_code.co_qualname.replace('.<locals>', '')}"
            noted.setdefault(f"{reason} {where}", {})[current[0]] = True

    def init(self, reason):
        note(reason, sys._getframe(1))
        first(self, reason)

    def complained(self, reason, *rest):
        note(reason, sys._getframe(1))
        complain(self, reason, *rest)

    errors.Reject.__init__, effects.Out.complain = init, complained


def pytest_runtest_setup(item):
    item.config.drops[1][0] = item.nodeid.partition("[")[0]


def pytest_unconfigure(config):
    target = os.environ["SEALCAST_DROPS"]
    Path(target).write_text(json.dumps({key: sorted(tests) for key, tests in config.drops[0].items()}))


# --- writing


def _best(reason, tests):
    """Of the tests that make it so, one that says the reason."""
    saying = [test for test in tests if test.startswith(TESTS) and f'"{reason}"' in source(test)]
    return min(saying, key=lambda test: (not test.startswith("tests/core/"), len(source(test)), test), default="")


def write():
    target = ROOT / "build" / "drops.json"
    target.parent.mkdir(exist_ok=True)
    env = dict(os.environ, SEALCAST_DROPS=str(target), PYTHONPATH=str(Path(__file__).parent))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "drops", *TESTS, *(f"--ignore={path}" for path in LONG)]
    done = subprocess.run(command, cwd=ROOT, env=env)
    noted = json.loads(target.read_text())
    lines, bare = [], []
    for reason, function in sorted(sites()):
        test = _best(reason, noted.get(f"{reason} {function}", ()))
        lines.append(f"| `{reason}` | `{function}` | {sections(function)} | `{test}` |")
        if not test:
            bare.append(f"{reason} {function}: {noted.get(f'{reason} {function}', [])[:3]}")
    PAGE.write_text(HEAD + "\n".join(lines) + "\n")
    print("\n".join(["no test says it:", *bare]) if bare else "every refusal has its test")
    return done.returncode or bool(bare)


if __name__ == "__main__":
    sys.exit(write())
