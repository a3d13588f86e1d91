"""Does a broker keep what it acknowledges (PROTOCOL.md section 11.2), and take as many subscriptions as are needed? For
`sealcast doctor`: by what comes back of what was published, in the sizes that Sealcast's frames have, and by trying."""

import asyncio
import contextlib
import secrets

from sealcast import wire
from sealcast_host.findings import NOTE, OK, WRONG, Finding
from sealcast_host.member.mqtt import MqttTransport, RefusedError
from sealcast_host.member.refusals import BASE_SUBSCRIPTIONS, LinkError, few
from sealcast_host.member.visit import WAYS_OUT

SIZES = (64, 256, 1024, wire.MAX_FRAME)  # bytes
FEW = 20  # subscriptions: no fewer are tried, for members may come


async def keeps_what_it_takes(link: MqttTransport, place: str, seconds: float) -> Finding:
    """One finding. place: topics of nobody's, below which nothing is left behind. Raises LinkError, TimeoutError."""
    async with asyncio.timeout(seconds):
        await link.subscribe([f"{place}/n/+"], 1)
    for i, size in enumerate(SIZES):
        topic, data = f"{place}/n/{i}", secrets.token_bytes(size)
        try:
            async with asyncio.timeout(seconds):
                await link.publish(topic, data, True, 1)
        except RefusedError as e:
            return Finding("broker", WRONG, f"{e}: {_way_out(i)}")
        try:
            async with asyncio.timeout(seconds):
                while await link.receive() != (topic, data):
                    pass
        except TimeoutError:
            what = "what we publish" if i == 0 else f"messages of {size} bytes"
            return Finding("broker", WRONG, f"it acknowledges {what} and throws it away: {_way_out(i)}")
        finally:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(seconds):
                    await link.publish(topic, b"", True, 1)
    return Finding("broker", OK, f"what it acknowledges comes back, up to {SIZES[-1]} bytes (MQTT {link.version})")


async def takes_subscriptions(link: MqttTransport, place: str, others: int, seconds: float) -> Finding:
    """One finding, by a link that holds no subscription yet. others: members known beside this one. Raises LinkError
    when none is taken, TimeoutError."""
    needed = BASE_SUBSCRIPTIONS + others
    async with asyncio.timeout(seconds):
        filters = [f"{place}/n/{i}" for i in range(max(FEW, needed))]
        answers = await asyncio.gather(*(link.subscribe([f], 1) for f in filters), return_exceptions=True)
    taken = answers.count(None)
    errors = [answer for answer in answers if answer is not None]
    if not errors:
        return Finding("broker", OK, f"it takes {taken} subscriptions of a client, as many as were tried")
    if not taken or not isinstance(errors[0], LinkError):
        raise errors[0]
    if taken < needed:
        return Finding("broker", WRONG, f"it allows a client too few subscriptions: {few(taken)}; {WAYS_OUT['quota']}")
    most = taken - BASE_SUBSCRIPTIONS
    text = f"it allows a client {taken} subscriptions: enough for {most} other members, not for more"
    return Finding("broker", NOTE, text)


def _way_out(number: int) -> str:
    if number == 0:
        return "let this user read and write zp/1/# (mosquitto: acl_file)"
    limits = "message_size_limit, max_packet_size"
    return f"let it take packets of {wire.MAX_FRAME + 600} bytes at least (mosquitto: {limits})"
