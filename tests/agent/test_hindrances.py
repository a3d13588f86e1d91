"""Clients of the agent that go away, do not read or ask too much, and an agent that ends or hangs: real processes."""

import asyncio
import os
import select
import signal
import socket
import subprocess

import pytest

from sealcast.effects import Sent
from sealcast.errors import NoConversation, Offline, TooLong
from sealcast_host.agent import attach, client, lines, place
from sealcast_host.cli import agent
from sealcast_host.errors import UserError
from sealcast_host.member.many import no_time
from sealcast_host.member.session import join


@pytest.fixture
def silent():
    """A socket that takes connections, as a broker that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def elsewhere(server):
    return "--broker", f"127.0.0.1:{server.getsockname()[1]}"


def test_who_goes_away_while_it_connects_locks_nobody_out(users, silent):
    anna, _ = users
    with anna.agent() as agent:
        agent.wait_for("online")
        with anna.start("send", "g", *elsewhere(silent), "hi") as sending, silent.accept()[0]:
            assert sending.stop(signal.SIGINT) == 130
        anna.ok("send", "g", "--mode", "note", "where it belongs")


def test_an_agent_that_ends_while_somebody_attaches(users, silent):
    """The command goes on by itself, without it."""
    anna, _ = users
    with anna.agent() as agent:
        agent.wait_for("online")
        with anna.start("send", "g", *elsewhere(silent), "hi") as sending:
            with silent.accept()[0]:
                anna.ok("agent", "--stop")
                assert agent.ends() == 0
            silent.accept()[0].close()  # by itself
            silent.close()
            assert sending.ends() == 2
    assert "internal" not in "".join(sending.lines) and "broker" in sending.lines[-1], sending.lines


def test_a_listener_that_does_not_read_misses_some_and_goes_on(users):
    """It asks for so much that no more fits, and reads nothing; what another listener takes is lost to it, what nobody
    takes comes when it reads on, and what follows, too."""
    anna, ben = users
    with anna.agent() as agent, place_of(anna) as sock, sock.makefile("rwb") as file:
        agent.wait_for("online")

        def ask(what, **more):
            file.write(lines.dump({"id": 1, "do": what} | more))

        def told_until(text):
            out = []
            while not out or out[-1].get("message", {}).get("body") != text:
                line = file.readline()
                assert line, out
                out.append(lines.parse(line))
            return out

        ask("attach", protocol=place.PROTOCOL, channel="g", listen=True, wait=True)
        file.flush()
        assert "value" in lines.parse(file.readline())
        with ben.listen() as bens, anna.listen() as annas:
            for _ in range(40):
                ask("x" * 100_000)  # the answer repeats it
            ask("send", body=b"the last request", mode="note", more={})
            file.flush()
            bens.wait_for('"the last request"')
            ben.ok("send", "g", "--mode", "note", "taken by another")
            annas.wait_for('"taken by another"')
            annas.stop()
            bens.stop()
        ben.ok("send", "g", "--mode", "note", "--receipt", "taken by nobody")
        told = told_until(b"taken by nobody")
        (missed,) = [t["info"]["sender"] for t in told if t.get("event") == "overflow"]
        assert missed == "ben" and all(t["message"]["body"] != b"taken by another" for t in told if "message" in t)
        ask("taken", n=told[-1]["n"])
        file.flush()
        ben.ok("send", "g", "--mode", "note", "what follows")
        assert [t["message"]["body"] for t in told_until(b"what follows") if "message" in t] == [b"what follows"]


def place_of(user):
    """A connection to a user's agent."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(60)
    fd = os.open(user.home / "state/sealcast/.agent", os.O_PATH)
    try:
        sock.connect(f"/proc/self/fd/{fd}/socket")  # however long the path is
    finally:
        os.close(fd)
    return sock


