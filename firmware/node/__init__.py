"""Sealcast on a board (MicroPython): Wi-Fi, MQTT, storage, sensors, and the asyncio API.

    import sealcast
    ch = await sealcast.join()          # settings from sealcast.json
    await ch.send(b"...")
"""


async def join(channel_name=None, settings="sealcast.json", **overrides):
    """A started session of the member that `settings` (a path or a dict) describes. See sealcast.run.session.Session.

    channel_name and overrides replace fields of the settings. Raises BadSettings with one line a wrong field.
    """
    from . import setup

    values, directory = setup.read(settings)
    if channel_name is not None:
        values["channel"] = channel_name
    values.update(overrides)
    config, session = setup.member(values, directory)
    if config["wifi"]:
        from .wifi import Wifi

        Wifi(config["wifi"]).start()
    return await session.start()
