"""Rare code is loaded when it is needed, and goes when it has been idle: memory is for what every message needs.

    load("zpinc.joins").receive(...)

Rules, which tests/core/cpython/test_rare_scenarios.py holds every rare module to: it is procedures beside records that
live elsewhere; no instance of a class of its own, no function, bound method or closure outlives a call of it; another
rare module it reaches by `load`, inside its functions. Load before any state changes: then a load that fails has lost
nothing. Where what comes first changes something already, `need` stands at the door: NoRoom says that the input has
done nothing yet and may be given in again (run/session.py does).

On CPython `load` is a plain import and nothing is ever dropped. Frozen code goes and comes, too: its functions and its
module's table take memory, and making them again costs no reading.
"""

import gc
import sys

from .compat import UNLOADS
from .errors import NoRoom

room = None  # bytes of the heap: where more are in use, nothing idle waits for a sweep. A board's node sets it
_fresh = {}  # name of a loaded rare module -> was it used since the last sweep?


def load(name):
    """The module sealcast.<name>. Raises MemoryError where no collection makes room: nothing is left half loaded."""
    _fresh[name] = True
    module = sys.modules.get("sealcast." + name)
    if module is not None:
        return module
    for last in (False, True):
        try:
            __import__("sealcast." + name)
            _fresh[name] = True  # again: a first attempt that failed was dropped
            return sys.modules["sealcast." + name]
        except MemoryError:
            drop(name)  # MicroPython keeps a module whose import failed, half made
            _mend()
            if last:
                raise
            release()


def _mend():
    """Where there was no memory for a module's first object, MicroPython leaves a place without a value in sys.modules:
    whoever imports it crashes. An index is safe, a TypeError."""
    gc.collect()
    for full in list(sys.modules) if UNLOADS else ():
        try:
            sys.modules[full]
        except TypeError:
            sys.modules.pop(full, None)


def need(*names):
    """Have these modules loaded -> the first. Raises NoRoom."""
    for name in names:
        try:
            load(name)
        except MemoryError:
            raise NoRoom(name)
    return load(names[0]) if names else None


def sweep():
    """Drop what nobody has used since the last sweep: code that is asked for again and again is loaded once."""
    for name in list(_fresh):
        if _fresh[name]:
            _fresh[name] = False
        else:
            drop(name) if UNLOADS else _fresh.pop(name)


def tidy():
    """After an input: where memory is short, all of it goes at once. -> is there anything left for a sweep?"""
    if _fresh and room is not None and gc.mem_alloc() > room:
        gc.collect()
        if gc.mem_alloc() > room:
            release()
    return UNLOADS and bool(_fresh)


def release():
    """All rare code goes but what is at work, which its callers hold."""
    for name in list(_fresh) if UNLOADS else ():
        drop(name)
    gc.collect()


def drop(name):
    """Out of memory with it, whoever used it last."""
    _fresh.pop(name, None)
    _fresh or _fresh.clear()  # its table, too
    full = "sealcast." + name
    package, short = full.rsplit(".", 1)
    sys.modules.pop(full, None)
    if hasattr(sys.modules.get(package), short):
        delattr(sys.modules[package], short)
