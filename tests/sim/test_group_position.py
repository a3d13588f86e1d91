"""What happens in stories of the simulator is what the table of PROTOCOL.md 18.3 shows."""

import pytest

import position
from sealcast.rare import load
from sealcast.smmp import sync
from sim.group_schedule import GroupStory


@pytest.fixture
def seen(monkeypatch):
    """(stage, input, stage after it): of each input that no other one
    came in the middle of (held frames are taken on the way).
    """
    table = load("smmp.sync")  # what the stories use: another test in this process may have dropped the module
    found, count, step = set(), [0], table.step

    def watched(me, members, group, given, what, now, out):
        stage = group.search.stage
        count[0] += 1
        mine = count[0]
        try:
            return step(me, members, group, given, what, now, out)
        finally:
            if mine == count[0]:
                found.add((stage, given, group.search.stage))

    monkeypatch.setattr(table, "step", watched)
    return found


def test_stories_keep_to_the_table(seen):
    for seed in range(30):
        GroupStory(seed).run()
    for stage, given, after in seen:
        where = sync.TABLE.get((stage, given))
        allowed = position.leads_to(where.split(".")[1]) if where else set()
        assert after == stage or sync.STAGES[after] in allowed, (sync.STAGES[stage], given, sync.STAGES[after])
    reached = {(stage, given) for stage, given, _ in seen}
    assert len(reached & set(sync.TABLE)) > 20
