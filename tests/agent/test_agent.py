"""The agent as processes: one member shared by commands and programs, each message once; it outlives what is around it."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import stat

import pytest

import sealcast
from host_support import start_broker
from sealcast_host.agent import NoAgent, attach, lines, place
from sealcast_host.errors import UserError


def texts(child):
    """[(sender, text, historic)] of the messages that a listener printed."""
    told = [json.loads(line) for line in list(child.lines) if line.startswith("{")]
    return [(m["sender"], m["text"], m["historic"]) for m in told if m["type"] == "message"]


def state(user):
    return user.home / "state" / "sealcast" / ".agent"


def test_listeners_side_by_side_each_with_its_own_filter(users):
    anna, ben = users
    with anna.listen() as everything, anna.listen("--from", "ben") as bens, anna.listen("--secrecy", "ratchet") as secret:
        anna.ok("send", "g", "--mode", "note", "from anna")
        ben.ok("send", "g", "--mode", "note", "from ben")
        bens.wait_for('"from ben"')
        everything.wait_for('"from ben"')
        for child in (everything, bens, secret):
            assert child.stop(signal.SIGTERM) == 0
    assert sorted(text for _, text, _ in texts(everything)) == ["from anna", "from ben"]
    assert texts(bens) == [("ben", "from ben", False)] and texts(secret) == []


def test_fifty_commands_at_once_none_lost(users):
    """Fifty real commands against one agent; Ben gets each once. How long that takes: tests/benchmarks/computer.py."""
    anna, ben = users
    with anna.agent() as agent, ben.listen() as bens, contextlib.ExitStack() as stack:
        agent.wait_for("online")
        bens.wait_for('"epoch"')  # there is a conversation: that is where they go
        commands = [stack.enter_context(anna.start("send", "g", f"number {i}")) for i in range(50)]
        for command in commands:
            assert command.stop(None) == 0, command.lines
        for i in range(50):
            bens.wait_for(f'"number {i}"')
        anna.ok("send", "g", "the last")
        bens.wait_for('"the last"')
        bens.stop()
    got = [text for _, text, _ in texts(bens)]
    assert sorted(got) == sorted([*(f"number {i}" for i in range(50)), "the last"])


def test_a_message_is_kept_until_somebody_takes_it(users, at_home):
    """Nobody listens: it waits. Given to a program that dies before it took it: it comes again. Taken: no more."""
    anna, ben = users
    at_home(anna)

    async def program():
        first = await sealcast.join("g")
        assert await anext(first) and first.uid == "anna"
        first._writer.transport.abort()  # as a program that is killed while it works on the message
        second = await attach("g")
        again = await anext(second)
        third = await attach("g")  # comes while the message is still with the second
        also = await anext(third)
        following = await anext(second)
        await second.close()
        rest = await attach("g")
        ben_says = asyncio.ensure_future(anext(rest))
        await asyncio.to_thread(ben.ok, "send", "g", "--mode", "note", "three")
        last = await ben_says
        await rest.close()
        await third.close()
        return again, also, following, last

    with anna.agent() as agent:
        agent.wait_for("online")
        ben.ok("send", "g", "-", "--mode", "note", stdin="one\ntwo\n")
        again, also, following, last = asyncio.run(program())
        assert (again.body, again.again, also.body) == (b"one", True, b"one")
        assert (following.body, following.again, following.historic) == (b"two", False, True)
        assert (last.body, last.sender, last.secrecy, last.origin) == (b"three", "ben", "note", "member")
        with anna.listen() as quiet:
            anna.ok("send", "g", "--mode", "note", "end")
            quiet.wait_for('"end"')
            quiet.stop()
        assert texts(quiet) == [("anna", "end", False)]


def test_it_outlives_the_broker_and_a_stop_of_the_whole_computer(users, tmp_path, mosquitto):
    """The broker is killed and comes back; the agent is stopped and continued, as by a suspend; the clock jumps."""
    anna, ben = users
    jump = tmp_path / "jump"
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import os, time\n_time = time.time\n"
        f"time.time = lambda: _time() + (40_000_000 if os.path.exists({str(jump)!r}) else 0)\n"
    )
    path = os.pathsep.join([str(site), place_of_packages()])
    with anna.agent(PYTHONPATH=path) as agent, anna.listen() as annas:
        mosquitto.stop(signal.SIGKILL)
        annas.wait_for('"offline"')
        refused = anna.run("send", "g", "into the void")
        assert refused.returncode == 2 and "nothing listens there" in refused.stderr
        with start_broker("mosquitto", mosquitto.port, tmp_path):
            ben.ok("send", "g", "--mode", "note", "it is back")
            anna.ok("send", "g", "--mode", "note", "I know")  # tries at once, whenever the next attempt is due
            annas.wait_for('"it is back"')
            agent.process.send_signal(signal.SIGSTOP)
            ben.ok("send", "g", "--mode", "note", "while asleep")
            jump.touch()
            agent.process.send_signal(signal.SIGCONT)
            annas.wait_for('"while asleep"')
            anna.ok("send", "g", "--mode", "note", "a year later")
            annas.wait_for('"a year later"')
            annas.stop()
            assert agent.stop() == 0
    heard = [t for _, t, _ in texts(annas)]
    assert sorted(heard[:2]) == ["I know", "it is back"] and heard[2:] == ["while asleep", "a year later"]
    assert "Traceback" not in "".join(agent.lines + annas.lines)


def place_of_packages():
    from host_support import environment

    return environment()["PYTHONPATH"]


def test_a_killed_agent_leaves_nothing_in_the_way(users):
    """Its socket is replaced, its lock is free; a listener is told; commands work alone meanwhile."""
    anna, _ = users
    with anna.agent() as agent, anna.listen() as annas:
        agent.stop(signal.SIGKILL)
        assert annas.process.wait(60) == 1
        assert "the agent has ended" in annas.lines_at_end()[-1]
    assert (state(anna) / "socket").exists()
    anna.ok("send", "g", "--mode", "note", "alone")
    with anna.agent(), anna.listen() as annas:
        anna.ok("send", "g", "--mode", "note", "through the new one")
        annas.wait_for("through the new one")
        annas.stop()
        second = anna.run("agent")
        assert second.returncode == 2 and "runs already" in second.stderr


def test_detached_and_stopped_by_commands(users):
    anna, _ = users
    assert "log" in anna.ok("agent", "--detach")
    again = anna.run("agent", "--detach")
    assert again.returncode == 1 and "runs already" in again.stderr
    told = json.loads(anna.ok("agent", "--status", "--json"))
    assert told["running"] and told["stays"] and told["pid"]
    anna.ok("send", "g", "--mode", "note", "x")
    assert str(told["pid"]) in anna.ok("agent", "--stop")
    assert anna.run("agent", "--stop").returncode == 2
    log = state(anna) / "log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "'g' as 'anna': online" in log.read_text() and "agent ended" in log.read_text()
    secrets = json.loads((anna.home / "config/sealcast/g.json").read_text())
    assert secrets["key"] not in log.read_text()


def test_it_lives_on_when_nothing_can_be_written(users):
    """No byte fits into any file (a full disk): it says so and goes on when there is room; nothing is sent unstored."""
    anna, ben = users
    with anna.agent() as agent, ben.listen() as bens:
        agent.wait_for("online")
        import resource

        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        with anna.start("send", "g", "--mode", "note", "waits for room") as sending:
            agent.wait_for("trouble: storage")
            assert not texts(bens)
            infinite = resource.RLIM_INFINITY
            resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (infinite, infinite))
            bens.wait_for("waits for room")
            assert sending.stop(None) == 0
        bens.stop()
        assert agent.stop() == 0


def test_no_agent_and_wrong_ones(users, at_home):
    """Programs without an agent run the member themselves; what is not an agent, or not for us alone, is refused."""
    anna, _ = users
    at_home(anna)
    with pytest.raises(NoAgent):
        asyncio.run(attach("g"))

    async def alone():
        ch = await sealcast.join("g")
        try:
            with pytest.raises(NoAgent):
                await attach("g")
            done = await asyncio.to_thread(anna.run, "send", "g", "--timeout", "1", "busy")
            assert done.returncode == 2 and "another process" in done.stderr and "sealcast agent" in done.stderr
        finally:
            await ch.close()

    asyncio.run(alone())
    with anna.agent():
        with pytest.raises(UserError, match="unknown channel"):
            asyncio.run(attach("nowhere"))
        for garbage in (b"\n", b"[]\n", b"{\n", b'{"do": "taken"}\n', b"x" * 2_000_000, b'{"id": 1, "do": "send"}\n'):
            with place.connect() as sock:
                try:
                    sock.sendall(garbage)
                    sock.shutdown(socket.SHUT_WR)
                    reply = sock.makefile("rb").readline()
                except OSError:
                    continue  # it hung up in the middle
                assert not reply or "error" in lines.parse(reply)
        with place.connect() as sock, sock.makefile("rwb") as file:
            file.write(lines.dump({"id": 7, "do": "attach", "protocol": 99, "channel": "g"}))
            file.flush()
            assert "another version" in lines.parse(file.readline())["error"]["text"]
        anna.ok("send", "g", "--mode", "note", "still there")
    state(anna).chmod(0o755)
    refused = anna.run("send", "g", "x")
    assert refused.returncode == 2 and "chmod 700" in refused.stderr


def test_a_long_path_is_no_obstacle(users, tmp_path, monkeypatch):
    anna, _ = users
    long = tmp_path / ("d" * 120)
    long.mkdir()
    anna.env["XDG_STATE_HOME"] = str(long)
    anna.ok("agent", "--detach")
    anna.ok("send", "g", "--mode", "note", "x")
    assert json.loads(anna.ok("agent", "--status", "--json"))["members"][0]["uid"] == "anna"
    anna.ok("agent", "--stop")
