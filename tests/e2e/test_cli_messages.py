"""Two users' real commands talk over real brokers: notes, a conversation, history, JSON, pipes, signals."""

import contextlib
import json
import shutil
import signal
import stat
import subprocess
import sys

import pytest

from cli_users import User, messages
from host_support import environment, free_port, mosquitto, start_broker
from sealcast.wire import MAX_BODY

KINDS = [
    "embedded",
    pytest.param("mosquitto", marks=pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")),
]


@pytest.fixture(params=KINDS)
def broker(request, tmp_path):
    port = free_port()
    with start_broker(request.param, port, tmp_path) as child:
        child.port = port
        yield child


@pytest.fixture
def users(broker, tmp_path):
    """Anna, who made the channel, and Ben, who joined it by its phrase."""
    anna, ben = User(tmp_path / "anna", broker.port), User(tmp_path / "ben", broker.port)
    ben.join(anna.new())
    return anna, ben


def test_notes_and_a_conversation_between_two_users(users):
    anna, ben = users
    with anna.start("listen", "g", "--json") as listening:
        listening.wait_for('"online"')
        ben.ok("send", "g", "--mode", "note", "first: grüße")
        listening.wait_for("first: gr")
        ben.ok("send", "g", "--mode", "conversation", "second")
        listening.wait_for('"second"')
        assert listening.stop(signal.SIGTERM) == 0
    got = messages(listening.lines)
    assert [(m["sender"], m["secrecy"], m["origin"], m["historic"], m["text"]) for m in got] == [
        ("ben", "note", "member", False, "first: grüße"),
        ("ben", "conversation", "member", False, "second"),
    ]
    assert got[0]["epoch"] is None and len(got[1]["epoch"]) == 32
    fields = {
        "type", "sender", "secrecy", "origin", "time", "seq", "historic", "age", "again", "epoch", "private", "text"
    }  # fmt: skip
    assert all(set(m) == fields for m in got)
    assert all(m["time"] > 1_700_000_000 for m in got)
    assert not [line for line in listening.lines if "Traceback" in line]


def test_a_late_listener_reads_the_history_in_order(users):
    anna, ben = users
    ben.ok("send", "g", "-", stdin="one\n\ntwo\nthree\n")
    with anna.start("listen", "g", "--json", "--count", "3") as listening:
        assert listening.ends(120) == 0
    got = messages(listening.lines_at_end())
    assert [(m["text"], m["secrecy"], m["historic"]) for m in got] == [
        (t, "note", True) for t in ("one", "two", "three")
    ]


@pytest.mark.parametrize("through", ["an agent", "no agent"])
def test_a_hundred_lines_go_together_and_those_that_are_wrong_are_named(users, through):
    anna, ben = users
    texts = [f"line {n}" for n in range(1, 101)]
    texts[6] = texts[49] = "x" * (MAX_BODY + 1)
    with contextlib.ExitStack() as stack:
        if through == "an agent":
            stack.enter_context(ben.start("agent")).wait_for("sealcast agent: at ")
        listening = stack.enter_context(anna.listen())
        ben.ok("send", "g", "--mode", "note", "are you there?")
        listening.wait_for("are you there?")  # so that she reads nobody's ring while the hundred come
        done = ben.run("send", "g", "-", "--json", "--mode", "note", stdin="\n".join(texts))
        listening.wait_for('"line 100"')
        listening.stop()
    *sent, error = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, error["type"], error["code"]) == (2, "error", 2)
    assert [told["type"] for told in sent] == ["sent"] * 98
    for number in ("line 7: ", "line 50: "):
        assert sum(number in line for line in done.stderr.splitlines()) == 1, done.stderr
    assert "not sent: 7, 50 (98 were)" in error["text"] and "Traceback" not in done.stderr
    heard = [m["text"] for m in messages(listening.lines)]
    assert heard == ["are you there?"] + [text for text in texts if len(text) <= MAX_BODY]


def test_the_plain_lines_tell_who_how_and_what_and_cannot_be_forged(users):
    anna, ben = users
    with anna.start("listen", "g") as listening:
        listening.wait_for("listening on")
        ben.ok("send", "g", "--mode", "note", "evil\x1b[2J\rline\u202e\nanna  [conversation, member]  forged")
        line = listening.wait_for("evil")
        listening.stop(signal.SIGINT)
    assert "  ben  [note, member]  evil" in line and "forged" in line
    assert "\x1b" not in "".join(listening.lines) and "\r" not in "".join(listening.lines) and "\u202e" not in line


def test_a_state_that_was_put_back_serves_at_once(users, tmp_path):
    """Its new session needs another connection, for a last will of its own: to a command that is no lost link."""
    anna, ben = users
    state, kept = ben.home / "state", tmp_path / "copy"
    with anna.listen() as listening:
        ben.ok("send", "g", "--mode", "note", "first")
        shutil.copytree(state, kept)
        ben.ok("send", "g", "--mode", "note", "second")
        shutil.rmtree(state)
        kept.rename(state)
        ben.ok("send", "g", "--mode", "note", "third")
        listening.wait_for('"third"')
        assert listening.stop(signal.SIGTERM) == 0
    assert [m["text"] for m in messages(listening.lines)] == ["first", "second", "third"]


def test_bytes_that_are_not_text_arrive_as_base64(users):
    anna, ben = users
    with anna.start("listen", "g", "--json") as listening:
        listening.wait_for('"online"')
        argv = [sys.executable, "-m", "sealcast_host", "send", "g", "-"]
        subprocess.run(argv, input=b"\xff\xfe\x00x\n", env=environment(**ben.env), check=True, timeout=120)
        listening.wait_for("body_b64")
        listening.stop()
    assert [m.get("body_b64") for m in messages(listening.lines)] == ["//4AeA=="]


