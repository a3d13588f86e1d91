"""Where a document says "at most N" or "N are needed": N is enough, and more is refused in words that say N."""

import asyncio

from cli_users import member
from sealcast.wire import b64
from sealcast_host.member.refusals import BASE_SUBSCRIPTIONS

ADMIN = b64(bytes(32))  # its notices and approvals are listened for


async def until(true):
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.05)


def test_a_member_takes_as_many_subscriptions_as_we_say(mosquitto, home):
    """In a channel with an admin, in the group, and waiting for receipts."""

    async def talk():
        async with await member("ann", mosquitto.port, admin=ADMIN) as ann:
            async with await member("ben", mosquitto.port, admin=ADMIN) as ben:
                await until(lambda: ann.epoch and ann.epoch == ben.epoch)
                await ann.change_group("create", ["ben"])
                await until(lambda: ann.group and ann.group["phase"] == "live" and ben.group)
                await ann.send(b"21.5", receipt=True)
                return len(ann.transport._filters)

    assert asyncio.run(talk()) == BASE_SUBSCRIPTIONS + 1
