"""A storage that is slow until it is let go, and a member of this computer that is writing to it."""

import asyncio
import threading

from scripted import Script, Wire
from sealcast.run import aio
from sealcast_host.member.aside import Aside
from sealcast_host.member.engine import Engine


class Disk:
    def __init__(self, error=None):
        self.begun, self.go, self.stored, self.error = threading.Event(), threading.Event(), [], error

    def store(self, parts):
        self.begun.set()
        self.go.wait(60)
        if self.error:
            raise self.error
        self.stored.append(parts)


async def writing(session, channel, disk):
    """Its engine stores a state from here on, until `disk.go` is set."""
    await session.start()
    channel.state = [b"state"]
    getattr(session, "_session", session).post(lambda ch, now: [])
    assert await asyncio.to_thread(disk.begun.wait, 60)


async def engine(disk):
    """A session of the core, writing."""
    channel, wire = Script(), Wire()
    wire.failure = None
    session = Engine(channel, wire, Aside(disk), aio.Clock())
    await writing(session, channel, disk)
    return session
