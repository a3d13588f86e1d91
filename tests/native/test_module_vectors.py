"""The core's tests of crypto suites (RFC vectors, arguments) once
more under MicroPython, the native modules on the path.
"""

import ast
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
CORE = os.path.join(ROOT, "tests", "core", "crypto")
SUPPORT = os.path.join(ROOT, "tests", "support", "core")
sys.path.insert(0, HERE)
import agreement  # noqa: E402


def names_in(module):
    with open(os.path.join(CORE, module + ".py")) as file:
        return [
            node.name
            for node in ast.parse(file.read()).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]


TESTS = [(module, name) for module in ("test_suite_vectors", "test_suite_arguments") for name in names_in(module)]


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder with the x64 modules, built just now."""
    return agreement.built_for_this_machine(tmp_path_factory.mktemp("modules"))


def run(binary, modules, code):
    path = ":".join([str(modules), CORE, SUPPORT, os.path.join(ROOT, "shared"), ".frozen"])
    command, environment = [binary, "-X", "heapsize=4m", "-c", code], {**os.environ, "MICROPYPATH": path}
    done = subprocess.run(command, cwd=modules, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("module", "name"), TESTS, ids=[name for _, name in TESTS])
def test_native(module, name, micropython, modules):
    # The last suite is the native one; soft has passed before, so that its share is left out here.
    code = ["import suites", "s = suites.suites()[-1]", "assert s.NAME == 'native'", "suites.suites = lambda: [s]"]
    code += [f"import {module} as m", f"m.{name}()", "print('ok')"]
    assert run(micropython, modules, "\n".join(code)).splitlines()[-1] == "ok"
