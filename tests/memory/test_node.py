"""The node over Wi-Fi on the memory of the chips: where it does not fit it says so, and doctor, too; on an ESP32-C3,
its bytecode in flash, it talks in a channel, and comes back when the air, the broker or the power has gone."""

import asyncio

import pytest

from chip_node import KEY, LONG_S, Serial, install
from host_support import free_port, start_broker
from sealcast.wire import b64
from sealcast_host.boards import examine, start
from sealcast_host.findings import NOTE, OK, TOO_SMALL, WRONG
from sealcast_host.member.session import join

AGAIN_S = 15


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


def test_where_it_does_not_fit_it_says_so(board_of, profile, home):
    """And so does doctor, which calls nothing wrong. Ctrl-C leads to the prompt."""
    with board_of(profile) as board:
        install(board, free_port(), False)
        board.put("/boot.py", b"import gc\ngc.threshold(4096)\nof_my_own = bytearray(70000)\n")
        board.reset()
        serial = Serial(board)
        try:
            for _ in range(2):  # and goes on saying it: somebody may put other settings there
                serial.until("the reason", lambda line: line.startswith("sealcast: memory:") and "--xip" in line)
        finally:
            serial.close()
        board.write(b"\x03")
        board.read_until(b">>> ", LONG_S)
        board.let_go()
        doctor(board, (WRONG, "/boot.py"), (TOO_SMALL, "Wi-Fi and a member need"))


async def heard(session, body):
    async for message in session:
        if message.body == body:
            return message
    raise AssertionError("closed")


async def talk(serial, host, word):
    """One message each way. Who comes back while the others agree without it is not heard for a while: it says it
    again, as it does what a busy machine's serial line has swallowed."""
    hearing = asyncio.ensure_future(heard(host, f"{word} from the board".encode()))
    for _ in range(LONG_S // AGAIN_S):
        serial.type(f"conv {word} from the board")
        if (await asyncio.wait([hearing], timeout=AGAIN_S))[0]:
            break
    message = await asyncio.wait_for(hearing, 0)
    assert (message.sender, message.secrecy, message.origin) == ("board", "conversation", "member")
    while "board" not in (await host.send(f"{word} to the board".encode(), "conversation")).audience:
        await asyncio.sleep(0.2)  # it came back while the others agreed without it: that it does not hear this is said
    await asyncio.to_thread(serial.event, "message", body=f"{word} to the board", secrecy="conversation")


def test_in_flash_it_talks_over_wifi_and_comes_back(board_of, home, monkeypatch):
    port = free_port()
    with board_of("esp32c3") as board:
        no_driver = "sensor.kind: this port has no driver for it"
        install(board, port, True, sensor={"kind": "adc", "pin": 99})  # it is a member all the same
        monkeypatch.setattr(start, "NETWORK_S", 5)
        # how the emulator's network says it varies
        doctor(board, (WRONG, no_driver), (WRONG, "sealcast doctor CHANNEL"))
        monkeypatch.undo()
        monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
        with start_broker("mosquitto", port, home) as broker:
            assert {"broker", "heap", "radio"} <= doctor(board, (WRONG, no_driver))
            asyncio.run(_life(board, broker, port, home))


def test_a_sleeper_wakes_and_sleeps_over_wifi(board_of, home):
    """Its heap is not collected every 4 KB; no allocation fails for it. An access point that is away costs one waking,
    not the battery."""
    port = free_port()
    with board_of("esp32c3") as board, start_broker("mosquitto", port, home):
        board.wifi(False)
        install(board, port, True, duty=3)
        serial = Serial(board)
        try:
            assert "next waking" in serial.event("error", code="duty")["text"]
            board.wifi(True)
            for _ in range(4):
                assert serial.event("sent")["mode"] == "note"
                serial.event("closed")
        finally:
            serial.close()


def _none_left(unsaid, line):
    """Have all these words come by now, in any order?"""
    unsaid.difference_update([words for words in unsaid if words in line])
    return not unsaid


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

        board.wifi(False)  # until the board has noticed, both ways: a connection outlives a short loss
        unsaid = {'"state": "lost"', '"event": "offline"'}
        await asyncio.to_thread(serial.until, f"{unsaid}", lambda line: _none_left(unsaid, line))
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

            # The power is cut while it loads what joining, reading and the handshake need, at three places.
            said = []
            for moment in ("info", "start", "online"):
                serial.close()
                board.cut_power()
                board.start(heard=True)
                serial = Serial(board, said.append)
                await event(moment)
                await hosts[0].send(f"while {moment}".encode(), "note")
            serial.close()
            board.cut_power()
            board.start(heard=True)
            serial = Serial(board, said.append)
            await event("online")
            await together()
            await talk(serial, hosts[0], "after the power")
            for moment in ("info", "start", "online"):
                while not any(f'"while {moment}"' in line for line in said):
                    await asyncio.to_thread(serial.until, f"the note sent while {moment}", lambda line: True)
            for host in hosts:
                await host.close()
    finally:
        serial.close()
