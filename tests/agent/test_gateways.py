"""Gateways that the agent runs: begun by a command, again after the agent was killed, gone when they are stopped or
their channel is forgotten."""

import asyncio
import os
import re
import select
import signal
import stat
import sys

from cli_users import until
from host_support import Child
from sealcast_host.agent import attach
from sealcast_host.gateway.config import Wish
from sealcast_host.gateway.gateway import Gateway
from sealcast_host.gateway.sqlite import recent


def gateway_process(user):
    """A descriptor of the process of the gateway that the agent has begun last, ready to be read when it has ended."""
    log = (user.home / "state/sealcast/.agent/log").read_text()
    return os.pidfd_open(int(re.findall(r"gateway of 'g': process (\d+)", log)[-1]))


def ended(fd):
    try:
        return bool(select.select([fd], [], [], 60)[0])
    finally:
        os.close(fd)


def until_csv(user, text):
    """Waits until the output has it."""
    with user.start("listen", "g", "--json"):  # what is sent by the member itself comes to both
        path = user.home / "a.csv"
        for _ in range(1200):
            if path.exists() and text in path.read_text():
                return
            select.select([], [], [], 0.05)
    raise AssertionError(f"{text!r} is not in {path.read_text()!r}")


def test_the_agent_runs_a_gateway(users, monkeypatch):
    anna, ben = users
    anna.home.mkdir(exist_ok=True)
    monkeypatch.chdir(anna.home)  # relative paths begin where the command was given
    with anna.listen() as annas:
        assert anna.json("agent", "--status")["stays"] is False  # listen has started it for as long as it lasts
        done = anna.run("gateway", "g", "--to", "csv=a.csv", "--to", "web=127.0.0.1:0", "--detach")
        assert done.returncode == 0 and "the agent runs it" in done.stderr
        assert "http://127.0.0.1:" in done.stderr and "/enter?code=" in done.stderr
        annas.stop()
    try:
        told = anna.json("agent", "--status")
        assert told["stays"] is True and [(m["channel"], m["attached"]) for m in told["members"]] == [("g", 1)]
        assert [(g["channel"], g["running"]) for g in told["gateways"]] == [("g", True)]
        ben.ok("send", "g", "--mode", "note", "for the table")
        until_csv(anna, "for the table")
        first = gateway_process(anna)
        os.kill(told["pid"], signal.SIGKILL)
        assert ended(first)  # nothing stays behind
        # Beside the next agent it is there again
        anna.ok("agent", "--detach")
        ben.ok("send", "g", "--mode", "note", "after the fall")
        until_csv(anna, "after the fall")
        folder = anna.home / "state/sealcast/.agent"
        assert stat.S_IMODE((folder / "gateways.json").stat().st_mode) == 0o600
        assert "enter?code" not in (folder / "log").read_text()
        # What does not start is said, and tried no more; what it was to take the place of goes on
        done = anna.run("gateway", "g", "--to", "csv=b.csv", "--uid", "x" * 300, "--detach")
        assert done.returncode == 1 and "the gateway does not start (" in done.stderr and "uid" in done.stderr
        assert done.stderr.endswith("; the one of before runs on\n")
        (row,) = anna.json("agent", "--status")["gateways"]
        assert row["words"][0] == "--to=csv=a.csv" and not (anna.home / "b.csv").exists()
        ben.ok("send", "g", "--mode", "note", "in spite of it")
        until_csv(anna, "in spite of it")
        assert anna.run("gateway", "g", "--stop").returncode == 0
        done = anna.run("gateway", "g", "--to", "csv=b.csv", "--uid", "x" * 300, "--detach")
        assert done.returncode == 1 and "runs on" not in done.stderr
        assert anna.json("agent", "--status")["gateways"] == []
        # It goes along with a channel that gets another name here
        anna.run("gateway", "g", "--to", "csv=nowhere/a.csv", "--detach")
        anna.ok("channel", "rename", "g", "h")
        for _ in range(300):
            (row,) = anna.json("agent", "--status")["gateways"]
            if "trying again" in row["said"][-1]:
                break
        assert row["channel"] == "h"
        looked = anna.run("doctor", "h")
        assert looked.returncode == 1 and "nowhere/a.csv: no such file or directory; trying again" in looked.stdout
        anna.ok("channel", "rename", "h", "g")
        # A channel that is forgotten takes its gateway and its listeners along
        second = gateway_process(anna)
        with anna.listen() as annas:
            anna.ok("channel", "forget", "g", "--yes")
            assert annas.ends(60) == 1
            assert "changed or forgotten" in annas.lines_at_end()[-1]
        assert ended(second)
        assert anna.json("agent", "--status")["gateways"] == []
    finally:
        anna.run("agent", "--stop")
    assert anna.json("agent", "--status", code=1)["running"] is False


def test_bad_input_starts_nothing(users):
    anna = users[0]
    for args, word in (
        (("--to", "lines", "--detach"), "lines is for a program"),
        (("--to", "csv=a", "--broker", "elsewhere", "--detach"), "sealcast channel set"),
        (("--detach",), "no output"),
        (("--stop",), "no agent runs"),
    ):
        done = anna.run("gateway", "g", *args)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1) and word in done.stderr, done
    assert anna.run("agent", "--status").returncode == 1


def test_what_a_gateway_had_not_written_when_it_was_killed_comes_again(users, at_home, tmp_path, monkeypatch):
    """It was taken as soon as it came, and gone with the gateway. One output that writes nothing holds nobody up."""
    anna, ben = users
    at_home(anna)
    monkeypatch.setattr("sealcast_host.gateway.runner.HOLD_S", 600)
    wishes = [
        Wish("sqlite", "sqlite", {"path": str(tmp_path / "a.db")}), Wish("csv", "csv", {"path": "/dev/full"}),
    ]  # fmt: skip

    async def once(killed):
        gateway, came = Gateway("g", wishes, [].append), asyncio.Event()
        sqlite, full = gateway.runners

        def watch(name, info):
            if name == "message":
                came.set()
            return gateway.heard(name, info)

        works = [asyncio.ensure_future(full.run())]
        await until(lambda: full._broken)
        attached = await attach("g", watch=watch)
        if killed:  # while the disk of the other is slow
            await came.wait()
            attached._writer.transport.abort()
        else:
            works.append(asyncio.ensure_future(sqlite.run()))
            await until(lambda: sqlite.handed == 3)
        await attached.close()
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    with anna.agent() as agent:
        agent.wait_for("online")
        ben.ok("send", "g", "-", "--mode", "note", stdin="one\ntwo\nthree\n")
        for killed in (True, False):
            asyncio.run(once(killed))
    rows = [(m.body, m.again) for m in recent(tmp_path / "a.db", 9)]
    assert rows == [(b"one", True), (b"two", False), (b"three", False)]


def test_a_folder_that_is_gone_is_told(users, tmp_path):
    anna, _ = users
    (tmp_path / "gone").mkdir()
    command = f"rmdir {tmp_path}/gone; exec {sys.executable} -m sealcast_host gateway g --to prometheus --detach"
    with Child(["sh", "-c", command], extra_env=anna.env, cwd=tmp_path / "gone") as child:
        assert child.ends(60) == 2
    assert child.lines == ["sealcast: the folder that you are in is gone: cd to one that is there"]
