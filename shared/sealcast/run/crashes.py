"""A frame that leads to an internal error has changed nothing: the channel begins anew from what it stored
(session.py). One that did so twice is not looked at any more: a retained one comes again at each connection.
PROTOCOL.md 13.
"""

from ..compat import const
from ..errors import NoRoom

_TWICE = const(2)
_KEPT = const(16)  # crashes that are remembered


def receive(crashes, channel, topic, payload, now):
    """Give a frame to the channel -> its effects. crashes: list of those before, ours to change."""
    which = (topic, bytes(payload[-32:]))
    if crashes.count(which) >= _TWICE:
        payload = None
    try:
        return channel.receive(topic, payload, now)
    except (MemoryError, NoRoom):  # not the frame's fault
        raise
    except Exception:
        crashes.append(which)
        if len(crashes) > _KEPT:
            crashes.pop(0)
        raise
