"""Sealcast on a board (MicroPython): Wi-Fi, MQTT, storage, sensors, and the asyncio API.

    import sealcast
    ch = await sealcast.join()          # settings from sealcast.json
    await ch.send(b"...")
"""

import sys

from sealcast.compat import UNLOADS


async def join(channel_name=None, settings="sealcast.json", **overrides):
    """A started session of the member that `settings` (a path or a dict) describes. See sealcast.run.session.Session.

    channel_name and overrides replace fields of the settings. Raises BadSettings with one line a wrong field.
    """
    from sealcast.crypto import best_suite
    from sealcast.run.aio import Clock

    from . import setup

    values, directory, complete = setup.read(settings)
    if channel_name is not None:
        values["channel"] = channel_name
    values.update(overrides)
    changed = overrides or channel_name is not None
    config, suite = values if complete and not changed else setup.completed(values), best_suite()
    if setup.ON_BOARD:
        setup.fit(config)
    setup.identify(config, suite, directory, lambda line: None)
    wifi = None
    if config["wifi"]:
        from .wifi import Wifi

        wifi = Wifi(config["wifi"])
        wifi.start()
    session = setup.member(config, suite, directory, Clock(), setup.transport(suite, config, wifi))
    return await session.start()


def forget(*names):
    """Modules of the node that have done their work: their memory is for the member."""
    package = sys.modules["node"]
    for name in names:
        if UNLOADS and sys.modules.pop("node." + name, None) and hasattr(package, name):
            delattr(package, name)
