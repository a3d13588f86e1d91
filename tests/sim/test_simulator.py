"""Two thousand stories of members that come, go and break, each checked at every step (checks.py names the invariants).

SEALCAST_SEEDS=FROM:TO runs another range. A failure names its seed:
`python tests/sim/run.py --seed N --trace` replays it.
"""

import os

import pytest

from sealcast.effects import Wanted
from sim.recorder import Broken, Recorder
from sim.schedule import MESSAGES, Story, bound_ms

CHUNK = 50


def seeds():
    first, _, last = os.environ.get("SEALCAST_SEEDS", "0:2000").partition(":")
    return int(first), int(last)


@pytest.mark.parametrize("begin", range(*seeds(), CHUNK))
def test_every_invariant_holds_whatever_breaks(begin):
    for seed in range(begin, min(begin + CHUNK, seeds()[1])):
        try:
            w = Story(seed).run()
        except Exception as e:
            e.add_note(f"replay: python tests/sim/run.py --seed {seed} --trace")
            raise
        assert w.settle_ms <= bound_ms(len(w.clients)), seed
        assert w.settle_messages <= MESSAGES * len(w.clients), seed


def test_receipts_come_and_a_false_one_is_seen():
    asked = Story(11).run().checks.asked
    assert asked.confirmed > 3
    asked.open.append((Wanted({}, {}, None), b"never delivered", []))
    asked.open[-1][0].confirmed.append("m01")
    with pytest.raises(Broken, match="not delivered"):
        asked.check({("m01", 0): {b"other"}, ("m02", 0): {b"never delivered"}})


def test_a_story_is_the_same_each_time():
    def told(seed):
        lines = []
        Story(seed, lines.append).run()
        return lines

    assert told(4) == told(4)
    assert told(4) != told(5)


def test_the_recorder_sees_a_nonce_used_twice():
    suite = Recorder()
    suite.secretbox(bytes(32), bytes(24), b"one")
    suite.secretbox(bytes(32), bytes(24), b"one")
    with pytest.raises(AssertionError, match="two plaintexts"):
        suite.secretbox(bytes(32), bytes(24), b"two")
