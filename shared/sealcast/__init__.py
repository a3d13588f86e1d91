"""Sealcast: secure group messaging for microcontrollers. The protocol core, the same on boards and computers.

    ch = await sealcast.join("greenhouse")
    await ch.send(b"...")
    async for m in ch: ...

`join` comes from the module sealcast_platform, which whoever puts the core on a machine puts beside it: it
knows the machine's network and storage.
"""

__version__ = "0.1.0"


# No module __getattr__ here: with one, MicroPython can no longer do `from sealcast import wire`.
async def join(channel_name=None, **settings):
    """A started session (see session.py) of the channel that the settings describe."""
    from sealcast_platform import join

    return await join(channel_name, **settings)
