"""Sealcast: secure group messaging for microcontrollers. The protocol core, the same on boards and computers.

    ch = await sealcast.join("greenhouse")
    await ch.send(b"...")
    async for m in ch: ...

`join` comes from the package that knows this machine's network and storage (a board's `node`, or `sealcast_host`).
"""

__version__ = "0.1.0"


# No module __getattr__ here: with one, MicroPython can no longer do `from sealcast import wire`.
async def join(channel_name=None, **settings):
    """A started session (see session.py) of the channel that the settings describe."""
    from .compat import platform

    return await platform().join(channel_name, **settings)
