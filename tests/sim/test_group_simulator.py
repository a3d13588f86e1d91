"""Two thousand stories of the ratcheting group, each checked at every step (group_checks.py names the invariants).

SEALCAST_GROUP_SEEDS=FROM:TO runs another range. A failure names its
seed: `python tests/sim/run.py --group --seed N --trace`.
"""

import os

import pytest

from sim.group_schedule import BOUND_MS, GroupStory

CHUNK = 50


def seeds():
    first, _, last = os.environ.get("SEALCAST_GROUP_SEEDS", "0:2000").partition(":")
    return int(first), int(last)


@pytest.mark.parametrize("begin", range(*seeds(), CHUNK))
def test_every_invariant_of_the_group_holds_whatever_breaks(begin):
    for seed in range(begin, min(begin + CHUNK, seeds()[1])):
        try:
            w = GroupStory(seed).run()
        except Exception as e:
            e.add_note(f"replay: python tests/sim/run.py --group --seed {seed} --trace")
            raise
        assert w.settle_ms <= BOUND_MS, seed


def test_members_of_a_group_confirm():
    assert sum(GroupStory(seed).run().checks.asked.confirmed for seed in (4, 11)) > 3


def test_a_group_story_is_the_same_each_time():
    def told(seed):
        lines = []
        GroupStory(seed, lines.append).run()
        return lines

    assert told(7) == told(7)
    assert told(7) != told(8)
