"""What an exit code of `send` is worth, and a `listen` that outlives its broker: real processes, real brokers."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

import sealcast_host.member.visit
from cli_users import User, messages
from host_support import environment, free_port, mosquitto, start_broker
from late_proxy import AckProxy
from scripted_broker import PUBLISH, ScriptedBroker, usual
from sealcast_host.agent.visit import visit
from sealcast_host.member.channels import ChannelFile


@pytest.fixture
def silent():
    """A server that takes connections and never says a word. .port; .met is set when somebody has come."""
    server, taken = socket.create_server(("127.0.0.1", 0)), []
    met = threading.Event()

    def take():
        try:
            while True:
                taken.append(server.accept()[0])
                met.set()
        except OSError:
            pass

    thread = threading.Thread(target=take)
    thread.start()

    class Silent:
        port = server.getsockname()[1]

    Silent.met = met
    yield Silent
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for sock in taken:
        sock.close()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_send_that_was_stopped_has_not_sent(silent, tmp_path, signum, code):
    anna = User(tmp_path, silent.port)
    anna.new()
    with anna.start("send", "g", "hello") as sending:
        assert silent.met.wait(60)
        assert sending.stop(signum) == code
    assert sending.lines == ["sealcast: stopped; messages that were acknowledged: 0"]


LONG = 1500  # bytes of a message by which the broker knows it from joins and presences


@pytest.mark.parametrize("through", ["an agent", "no agent"])
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_lines_that_are_stopped_say_what_was_acknowledged(mosquitto, tmp_path, signum, code, through):
    """Of those that are sent together, too: seven of forty are acknowledged."""
    met = threading.Event()

    async def go():
        async with AckProxy(mosquitto.port, LONG, 7, met.set) as proxy:
            await asyncio.to_thread(stop_it, User(tmp_path, proxy.port))

    def stop_it(anna):
        anna.new()
        with contextlib.ExitStack() as stack:
            if through == "an agent":
                agent = stack.enter_context(anna.start("agent"))
                agent.wait_for("online")
                listening = stack.enter_context(anna.listen())
            command = ("send", "g", "-", "--mode", "note", "--json")
            sending = stack.enter_context(anna.start(*command, stdin=subprocess.PIPE))
            for number in range(40):
                sending.type(f"{number} {'x' * LONG}")
            assert met.wait(60)
            if through == "an agent":
                listening.wait_for('"6 xxx')  # to the others that are attached it is told, too
                anna.ok("status", "g")
            assert sending.stop(signum) == code
        assert sending.lines[-1] == "sealcast: stopped; messages that were acknowledged: 7", sending.lines
        assert [json.loads(line)["type"] for line in sending.lines[:-1]] == ["sent"] * 7

    asyncio.run(asyncio.wait_for(go(), 120))


def test_lines_whose_agent_ends_say_what_was_acknowledged(mosquitto, tmp_path):
    """What is to be run again is not all of it."""
    anna = User(tmp_path, mosquitto.port)
    anna.new()
    with anna.start("agent") as agent:
        agent.wait_for("online")
        with anna.start("send", "g", "-", "--mode", "note", "--json", stdin=subprocess.PIPE) as sending:
            for number in range(3):
                sending.type(str(number))
                sending.wait_for('"sent"')
            sending.type("the last")
            while sum('"sent"' in line for line in sending.lines) < 4:
                sending.wait_for('"sent"')
            agent.stop(signal.SIGKILL)
            assert sending.ends() == 1
    assert "; messages that were acknowledged: 4" in sending.lines[-2], sending.lines
    assert json.loads(sending.lines[-1])["code"] == 1


def test_a_timeout_bounds_everything(silent, tmp_path):
    anna = User(tmp_path, silent.port)
    anna.new()
    done = anna.run("send", "g", "--timeout", "1", "hello")
    assert (done.returncode, done.stdout) == (2, "")
    # aiomqtt itself would wait for ten seconds, and say so
    assert done.stderr.startswith("sealcast: not acknowledged within 1 s") and done.stderr.count("\n") == 1
    done = anna.run("status", "g", "--timeout", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sealcast: no answer from the broker within 1 s") and done.stderr.count("\n") == 1


def test_a_broker_that_dies_after_connack_is_one_line(tmp_path):
    """With either protocol: the answer is that of the version which was asked for."""

    def serve():
        with contextlib.suppress(OSError):
            while True:
                with server.accept()[0] as sock:
                    sock.sendall(b"\x20\x03\x00\x00\x00" if b"MQTT\x05" in sock.recv(4096) else b"\x20\x02\x00\x00")

    server = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        anna = User(tmp_path, server.getsockname()[1])
        anna.new()
        done = anna.run("send", "g", "hello")
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
    assert (done.returncode, done.stdout) == (2, "")
    assert "the link to the broker was lost" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path):
    port = free_port()
    with start_broker("embedded", port, tmp_path):
        anna = User(tmp_path / "anna", port)
        anna.new()
        anna.ok("send", "g", "--mode", "note", "one")
        argv = [sys.executable, "-m", "sealcast_host", "send", "g", "--mode", "note", "two"]
        full = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *argv]
        done = subprocess.run(full, capture_output=True, text=True, env=environment(**anna.env), timeout=180)
        assert (done.returncode, done.stdout) == (2, "")
        assert "cannot be stored" in done.stderr and done.stderr.count("\n") == 1, done.stderr
        anna.ok("send", "g", "--mode", "note", "three")


def test_listen_begins_before_its_broker_and_outlives_it(tmp_path):
    port = free_port()
    anna = User(tmp_path / "anna", port)
    anna.new()
    with anna.start("listen", "g") as listening:
        listening.wait_for("no connection to the broker")
        for begun in ("listening on", "connected again"):
            with start_broker("embedded", port, tmp_path) as broker:
                listening.wait_for(begun)
                assert broker.stop() == 0
        assert listening.stop() == 0


@pytest.mark.parametrize("through", ["an agent", "no agent"])
def test_what_is_not_acknowledged_in_time_waits_and_is_not_called_unsent(tmp_path, through):
    """The broker stops for a while: code 1, and all of it comes, once, when it goes on."""
    port = free_port()
    anna, ben = User(tmp_path / "anna", port), User(tmp_path / "ben", port)
    ben.join(anna.new())
    with start_broker("embedded", port, tmp_path) as broker, contextlib.ExitStack() as stack:
        bens = stack.enter_context(ben.listen())
        if through == "an agent":
            stack.enter_context(anna.start("agent")).wait_for("online")
        argv = ["send", "g", "-", "--mode", "note", "--timeout", "4", "--json"]
        sending = stack.enter_context(anna.start(*argv, stdin=subprocess.PIPE))
        sending.type("one")
        sending.wait_for('"sent"')
        broker.process.send_signal(signal.SIGSTOP)
        sending.type("two\nthree\n" + "x" * 3000)
        sending.process.stdin.close()
        assert sending.ends() == 2
        error = sending.lines[-1]
        assert "not sent: 4 (1 were)" in error and "next connection: 2, 3" in error, sending.lines
        if through == "an agent":
            done = anna.run("send", "g", "--mode", "note", "--timeout", "2", "four")
            assert (done.returncode, done.stderr.count("\n")) == (1, 1)
            assert "it waits here, and may go out" in done.stderr
        broker.process.send_signal(signal.SIGCONT)
        anna.ok("send", "g", "--mode", "note", "the last")
        bens.wait_for('"the last"')
        bens.stop()
    four = ["four"] if through == "an agent" else []
    assert [m["text"] for m in messages(bens.lines)] == ["one", "two", "three", *four, "the last"]


@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
def test_what_a_broker_refuses_waits_here_and_is_not_called_unsent(tmp_path):
    port = free_port()
    anna = User(tmp_path, port)
    anna.new()
    with start_broker("mosquitto", port, tmp_path, deaf=True):
        one = anna.run("send", "g", "--mode", "note", "hello")
        many = anna.run("send", "g", "-", "--mode", "note", stdin="one\ntwo\n")
    assert (one.returncode, one.stderr.count("\n"), many.returncode) == (1, 1, 1)
    assert "it waits here" in one.stderr and "next connection: 1, 2" in many.stderr


@pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
def test_a_send_behind_as_many_as_may_wait_lets_them_go_first(tmp_path):
    """It was refused at once, and ended before the others were acknowledged, each time for ever."""
    port = free_port()
    anna, ben = User(tmp_path / "anna", port), User(tmp_path / "ben", port)
    ben.join(anna.new())
    lines = [str(n) for n in range(16)]
    with start_broker("mosquitto", port, tmp_path, deaf=True):
        assert anna.run("send", "g", "-", "--mode", "note", stdin="\n".join(lines)).returncode == 1
        full = anna.run("send", "g", "--mode", "note", "--timeout", "9", "too many")
        assert full.returncode == 2 and "16 messages wait for the broker" in full.stderr
    with start_broker("mosquitto", port, tmp_path):
        anna.ok("send", "g", "--mode", "note", "the last")
        with ben.listen() as bens:
            bens.wait_for('"the last"')
            bens.stop()
    assert [m["text"] for m in messages(bens.lines)] == [*lines[1:], "the last"]  # as many as the ring keeps


def test_what_no_broker_acknowledged_is_not_called_sent_because_nobody_could_confirm_it(tmp_path):
    async def go():
        async with ScriptedBroker(lambda c, kind, body: b"" if kind == PUBLISH else usual(c, kind, body)) as broker:
            anna = User(tmp_path, broker.port)
            anna.new()
            return await asyncio.to_thread(anna.run, "send", "g", "--receipt", "--timeout", "8", "--json", "hello")

    done = asyncio.run(go())
    (told,) = done.stdout.splitlines()
    assert done.returncode == 1 and "not acknowledged within 8 s" in told and '"sent"' not in told


def test_a_command_that_fails_parts_in_a_hurry(tmp_path, monkeypatch):
    """How a member parts is decided where it was made: it must know how the command ended."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    seen = []

    @contextlib.asynccontextmanager
    async def alone(*_, **__):
        try:
            yield None
        except BaseException as e:
            seen.append(type(e))
            raise

    async def command():
        async with visit(ChannelFile("g", bytes(32), "anna", broker={"host": "127.0.0.1"}), None):
            raise TimeoutError

    monkeypatch.setattr(sealcast_host.member.visit, "visit_alone", alone)
    with pytest.raises(TimeoutError):
        asyncio.run(command())
    assert seen == [TimeoutError]


