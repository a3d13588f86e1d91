"""`sealcast channel new` that is cut short leaves no channel whose phrase nobody has seen; passwords that no board
takes are refused where they are given."""

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys

import pytest

from cli_users import User
from host_support import environment


def until(true):
    for _ in range(1200):
        if true():
            return
        select.select([], [], [], 0.05)
    raise AssertionError("it did not come")


@pytest.fixture
def unread():
    """A pipe that takes nothing more, and whose reader does not read: (its end to read from, the other)."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETFL, os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(into, bytes(4096))
    fcntl.fcntl(into, fcntl.F_SETFL, 0)
    yield out, into
    os.close(out)
    os.close(into)


def files(user):
    return sorted(path.name for path in user.file.parent.glob("*")) if user.file.parent.exists() else []


def begun(user, out):
    """It has written what the channel's file is to hold, and waits for somebody to read the phrase."""
    argv = [sys.executable, "-m", "sealcast_host", "channel", "new", "g", "--stretch", "15"]
    process = subprocess.Popen(argv, stdout=out, stderr=subprocess.PIPE, text=True, env=environment(**user.env))
    until(lambda: files(user) or process.poll() is not None)
    return process


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_one_that_is_killed_before_its_phrase_is_shown_has_made_nothing(tmp_path, unread, signum):
    anna = User(tmp_path, 1)
    process = begun(anna, unread[1])
    process.send_signal(signum)
    if signum == signal.SIGINT:  # it tells its end to standard output, too
        while process.poll() is None:
            if select.select([unread[0]], [], [], 0.05)[0]:
                os.read(unread[0], 65536)
    process.communicate(timeout=60)
    assert not anna.file.exists()
    assert anna.ok("channel", "list", "-q") == ""
    assert "phrase" in anna.ok("channel", "new", "g", "--stretch", "15")
    assert files(anna) == ["g.json"]  # nor stays a key of it


def test_a_phrase_that_was_shown_for_nothing_is_called_so(tmp_path, unread):
    """Another one has made the channel meanwhile."""
    anna = User(tmp_path, 1)
    process = begun(anna, unread[1])
    anna.file.write_text("{}")
    while process.poll() is None:
        if select.select([unread[0]], [], [], 0.05)[0]:
            os.read(unread[0], 65536)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2 and said.count("\n") == 1
    assert "is there already" in said and said.endswith("what is shown above is void\n")
    assert anna.file.read_text() == "{}" and files(anna) == ["g.json"]


@pytest.mark.parametrize("character", ["\t", "\x1b", "\x7f", "\r"])
@pytest.mark.parametrize("how", [("new", "--force"), ("join",), ("join", "--as-is")])
def test_a_password_that_no_board_takes_is_refused_where_it_is_given(tmp_path, how, character):
    anna = User(tmp_path, 1)
    action, *options = how
    stdin = f"correct{character}horse battery staple\n"
    done = anna.run("channel", action, "g", "--password-stdin", *options, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done
    assert "the channel's password holds a character that is not allowed (control character" in done.stderr
    assert "horse" not in done.stderr and files(anna) == []
