"""The node over Wi-Fi on the memory of the chips: from files it says that it does not fit; on an ESP32-C3, its bytecode in flash,
it talks in a channel, and comes back when the air, the broker or the power has gone."""

import asyncio
import json
import os
import queue
import select
import threading
import tty

import pytest

from host_support import free_port, start_broker
from sealcast.crypto import host as suite
from sealcast.run import slots
from sealcast.run.settings import complete, text_of
from sealcast.wire import b64
from sealcast_host.boards import bundle, examine, models, start
from sealcast_host.boards.repl import Device
from sealcast_host.boards.xip import board as in_flash
from sealcast_host.findings import NOTE, OK, TOO_SMALL, WRONG
from sealcast_host.member.session import join

KEY, IDENTITY = bytes(range(32)), bytes([7]) * 32
LONG_S = 120  # for a board on a busy machine


class Serial:
    """What a board prints, line by line, as events."""

    def __init__(self, board):
        self.board, self.events, self.lines = board, [], queue.Queue()
        self._fd, self._stop = os.open(board.port, os.O_RDWR | os.O_NOCTTY), False
        tty.setraw(self._fd)  # else it echoes to the board what the board says
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        rest = b""
        while not self._stop:
            if select.select([self._fd], [], [], 0.2)[0]:
                try:
                    *lines, rest = (rest + os.read(self._fd, 4096)).split(b"\n")
                except OSError:
                    return
                for line in lines:
                    self.lines.put(line.decode(errors="replace").strip())

    def close(self):
        self._stop = True
        self._thread.join()
        os.close(self._fd)

    def type(self, line):
        os.write(self._fd, line.encode() + b"\r\n")

    def until(self, what, fits):
        """The next line that fits. Everything before it is read past."""
        seen = []
        while True:
            try:
                line = self.lines.get(timeout=LONG_S)
            except queue.Empty:
                raise AssertionError(f"{what} does not come; the board said {seen[-12:]}") from None
            seen.append(line)
            assert "MemoryError" not in line, seen
            if fits(line):
                return line

    def event(self, name, **fields):
        def fits(line):
            info = json.loads(line) if line.startswith("{") else {}
            return info.get("event") == name and all(info.get(key) == value for key, value in fields.items())

        return json.loads(self.until(f"event {name} {fields}", fits))


def settings(port, **more):
    given = {"uid": "board", "channel": "g", "key": b64(KEY), "identity": b64(IDENTITY), "log": "json", "keepalive": 5}
    given |= {"broker": {"host": "10.0.2.2", "port": port}, "wifi": {"ssid": "farm", "password": "12345678"}}
    config = complete(given | more)
    return text_of(suite, config | {"ratchet": None} if "ratchet" not in more else config).encode()


def install(board, port, flash):
    """The node onto the board's filesystem, its bytecode into flash if that is wanted; settings, identity and seed."""
    plan, kind = in_flash.Plan(), models.named("QEMU_VIRT_RV32")
    board.interrupt()
    board.let_go()
    with Device(board.port) as device:
        facts = device.facts()
        made = bundle.make(facts.arch, facts.mpy, kind)
        if flash:
            plan.add(device, kind, made)
        key = slots.key_for(suite, IDENTITY, b"g", b"board")
        made.files["/state.0"] = slots.pack(suite, key, 1, b"\x01" + bytes(range(32)))
        made.files["/sealcast.json"] = settings(port)
        for path, data in made.files.items():
            device.put(path, data)
    if flash:
        plan.write(board.port)
    board.reset()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def doctor(board, *expected):
    """`sealcast doctor --port`: what it says beyond ok and note is what is expected, as (verdict, part of its text)."""
    found = list(examine.look(board.port, None))
    odd = [f for f in found if f.verdict not in (OK, NOTE)]
    assert [f.verdict for f in odd] == [verdict for verdict, _ in expected], [f.line() for f in found]
    assert all(text in f.text for f, (_, text) in zip(odd, expected, strict=True)), [f.line() for f in odd]
    return {f.about for f in found if f.verdict == OK}


def test_from_files_it_says_that_it_does_not_fit(board_of, profile, home):
    """And so does doctor, which calls nothing wrong. Ctrl-C leads to the prompt."""
    with board_of(profile) as board:
        install(board, free_port(), False)
        serial = Serial(board)
        try:
            for _ in range(2):  # and goes on saying it: somebody may put other settings there
                serial.until("the reason", lambda line: line.startswith("sealcast: memory:") and "--xip" in line)
        finally:
            serial.close()
        board.write(b"\x03")
        board.read_until(b">>> ", LONG_S)
        board.let_go()
        doctor(board, (TOO_SMALL, "Wi-Fi and a member need"))


async def heard(session, body):
    async for message in session:
        if message.body == body:
            return message
    raise AssertionError("closed")


async def talk(serial, host, word):
    """One message each way."""
    serial.type(f"conv {word} from the board")
    message = await asyncio.wait_for(heard(host, f"{word} from the board".encode()), LONG_S)
    assert (message.sender, message.secrecy, message.origin) == ("board", "conversation", "member")
    await host.send(f"{word} to the board".encode(), "conversation")
    await asyncio.to_thread(serial.event, "message", body=f"{word} to the board", secrecy="conversation")


def test_in_flash_it_talks_over_wifi_and_comes_back(board_of, home, monkeypatch):
    port = free_port()
    with board_of("esp32c3") as board:
        install(board, port, True)
        monkeypatch.setattr(start, "NETWORK_S", 5)
        doctor(board, (WRONG, "nothing listens there"))
        monkeypatch.undo()
        monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
        with start_broker("mosquitto", port, home) as broker:
            assert {"broker", "heap", "radio"} <= doctor(board)
            asyncio.run(_life(board, broker, port, home))


async def _life(board, broker, port, home):
    serial = Serial(board)

    async def event(name, **fields):
        return await asyncio.to_thread(serial.event, name, **fields)

    async def together():
        """All four are in one epoch: a new one, or that of before, which a short absence leaves as it is."""
        while True:
            serial.type("members")
            there = await event("members")
            if there["epoch"] and all(h.epoch == there["epoch"] and len(h.members) == 4 for h in hosts):
                return
            await asyncio.sleep(0.5)

    where = {"host": "127.0.0.1", "port": port}
    try:
        await event("online")
        hosts = []
        for i in range(3):
            given = {"uid": f"host-{i}", "channel": "g", "key": b64(KEY), "broker": where, "keepalive": 5}
            hosts.append(await join(settings=given))
        await together()
        serial.type("note a reading")
        message = await asyncio.wait_for(heard(hosts[0], b"a reading"), LONG_S)
        assert message.secrecy == "note" and message.origin == "member"
        await talk(serial, hosts[0], "first")

        board.wifi(False)
        await event("wifi", state="lost")
        board.wifi(True)
        await event("online")
        await together()
        await talk(serial, hosts[0], "after the air")

        broker.stop()
        await event("offline")
        with start_broker("mosquitto", port, home):
            await event("online")
            await together()
            await talk(serial, hosts[0], "after the broker")

            serial.close()
            board.cut_power()
            board.start()
            serial = Serial(board)
            await event("online")
            await together()
            await talk(serial, hosts[0], "after the power")
            for host in hosts:
                await host.close()
    finally:
        serial.close()