def test_a_gateway_that_was_stopped_while_it_starts_is_gone(users, tmp_path):
    anna, _ = users
    site, begun = tmp_path / "site", tmp_path / "begun"
    site.mkdir()
    os.mkfifo(begun)
    (site / "sitecustomize.py").write_text(
        "import os, sys, signal\n"
        "if '--by-agent' in sys.orig_argv:\n"
        f"    open({str(begun)!r}, 'w').write(str(os.getpid()))\n"
        "    signal.pause()\n"
    )
    with anna.agent(PYTHONPATH=f"{site}:{os.environ.get('PYTHONPATH', '')}") as agent:
        agent.wait_for("online")
        with anna.start("gateway", "g", "--to", "csv=a.csv", "--detach") as command:
            process = os.pidfd_open(int(begun.read_text()))
            assert command.stop(signal.SIGINT) == 130
        with open(process):  # a descriptor that can be read when it has ended
            assert select.select([process], [], [], 60)[0]
        assert anna.json("agent", "--status")["gateways"] == []


def test_many_and_long_messages_through_the_agent(users, at_home):
    """More than fit in one line of the agent's; one that is too long is refused as without it, and alone."""
    anna, _ = users
    at_home(anna)
    bodies = [b"%03d " % i + bytes(1996) for i in range(400)]
    bodies[200] = bytes(2_000_000)

    async def go(ch):
        with pytest.raises(TooLong) as one:
            await ch.send(bytes(2_000_000), "note")
        return str(one.value), await ch.send_all(bodies, "note", timeout=120)

    async def through_the_agent():
        ch = await attach("g")
        why, sent = await go(ch)
        sent += await ch.send_all(bodies[:200], "note", timeout=0)
        sent += await ch.send_all(bodies[:200], "conversation")  # nobody else is awake
        await ch.close()
        return why, sent

    async def alone():
        async with await join("g") as ch:
            await ch.send(b"here", "note")  # it is connected
            with pytest.raises(TooLong) as one:
                await ch.send(bytes(2_000_000), "note")
            return str(one.value)

    without = asyncio.run(alone())
    with anna.agent() as agent:
        agent.wait_for("online")
        why, sent = asyncio.run(through_the_agent())
    assert why == without == str(sent[200])
    assert isinstance(sent.pop(200), TooLong) and all(isinstance(end, Sent) for end in sent[:399])
    late, lonely = sent[399:599], sent[599:]
    assert not any(isinstance(end, Sent) for end in late) and "its time was over" in str(late[-1])
    assert len(lonely) == 200 and all(isinstance(end, NoConversation) for end in lonely)


def test_a_program_does_not_wait_without_end_for_an_agent_that_hangs(users, at_home, monkeypatch):
    anna, _ = users
    at_home(anna)
    monkeypatch.setattr(client, "ANSWER_S", 3.0)

    async def go(agent):
        ch = await attach("g", sleep_s=60)
        await ch.send(b"here", "note")
        agent.process.send_signal(signal.SIGSTOP)
        out = await ch.send_all([b"%d" % i for i in range(200)], "note", timeout=1)
        await ch.sleep(60)
        return out, ch.closed

    with anna.agent() as agent:
        agent.wait_for("online")
        out, closed = asyncio.run(go(agent))
        agent.process.send_signal(signal.SIGCONT)
    assert out[:128] == [None] * 128 and closed  # the agent may have them
    assert len(out) == 200 and {str(end) for end in out[128:]} == {str(no_time())}


