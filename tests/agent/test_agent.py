"""The agent as processes: one member shared by commands and programs, each message once; it outlives them all."""

import asyncio
import collections
import contextlib
import errno
import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import sealcast
from host_support import Child, environment, start_broker
from sealcast_host.agent import NoAgent, attach, client, lines, place
from sealcast_host.errors import Failed, UserError


def texts(child):
    """[(sender, text, historic)] of the messages that a listener printed."""
    told = [json.loads(line) for line in list(child.lines) if line.startswith("{")]
    return [(m["sender"], m["text"], m["historic"]) for m in told if m["type"] == "message"]


def state(user):
    return user.home / "state" / "sealcast" / ".agent"


def test_listeners_side_by_side_each_with_its_own_filter(users):
    anna, ben = users
    listen = anna.listen
    with listen() as everything, listen("--from", "ben") as bens, listen("--secrecy", "ratchet") as secret:
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


def test_two_programs_and_a_chat_share_one_member(users, at_home):
    """Each gets every message once: those of others, and what the other two send."""
    anna, ben = users
    at_home(anna)
    theirs = [f"from ben {i}" for i in range(20)]

    async def program(name, ready, others):
        async with await sealcast.join("g") as ch:
            ready.set()
            await others.wait()
            await ch.send(f"from {name}", "note")
            got = []
            while len(got) < len(theirs) + 2:
                m = await anext(ch)
                got.append((m.sender, m.body.decode()))
            return got

    async def both(chat):
        ready, go = [asyncio.Event(), asyncio.Event()], asyncio.Event()
        programs = [asyncio.ensure_future(program(name, ready[i], go)) for i, name in enumerate(("one", "two"))]
        for event in ready:
            await event.wait()
        go.set()
        await asyncio.to_thread(chat.type, "/note from chat")
        await asyncio.to_thread(ben.ok, "send", "g", "-", "--mode", "note", stdin="\n".join(theirs) + "\n")
        return await asyncio.gather(*programs)

    with anna.agent(), anna.start("chat", "g", stdin=subprocess.PIPE) as chat:
        chat.wait_for('you are "anna"')
        one, two = asyncio.run(both(chat))
        for text in ("from one", "from two", theirs[-1]):
            chat.wait_for(text)
        chat.type("/leave")
        assert chat.ends(60) == 0
    ours = {"from one", "from two", "from chat"}
    for got, own in ((one, "from one"), (two, "from two")):
        assert sorted(got) == sorted([("ben", t) for t in theirs] + [("anna", t) for t in ours - {own}])
        assert [text for sender, text in got if sender == "ben"] == theirs
    for text in [*theirs, *ours]:
        assert sum(line.endswith(text) for line in chat.lines) == 1, (text, chat.lines)


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
    """The broker is killed and comes back; the agent is stopped and continued, as by a suspend; the clock jumps ahead,
    and back to before it began."""
    anna, ben = users
    jump = tmp_path / "jump"
    jump.write_text("0")
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        f"import time\n_time = time.time\ntime.time = lambda: _time() + int(open({str(jump)!r}).read())\n"
    )
    path = os.pathsep.join([str(site), environment()["PYTHONPATH"]])
    with anna.agent(PYTHONPATH=path) as agent, anna.listen() as annas:
        mosquitto.stop(signal.SIGKILL)
        annas.wait_for('"offline"')
        refused = anna.run("send", "g", "into the void")
        assert refused.returncode == 2 and "nothing listens there" in refused.stderr
        looked = anna.run("doctor", "g")
        assert looked.returncode == 1 and "its member anna has no connection to the broker" in looked.stdout
        with start_broker("mosquitto", mosquitto.port, tmp_path):
            ben.ok("send", "g", "--mode", "note", "it is back")
            anna.ok("send", "g", "--mode", "note", "I know")  # tries at once, whenever the next attempt is due
            annas.wait_for('"it is back"')
            assert "its member anna is connected" in anna.ok("doctor", "g")
            agent.process.send_signal(signal.SIGSTOP)
            ben.ok("send", "g", "--mode", "note", "while asleep")
            jump.write_text("40000000")
            agent.process.send_signal(signal.SIGCONT)
            annas.wait_for('"while asleep"')
            anna.ok("send", "g", "--mode", "note", "a year later")
            annas.wait_for('"a year later"')
            jump.write_text("-40000000")
            for user in (anna, ben):
                user.ok("send", "g", "--mode", "note", f"{user.uid} before")
                annas.wait_for(f'"{user.uid} before"')
            annas.stop()
            assert agent.stop() == 0
    heard = [t for _, t, _ in texts(annas)]
    assert sorted(heard[:2]) == ["I know", "it is back"]
    assert heard[2:] == ["while asleep", "a year later", "anna before", "ben before"]
    assert "Traceback" not in "".join(agent.lines + annas.lines)


