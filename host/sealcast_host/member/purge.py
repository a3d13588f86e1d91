"""Clear what a broker keeps of a channel: joins, presences, notes, group frames. PROTOCOL.md section 2."""

import asyncio
import contextlib

from sealcast import wire
from sealcast.crypto import best_suite, keys
from sealcast.zpinc.places import notice_topic
from sealcast_host.errors import Failed
from sealcast_host.member import channels
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.refusals import LinkError
from sealcast_host.member.session import transport_for
from sealcast_host.member.visit import way_out

KEPT = wire.RETAINED_SLOTS + "p"  # streams that are kept
QUIET_S = 1.0  # nothing more is kept when nothing came for so long


async def purge(known: ChannelFile) -> int:
    """Overwrite every kept message with nothing -> how many topics. The notice of a lost member stays: those who sleep
    follow by it. Raises Failed when the broker cannot be reached."""
    place = keys.Keys(best_suite(), known.key, known.channel.encode())
    topics = wire.Topics(place.rp)
    stays = notice_topic(place, topics, known.channel.encode())
    link = transport_for(channels.completed(known.settings()))
    found: set[str] = set()
    try:
        await link.connect(topics.make(bytes(32), "p"), b"")
        await link.subscribe([topics.prefix + "#"], 1)
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(QUIET_S):
                    topic, payload = await link.receive()
                if payload and topic != stays and topic.split("/")[4] in KEPT:
                    found.add(topic)
        for topic in sorted(found):
            await link.publish(topic, b"", True, 1)
    except LinkError as e:
        raise Failed(way_out(e, known.broker)) from None
    finally:
        await link.close()
    return len(found)
