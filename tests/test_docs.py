"""The documentation holds: its lines are short, what it names is there, and its answers stand where it says."""

import argparse
import ast
import json
import re
import shlex
from pathlib import Path

import pytest

import api
import fields
import messages
import wrapped
from sealcast import state, wire
from sealcast.run import seriallink, settings, slots
from sealcast_host.cli import provision
from sealcast_host.cli.main import VERBS, _parser
from sealcast_host.errors import UserError
from sealcast_host.member import channels

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
    assert wrapped.too_long((ROOT / name).read_text()) == [], f"run: .venv/bin/python tests/support/wrapped.py {name}"


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


@pytest.mark.parametrize("name", DOCS)
def test_no_merge_was_left_half_done(name):
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if line.startswith(("<<<<<<< ", ">>>>>>> "))] == []


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


def test_the_api_page_is_of_today():
    assert api.PAGE.read_text() == api.page(), "run: .venv/bin/python tests/support/api.py"
    text = api.page()
    for name in ("await send(", "await approve(", "await attach(", "`identity_changed`", "`OutboxFull`"):
        assert name in text, name
    assert len(api.events()) > 20
    assert all(doc for _, doc in api.entries("shared/sealcast/run/session.py", "Session", ("send",)))


def test_the_settings_page_is_of_today():
    page = fields.PAGE.read_text()
    assert page.endswith(fields.table()), "run: .venv/bin/python tests/support/fields.py"
    named = {name for name, _, _, _ in fields.rows()}
    assert set(fields.FOR) <= named
    (example,) = re.findall(r"^(    \{.*?\n)\n", page, re.M | re.S)
    assert settings.check(json.loads(example)) == []


def test_a_sensor_can_be_chosen_and_has_its_wiring_told():
    (given,) = [give for name, give, _, _ in fields.rows() if name == "sensor.kind"]
    kinds = set(re.findall(r'"(\w+)"', given))
    parser = argparse.ArgumentParser()
    provision.arguments(parser)
    (option,) = [action for action in parser._actions if action.dest == "sensor"]
    assert set(option.choices) == kinds, "the choices of --sensor in host/sealcast_host/cli/provision.py"
    wired = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/HARDWARE.md").read_text().split("## Wiring a sensor")[1], re.M)
    assert kinds - {"auto"} <= set(wired), "a row of docs/HARDWARE.md, Wiring a sensor"


def test_every_message_of_the_product_is_in_the_page():
    page = messages.PAGE.read_text()
    assert page.endswith(messages.table()), "run: .venv/bin/python tests/support/messages.py"
    assert len(messages.messages()) > 200 and set(messages.EVENTS) == set(messages.render.EVENTS)
    assert page.count("\n") - page[: page.index(messages.MARK)].count("\n") > 200


def test_every_message_says_what_to_do():
    """Itself, or the page does."""
    assert messages.without_way_out() == [], "say it behind a colon, or in REMEDY of tests/support/messages.py"
    assert messages.split("no such file: give one") == ("no such file", "give one")
    assert messages.split("odd") == ("odd", "")


def test_a_message_is_seen_however_it_is_made():
    seen = {"'a'": "a", "f'a {b} c'": "a … c", "'a %d c' % b": "a … c", "'a' + b": "a…", "b": None}
    for code, text in seen.items():
        assert messages.text_of(ast.parse(code, mode="eval").body) == text


def test_versions_are_those_of_the_code():
    """docs/VERSIONS.md's tables and CHANGELOG's newest release name what the code writes."""
    code = {
        "frames": wire.VERSION, "stored state": state.FORMAT, "slots": slots.FORMAT, "serial link": seriallink.VERSION,
        "channel files": channels.FORMAT,
    }  # fmt: skip
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    said = re.search(r"\*\*Versions\*\*(.*?);", newest, re.S)[1].split("): ")[1]
    assert " ".join(said.split()) == ", ".join(f"{what} {number}" for what, number in code.items())
    page = (ROOT / "docs/VERSIONS.md").read_text()
    for row, number in zip(("frame", "stored state", "slot on flash", "serial link", "channel file of the host"),
                           code.values(), strict=True):  # fmt: skip
        assert re.search(rf"^\| {row} \|[^|]*\| {number} \|", page, re.M), row
    last = page.rstrip().splitlines()[-1].split("|")
    assert [int(cell) for cell in last[2:5]] == [code["frames"], code["stored state"], code["slots"]]


PAGES = sorted(
    [path for pattern in ("*.md", "docs/*.md", "examples/*", "boards/*.md", "firmware/**/*.md", "Containerfile")
     for path in ROOT.glob(pattern) if path.is_file()]
)  # fmt: skip


def commands(text):
    """Each `sealcast ...` that stands in code: between backticks (prose may break it), or in a block."""
    blocks = "\n".join(re.findall(r"```.*?```", text, re.S))
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    lines = re.findall(r"^(?:    |\t)(.*)$", prose, re.M) + blocks.splitlines()
    outside = re.sub(r"^(?:    |\t).*$", "", prose, flags=re.M)
    found = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", outside)]
    for line in [*found, *lines]:
        for part in re.split(r"&&|\|\||[|;&](?=\s|$)", line):
            words = re.match(r"\s*(?:\$ )?(sealcast [a-z]+(?:\s.*)?)$", part)
            if words:
                yield words[1]


def trouble_with(command):
    """What the parser says of it; None when it is right as far as it goes (prose names a command by its beginning)."""
    try:
        words = shlex.split(re.sub(r"\s[<>].*", "", command), comments=True)[1:]
    except ValueError:  # prose
        return None
    words = [word.split("|")[0] for word in words if word != "..."]  # a|b: one of them
    if "[" in command or "COMMAND" in words:
        return None
    try:
        _parser(words).parse_args(words)
    except UserError as e:
        return None if "are required" in str(e) or "expected one argument" in str(e) else str(e)
    except SystemExit:  # --help, --version
        return None
    return None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_pages_name_are_there(path, capsys):
    assert {command: why for command in commands(path.read_text()) if (why := trouble_with(command))} == {}


def test_no_text_names_an_action_that_is_not_there():
    """In what the product prints as well as in its pages."""
    texts = [*PAGES, *sorted((ROOT / "host/sealcast_host").rglob("*.py")), *sorted((ROOT / "shared").rglob("*.py")),
             *sorted((ROOT / "firmware/node").rglob("*.py"))]
    texts += [ROOT / "tests/support/messages.py"]
    named = {(path.name, verb) for path in texts for verb in re.findall(r"`sealcast ([a-z]+)\b[^:]", path.read_text())}
    assert len(named) > 50 and {(path, verb) for path, verb in named if verb not in VERBS} == set()
    for verb in ("channel", "group"):
        (actions,) = (a.choices for a in leaf_parser(verb)._actions if isinstance(a, argparse._SubParsersAction))
        action = re.compile(rf"sealcast {verb} ([a-z]+)\b")
        named = {(path.name, name) for path in texts for name in action.findall(path.read_text())}
        assert len(named) > 10 and {(path, name) for path, name in named if name not in actions} == set()


def leaf_parser(verb):
    (verbs,) = (a.choices for a in _parser([verb])._actions if isinstance(a, argparse._SubParsersAction))
    return verbs[verb]
