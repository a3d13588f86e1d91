"""The insider's fuzzer: every kind of frame, rightly keyed and signed, its fields at their edges. PROTOCOL.md 1 and 13.

100,000 frames in `make test`; `python tests/core/cpython/test_insider_frames.py SEED FRAMES` plays more, from any seed.
What raises, changes a state that it must not, or costs a write is printed with its draw and ends the run.
"""

import copy
import sys
import time
import types
from pathlib import Path

import pytest

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[3]
    sys.path[:0] = [str(root / "shared"), str(root / "tests/support/core")]

from grammar import KINDS
from insider_fuzz import Draw, World, play

SEEDS, FRAMES = range(4), 25000
CHAIN = 60  # frames to one copy of the member, at most


def run(seed, frames):
    """Each few frames meet a member as it was in the beginning: live in a group and in an epoch. -> what was played"""
    world, draw, tally, played = World(), Draw(seed), {}, 0
    shared = {id(module): module for module in sys.modules.values() if isinstance(module, types.ModuleType)}
    while played < frames:
        ann = copy.deepcopy(world.ann, dict(shared))
        played += play(world, ann, draw, min(CHAIN, frames - played), tally, 1 + draw.below(4))
    return tally


@pytest.mark.parametrize("seed", SEEDS)
def test_no_frame_of_an_insider_raises_or_changes_what_it_must_not(seed):
    tally = run(seed, FRAMES)
    assert sum(tally[kind] for kind in KINDS) == FRAMES
    for kind in KINDS:  # else the grammar would make nothing that gets to the end of its road
        assert tally[kind] > FRAMES // 30, (kind, tally)
        assert kind == "barrier" or tally[kind + " taken"] > 5, (kind, tally)  # that one is known by its nonce


if __name__ == "__main__":
    started = time.monotonic()
    print(run(int(sys.argv[1]), int(sys.argv[2])), "%.1f s" % (time.monotonic() - started))
