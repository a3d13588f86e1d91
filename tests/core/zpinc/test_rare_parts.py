"""Rare parts of the core load when they are needed, work, and go when they were idle: on MicroPython from files."""

import gc
import sys

from sealcast import rare
from sealcast.compat import UNLOADS
from solo_life import live

RARE = ("state", "zpinc.joins", "zpinc.history", "zpinc.rekey", "zpinc.cpace", "zpinc.revocation")


def loaded():
    return [name for name in RARE if "sealcast." + name in sys.modules]


def test_what_was_idle_goes_and_comes_again():
    two, _ = live()
    for ch in two.members.values():
        ch.keepalive.due += 1000000  # nothing happens
    two.later(200000)
    assert loaded() == [] or not UNLOADS
    for ch in two.members.values():
        ch.keepalive.due = two.now
    two.run("ann", two.members["ann"].send(b"again", "note", two.now))
    two.run("ann", two.members["ann"].rekey(two.now))
    two.later(20000)
    assert two.members["ann"].epoch == two.members["bob"].epoch is not None


def test_where_memory_is_short_it_goes_after_each_input():
    two, _ = live()
    rare.room = 0 if UNLOADS else None
    try:
        two.run("ann", two.members["ann"].rekey(two.now))
        two.later(20000)
    finally:
        rare.room = None
    assert two.members["ann"].epoch == two.members["bob"].epoch is not None
    assert loaded() == [] or not UNLOADS


def test_hundreds_of_rounds_leave_the_heap_as_it_was():
    after_a_few = 0
    for n in range(500):
        for name in RARE:
            rare.load(name)
        rare.release()
        if UNLOADS:
            assert loaded() == []
            gc.collect()
            if n == 20:
                after_a_few = gc.mem_alloc()
    if UNLOADS:
        assert gc.mem_alloc() <= after_a_few + 64


def test_without_memory_nothing_is_half_loaded():
    """The heap is filled up; a load that fails leaves no module behind, and works when there is room again."""
    if not UNLOADS:
        return
    rare.release()
    held, size = [], 4096
    while size >= 16:
        try:
            held.append(bytearray(size))
        except MemoryError:
            size //= 2
    failed = False
    try:
        rare.load("zpinc.revocation")
    except MemoryError:
        failed = True
    gone = "sealcast.zpinc.revocation" not in sys.modules
    held = None
    gc.collect()
    assert failed and gone
    assert rare.load("zpinc.revocation").declare


def test_what_comes_at_the_second_attempt_goes_as_the_rest():
    """The first one found no memory: 12 KB of the settings' rules stayed on boards whose node lies in files."""
    if not UNLOADS:
        return
    rare.release()
    tries = []

    def refused_once(name):
        tries.append(name)
        if len(tries) == 1:
            raise MemoryError()
        return __import__(name)

    rare.__import__ = refused_once
    try:
        assert rare.load("zpinc.revocation").declare and len(tries) == 2
    finally:
        del rare.__import__
    rare.release()
    assert loaded() == []
