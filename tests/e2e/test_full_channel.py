"""A channel that has all its members: who comes is told why nobody hears it, and how to get a place. Real processes,
behind mosquitto."""

import asyncio
import contextlib
import json

import pytest

import cli_users
from host_support import free_port, start_broker

KEPT, GONE = "m00", ["m01", "m02"]


class User(cli_users.User):
    def copy(self, other):
        """Be in the channel as it is at the other's, as an invitation does it."""
        known = json.loads(other.file.read_text()) | {"uid": self.uid, "admin_secret": None}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch(0o600)
        self.file.write_text(json.dumps(known))


@pytest.fixture
def crowded(tmp_path, monkeypatch):
    """Channel g with 32 members: anna, who made it, and those that sleep or have left. -> anna."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    port = free_port()
    with start_broker("mosquitto", port, tmp_path):
        anna = User(tmp_path / "anna", port, "anna")
        anna.new()
        anna.ok("send", "g", "hello")
        key = json.loads(anna.file.read_text())["key"]

        async def come():
            for i in range(31):
                async with await cli_users.member(f"m{i:02}", port, key=key, modes=["note"]) as member:
                    await member.send(b"here", "note")

        asyncio.run(come())
        yield anna


@pytest.mark.parametrize("agent", [True, False])
def test_who_finds_no_place_is_told_so_and_lost_frees_one(crowded, agent):
    late = User(crowded.home.with_name("late"), crowded.port, "late")
    late.copy(crowded)
    with late.start("agent") if agent else contextlib.nullcontext() as held:
        if agent:
            held.wait_for("agent")
        for command in (["send", "g", "hello"], ["status", "g"]):
            said = late.refused(*command)
            assert "has all its members" in said and "sealcast lost" in said
    out = late.ok("doctor", "g", "--seconds", "2", code=1)
    assert "WRONG  channel  nobody would hear this member" in out
    assert "all 32 places are taken" in crowded.ok("doctor", "g", "--seconds", "2")
    crowded.ok("lost", "g", *GONE, "--keep", KEPT, "--yes", "--timeout", "6")
    late.copy(crowded)
    late.ok("send", "g", "hello")
