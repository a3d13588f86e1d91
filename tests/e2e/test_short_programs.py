"""A program that joins, sends at once and parts, run again and again: real sessions, a real broker."""

import asyncio

from cli_users import member
from host_support import free_port


def test_each_run_says_it_as_freshly_as_the_first(mosquitto, home):
    """The member has a state from the second on: its message waits for the connection all the same."""
    asyncio.run(_again_and_again(mosquitto))


async def _again_and_again(mosquitto):
    async with await member("ann", mosquitto.port) as ann:
        await ann.send("here")
        for n in range(3):
            ben = await member("ben", mosquitto.port)
            sent = await (ben.send_all([b"%d" % n]) if n == 2 else ben.send(b"%d" % n))
            assert "ann" in (sent[0] if n == 2 else sent).audience
            await ben.sleep(60)
            message = await anext(ann)
            assert (message.body, message.historic) == (b"%d" % n, False)


def test_without_a_broker_it_is_not_kept_waiting(mosquitto, home):
    """What was tried once, and failed, is not waited for."""
    asyncio.run(_alone(mosquitto))


async def _alone(mosquitto):
    async with await member("ben", mosquitto.port) as ben:
        await ben.send("first")
    ben = await member("ben", free_port())
    offline = []
    ben.on("offline", lambda name, info: offline.append(info))
    [outcome] = await ben.send_all([b"kept"], "note", timeout=3)
    assert outcome is None and offline and (await ben.status())["waiting_to_send"] == 1
    await ben.close()
