"""docs/DROPS.md is true: every refusal of the core stands in it with
the function that gives it and a test that shows it. The tests that docs/THREATS.md names exist.
"""

import re

import pytest

import drops

ROWS = drops.rows() if drops.PAGE.exists() else []


def test_every_refusal_stands_in_the_table_and_nothing_else():
    assert {(reason, function) for reason, function, _, _ in ROWS} == drops.sites()
    assert len(ROWS) == len(set(ROWS)) > 100


def test_every_function_names_what_it_implements():
    wrong = [(function, said) for _, function, said, _ in ROWS if not said or said != drops.sections(function)]
    assert wrong == []


@pytest.mark.parametrize(("reason", "function", "test"), [(row[0], row[1], row[3]) for row in ROWS])
def test_the_named_test_says_the_reason(reason, function, test):
    assert f'"{reason}"' in drops.source(test), f"{function}: run .venv/bin/python tests/support/drops.py"


def test_every_attack_in_the_table_of_threats_names_a_test():
    named = re.findall(r"^\| .* \| `(tests/[^`]*)` \|$", (drops.ROOT / "docs" / "THREATS.md").read_text(), re.MULTILINE)
    assert len(named) == len(set(named)) >= 18
    for test in named:
        assert drops.source(test)