def test_lines_for_an_agent_that_hangs(users):
    """More than its socket takes: the lines have their time, and Ctrl-C ends it as well."""
    anna, ben = users
    many = "\n".join(f"{i} {'x' * 1900}" for i in range(128))
    with anna.agent() as agent, ben.listen() as bens:
        agent.wait_for("online")
        patient = anna.start("send", "g", "-", "--json", "--mode", "note", "--timeout", "600", stdin=subprocess.PIPE)
        hasty = anna.start("send", "g", "-", "--json", "--mode", "note", "--timeout", "10", stdin=subprocess.PIPE)
        with patient, hasty:
            for child in (patient, hasty):
                child.type(f"from {child.process.pid}")
                bens.wait_for(f'"from {child.process.pid}"')
                child.wait_for('"sent"')
            agent.process.send_signal(signal.SIGSTOP)
            for child in (patient, hasty):
                child.type(many)
                child.process.stdin.close()
            assert hasty.ends() == 1
            assert "lines that wait here" in hasty.lines[-1] and "1 were acknowledged" in hasty.lines[-1]
            assert patient.stop(signal.SIGINT) == 130
            assert patient.lines[-1] == "sealcast: stopped; messages that were acknowledged: 1"
        agent.process.send_signal(signal.SIGCONT)


def test_a_long_path_where_the_system_has_no_proc(tmp_path, monkeypatch):
    """macOS, FreeBSD: no agent there, and whoever could do without one does."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("x" * 100)))
    with place.listening():  # by way of the directory's descriptor
        place.connect().close()
        monkeypatch.setattr(place, "_DESCRIPTORS", "/no/such/folder")
        with pytest.raises(place.NoAgent, match="set XDG_STATE_HOME to a shorter folder"):
            place.connect()
        with pytest.raises(UserError, match="set XDG_STATE_HOME to a shorter folder"):
            place.listening()


def test_no_unit_is_written_where_no_systemd_can_be(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UserError, match="no systemd here"):
        agent.install()
    assert list(tmp_path.iterdir()) == []


def test_a_line_may_leave_out_what_is_optional(users):
    anna, _ = users
    with anna.agent() as agent, place_of(anna) as sock, sock.makefile("rwb") as file:
        agent.wait_for("online")

        def ask(what, **more):
            file.write(lines.dump({"id": 7, "do": what} | more))
            file.flush()
            while (told := lines.parse(file.readline())).get("id") != 7:
                pass
            return told

        assert "value" in ask("attach", protocol=place.PROTOCOL, channel="g", wait=True)
        assert "value" in ask("send", body=b"x", mode="note")
        (sent,) = ask("send_all", bodies=[b"x"])["value"]
        assert sent["sent"]["mode"] == "note"  # nobody else is there
        assert ask("approve", uid="ben")["error"]["text"].startswith("the request lacks 'text'")


def test_a_wrong_value_costs_the_others_nothing(users, monkeypatch):
    """In words, and the member goes on: tests/e2e/test_wrong_arguments.py has the same of a session."""
    anna, _ = users
    for name, value in anna.env.items():
        monkeypatch.setenv(name, value)

    wrong = (
        ("send", (b"x",), {"receipt": True, "timeout": float("inf")}),
        ("send_all", ([b"1", None],), {}),
        ("send_all", ([b"1"],), {"timeout": None}),
        ("change_group", ("add", [5]), {}),
        ("declare_lost", ("ben",), {"keep": 5}),
        ("declare_lost", (None,), {}),
        ("approve", ("ben", 5), {}),
        ("sleep", ("x",), {}),
        ("approve", ("ben", "x" * lines.LONGEST), {}),  # more than a line of the agent's may have
        ("change_group", ("create", ["nobody"] * lines.LONGEST), {}),
    )

    async def talk():
        async with await attach("g") as ch:
            for name, given, more in wrong:
                with pytest.raises((TypeError, UserError)) as told:
                    await getattr(ch, name)(*given, **more)
                assert "internal" not in str(told.value), name
            assert [sent.mode for sent in await ch.send_all(["text, too"], mode="note")] == ["note"]
            for seconds in (10**400, -(10**400)):  # as long or short as it goes
                assert (await ch.send(b"x", mode="note", receipt=True, timeout=seconds)).unconfirmed == []
            assert (await ch.send(b"x", mode="note")).mode == "note"
        with pytest.raises(Offline, match="the session is closed"):
            await ch.rekey()

    with anna.agent() as agent:
        agent.wait_for("online")
        asyncio.run(talk())
        assert "internal" not in "".join(agent.lines)
