"""The soak run itself: what it counts, that a story which breaks a rule is counted by what it broke, how it stops."""

import json
import os
import signal
import subprocess
import sys

import pytest

import soak
from sim.recorder import Broken
from sim.schedule import Story


def test_what_a_run_reports_does_not_depend_on_how_many_processes_tell_it(tmp_path):
    def told(jobs):
        report = tmp_path / jobs
        run = ["--seed", "3", "--messages", "300", "--minutes", "15", "--jobs", jobs, "--report", str(report)]
        assert soak.main(run) == 0
        return json.loads(report.read_text()) | {"seconds": 0}

    one = told("1")
    assert one["messages"] >= 300 and one["stories"] >= 3 and one["seed"] == 3 and one["failed"] == []
    assert told("3") == one


def test_an_interrupt_ends_it_with_a_report(tmp_path):
    """As a terminal's Ctrl-C does, which all processes get."""
    report = tmp_path / "report.json"
    command = [sys.executable, soak.__file__, "--seed", "3", "--minutes", "15", "--jobs", "2", "--report", str(report)]
    pipe, text = subprocess.PIPE, True
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=text, start_new_session=True) as run:
        assert run.stdout.readline().startswith("1 stories")
        os.killpg(run.pid, signal.SIGINT)
        said, errors = run.communicate()
    told = json.loads(report.read_text())
    assert run.returncode == 0 and not errors and told["stories"] >= 1
    assert said.splitlines()[-1] == soak.line(told)


def test_a_process_that_ends_is_a_crash_and_the_next_story_is_told():
    with soak.Tellers(3, 1) as tellers:
        tellers.tellers[0].process.kill()
        tellers.tellers[0].process.join()
        figures = iter(tellers)
        ended = next(one for one in figures if one.get("crashes"))
        assert ended["failed"][0]["what"] == "the process that told it ended"
        assert next(figures)["messages"] > 0


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
    run = soak.Soak(6)
    run.add(soak.tell(6))
    assert not run.clean and run.report[what] == 1 and run.report["failed"][0]["seed"] == 6
    assert sum(run.report[name] for name in ("losses_unnoticed", "doubles", "crashes", "other_rules_broken")) == 1
