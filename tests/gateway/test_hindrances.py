"""Servers that garble, clients that hang up, pipes that are full: nothing is lost, doubled, torn or told to others."""

import asyncio
import contextlib
import json
import os
import re
import select
import socket
import struct
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import aiomqtt
import pytest

from gateway_support import message, running, until
from sealcast_host.gateway import csv, homeassistant, lines, prometheus, record, sqlite, web_board
from sealcast_host.gateway.config import Wish
from sealcast_host.gateway.gateway import Gateway


def test_a_webhook_whose_server_garbles_its_answers_is_told_each_message_once():
    """Before its status: it is asked again. Behind it: the message was taken."""
    garbled = (b"SSH-2.0-x\r\n", b"HTTP/1.1 99999 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n")
    taken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    answers, got, said = [*garbled, garbled[0], taken, taken], [], []

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
        writer.write(answer := answers.pop(0))
        if answer is taken:
            got.append(json.loads(body)["text"])
        writer.close()

    async def go():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with running(("webhook", {"url": url}), said=said) as gateway:
            for body in (b"one", b"two"):
                gateway.heard("message", message(body=body))
            await until(lambda: gateway.runners[0].handed == 2)
        server.close()

    asyncio.run(go())
    assert got == ["one", "two"] and len(said) == 2 and "is no HTTP (BadStatusLine)" in said[0], said


def test_lines_and_answers_do_not_mix_in_a_pipe_that_is_full(monkeypatch):
    reading, writing = os.pipe()
    write, out = os.write, bytearray()
    monkeypatch.setattr(os, "write", lambda fd, data: write(writing if fd == 1 else fd, data))

    def read():
        while part := os.read(reading, 1000):
            out.extend(part)

    async def go():
        output = lines.Lines(None, input=False)
        items = [record.Message.of(message(body=b"x" * 500, seq=i), 1.0) for i in range(200)]
        at_work = [asyncio.ensure_future(output.take(items))]
        await until(lambda: not select.select([], [writing], [], 0)[1])
        at_work += [asyncio.ensure_future(output._write([{"type": "sent", "id": i}])) for i in range(50)]
        await asyncio.sleep(0)
        reader = threading.Thread(target=read)
        reader.start()
        await asyncio.gather(*at_work)
        os.close(writing)
        await asyncio.to_thread(reader.join)
        os.close(reading)

    asyncio.run(go())
    assert [json.loads(line)["type"] for line in out.splitlines()].count("sent") == 50


@pytest.mark.parametrize(
    "host, ours", [("evil.example", False), ("localhost", True), ("[::1]", True), ("10.0.0.9", True)]
)
def test_metrics_of_this_computer_are_told_under_no_other_name(host, ours):
    """Another site's page may have its own name lead here."""
    said = []

    async def go():
        async with running(("prometheus", {"listen": "127.0.0.1:0"}), said=said):
            await until(lambda: said)
            request = urllib.request.Request(said[0].split()[-1], headers={"Host": f"{host}:9464"})
            return await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=60).status)

    if ours:
        assert asyncio.run(go()) == 200
    else:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            asyncio.run(go())


def test_a_database_that_is_moved_away_is_begun_anew(tmp_path):
    """What came then went into a file that nobody found any more. Without its -wal it is not whole: that is told."""
    said, moved = [], tmp_path / "moved"
    moved.mkdir()

    async def go():
        async with running(("sqlite", {"path": str(tmp_path / "a.db")}), said=said) as gateway:

            async def write(number):
                gateway.heard("message", message(seq=number))
                await until(lambda: gateway.runners[0].handed > number)

            await write(0)
            for path in tmp_path.glob("a.db*"):
                path.rename(moved / path.name)
            await write(1)
            (tmp_path / "a.db").unlink()
            gateway.heard("message", message(seq=2))
            await until(lambda: said)
            (tmp_path / "a.db-wal").unlink()
            await until(lambda: gateway.runners[0].handed == 3)

    asyncio.run(go())
    assert [[m.seq for m in sqlite.recent(folder / "a.db", 9)] for folder in (moved, tmp_path)] == [[0], [2]]
    assert "put it back, or move that away, too" in said[0] and "works again" in said[1]


def test_a_member_that_names_quantities_without_end_leaves_the_others_room():
    many = [json.dumps({f"q{i}-{j}": j for j in range(record.MOST_NUMBERS)}).encode() for i in range(100)]
    said = [message("evil", body, seq=i) for i, body in enumerate(many)] + [message("bench", b'{"temperature": 21.5}')]
    metrics, board = prometheus.Prometheus(None, "127.0.0.1:0"), web_board.Board()
    for m in said:
        asyncio.run(metrics.take([record.Message.of(m, 1.0)]))
        board.take([record.Message.of(m, 1.0)])
    assert metrics._readings["bench", "temperature"] == 21.5
    assert len(metrics._readings) == 1 + prometheus.MOST_QUANTITIES
    assert [*board.series["temperature"]] == ["bench"] and len(board.series) == 1 + web_board.OF_ONE


def test_who_hangs_up_in_the_middle_of_a_question_for_metrics_is_no_trouble(capfd):
    """It was a traceback."""
    said = []

    async def go():
        async with running(("prometheus", {"listen": "127.0.0.1:0"}), said=said) as gateway:
            await until(lambda: said)
            server, ended = gateway.runners[0].output._server, threading.Event()
            shutdown = server.shutdown_request
            server.shutdown_request = lambda request: (shutdown(request), ended.set())
            with socket.create_connection(("127.0.0.1", gateway.runners[0].output.port)) as caller:
                caller.sendall(b"GET /metr")
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # as if it was killed
            assert await asyncio.to_thread(ended.wait, 60)

    asyncio.run(go())
    assert capfd.readouterr() == ("", "")


class Deaf:
    """Loses the cancellation that comes with the end of its work, as asyncio.wait_for of Python 3.11 does."""

    def __init__(self):
        self.at_work = asyncio.Event()

    async def work(self, *_, **__):
        lost = () if self.at_work.is_set() else (asyncio.CancelledError,)
        self.at_work.set()
        with contextlib.suppress(*lost):
            await asyncio.Event().wait()


def test_a_gateway_ends_though_a_library_has_lost_that(tmp_path, monkeypatch):
    """It stayed for ever: an end that came together with the broker's answer."""

    async def go():
        deaf = Deaf()
        monkeypatch.setattr(csv.Csv, "take", deaf.work)
        gateway = Gateway("g", [Wish("csv", "csv", {"path": str(tmp_path / "a.csv")})], print)
        gateway.heard("message", message())
        (runner,) = gateway.runners
        feeding = asyncio.ensure_future(runner.run())
        await deaf.at_work.wait()
        feeding.cancel()
        await until(lambda: feeding.done() or runner.handed)
        assert feeding.cancelled()

        deaf, asked = Deaf(), []

        async def messages():
            for _ in range(2):
                asked.append(None)
                yield aiomqtt.Message("sealcast/greenhouse/status", b"offline", 1, False, 1, None)
            await asyncio.Event().wait()

        output = homeassistant.HomeAssistant(gateway)
        output._status = "sealcast/greenhouse/status"
        output._client = SimpleNamespace(publish=deaf.work, messages=messages())
        attending = asyncio.ensure_future(output.attend())
        await deaf.at_work.wait()
        attending.cancel()
        await until(lambda: attending.done() or len(asked) == 2)
        assert attending.cancelled()

    asyncio.run(go())