def test_a_chat_that_ends_before_the_broker_has_its_last_line_says_so(tmp_path):
    port = free_port()
    anna = User(tmp_path, port)
    anna.new()
    with start_broker("embedded", port, tmp_path) as broker, anna.start("chat", "g", stdin=subprocess.PIPE) as chat:
        chat.wait_for("/help explains")
        broker.process.send_signal(signal.SIGSTOP)
        chat.type("the roof is open")
        chat.process.stdin.close()
        assert chat.ends() == 1
        broker.process.send_signal(signal.SIGCONT)
    assert "is not acknowledged" in chat.lines[-1], chat.lines


@pytest.mark.parametrize("command", [["send", "g", "-", "--mode", "note"], ["chat", "g"]], ids=["send", "chat"])
def test_an_input_that_cannot_be_read_is_no_end(tmp_path, command):
    """One that does not wait is waited for; one that fails is an error."""
    port = free_port()
    anna = User(tmp_path / "anna", port)
    anna.new()
    with start_broker("embedded", port, tmp_path):
        read, write = os.pipe()
        os.set_blocking(read, False)
        with anna.start("listen", "g", "--uid", "ears", "--json") as ears:
            ears.wait_for('"online"')
            with anna.start(*command, stdin=read) as child, open(write, "wb", buffering=0) as late:
                late.write(b"early\n")
                ears.wait_for('"early"')  # it has begun to read, and finds nothing more
                late.write(b"late\n")
                late.close()
                assert child.ends() == 0
            ears.wait_for('"late"')
            ears.stop()
        os.close(read)
        with open(tmp_path / "out", "wb") as only_written:
            with anna.start(*command, stdin=only_written) as child:
                assert child.ends() == 1
        assert child.lines[-1].startswith("sealcast: cannot read standard input: ")
