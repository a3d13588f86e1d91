"""Somebody whose computer has an agent, and somebody elsewhere; over one real mosquitto."""

import subprocess
import sys

import pytest

from host_support import Child, environment


class User:
    """A home directory with its own channels, states and agent."""

    def __init__(self, home, port, uid):
        self.home, self.port, self.uid = home, port, uid
        self.env = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}

    def run(self, *args, stdin=""):
        argv = [sys.executable, "-m", "sealcast_host", *args]
        env = environment(**self.env)
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, env=env, timeout=180)

    def ok(self, *args, stdin=""):
        done = self.run(*args, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def start(self, *args, **kwargs):
        return Child([sys.executable, "-m", "sealcast_host", *args], extra_env=self.env, **kwargs)

    def listen(self, *args):
        child = self.start("listen", "g", "--json", *args)
        child.wait_for('"online"')
        return child

    def agent(self, **env):
        """One that stays, as a child of this test: ready, and over the broker when there is one."""
        argv = [sys.executable, "-m", "sealcast_host", "agent"]
        child = Child(argv, extra_env=self.env | env)
        child.wait_for("sealcast agent: at ")
        return child


@pytest.fixture
def users(mosquitto, tmp_path):
    """Anna, who made the channel, and Ben, who joined it by its phrase."""
    anna, ben = (User(tmp_path / uid, mosquitto.port, uid) for uid in ("anna", "ben"))
    where = ("--broker", f"127.0.0.1:{mosquitto.port}")
    made = anna.ok("channel", "new", "g", "--uid", "anna", *where)
    phrase = next(line.split()[1] for line in made.splitlines() if line.startswith("phrase"))
    ben.ok("channel", "join", "g", "--uid", "ben", *where, "--password-stdin", stdin=phrase + "\n")
    return anna, ben


@pytest.fixture
def at_home(monkeypatch):
    """at_home(user): what this test's own process does is done in that user's home."""

    def go(user):
        for name, value in user.env.items():
            monkeypatch.setenv(name, value)

    return go
