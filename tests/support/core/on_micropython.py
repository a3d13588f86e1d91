"""Runs on MicroPython: `on_micropython.py <module>` names the test functions of a module, `<module> <test>` runs one.

One process a test, so each has the whole of the capped heap and none sees what another left behind.
"""

import gc
import sys


def main(module, name=None):
    tests = __import__(module)
    names = [n for n in dir(tests) if n.startswith("test_")]
    if name is None:
        for n in sorted(names):
            print("test", n)
        return
    gc.collect()
    # Long before the heap is full, as a node does: a full heap is a fragmented one. 16 KB in most tests; as often in a
    # heap of 700 KB would be two thirds of a long test's time.
    gc.threshold((gc.mem_alloc() + gc.mem_free()) // 13)
    print("heap", gc.mem_alloc(), gc.mem_free())
    getattr(tests, name)()
    print("ok", name)


main(*sys.argv[1:])
