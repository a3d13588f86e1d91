"""How commands speak: status in words and as JSON, options anywhere, errors as objects, little said when asked."""

import json
import re
import sys
from pathlib import Path

import pytest

from cli_users import User
from host_support import Child, free_port
from sealcast_host.cli.main import VERBS, WITHOUT_JSON, _parser, leaves
from sealcast_host.cli.status import _words
from sealcast_host.member.drops import DROPS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def anna(mosquitto, tmp_path):
    user = User(tmp_path / "anna", mosquitto.port)
    user.ok("channel", "new", "g", "--stretch", "15", "--uid", "anna", *user.where)
    return user


def test_status_in_words_and_as_json(anna):
    words = anna.ok("status", "g")
    assert "anna  awake" in words and "nobody else is awake" in words and "group     none" in words
    found = json.loads(anna.ok("status", "--json", "g", "--timeout", "20"))
    assert found["type"] == "status" and found["members"] == [{"uid": "anna", "status": "awake", "data": None}]
    assert (found["epoch"], found["group"], found["last_message"], found["online"]) == (None, None, None, True)
    with Child([sys.executable, "-m", "sealcast_host", "listen", "g"], extra_env=anna.env) as listening:
        listening.wait_for("nobody else is here")
        anna.ok("send", "g", "hi")
        assert json.loads(anna.ok("status", "g", "--json"))["attached"] == 2
        listening.stop()


def test_words_of_a_whole_state():
    found = {
        "channel": "g\x1b[2J", "uid": "anna", "online": False, "attached": 3,
        "members": [{"uid": "anna", "status": "awake", "data": None},
                    {"uid": "ben", "status": "asleep", "data": "roof\x1b[2J"}],
        "epoch": "9f41c2" * 6,
        "group": {"name": "up\x1bstairs", "members": ["anna", "ben"], "epoch": 3, "phase": "live"},
        "last_message": {"sender": "ben", "secrecy": "ratchet", "time": 0}, "drops": {"late": 1, "forged": 5},
        "waiting_to_send": 2,
    }  # fmt: skip
    text = "\n".join(_words(found))
    for part in ("shared by 3", "no broker", "ben   sleeps; roof\ufffd[2J", "9f41c29f41c2",
                 "stairs: anna, ben; epoch 3, live", "ben, ratchet",
                 "2 for the broker", "refused   5 not made with the channel's key"):  # fmt: skip
        assert part in text
    assert "\x1b" not in text


def test_every_reason_has_words():
    reasons = set(re.findall(r"^\| `(\w+)` \| `", (ROOT / "docs/DROPS.md").read_text(), re.M))
    assert len(reasons) > 30 and reasons - set(DROPS) == set()


@pytest.mark.parametrize(
    "words",
    [
        ["group", "create", "g", "--timeout", "5", "ben", "cara"],
        ["group", "create", "--timeout", "5", "g", "ben", "cara"],
        ["group", "create", "g", "ben", "--timeout=5", "cara"],
        ["group", "create", "--timeout", "5", "--", "g", "ben", "cara"],
        ["-v", "--json", "group", "--quiet", "create", "g", "ben", "cara", "--timeout", "5"],
    ],
)
def test_options_stand_anywhere(words):
    args = _parser(words).parse_args(words)
    assert (args.channel, args.members, args.timeout) == ("g", ["ben", "cara"], 5.0)


def test_verbose_says_what_happens_on_the_way(anna):
    done = anna.run("-v", "send", "g", "hi", "--mode", "note")
    assert done.returncode == 0 and done.stdout == ""
    first, *_, last = done.stderr.splitlines()
    assert first == f'sealcast: "g" by the broker at 127.0.0.1 port {anna.port}'
    assert last == "sealcast: sent as a note, to nobody who is awake"
    assert anna.run("send", "g", "hi", "--mode", "note", "--quiet").stderr == ""


def test_the_types_of_docs_json_are_those_that_commands_print():
    """Each kind that stands in the source is in the table, and each of the table in the source."""
    host = ROOT / "host/sealcast_host"
    speaking = [*sorted((host / "cli").glob("*.py")), host / "gateway/lines.py"]
    source = "".join(path.read_text() for path in speaking)
    printed = set(re.findall(r'(?:talk\.result|talk\.table)\(\s*"(\w+)"|"type": "(\w+)"', source))
    told = {name for row in re.findall(r"^\| (`.*?`) \|", (ROOT / "docs/JSON.md").read_text(), re.M)
            for name in re.findall(r"`(\w+)`", row)}  # fmt: skip
    assert {a or b for a, b in printed} == told


def test_a_text_that_looks_like_an_option():
    words = ["send", "--mode", "note", "g", "--", "--mode"]
    assert _parser(words).parse_args(words).text == "--mode"
    words = ["send", "g", "-", "--mode", "note"]
    assert _parser(words).parse_args(words).text == "-"


def test_every_command_speaks_json_and_is_quiet_when_asked():
    for verb in VERBS:
        parser = _parser([verb])
        (sub,) = (a for a in parser._actions if a.dest == "==SUPPRESS==" and a.choices)
        for leaf in leaves(sub.choices[verb]):
            options = leaf._option_string_actions
            assert {"--quiet", "--verbose"} <= set(options), leaf.prog
            assert "--json" in options or verb in WITHOUT_JSON, leaf.prog


def test_errors_and_lines_are_objects_too(anna):
    wrong = anna.run("status", "nowhere", "--json")
    told = json.loads(wrong.stdout)
    assert (wrong.returncode, told["type"], told["code"]) == (2, "error", 2) and "unknown channel" in told["text"]
    assert "unknown channel" in wrong.stderr
    unparsed = json.loads(anna.run("send", "g", "x", "--json", "--bogus").stdout)
    text = "there is no option --bogus; see: sealcast send --help"
    assert unparsed == {"type": "error", "text": text, "code": 2}
    for words in (["join", "bad"], ["provision", "nowhere", "x"], ["broker", "--port", "0", "--user", ""]):
        done = anna.run(*words, "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["type"], told["code"]) == (2, "error", 2) and told["text"] in done.stderr
    port = free_port()
    argv = [sys.executable, "-m", "sealcast_host", "broker", "--json", "--port", str(port)]
    with Child(argv, extra_env=anna.env) as broker:
        assert json.loads(broker.wait_for("listening on"))["type"] == "line"
        broker.stop()
