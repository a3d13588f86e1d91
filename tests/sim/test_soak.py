"""The soak run itself: what it counts, and that a story which breaks a rule is counted by what it broke."""

import json

import pytest

import soak
from sim.recorder import Broken
from sim.schedule import Story


def test_a_short_run_is_reported(tmp_path):
    report = tmp_path / "report.json"
    assert soak.main(["--seed", "3", "--messages", "60", "--minutes", "5"], report) == 0
    told = json.loads(report.read_text())
    assert told["messages"] >= 60 and told["stories"] >= 1 and told["seed"] == 3 and told["failed"] == []


@pytest.mark.parametrize(("error", "what"), [
    (Broken("invariant 9: note 3 of m01 is missing at m02 and was not reported"), "losses_unnoticed"),
    (Broken("invariant 9: note was delivered twice"), "doubles"),
    (Broken("a note was delivered out of order"), "other_rules_broken"),
    (KeyError("x"), "crashes"),
])  # fmt: skip
def test_what_a_story_breaks_is_counted(monkeypatch, error, what):
    def run(self):
        raise error

    monkeypatch.setattr(Story, "run", run)
    run = soak.Soak(5)
    run.tell("channel", 5)
    assert not run.clean and run.report[what] == 1 and run.report["failed"][0]["seed"] == 5
    assert sum(run.report[name] for name in ("losses_unnoticed", "doubles", "crashes", "other_rules_broken")) == 1
