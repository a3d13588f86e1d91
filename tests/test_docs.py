"""The documentation holds: its lines are short, what it names is there, and its answers stand where it says."""

import re
from pathlib import Path

import pytest

import wrapped

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "boards/*.md", "firmware/**/*.md")
    for path in ROOT.glob(pattern)
    if ".venv" not in path.parts
)
# A path in backticks or as a link's target. Some name a file by its place in a package: these are tried, too.
NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)(?:::\w+)?`|\]\(([\w./-]+)\)")
BELOW = ("", "shared/sealcast/", "host/", "docs/")


@pytest.mark.parametrize("name", DOCS)
def test_prose_is_wrapped(name):
    assert wrapped.too_long((ROOT / name).read_text()) == [], f"run: python tests/support/wrapped.py {name}"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "docs/ARCHITECTURE.md", "docs/VERSIONS.md"])
def test_what_is_named_is_there(name):
    named = [first or second for first, second in NAMED.findall((ROOT / name).read_text())]
    missing = [
        path
        for path in named
        if not path.startswith(("sc/", "sc2/", "boards/NAME", "build/"))
        and not any((ROOT / below / path).exists() for below in BELOW)
        and not (ROOT / name).parent.joinpath(path).exists()
    ]
    assert missing == []
    assert len(named) > (0 if name == "SECURITY.md" else 5)


def test_a_strangers_questions_are_answered():
    """Each row's file is there, and has what is to be looked for as a function, method or class."""
    rows = re.findall(r"^\| ([^|]*\?) \| `([^`]*)` \| `(\w+)` \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert len(rows) >= 8
    for question, path, name in rows:
        assert re.search(rf"^\s*(async )?(def|class) {name}\b", (ROOT / path).read_text(), re.M), question


def test_wrapping_changes_no_word_and_leaves_code_and_tables():
    long = " ".join(["word"] * 40)
    text = f"# {long}\n\n* {long}\n  more\n\n    code {long}\n\n| {long} |\n\n{long} 1. and\n```\n{long}\n```\n"
    new = wrapped.wrapped(text)
    assert new.split() == text.split() and wrapped.wrapped(new) == new
    kept = [line for line in new.split("\n") if len(line) > wrapped.WIDTH]
    assert [line[:4] for line in kept] == ["# wo", "    ", "| wo", "word"]
    assert wrapped.too_long(text) and not wrapped.too_long(new)
    assert not any(re.match(r"(\d+\.|#) ", line) for line in new.split("\n")[1:])
