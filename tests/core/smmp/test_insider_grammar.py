"""Frames of the insider's fuzzer (tests/core/cpython/test_insider_frames.py) on both Pythons. PROTOCOL.md 1, 13."""

from grammar import KINDS
from insider_fuzz import Draw, World, play

HEAP = "heapsize=1200k"  # for three members, their broker and the grammar in one


def test_frames_of_an_insider_on_this_python():
    world, tally = World(), {}
    for kind in KINDS:  # a short one of each first, and none
        for size in (0, 1, 53, 61, 62):
            topic, payload = world.bob.frame_of(Draw(size), kind, world.ann)
            world.ann.receive(topic, payload[:size], world.now)
    drops = sum(world.ann.out.drops.values())
    assert drops >= 5 * len(KINDS) - 5, drops
    play(world, world.ann, Draw(1), 150, tally, 1000)
    assert sum([tally[kind] for kind in KINDS]) == 150
