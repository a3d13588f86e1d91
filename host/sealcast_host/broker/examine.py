"""`sealcast doctor`: can the broker be reached, does it do what Sealcast needs, can this channel's traffic be read
there?"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sealcast import wire
from sealcast.crypto import best_suite, keys
from sealcast.errors import Reject
from sealcast.zpinc import joins
from sealcast.zpinc.places import notice_topic
from sealcast_host.broker.probe import keeps_what_it_takes, takes_subscriptions
from sealcast_host.errors import UserError
from sealcast_host.findings import NOTE, OK, WRONG, Finding
from sealcast_host.member import channels, places
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.mqtt import MqttTransport
from sealcast_host.member.refusals import LinkError
from sealcast_host.member.session import transport_for
from sealcast_host.member.visit import FULL, way_out

ALONE = (
    "it ended our connection when another of the same user came: give each member a user of its own there, or let a "
    "user have several connections (mosquitto: use_username_as_clientid)"
)


async def look(known: ChannelFile, seconds: float) -> AsyncIterator[Finding]:
    """Everything about a channel's broker, and the channel there. Leaves nothing behind at the broker."""
    config = channels.completed(known.settings())
    try:
        async with contextlib.AsyncExitStack() as stack:
            first = await _connect(stack, config)
            yield Finding(
                "broker", OK, f"{config['broker']['host']} port {config['broker']['port']} lets {_who(config)} in"
            )
            second = await _connect(stack, config, first)
            try:
                kept = await keeps_what_it_takes(first, _somewhere(), seconds)
            except LinkError as e:
                if e.kind not in ("lost", "taken"):
                    raise
                yield Finding("broker", WRONG, ALONE)
                return
            yield kept
            if kept.verdict == WRONG:
                return  # what follows would only say the same
            yield await _keeps(first, second, seconds)
            found, uids, moved = await _channel(await _connect(stack, config, first), known, seconds)
            yield found
            if moved:
                yield Finding("channel", WRONG, _moved(known))
            for finding in _places(known, uids):
                yield finding
            others = len(uids - {known.uid})
            yield await takes_subscriptions(await _connect(stack, config, first), _somewhere(), others, seconds)
    except LinkError as e:
        yield Finding("broker", WRONG, way_out(e, known.broker))
    except TimeoutError:
        yield Finding(
            "broker", WRONG, "it does not acknowledge what is sent (QoS 1): use another broker, or look into its log"
        )
    except UserError as e:
        yield Finding("broker", WRONG, str(e))


async def _connect(
    stack: contextlib.AsyncExitStack, config: dict[str, Any], before: MqttTransport | None = None
) -> MqttTransport:
    link = transport_for(config)
    if before is not None:
        link.speak_as(before)
    stack.push_async_callback(link.close)
    topic = _somewhere()
    await link.connect(topic + "/p", b"\0")
    return link


async def _keeps(first: MqttTransport, second: MqttTransport, seconds: float) -> Finding:
    """Does a member that comes later get what was kept, by a subscription with wildcards?"""
    place, data = _somewhere(), secrets.token_bytes(16)
    topic = f"{place}/n/0"
    async with asyncio.timeout(seconds):
        await first.publish(topic, data, True, 1)
    try:
        async with asyncio.timeout(seconds):
            await second.subscribe([f"{place.rsplit('/', 1)[0]}/+/n/+"], 1)
            got = await second.receive()
    except TimeoutError:
        text = "it keeps no messages for those who come later, or not under wildcards: switch retained messages on"
        return Finding("broker", WRONG, text + " (history and wake-ups need them), or use another broker")
    finally:
        with contextlib.suppress(TimeoutError, LinkError):
            async with asyncio.timeout(seconds):
                await first.publish(topic, b"", True, 1)
    if got != (topic, data):
        return Finding(
            "broker",
            WRONG,
            "it delivers something else than what was sent: something between here and the broker changes messages",
        )
    return Finding(
        "broker", OK, "it acknowledges (QoS 1), and keeps messages for those who come later (retained, wildcards)"
    )


def _moved(known: ChannelFile) -> str:
    text = "a member was declared lost, and the channel has moved to another key"
    if known.admin is None:
        return text + ": this computer came by the phrase, and cannot follow; ask for an invitation (sealcast invite)"
    return text + ": sealcast status follows, or says that it cannot"


def _places(known: ChannelFile, uids: set[str]) -> Iterator[Finding]:
    """uids: who has been here."""
    way = "leave behind who is no more (sealcast lost, on the computer where the channel was made)"
    coming = len(uids | places.taken(known))
    if len(uids) >= places.MOST and known.uid not in uids:
        yield Finding("channel", WRONG, str(FULL))
    elif len(uids) >= places.MOST:
        yield Finding("channel", NOTE, f"all {places.MOST} places are taken: to let another member in, {way}")
    elif coming > places.MOST:
        text = f"{coming} members, boards that have not come yet among them, are too many for its {places.MOST} places"
        yield Finding("channel", WRONG, f"{text}: nobody will hear the last of them; {way}, or use another channel")
    elif word := places.few(coming):
        yield Finding("channel", NOTE, word)


async def _channel(link: MqttTransport, known: ChannelFile, seconds: float) -> tuple[Finding, set[str], bool]:
    """Who has been here, by the joins kept at the broker: reading one proves the key. -> what is found, the names, and
    whether a notice of a lost member lies here (the key of others cannot be told from the admin's)"""
    place = keys.Keys(best_suite(), known.key, known.channel.encode())
    topics = wire.Topics(place.rp)
    notice, moved = notice_topic(place, topics, known.channel.encode()), False
    await link.subscribe([topics.everyone("j"), notice], 1)
    uids: set[str] = set()
    unreadable = 0
    deadline = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(deadline - time.monotonic()):
                topic, payload = await link.receive()
            if topic == notice:
                moved = True
                continue
            try:
                name, _ = topics.parse(topic)
                joins.open_join(place, payload, name[:16])
                uids.add(place.uid(name))
            except Reject:
                unreadable += 1
    if uids:
        text = f"members that have been here: {', '.join(sorted(uids))}; their joins can be read with our key"
        return Finding("channel", OK, text), uids, moved
    if unreadable:
        text = f"{unreadable} joins here cannot be read: somebody disturbs the channel; see docs/THREATS.md"
        return Finding("channel", WRONG, text), uids, moved
    text = "nobody has been in this channel at this broker yet"
    text += "; if others say they are, their broker, channel name or phrase is another"
    return Finding("channel", NOTE, text), uids, moved


def _who(config: dict[str, Any]) -> str:
    user = config["broker"]["username"]
    return f"user {user}" if user else "everyone"


def _somewhere() -> str:
    """Topics that look like a channel's and are nobody's."""
    return f"zp/1/{wire.b64(secrets.token_bytes(32))}/{wire.b64(secrets.token_bytes(32))}"
