"""Standard input and output that are closed, full, gone or of another encoding: nothing is lost, and no traceback."""

import shlex
import subprocess
import sys

import pytest

from cli_users import User, messages
from host_support import environment, free_port, start_broker

LOST = "sealcast: cannot write to standard output: "


def sh(user, line, **env):
    """The shell's line; "sc" in it is the command."""
    sc = f"{shlex.quote(sys.executable)} -m sealcast_host"
    argv = ["bash", "-o", "pipefail", "-c", f'sc() {{ {sc} "$@"; }}; {line}']
    env = environment(**(user.env | env))
    return subprocess.run(argv, capture_output=True, text=True, env=env, errors="replace", timeout=180)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    directory, port = tmp_path_factory.mktemp("broker"), free_port()
    with start_broker("embedded", port, directory) as child:
        child.port = port
        yield child


@pytest.fixture(scope="module")
def anna(broker, tmp_path_factory):
    user = User(tmp_path_factory.mktemp("anna"), broker.port)
    user.new()
    return user


@pytest.mark.parametrize("unbuffered", ["1", ""])
@pytest.mark.parametrize("where", ["> /dev/full", ">&-", "| true"])
@pytest.mark.parametrize("form", ["", "--json"])
def test_a_phrase_that_cannot_be_shown_makes_no_channel(anna, form, where, unbuffered):
    done = sh(anna, f"sc channel new x --stretch 15 {form} {where}", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    assert done.stderr.startswith("sealcast: the channel is not made: ")
    assert not (anna.home / "config/sealcast/x.json").exists()


def test_a_channel_is_made_when_its_phrase_was_shown(anna):
    assert sh(anna, "sc channel new y --stretch 15 | grep phrase").returncode == 0
    assert (anna.home / "config/sealcast/y.json").exists()


def test_a_nodes_settings_that_nobody_reads_are_an_error(anna):
    for where in ("| true", "> /dev/full"):
        done = sh(anna, f"sc channel node g --uid n {where}")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
        assert "cannot write the settings to standard output" in done.stderr


@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
@pytest.mark.parametrize(
    "command", ["channel list", "channel show g", "status g", "invite g --broker 192.0.2.1", "send g hi --json",
                "--help", "channel list --json", "status nowhere --json"]
)  # fmt: skip
def test_output_that_is_full_or_closed_is_one_line(anna, command, where):
    done = sh(anna, f"sc {command} {where}")
    code = 2 if "nowhere" in command else 1
    *notes, error = done.stderr.splitlines()
    assert (done.returncode, len(notes)) == (code, "invite" in command), done
    assert error.startswith(LOST) or code == 2


def test_complaints_that_nobody_can_read_stop_nothing(anna):
    with anna.start("listen", "g", "--uid", "ears", "--json") as ears:
        ears.wait_for('"online"')
        done = sh(anna, "{ printf '%03000d\\n' 1; echo the rest; } | sc send g - --mode note 2>/dev/full")
        assert (done.returncode, done.stderr) == (2, "")
        ears.wait_for('"the rest"')
        assert ears.stop() == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [("send g -", 1), ("chat g", 1), ("channel join z", 2), ("channel join z --password-stdin", 2), ("join", 2),
     ("join -", 2), ("provision x y --port nowhere", 2)],
)  # fmt: skip
def test_a_closed_input_is_one_line(anna, command, code):
    done = sh(anna, f"sc {command} <&-")
    assert (done.returncode, done.stderr.count("\n")) == (code, 1), done
    assert "internal" not in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        r"sc send $'\xff' hi", r"sc channel show $'caf\xff'", r"sc broker --user $'\xff' --port 0",
        r"printf '\xff\n' | sc join -", r"printf '\xff\n' | sc channel new z --password-stdin",
        r"printf '\xff\n' | sc channel join z --password-stdin",
    ],
)  # fmt: skip
def test_what_is_no_utf_8_is_one_line(anna, line):
    for encoding in ("utf-8:strict", "utf-8:surrogateescape"):
        done = sh(anna, line, PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
        assert "is not UTF-8 text" in done.stderr


LONG = "x" * 300


@pytest.mark.parametrize("words", [["send", LONG, "hi"], ["send", "g", "hi", "--ca", LONG], ["channel", "show", LONG],
                                   ["broker", "--persist", LONG]], ids=lambda words: words[0])  # fmt: skip
def test_a_name_or_path_that_is_too_long_is_one_line(anna, words):
    done = anna.run(*words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
    assert "too long" in done.stderr and "internal" not in done.stderr


def test_a_listener_that_cannot_write_takes_nothing(broker, tmp_path):
    """What the encoding has no character for is written all the same; what cannot be written, or comes when the count
    is full, is kept for the next."""
    anna, ben = User(tmp_path / "anna", broker.port), User(tmp_path / "ben", broker.port)
    ben.join(anna.new())
    with ben.start("agent") as agent:
        agent.wait_for("sealcast agent: at ")
        ben.ok("status", "g")
        anna.ok("send", "g", "-", "--mode", "note", stdin="snow \u2603 man\nsecond\nthird\n")
        for where in ("> /dev/full", ">&-"):
            done = sh(ben, f"sc listen g --count 1 {where}")
            assert done.returncode == 1 and LOST in done.stderr, done
        done = sh(ben, "sc listen g --count 1", PYTHONIOENCODING="ascii")
        assert done.returncode == 0 and "snow \\u2603 man" in done.stdout, done
        done = sh(ben, "sc listen g --count 2 --json")
    assert [m["text"] for m in messages(done.stdout.splitlines())] == ["second", "third"]
