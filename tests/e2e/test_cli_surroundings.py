"""What a machine or a container does not give the command: one line says so."""

import subprocess
import sys

import pytest

from host_support import environment

_WITHOUT_HOME = """
import os, pwd, sys
from sealcast_host.cli.main import main
def unknown(uid): raise KeyError
pwd.getpwuid = unknown
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("line", ["channel list", "channel new g --stretch 15", "send g hi", "agent --install"])
def test_a_user_without_a_home_is_told(line):
    """As a container's, who is a number alone."""
    env = {name: value for name, value in environment().items() if name != "HOME" and not name.startswith("XDG_")}
    command = [sys.executable, "-c", _WITHOUT_HOME, *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done
    assert "set HOME" in done.stderr


_WITHOUT_FILES = """
import asyncio, errno, sys
from sealcast_host.cli.main import main
def none_left(*_): raise OSError(errno.EMFILE, "Too many open files")
asyncio.events.new_event_loop = none_left
sys.exit(main(sys.argv[1:]))
"""


def test_a_limit_of_open_files_is_told(tmp_path):
    env = environment(XDG_CONFIG_HOME=str(tmp_path))
    command = [sys.executable, "-W", "ignore", "-c", _WITHOUT_FILES, "broker", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert "too many files are open: raise the limit" in done.stderr
