"""The core's tests a second time, on MicroPython with a capped heap: one process a test (see dual.py)."""

import pytest

import dual

MODULES = dual.modules()
TESTS = [(module, name) for module in MODULES for name in dual.functions(module)]


@pytest.mark.parametrize("module", MODULES)
def test_module_is_seen_whole(module, micropython, mpy_cross):
    """Every test that MicroPython finds in the module is one that runs below, and there is at least one."""
    found = dual.run(micropython, mpy_cross, module)
    assert found.returncode == 0, found.stdout + found.stderr
    names = [line.split()[1] for line in found.stdout.splitlines() if line.startswith("test ")]
    assert names
    assert names == dual.functions(module)


@pytest.mark.parametrize(("module", "name"), TESTS, ids=[f"{module}-{name}" for module, name in TESTS])
def test_core(module, name, micropython, mpy_cross):
    done = dual.run(micropython, mpy_cross, module, name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1:] == [f"ok {name}"], done.stdout


def test_the_runner_sees_failures(micropython, mpy_cross):
    """A test that raises, one that is not there and a full heap each end in an error, so that `ok` means something."""
    for name, error in (("raises", "TypeError"), ("test_that_is_not_there", "AttributeError")):
        done = dual.run(micropython, mpy_cross, "check", name)
        assert done.returncode != 0
        assert error in done.stdout + done.stderr
    full = dual.run(micropython, mpy_cross, "test_check", "test_raises_returns_the_exception", limit="heapsize=4k")
    assert full.returncode != 0
    assert "MemoryError" in full.stdout + full.stderr


def test_the_heap_is_capped(micropython, mpy_cross):
    """Free and used heap together are at most 208 KB when a test starts (support/dual.py says why)."""
    done = dual.run(micropython, mpy_cross, "test_check", "test_raises_returns_the_exception")
    word, used, free = done.stdout.splitlines()[0].split()
    assert word == "heap"
    assert 196 * 1024 < int(used) + int(free) <= 208 * 1024
