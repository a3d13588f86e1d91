"""Sealcast: secure group messaging for microcontrollers. The protocol core, the same on boards and computers.

    ch = await sealcast.join("greenhouse")
    await ch.send(b"...")
    async for m in ch: ...

`join` comes from the package that knows this machine's network and storage (a board's `node`, or `sealcast_host`).
"""

__version__ = "0.1.0"


def __getattr__(name):
    if name == "join":
        from .compat import platform

        return platform().join
    if name == "Channel":
        from .channel import Channel

        return Channel
    raise AttributeError(name)
