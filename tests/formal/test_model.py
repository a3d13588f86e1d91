"""The formal models hold within small bounds, and each property is
refuted where its model is broken on purpose. docs/ASSURANCE.md.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import models  # noqa: E402


def name(run):
    return "-".join([run.model, run.claim, *run.defines.split()])


@pytest.mark.parametrize("run", models.SMALL, ids=name)
def test_holds(run):
    result = models.check(run)
    assert result.errors == 0
    assert result.states >= run.states, "too few states: the model cannot move"
    assert models.unexpected(run, result) == []


@pytest.mark.parametrize("run", models.BROKEN, ids=name)
def test_broken_model_is_refuted(run):
    assert models.check(run).errors == 1
