"""What a serial line may do to a bridge: echo, take nothing, end as soon as it is opened, go while it is opened."""

import asyncio
import contextlib
import os
import pty
import termios
import tty

import pytest

from sealcast.run.seriallink import Lines, Link
from sealcast_host.boards import repl
from sealcast_host.boards.serial import WAITING, SerialPort
from sealcast_host.bridge import ports, relay
from sealcast_host.errors import UserError


def test_a_line_that_echoes_is_told_and_ends_the_session():
    """An acknowledgement of the bridge's own would pass for the board's: what the board never had would be lost."""

    async def story():
        written, said = [], []
        bridge = relay.Relay(lambda keepalive: None, said.append, written.append)
        board = Link(8)
        board.open(1, 30, 0)
        bridge.feed(b"".join(board.out))
        bridge.feed(b"".join(written))  # the line's echo
        lines = [packet for _, packet in Lines().put(b"".join(written))]
        await asyncio.sleep(0)
        return lines, said, board, bridge

    lines, said, board, bridge = asyncio.run(story())
    assert said == [f"(left: {relay.ECHO})"] and not bridge._link.up
    assert [event for event in [board.take(packet, 0) for packet in lines] if event][-1] == ("gone", relay.ECHO)


class Swallowing:
    """A connection to the broker that came to be in the moment in which it was cancelled: wait_for of Python 3.11
    says nothing of the cancellation then."""

    def __init__(self):
        self.connecting, self.aborted = asyncio.Event(), asyncio.Event()

    async def connect(self, topic, payload):
        self.connecting.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def abort(self):
        self.aborted.set()


@pytest.mark.parametrize("then", ["the port goes", "the board starts again"])
def test_a_session_that_ends_while_its_connection_comes_to_be_ends(then):
    async def story():
        made, written = [], []

        def make(keepalive):
            made.append(Swallowing())
            return made[-1]

        bridge = relay.Relay(make, lambda line: None, written.append)
        keeping = asyncio.create_task(bridge.run())

        async def connect(session):
            board = Link(8)
            board.open(session, 30, 0)
            bridge.feed(b"".join(board.out))
            for _, packet in Lines().put(written[-1]):
                board.take(packet, 0)
            board.out.clear()
            board.send((b"\x01\x00\x00\x0azp/1/a/b/c",), 0)
            bridge.feed(b"".join(board.out))

        await connect(1)
        while not made:
            await asyncio.sleep(0)
        await made[0].connecting.wait()
        if then == "the board starts again":
            await connect(2)
            await made[0].aborted.wait()
            while len(made) < 2:
                await asyncio.sleep(0)
            await made[1].connecting.wait()
            kinds = [packet[0] for data in written for _, packet in Lines().put(data)]
            assert 4 not in kinds  # no result of the first one's
        keeping.cancel()
        await asyncio.wait({keeping})
        await made[-1].aborted.wait()

    asyncio.run(asyncio.wait_for(story(), 60))


@pytest.mark.parametrize("change", [(b"\n", b"\r"), (b"A", b"B")])
def test_a_line_that_changes_all_packets_is_told_once(change):
    said = []
    bridge = relay.Relay(lambda keepalive: None, said.append, lambda data: None)
    board = Link(8)
    board.open(1, 30, 0)
    for second in range(1, 10):
        bridge.feed(b"".join(board.out).replace(*change))
        board.out.clear()
        board.tick(1000 * second)
    assert len(said) == 1 and said[0].startswith("(what it says arrives damaged: check --baud"), said


def test_a_port_that_takes_nothing_is_not_written_to_without_end():
    async def story():
        said = []
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        port = SerialPort(os.ttyname(theirs), 115200, lambda data: None, lambda: None)
        line = b"\x1e" + b"x" * 1022 + b"\n"
        for _ in range(1000):
            port.write(line)
        assert len(port._waiting) <= WAITING
        os.set_blocking(ours, False)
        got = b""
        while not got.endswith(b"end"):
            if not port._waiting and b"end" not in said:
                said.append(b"end")
                port.write(b"end")
            with contextlib.suppress(BlockingIOError):
                got += os.read(ours, 4096)
            await asyncio.sleep(0)
        port.close()
        os.close(ours)
        os.close(theirs)
        return got, line

    got, line = asyncio.run(story())
    assert len(got) > WAITING // 2 and got.replace(line, b"") == b"end"  # whole lines


def test_a_port_that_ends_as_soon_as_it_opens_is_not_opened_without_pause(monkeypatch):
    pauses, opened = [], []

    class Ended:
        def __init__(self, path, baud, on_data, on_gone):
            opened.append(path)
            asyncio.get_running_loop().call_soon(on_gone)

        def write(self, data):
            pass

        def close(self):
            pass

    async def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 6:
            raise asyncio.CancelledError
        return min(2 * seconds, ports.AGAIN_MOST_S)

    monkeypatch.setattr(ports, "SerialPort", Ended)
    monkeypatch.setattr(ports, "_pause", pause)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ports.Bridge(lambda keepalive: None, lambda line: None).attend("/dev/x"))
    assert pauses == [0.5, 1, 2, 4, 5, 5] and len(opened) == 6


def test_a_port_that_goes_while_it_is_opened_is_an_error_of_ours(monkeypatch):
    """pyserial lets termios.error out, which is no OSError."""
    import serial

    def gone(self):
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr(serial.Serial, "_reset_input_buffer", gone)
    ours, theirs = pty.openpty()

    async def story():
        SerialPort(os.ttyname(theirs), 115200, lambda data: None, lambda: None)

    with pytest.raises(OSError, match="Input/output"):
        asyncio.run(story())
    with pytest.raises(UserError, match="nothing is at its other end"):
        repl.Device(os.ttyname(theirs))
    os.close(ours)
    os.close(theirs)
