"""Somebody whose computer has an agent, and somebody elsewhere; over one real mosquitto."""

import sys

import pytest

import cli_users
from host_support import Child


class User(cli_users.User):
    """One whose computer may have an agent."""

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
    ben.join(anna.new())
    return anna, ben


@pytest.fixture
def at_home(monkeypatch):
    """at_home(user): what this test's own process does is done in that user's home."""

    def go(user):
        for name, value in user.env.items():
            monkeypatch.setenv(name, value)

    return go