def test_a_killed_agent_leaves_nothing_in_the_way(users):
    """Its socket is replaced, its lock is free; a listener is told; commands work alone meanwhile."""
    anna, _ = users
    with anna.agent() as agent, anna.listen() as annas:
        agent.stop(signal.SIGKILL)
        assert annas.ends(60) == 1
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
    for _ in range(600):  # it says goodbye after nobody can attach any more
        if "agent ended" in log.read_text():
            break
        select.select([], [], [], 0.1)
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
            try:
                bens.wait_for("waits for room")
            except AssertionError as e:
                raise AssertionError(f"{e}; the agent said {agent.lines}, the sender {sending.lines}") from None
            assert sending.stop(None) in (0, 2)  # it was told how things stand, if that took long
        bens.stop()
        assert agent.stop() == 0


def mounts():
    """May this user mount something in a namespace of his own?"""
    return not subprocess.run([*APART, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode


APART = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]


@pytest.mark.skipif(shutil.which("unshare") is None or not mounts(), reason="this user may not mount anything")
def test_a_disk_that_is_full(users):
    """A real one, small: the member's state lies on it. What is sent meanwhile waits for room, or fails."""
    anna, ben = users
    disk = anna.home / "state/sealcast/g"
    disk.mkdir(0o700, parents=True)
    disk.parent.chmod(0o700)
    script = 'mount -t tmpfs -o size=512k,mode=700 none "$0" && exec "$@"'
    argv = [*APART, "sh", "-c", script, str(disk), sys.executable, "-m", "sealcast_host", "agent"]
    with Child(argv, extra_env=anna.env) as agent, ben.listen() as bens:
        agent.wait_for("online")
        inside = Path(f"/proc/{agent.process.pid}/root{disk}")
        with open(inside / "fill", "wb", buffering=0) as fill, pytest.raises(OSError) as full:
            while True:
                fill.write(bytes(4096))
        assert full.value.errno == errno.ENOSPC
        body = "x" * 1900  # what is stored of some of them takes more than the rest of a page
        with contextlib.ExitStack() as stack:
            sending = [stack.enter_context(anna.start("send", "g", "--mode", "note", f"{i} {body}")) for i in range(10)]
            agent.wait_for("trouble: storage")
            assert len(texts(bens)) < 10
            (inside / "fill").unlink()
            codes = {str(i): child.stop(None) for i, child in enumerate(sending)}
        anna.ok("send", "g", "--mode", "note", "end")
        bens.wait_for('"end"')
        bens.stop()
        assert agent.stop() == 0
    got = collections.Counter(text.split()[0] for _, text, _ in texts(bens))
    # Who was told of the full disk (2) may find that it came all the same; nothing is lost, nothing comes twice
    assert set(codes.values()) <= {0, 2}
    assert all(got[i] == 1 if code == 0 else got[i] <= 1 for i, code in codes.items()) and got["end"] == 1


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(users, tmp_path):
    """As systemd itself reads it, in paths with all that means something to it."""
    anna, _ = users
    programs, folder = tmp_path / "a b%c$d", tmp_path / 'a b%c$d"e\\f'
    programs.mkdir()
    folder.mkdir()
    (programs / "sealcast").symlink_to(Path(sys.executable).parent / "sealcast")
    run = {"XDG_RUNTIME_DIR": str(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}"}
    anna.env |= run | {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
    done = anna.run("agent", "--install")  # no systemd runs for this runtime directory
    assert done.returncode == 1 and "was not enabled" in done.stderr and "written" in done.stdout
    path = folder / "config/systemd/user/sealcast-agent.service"
    argv = ["systemd-analyze", "verify", "--user", str(path)]
    judged = subprocess.run(argv, env=environment(**anna.env), capture_output=True, text=True, timeout=60)
    assert (judged.returncode, judged.stderr) == (0, "")
    path.write_text(path.read_text().replace("sealcast\"", "no such\""))
    judged = subprocess.run(argv, env=environment(**anna.env), capture_output=True, text=True, timeout=60)
    assert "not executable" in judged.stderr  # else it would say nothing whatever the unit said


def test_no_agent_and_wrong_ones(users, at_home, monkeypatch):
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
            done = await asyncio.to_thread(anna.run, "send", "g", "--timeout", "10", "busy")
            assert done.returncode == 2 and "another process" in done.stderr and "sealcast agent" in done.stderr
        finally:
            await ch.close()

    asyncio.run(alone())
    with anna.agent() as agent:
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
        anna.ok("send", "g", "--uid", "guest", "--mode", "note", "a name for once")
        agent.wait_for("'g' as 'guest': sleeps")
        assert [m["uid"] for m in anna.json("agent", "--status")["members"]] == ["anna"]
    with anna.agent() as agent:
        monkeypatch.setattr(client, "ANSWER_S", 0.2)
        agent.process.send_signal(signal.SIGSTOP)
        with pytest.raises(Failed, match=f"kill -CONT {agent.process.pid}"):
            asyncio.run(attach("g"))
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
