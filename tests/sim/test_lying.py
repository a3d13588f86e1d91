"""Stories behind a broker that lies with true frames (lying.py), checked at every step. A failure names its seed:
`python tests/sim/run.py --lying --seed N --trace` replays it."""

import pytest

from sealcast.zpinc import heard
from sim.lying import LyingStory
from sim.recorder import Broken


@pytest.mark.parametrize("begin", range(0, 60, 20))
def test_nothing_is_live_that_was_made_before_whatever_the_broker_shows(begin):
    live = history = 0
    for seed in range(begin, begin + 20):
        try:
            checks = LyingStory(seed).run().checks
        except Exception as e:
            e.add_note(f"replay: python tests/sim/run.py --lying --seed {seed} --trace")
            raise
        live, history = live + checks.live_count, history + checks.historic
    assert live > 100 and history > 100


def test_the_checks_see_what_is_called_live_without_a_proof(monkeypatch):
    age = heard.age
    monkeypatch.setattr(heard, "age", lambda *given: (age(*given)[0], True))
    with pytest.raises(Broken, match="live"):
        for seed in range(10):
            LyingStory(seed).run()
