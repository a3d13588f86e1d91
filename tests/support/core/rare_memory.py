"""Runs on MicroPython for tests/core/cpython/test_rare_scenarios.py:
rare modules loaded and dropped, with memory and without.

$SEALCAST_RARE names the modules ("zpinc.joins run.settings").
"""

import gc
import os
import sys

from sealcast import rare

ROUNDS = 500
STEP = 256  # bytes of memory that are left, more and more


def _names():
    return os.getenv("SEALCAST_RARE").split()


def _names_of(module):
    """What tells a whole module from half of one: all its names."""
    return sorted(dir(module))


def rounds():
    """Loaded and dropped again and again: the heap in use is afterwards what it was."""
    for name in _names():
        for _ in range(3):  # names are interned, what it uses is loaded
            rare.load(name)
            rare.drop(name)
        gc.collect()
        before = gc.mem_alloc()
        taken = 0
        for _ in range(ROUNDS):
            rare.load(name)
            taken = taken or gc.mem_alloc() - before
            rare.drop(name)
        gc.collect()
        after = gc.mem_alloc()
        print("rounds", name, taken, after - before)
        assert taken > 0 and after - before < 512, name


def short_of_memory():
    """A load that fails with more and more memory left, up to where it succeeds: nothing is lost, later it works."""
    for name in _names():
        whole = _names_of(rare.load(name))
        rare.drop(name)
        gc.collect()
        failed = 0
        for spare in range(0, 200000, STEP):
            ballast = _fill(spare)
            known = len(sys.modules)
            try:
                rare.load(name)
                done = True
            except MemoryError:
                done = False
            del ballast
            gc.collect()
            if done:
                break
            failed += 1
            assert "sealcast." + name not in sys.modules and len(sys.modules) == known, (name, spare)
            assert _names_of(rare.load(name)) == whole, (name, spare)
            rare.drop(name)
            gc.collect()
        print("failed", name, failed)
        assert done and failed > 0, name
        rare.drop(name)


def cold():
    """The same when what the module uses is not there either: no half made part of that may be taken for a whole."""
    for name in _names():
        _forget()
        rare.load(name)
        whole, failed = _all(), 0
        for spare in range(1024, 200000, 2048):
            _forget()
            ballast = _fill(spare)
            try:
                rare.load(name)
                done = True
            except MemoryError:
                done = False
                failed += 1
            del ballast
            gc.collect()
            rare.load(name)  # with memory it is whole
            assert _all() == whole, (name, spare)
            if done:
                break
        assert done and failed > 0, name
        print("cold", name, failed)


def _all():
    """What tells whole modules of the core from others, and whether their packages have these very ones."""
    out = []
    for full in sorted(sys.modules):
        if full.startswith("sealcast."):
            package, short = full.rsplit(".", 1)
            parent = sys.modules.get(package)
            assert parent is None or getattr(parent, short) is sys.modules[full], full
            out.append((full, len(dir(sys.modules[full]))))
    return out


def _forget():
    """Everything of the core's but what loads it."""
    keep = ("sealcast", "sealcast.rare", "sealcast.compat", "sealcast.errors")
    for full in [m for m in sys.modules if m.startswith("sealcast.") and m not in keep]:
        rare.drop(full[9:])
    gc.collect()


def _fill(spare):
    """Take all of the heap in small pieces, and give about `spare` bytes back. A list would grow in large pieces."""
    chain = None
    gc.collect()
    try:
        while True:
            chain = (chain, bytearray(48))
    except MemoryError:
        pass
    for _ in range(spare // 128):
        chain = chain[0]
    gc.collect()
    return chain
