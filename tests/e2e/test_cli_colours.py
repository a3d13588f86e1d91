"""Colours, tables and progress are for terminals: a pipe, TERM=dumb and NO_COLOR get what they can show."""

import os
import pty
import re
import select
import subprocess
import sys

import pytest

from cli_users import User
from host_support import environment
from sealcast_host import terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
DEADLINE_S = 60

_SHOW = """
import sys
from sealcast_host import terminal
from sealcast_host.cli import render, talk
class M: sender, body, secrecy, origin, time, seq = "b[red]en", b"[bold]21.5 :smile:", "ratchet", "member", 0, 1
M.historic = M.again = M.private = False
M.age = None
print(render.message_line(M))
print(render.event_line("forked", {}))
talk.result("status", {}, "channel   greenhouse")
talk.table("x", ("member", "fingerprint"), [({}, ("anna", "a" * 30)), ({}, ("b", "[/] " + "c" * 80))], ("bold",))
with terminal.Progress("copying") as progress:
    for n in range(11):
        progress.at(n / 10, "file")
print("after", "rich" in sys.modules)
talk.complaint("no such thing")
"""


def on_a_terminal(argv, **env):
    """All that it writes to a terminal of 60 columns."""
    master, slave = pty.openpty()
    env = environment(COLUMNS="60", **env)
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env) as process:
        os.close(slave)
        out = b""
        while select.select([master], [], [], DEADLINE_S)[0]:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # nobody writes any more
                break
            out += chunk
        assert process.wait(DEADLINE_S) == 0, out
    os.close(master)
    return out.decode()


PLAIN = [
    "(sender has no clock)  b[red]en  [ratchet, member]  [bold]21.5 :smile:",
    "* the group's order has split: somebody, or the broker, shows different histories",
    "channel   greenhouse",
    "anna  " + "a" * 30,
    "b     [/] " + "c" * 80,
    *[f"copying [{n:3d} %] file" for n in range(0, 101, 10)],
    "after False",
    "sealcast: no such thing",
]


def test_a_pipe_and_a_dumb_terminal_get_plain_text_without_rich():
    piped = subprocess.run(
        [sys.executable, "-c", _SHOW], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(FORCE_COLOR="1"), timeout=60,
    )  # fmt: skip
    assert piped.stdout.splitlines() == PLAIN
    assert on_a_terminal([sys.executable, "-c", _SHOW], TERM="dumb").splitlines() == PLAIN


@pytest.mark.parametrize("no_colour", [False, True])
def test_a_terminal_gets_colours_a_table_and_a_bar(no_colour):
    extra = {"NO_COLOR": "1"} if no_colour else {}
    shown = on_a_terminal([sys.executable, "-c", _SHOW], TERM="xterm-256color", **extra)
    assert bool(COLOUR.search(shown)) is not no_colour
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    lines = [line.rstrip() for line in text.split("\r\n")]
    assert lines[:3] == PLAIN[:3]  # not wrapped, nothing in it read as markup
    assert lines[3].split() == ["member", "fingerprint"]
    assert "".join(lines[5:]).count("c") >= 80  # folded, not cut
    assert max(map(len, lines[3:7])) <= 60
    assert "100 % file" in text and "after True" in lines and lines[-2:] == ["sealcast: no such thing", ""]
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is there again


def test_send_loads_none_of_it(tmp_path):
    """`sealcast send` in a script, and help, are quick."""
    ask = "import sys; from sealcast_host.cli.main import main; "
    ask += "\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    ask += "libraries = {'rich', 'prompt_toolkit', 'shtab', 'segno', 'filelock'}\n"
    ask += "print(sorted({m.split('.')[0] for m in sys.modules} & libraries))"
    user = User(tmp_path)
    for words in (["--help"], ["send", "--help"], ["send", "nowhere", "x"]):
        done = subprocess.run(
            [sys.executable, "-c", ask, *words], capture_output=True, text=True, env=environment(**user.env), timeout=60
        )
        assert done.stdout.splitlines()[-1] == "[]", done


def test_a_table_in_a_pipe_has_no_spaces_behind():
    assert terminal.table(("a", "b"), [("x", "longer"), ("yyyy", "")]) == "x     longer\nyyyy"