def test_a_mistyped_phrase_is_another_channel(users, tmp_path):
    anna, ben = users
    eve = User(tmp_path / "eve", anna.port)
    eve.join("abandon-" * 6 + "zero", uid="eve")
    ben.ok("send", "g", "--mode", "note", "not for eve")
    with eve.start("listen", "g", "--json") as spying, anna.start("listen", "g", "--json") as listening:
        spying.wait_for('"online"')
        listening.wait_for("not for eve")
        ben.ok("send", "g", "--mode", "note", "nor this")
        listening.wait_for("nor this")
        eve.ok("send", "g", "--mode", "note", "--uid", "eve2", "to those with the same wrong phrase")
        spying.wait_for("wrong phrase")
        spying.stop()
        listening.stop()
    assert [m["sender"] for m in messages(spying.lines)] == ["eve2"]
    assert [m["sender"] for m in messages(listening.lines)] == ["ben", "ben"]


def test_nobody_to_converse_with_is_told(users):
    anna, _ = users
    done = anna.run("send", "g", "--mode", "conversation", "--timeout", "12", "hello?")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "--mode note" in done.stderr


def test_one_computer_is_one_name(users):
    """What is sent beside a listener is the same member's, and the others hear it once."""
    anna, ben = users
    with anna.start("listen", "g", "--json") as listening, ben.start("listen", "g", "--json") as far:
        listening.wait_for('"online"')
        far.wait_for('"online"')
        anna.ok("send", "g", "--mode", "note", "from the side")
        anna.ok("send", "g", "--uid", "anna", "--mode", "note", "again")
        for child in (listening, far):
            child.wait_for('"text": "again"')
        listening.stop()
        far.stop()
    for child in (listening, far):
        assert [(m["sender"], m["text"]) for m in messages(child.lines)] == [
            ("anna", "from the side"),
            ("anna", "again"),
        ]


def test_a_listener_outlives_the_broker(tmp_path):
    port = free_port()
    anna, ben = User(tmp_path / "anna", port), User(tmp_path / "ben", port)
    ben.join(anna.new())
    with start_broker("embedded", port, tmp_path) as first, anna.start("listen", "g", "--json") as listening:
        listening.wait_for('"online"')
        ben.ok("send", "g", "--mode", "note", "before")
        listening.wait_for('"before"')
        first.stop(signal.SIGKILL)
        listening.wait_for('"offline"')
        with start_broker("embedded", port, tmp_path):
            ben.ok("send", "g", "--mode", "note", "after")
            listening.wait_for('"after"')
            listening.stop()
    assert [m["text"] for m in messages(listening.lines)] == ["before", "after"]


def test_chat_through_pipes(users):
    anna, ben = users
    with anna.start("chat", "g", stdin=subprocess.PIPE) as a, ben.start("chat", "g", stdin=subprocess.PIPE) as b:
        a.wait_for('you are "anna"')
        b.wait_for('you are "ben"')
        a.wait_for("new conversation key")
        b.wait_for("new conversation key")
        a.type("hello ben")
        assert "[conversation, member]  hello ben" in b.wait_for("  anna  ")
        assert "[conversation, acknowledged]  hello ben" in a.wait_for("  you  ")
        b.type("/note for later")
        assert "[note, member]  for later" in a.wait_for("  ben  ")
        b.type("//slash")
        a.wait_for("]  /slash")
        b.type("/members")
        b.wait_for("anna  awake")
        b.wait_for("ben  awake")
        b.type("/help")
        b.wait_for("/rekey")
        b.type("/nonsense")
        b.type("/rekey")
        b.type("/leave")
        assert b.ends(60) == 0
        a.wait_for("* ben left")
        a.process.stdin.close()  # the end of the input is a goodbye as well
        assert a.ends(60) == 0
    assert not [line for line in a.lines + b.lines if "Traceback" in line]


def test_files_are_for_the_owner_only(users, tmp_path):
    anna, _ = users
    anna.ok("send", "g", "--mode", "note", "x")
    out = tmp_path / "sealcast.json"
    with out.open("w") as f:
        argv = [sys.executable, "-m", "sealcast_host", "channel", "node", "g", "--uid", "bench-1"]
        subprocess.run(argv, stdout=f, env=environment(**anna.env), check=True, timeout=120)
    named = tmp_path / "named.json"
    anna.ok("channel", "node", "g", "--uid", "bench-2", "--output", str(named))
    settings = json.loads(out.read_text())
    assert (
        settings["uid"] == "bench-1"
        and settings["channel"] == "g"
        and len(settings["key"]) == 43
        and len(settings["admin"]) == 43
    )
    assert set(settings) == {"uid", "channel", "key", "admin", "broker"}
    files = [p for p in anna.home.rglob("*") if p.is_file()] + [out, named]
    assert len(files) >= 5
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for path in (anna.home / "config/sealcast", anna.home / "state/sealcast/g/anna"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_the_phrase_is_shown_once_and_kept_nowhere(broker, tmp_path):
    anna = User(tmp_path / "anna", broker.port)
    phrase = anna.new()
    assert len(phrase.split("-")) == 8
    kept = b"".join(p.read_bytes() for p in anna.home.rglob("*") if p.is_file())
    assert phrase.encode() not in kept
    secrets = json.loads((anna.home / "config/sealcast/g.json").read_text())
    shown = anna.ok("channel", "show", "g") + anna.ok("channel", "list")
    for secret in (phrase, secrets["key"], secrets["admin_secret"]):
        assert secret not in shown
    assert secrets["admin_secret"] not in anna.ok("channel", "node", "g", "--uid", "n")
