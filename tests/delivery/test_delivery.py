"""Is what `send` says true? Random worlds of real processes behind real brokers that forget joins and show late what
they keep (world.py), and the judge that asks.
"""

import pytest

from delivery import run
from delivery.world import ACTIONS, LYING, World

SEEDS = 100  # behind each broker; any others by hand: run.py


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_what_is_sent_is_delivered_or_reported_and_nobody_honest_is_called_a_forger(kind, tmp_path):
    first = 0 if kind == "mosquitto" else SEEDS
    wrong = run.worlds(range(first, first + SEEDS), kind, tmp_path, ACTIONS + LYING)
    assert not wrong, "\n".join(wrong)


def test_a_message_that_is_lost_in_silence_is_found_out(tmp_path, monkeypatch):
    """The judge itself: in one world a member's first message vanishes without a word."""
    told, lost = World._told, []

    def deaf(self, m, life, name, info):
        if name == "message" and m.uid == "ben" and info["sender"] == "anna" and not info["historic"]:
            lost.append(info["body"])
            return
        told(self, m, life, name, info)

    monkeypatch.setattr(World, "_told", deaf)
    monkeypatch.setattr("delivery.world.QUIET_S", 1.0)
    wrong, seed = [], 0
    while not any("said ok; ben has nothing" in line for line in wrong) and seed < 5:
        where = tmp_path / str(seed)
        wrong = run.worlds(range(seed, seed + 1), "embedded", where, ("join", "send", "send"))
        seed += 1
    assert lost and any("anna's" in line and "said ok; ben has nothing" in line for line in wrong), wrong
