"""`sealcast gateway` as users run it: a real broker, other members' commands, several outputs at once."""

import asyncio
import csv
import json
import shlex
import signal
import sqlite3
import subprocess
import sys

import pytest

from gateway_support import until
from host_support import Child, environment, free_port, start_broker


@pytest.fixture
def home(tmp_path):
    """A channel "g" on a broker of its own; run(...) and start(...) are `sealcast ...` there."""
    port = free_port()
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    whole = environment(**env)

    class Home:
        folder = tmp_path

        def run(self, *args, stdin=""):
            argv = [sys.executable, "-m", "sealcast_host", *args]
            return subprocess.run(argv, input=stdin, capture_output=True, text=True, env=whole, timeout=120)

        def start(self, *args, **kwargs):
            return Child([sys.executable, "-m", "sealcast_host", *args], extra_env=env, **kwargs)

        def shell(self, line):
            return Child(["sh", "-c", line], extra_env=env)

    with start_broker("embedded", port, tmp_path):
        home = Home()
        where = ("--uid", "anna", "--broker", f"127.0.0.1:{port}")
        assert home.run("channel", "new", "g", "--stretch", "15", *where).returncode == 0
        yield home


def test_messages_reach_files_and_programs_and_lines_are_sent(home):
    (home.folder / "gateway.toml").write_text(
        f'[output.csv]\npath = "{home.folder}/a.csv"\n[output.readings]\nkind = "sqlite"\npath = "{home.folder}/a.db"\n'
        '[output.broken]\nkind = "csv"\npath = "/dev/full"\n'
    )
    assert home.run("send", "g", "before", "--uid", "early", "--mode", "note").returncode == 0
    args = ("gateway", "g", "--uid", "gate", "--config", str(home.folder / "gateway.toml"), "--to", "lines")
    with home.start("listen", "g", "--uid", "ear", "--json") as ear, home.start(*args, stdin=subprocess.PIPE) as gate:
        gate.wait_for('"text": "before"')
        assert "Ctrl-C ends it" in gate.wait_for("gateway of")
        gate.wait_for("broken: ")
        ear.wait_for('"text": "before"')
        gate.type("as it stands")
        gate.type('{"send": {"temperature": 21.5}, "mode": "note", "id": 7}')
        gate.type('{"send": "", "id": 8}')
        gate.type("x" * 50_000 + "the tail")
        gate.type('{"send": "for the bench", "to": "late", "mode": "note", "id": 9}')
        gate.type('{"send": "for the bench", "to": "ear", "id": 10}')
        ear.wait_for("as it stands")
        ear.wait_for('{\\"temperature\\": 21.5}')
        answers = [json.loads(gate.wait_for(f'"id": {n}')) for n in (7, 8, 9, 10)]
        assert [a["type"] for a in answers] == ["sent", "refused", "refused", "refused"], answers
        assert "goes in mode ratchet" in answers[2]["text"] and "group" in answers[3]["text"]
        assert sum("a line has at most" in line for line in gate.lines) == 1
        assert home.run("send", "g", '{"humidity": 40}', "--uid", "late", "--mode", "note").returncode == 0
        gate.wait_for("humidity")
        ear.wait_for("humidity")
        assert not [line for line in ear.lines if "the tail" in line or "for the bench" in line]
        assert gate.stop(signal.SIGTERM) == 1  # what waited before the broken one is lost
    assert [line for line in gate.lines if "broken: " in line and "were not handed on" in line]
    rows = list(csv.DictReader((home.folder / "a.csv").open()))
    assert [(r["sender"], r["text"], r["historic"]) for r in rows] == [
        ("early", "before", "yes"), ("late", '{"humidity": 40}', ""),
    ]  # fmt: skip
    with sqlite3.connect(home.folder / "a.db") as db:
        assert db.execute("SELECT sender, secrecy FROM messages").fetchall() == [("early", "note"), ("late", "note")]


def test_the_end_of_its_reader_ends_it(home):
    """`sealcast gateway g --to lines | head -1`"""
    assert home.run("send", "g", "before", "--uid", "early", "--mode", "note").returncode == 0
    line = f"{shlex.quote(sys.executable)} -m sealcast_host gateway g --to lines </dev/null | head -1"
    with home.shell(line) as gate:
        gate.wait_for("connected")
        assert home.run("send", "g", "again", "--uid", "early", "--mode", "note").returncode == 0
        assert gate.ends(60) == 0


def test_an_input_that_cannot_be_read_is_told(home):
    """And the output goes on."""
    with open("/dev/null", "wb") as unreadable, home.start("gateway", "g", "--to", "lines", stdin=unreadable) as gate:
        gate.wait_for("standard input cannot be read (bad file descriptor)")
        gate.wait_for("connected")
        assert home.run("send", "g", "again", "--uid", "early", "--mode", "note").returncode == 0
        gate.wait_for('"text": "again"')


def test_an_output_is_tried_again_though_nobody_can_be_told(home):
    """Standard error is on the full disk, too."""
    folder = home.folder / "full"
    outputs = f"--to csv={shlex.quote(str(folder))}/a.csv --to lines"
    command = f"{shlex.quote(sys.executable)} -m sealcast_host gateway g {outputs}"
    with home.shell(f"exec {command} </dev/null 2>/dev/full") as gate:
        gate.wait_for('"online"')
        assert home.run("send", "g", "before", "--uid", "early", "--mode", "note").returncode == 0
        gate.wait_for('"before"')
        folder.mkdir()
        asyncio.run(until(lambda: (folder / "a.csv").exists() and "before" in (folder / "a.csv").read_text()))
        gate.stop(signal.SIGTERM)


@pytest.mark.parametrize(
    "args, word",
    [
        ((), "no output"),
        (("--to", "horn"), '"horn" is no output'),
        (("--to", "csv"), "it needs path"),
        (("--to", "lines", "--to", "lines"), "name lines once"),
        (("--to", "web=127.0.0.1:0", "--to", "web=127.0.0.1:0"), "name web once"),
        (("--config", "/no/such/file"), "cannot read"),
        (("--to", "webhook=ftp://x"), "http://"),
        (("--to", "homeassistant=mqtt://u:p@h"), "password_file"),
        (("--to", "prometheus=x"), "is no address"),
    ],
)
def test_bad_input_is_one_line(home, args, word):
    done = home.run("gateway", "g", *args)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and word in done.stderr, done
