"""What `send` said is true, for random worlds behind real brokers (world.py): every send that said ok is, for each member
that was awake and in its audience, delivered or reported by an event that names sender and number; nothing is live that
was made before its receiver joined; nobody honest is called a forger. More seeds: CONTRIBUTING.md."""

import pytest

from delivery import run
from delivery.world import World
from host_support import mosquitto

KINDS = [  # broker, first seed, how many: 200 in all
    ("embedded", 0, 50),
    pytest.param("mosquitto", 50, 150, marks=pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")),
]


@pytest.mark.parametrize(("kind", "first", "count"), KINDS)
def test_what_send_said_is_true(kind, first, count, tmp_path):
    done = []
    wrong = run.worlds(range(first, first + count), kind, tmp_path, tell=lambda world, found: done.append(world))
    assert wrong == [], "\n".join(wrong)
    assert len(done) == count
    sent = [send for world in done for send in world.sends]
    assert sum(len(send.audience) for send in sent) > 5 * count  # there was something to lose
    assert {send.mode for send in sent} >= {"note", "conversation"}


def test_a_message_that_is_lost_in_silence_is_found_out(tmp_path, monkeypatch):
    """The judge itself: in one world a member's first message vanishes without a word."""
    told, lost = World._told, []

    def deaf(self, m, life, name, info):
        if name == "message" and not lost and any(info.body == s.body and m.uid in dict(s.audience) for s in self.sends):
            lost.append(info.body)
            return
        if name == "message" and info.body in lost and m.uid == "ben":
            return
        told(self, m, life, name, info)

    monkeypatch.setattr(World, "_told", deaf)
    monkeypatch.setattr("delivery.world.QUIET_S", 1.0)
    wrong = run.worlds(range(1), "embedded", tmp_path)
    assert lost and any("said ok" in line for line in wrong), wrong
