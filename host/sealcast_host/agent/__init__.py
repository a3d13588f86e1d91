"""One process holds this computer's members; commands and programs attach to it over a private socket.

    from sealcast_host.agent import attach

    ch = await attach("greenhouse")          # UserError when no agent runs, or the broker is away
    await ch.send(b"21.5")
    async for m in ch: ...

docs/AGENT.md has the lines that go over the socket.
"""

from sealcast_host.agent.client import Attached, attach
from sealcast_host.agent.place import NoAgent

__all__ = ["Attached", "NoAgent", "attach"]
