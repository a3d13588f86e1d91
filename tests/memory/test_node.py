"""The node over Wi-Fi on the memory of the chips: from files it says that it does not fit; on an ESP32-C3, its bytecode in flash,
it talks in a channel, and comes back when the air, the broker or the power has gone."""

import asyncio

import pytest

from chip_node import KEY, LONG_S, Serial, install
from host_support import free_port, start_broker
from sealcast.wire import b64
from sealcast_host.member.session import join


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_from_files_it_says_that_it_does_not_fit(board_of, profile, home):
    with board_of(profile) as board:
        install(board, free_port(), False)
        serial = Serial(board)
        try:
            for _ in range(2):  # and goes on saying it: somebody may put other settings there
                serial.until("the reason", lambda line: line.startswith("sealcast: memory:") and "--xip" in line)
        finally:
            serial.close()


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


def test_in_flash_it_talks_over_wifi_and_comes_back(board_of, home):
    port = free_port()
    with start_broker("mosquitto", port, home) as broker, board_of("esp32c3") as board:
        install(board, port, True)
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
