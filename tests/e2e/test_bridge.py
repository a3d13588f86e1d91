"""Boards on serial ports reach a real broker through the bridge: a
group forms, boards and ports and brokers come and go.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys

import pytest

from host_support import environment, free_port, sealcast, start_broker
from sealcast.run.seriallink import Lines, Link
from sealcast_host.bridge.ports import maker
from sealcast_host.bridge.relay import PENDING, Relay
from sealcast_host.demo.members import HostMember
from sealcast_host.waiting import Watch
from serial_support import KEY, Lab, SerialNode


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


async def host_member(lab):
    host = HostMember("host", lab.watch)
    await host.join({"channel": "greenhouse", "key": KEY, "broker": lab.broker, "keepalive": 5})
    return host


async def one_epoch(lab, members, not_in=()):
    """Wait until all members, and nobody else, share one newest epoch, and none of `not_in`; -> its name."""
    names = sorted(m.uid for m in members)

    def agreed():
        newest = {m.epochs[-1][0] if m.epochs else None for m in members}
        return (
            len(newest) == 1
            and not newest & set(not_in)
            and all(m.epochs and m.epochs[-1][1] == names for m in members)
        )

    await lab.watch.until(f"one epoch for {names}", agreed)
    return members[0].epochs[-1][0]


async def talk(lab, sender, body, mode, hearers):
    await sender.send(body, mode)
    for m in hearers:
        await lab.watch.until(f"{m.uid} hears {body}", lambda m=m: m.has(body, mode))


async def host_and_board(lab, micropython, home):
    host = await host_member(lab)
    board = SerialNode(micropython, home / "ann", "ann", lab.watch)
    board.start()
    lab.add(board)
    return host, board


def test_two_boards_and_a_host_are_one_group(micropython, mosquitto, home):
    async def story():
        async with Lab(mosquitto.port) as lab:
            host = await host_member(lab)
            boards = [SerialNode(micropython, home / uid, uid, lab.watch) for uid in ("ann", "bob")]
            for board in boards:
                board.start()
                lab.add(board)
            members = [*boards, host]
            await one_epoch(lab, members)
            for i, sender in enumerate(members):
                others = [m for m in members if m is not sender]
                await talk(lab, sender, f"note {i}", "note", others)
                await talk(lab, sender, f"said {i}", "conversation", others)
            await talk(lab, host, "x" * 1000, "note", boards)
            await host.session.close()

    asyncio.run(story())


def test_a_line_that_is_too_long_for_the_port_is_refused_whole(micropython, mosquitto, home):
    """The port hands it on in pieces: the first was sent as if it were all, and the rest taken for commands."""

    async def story():
        async with Lab(mosquitto.port) as lab:
            host, board = await host_and_board(lab, micropython, home)
            await one_epoch(lab, [board, host])
            board.say("note " + "x" * 187 + "leave " + "y" * 300)

            def refused():
                return [i for n, i in board.events if n == "refused" and "at most 191 bytes" in i["text"]]

            await lab.watch.until("the refusal of each of its pieces", lambda: len(refused()) == 3)
            await talk(lab, board, "z" * 186, "note", [host])
            assert not host.has("x" * 187, "note")
            await host.session.close()

    asyncio.run(story())


def test_a_killed_board_a_pulled_cable_and_a_bridge_that_starts_again(micropython, mosquitto, home):
    async def story():
        async with Lab(mosquitto.port) as lab:
            host, board = await host_and_board(lab, micropython, home)
            first = await one_epoch(lab, [board, host])

            def left(times):
                return lambda: sum(n == "gone" and i["uid"] == "ann" for n, i in host.events) >= times

            # A board without power: the bridge finds it silent, the broker publishes its last will.
            board.kill()
            await lab.watch.until("the will of a silent board", left(1))
            board.start()
            second = await one_epoch(lab, [board, host], [first])
            await talk(lab, board, "awake again", "conversation", [host])

            # The cable: the port is gone at once, and so is the board; later it comes back under the same name.
            board.kill()
            board.plug.pull_out()
            await lab.watch.until("the will of an unplugged board", left(2))
            assert any("the port is gone" in line for line in lab.said)
            board.start()
            await lab.watch.until("the port is back", lambda: any("it is back" in line for line in lab.said))
            await one_epoch(lab, [board, host], [first, second])
            await talk(lab, board, "plugged in again", "note", [host])

            # The bridge: it knows nothing of the board's session any more, and says so.
            before = len(board.events)
            await lab.leave(board)
            await lab.watch.until("the will when the bridge stops", left(3))
            lab.attend(board)
            await lab.watch.until("the board is online", lambda: any(n == "online" for n, _ in board.events[before:]))
            await talk(lab, board, "a new bridge", "note", [host])
            await host.session.close()

    asyncio.run(story())


def test_the_broker_dies_and_comes_back(micropython, mosquitto, tmp_path, home):
    async def story():
        async with Lab(mosquitto.port) as lab:
            board = SerialNode(micropython, home / "ann", "ann", lab.watch)
            board.start()
            lab.add(board)
            await lab.watch.until("online", lambda: board.saw("online"))
            mosquitto.stop(signal.SIGKILL)
            await lab.watch.until("the board hears of it", lambda: board.saw("offline"))
            reason = [i for n, i in board.events if n == "offline"][0]["reason"]
            assert reason in ("OSError: the link to the broker was lost", "OSError: the broker did not answer")
            await lab.watch.until("it tries again", lambda: sum(n == "offline" for n, _ in board.events) >= 2)
            assert "nothing listens there" in [i for n, i in board.events if n == "offline"][1]["reason"]
            with start_broker("mosquitto", mosquitto.port, tmp_path):
                before = len(board.events)
                await lab.watch.until("online again", lambda: any(n == "online" for n, _ in board.events[before:]))
                host = await host_member(lab)
                await one_epoch(lab, [board, host])
                await host.session.close()
            board.kill()

    asyncio.run(story())


def test_noise_on_the_port_costs_nothing_but_time(micropython, mosquitto, home):
    dice = random.Random(7)

    async def story():
        async with Lab(mosquitto.port) as lab:
            host, board = await host_and_board(lab, micropython, home)
            await one_epoch(lab, [board, host])
            to_board = os.open(os.path.realpath(board.plug.path), os.O_WRONLY | os.O_NOCTTY)

            async def disturb(end):
                while True:
                    # No Ctrl-C, which stops a program on a board's console on purpose.
                    os.write(end, bytes(b for b in dice.randbytes(dice.randrange(1, 60)) if b != 3))
                    await asyncio.sleep(0.02)

            storm = asyncio.create_task(disturb(to_board))
            for i in range(5):
                await talk(lab, host, f"through the noise {i} " + "y" * 300, "note", [board])
            storm.cancel()
            # The other way: the board's log suffers too, its messages do not.
            storm = asyncio.create_task(disturb(board.plug.board_end))
            for i in range(5):
                board.say(f"note and back {i}")
                await lab.watch.until("the note", lambda i=i: host.has(f"and back {i}", "note"))
            storm.cancel()
            os.close(to_board)
            await host.session.close()

    asyncio.run(story())


def test_a_board_that_asks_without_waiting_for_answers_is_let_go(home):
    """The broker accepts a connection and says nothing more; the
    board goes on asking. Its requests are not collected for ever.
    """

    async def story():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        board, lines, ended = Link(8), Lines(1024), asyncio.Event()
        reasons, arrived = [], asyncio.Event()

        def hear(data):
            for kind, value in lines.put(data):
                event = board.take(value, 0) if kind == "packet" else None
                if event and event[0] == "gone":
                    reasons.append(event[1])
                    ended.set()
            arrived.set()

        relay = Relay(maker({"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]}), lambda line: None, hear)
        keeping = asyncio.create_task(relay.run())
        board.open(1, 30, 0)
        count = 0
        while not ended.is_set():
            out, board.out = board.out, []
            arrived.clear()
            relay.feed(b"".join(out))
            if board.idle and not ended.is_set():
                board.send((b"\x01\x00\x00\x06zp/1/x",), 0)
                count += 1
            elif not board.out:
                await arrived.wait()
        keeping.cancel()
        await asyncio.wait({keeping})
        server.close()
        return reasons, count

    reasons, count = asyncio.run(asyncio.wait_for(story(), 60))
    assert reasons == ["the board breaks the rules: it asks for more before it was answered"]
    assert count <= PENDING + 4


def test_a_board_is_told_what_the_broker_refuses(tmp_path, home):
    """And the bridge says so: the board waited for an answer that never came."""

    async def story(port):
        board, lines, reasons, said = Link(8), Lines(1024), asyncio.Queue(), []

        def hear(data):
            for kind, value in lines.put(data):
                event = board.take(value, 0) if kind == "packet" else None
                if event and event[0] == "message":
                    topic = b"zp/1/a/b/c"
                    board.send((b"\x03\x01\x02", len(topic).to_bytes(2, "big"), topic, b"hello"), 0)
                elif event and event[0] == "opened":
                    board.send((b"\x01\x00\x00\x0azp/1/a/b/c",), 0)
                elif event and event[0] == "gone":
                    reasons.put_nowait(event[1])

        relay = Relay(maker({"host": "127.0.0.1", "port": port}), said.append, hear)
        keeping = asyncio.create_task(relay.run())
        board.open(1, 30, 0)
        while reasons.empty():
            out, board.out = board.out, []
            relay.feed(b"".join(out))
            await asyncio.sleep(0.01)
        keeping.cancel()
        await asyncio.wait({keeping})
        return reasons.get_nowait(), said

    port = free_port()
    with start_broker("mosquitto", port, tmp_path, deaf=True):
        reason, said = asyncio.run(asyncio.wait_for(story(port), 60))
    assert "uthori" in reason and said[-1] == f"(disconnected: {reason})", (reason, said)


def test_a_bridge_that_cannot_tell_ends(mosquitto, home):
    """Its boards are heard by nobody any more than its words: it leaves its place to the next one."""
    master, slave = os.openpty()
    argv = [sys.executable, "-m", "sealcast_host", "bridge", "--port", os.ttyname(slave)]
    argv += ["--broker", f"127.0.0.1:{mosquitto.port}"]
    bridge = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    assert "no key is here" in bridge.stdout.readline()
    bridge.stdout.close()
    os.write(master, b"booting\n")
    assert (bridge.wait(60), bridge.stderr.read()) == (0, "")  # as with `| head`
    bridge.stderr.close()
    for end in (master, slave):
        os.close(end)


def test_a_parting_board_is_not_mourned(micropython, mosquitto, home):
    """`sleep` ends with a clean disconnect: no last will, the epoch stays."""

    async def story():
        async with Lab(mosquitto.port) as lab:
            host, board = await host_and_board(lab, micropython, home)
            epoch = await one_epoch(lab, [board, host])
            board.say("sleep 600")
            await lab.watch.until("asleep", lambda: host.saw("asleep", uid="ann"))
            await asyncio.to_thread(board.process.wait, 30)
            await talk(lab, host, "while you sleep", "note", [])
            assert not host.saw("left", uid="ann") and not host.saw("gone", uid="ann") and host.session.epoch == epoch
            await host.session.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--port"),
        (["--port", "/dev/no-such-port"], "no such port"),
        (["--port", "/dev/null"], "/dev/null: it is no serial port"),
        (["--port", "a", "--port", "a"], "given twice"),
        (["--port", "a", "--baud", "9"], "--baud"),
        (["--port", "a", "--broker", "x:y"], "--broker"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(mosquitto, arguments, says):
    broker = [] if "--broker" in arguments else ["--broker", f"127.0.0.1:{mosquitto.port}"]
    with sealcast("bridge", *arguments, *broker) as child:
        assert child.ends(60) == 2
        lines = child.lines_at_end()
        assert len(lines) == 1 and lines[0].startswith("sealcast: ") and says in lines[0], lines


def test_a_broker_that_is_not_there_is_told_at_once():
    with sealcast("bridge", "--port", "a", "--broker", f"127.0.0.1:{free_port()}") as child:
        assert child.ends(60) == 2
        assert "nothing listens there; start one with: sealcast broker" in child.lines_at_end()[0]


def test_the_command_shows_boards_and_stops_on_a_signal(micropython, mosquitto, home):
    board = SerialNode(micropython, home / "ann", "ann", Watch(), log="lines")
    try:
        board.start()
        with sealcast("bridge", "--port", board.plug.path, "--broker", f"127.0.0.1:{mosquitto.port}") as child:
            child.wait_for("no key is here")
            assert child.wait_for(" online ").startswith(board.plug.path + ": ")
            assert child.stop() == 0
            assert child.lines_at_end()[-1] == "sealcast bridge: stopped"
            assert KEY not in "".join(child.lines_at_end())
    finally:
        board.kill()
        board.plug.pull_out()
