"""Is the cross-check awake? One constant, index or order of the core changed at a time: each change must make it fail.

The scenario named beside a mutant (mutants.py) is run on it in a process
of its own; it must end as a disagreement, not as a crash of the mutant.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import mutants
import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "shared" / "sealcast"
RUNNER = Path(__file__).with_name("mutant_runner.py")
DISAGREEMENTS = ("reference.known.Deviation", "reference.encoding.Reject", "AssertionError")


def run(folder, all_mutants):
    """[(mutant, exit code, what was said)] of all, each with the files that it changes."""
    places = {}
    for n, mutant in enumerate(all_mutants):
        place = folder / str(n)
        place.mkdir(parents=True)
        for name, text in mutant.changed.items():
            changed = place / "sealcast" / name
            changed.parent.mkdir(parents=True, exist_ok=True)
            changed.write_text(text)
        places[str(place)] = mutant
    jobs = "".join(f"{place} {mutant.scenario}\n" for place, mutant in places.items())
    ended = subprocess.run(
        [sys.executable, str(RUNNER)], cwd=ROOT, input=jobs, capture_output=True, text=True, check=True
    )
    codes = dict(line.split() for line in ended.stdout.splitlines())
    assert codes.keys() == places.keys()
    return [(mutant, int(codes[place]), Path(place, "said").read_text()) for place, mutant in places.items()]


def problems(folder, all_mutants):
    """What is wrong with those that were not found out."""
    found = []
    for mutant, code, said in run(folder, all_mutants):
        lines = said.splitlines()
        if code == 0:
            found.append(f"{mutant.what}: the scenario {mutant.scenario} did not notice")
        elif not any(line.startswith(DISAGREEMENTS) for line in lines):
            found.append(f"{mutant.what}: the scenario {mutant.scenario} crashed: {lines[-1:]}")
    shutil.rmtree(folder)
    return found


def test_healthy(tmp_path):
    """Without a change they pass: what the mutants fail on is their change."""
    same = [
        mutants.Mutant("the same", scenario, {})
        for scenario in sorted({*mutants.LABELS, *(entry[1] for entry in mutants.TEXTS)})
    ]
    assert [(mutant.scenario, code, said) for mutant, code, said in run(tmp_path, same) if code] == []


@pytest.mark.parametrize(("which", "least"), [(mutants.listed, 100), (mutants.by_rule, 60)], ids=["listed", "by_rule"])
def test_every_mutant_is_found_out(tmp_path, which, least):
    every = list(which(CORE))
    assert len(every) >= least
    assert problems(tmp_path, every) == []
