"""The core's tests a third time: core and tests run out of an image in memory that nobody can write to (see
flashed.py)."""

import pytest

import dual
import flashed

TESTS = [(module, name) for module in dual.modules() for name in dual.functions(module)]

_PROGRAM = """
assert started
import xip
import on_micropython
for name, module in sys.modules.items():
    if name.startswith('sealcast') or name == sys.argv[1]:
        assert module.__file__.startswith(xip.folder), module.__file__
"""


@pytest.mark.parametrize(("module", "name"), TESTS, ids=[f"{module}-{name}" for module, name in TESTS])
def test_core(module, name, micropython, lib, code, tmp_path):
    run = flashed.Run(micropython, lib, tmp_path, _PROGRAM, module, name, heap=dual.heap(module))
    run.link(code)
    status, out = run.go()
    assert status == 0, out
    assert out.splitlines()[-1] == f"ok {name}", out


def test_the_runner_sees_failures(micropython, lib, code, tmp_path):
    run = flashed.Run(micropython, lib, tmp_path, _PROGRAM, "check", "test_that_is_not_there")
    run.link(code)
    status, out = run.go()
    assert status != 0 and "AttributeError" in out


@pytest.mark.parametrize("module", ["test_runs", "test_session"])
def test_constants_in_the_stubs(module, micropython, lib, code, tmp_path):
    """The first step, which needs no address of the firmware: everything but bytecode lies in RAM."""
    for name in dual.functions(module)[:3]:
        run = flashed.Run(micropython, lib, tmp_path / name, _PROGRAM, module, name, heap="heapsize=300k")
        run.link(code, constants=False)
        status, out = run.go()
        assert status == 0, out
        assert out.splitlines()[-1] == f"ok {name}", out
