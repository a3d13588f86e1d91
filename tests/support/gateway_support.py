"""A gateway whose member is no one yet: outputs are fed with the core's own messages, hostile ones among them."""

import asyncio
import contextlib

from sealcast.effects import Message
from sealcast_host.gateway.config import Wish
from sealcast_host.gateway.gateway import Gateway

# What a hostile member can call itself or write: line ends, quotes, markup, topic characters, formulas, surrogates.
HOSTILE = (
    'x\ny,"z"', "a/b/+/#", "<img src=x onerror=alert(1)>", '"} 1\nsealcast_reading{member="faked"} 9\n',
    "=cmd|' /C calc'!A0", "\x00\x1b[2J", "ä" * 20, "{{ 7 * 7 }}", "..", "\u202eevil",
)  # fmt: skip


def message(sender="bench-1", body=b"{}", secrecy="note", seq=1, historic=False):
    return Message(sender, body, secrecy, "member", 1_790_000_000, seq, historic, None if secrecy == "note" else "ab12")


class Session:
    """As much of a member's as a gateway asks for; others: name -> status."""

    uid, epoch, group, online = "gate", None, None, True

    def __init__(self, **others):
        self.others = others

    @property
    def members(self):
        return [(self.uid, "awake"), *self.others.items()]

    async def status(self):
        return {}


@contextlib.asynccontextmanager
async def running(*wishes, said=None, session=None):
    """A gateway at work on these outputs, without a member unless a session is given; said: its lines."""
    made = [wish if isinstance(wish, Wish) else Wish(wish[0], wish[0], wish[1]) for wish in wishes]
    gateway = Gateway("greenhouse", made, (said if said is not None else []).append, 0.01)
    work = asyncio.ensure_future(gateway.run(session))
    await asyncio.sleep(0)  # a task that never began cannot end in good order
    try:
        yield gateway
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def until(condition):
    """Waits for something that other tasks or threads bring about."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)
