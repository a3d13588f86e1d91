"""Is what we publish kept? The broker must show us our own retained publishes. PROTOCOL.md section 11.2.

Some brokers acknowledge and throw away (an access list, a limit on sizes), and MQTT 3.1.1 has no word for that. So an
acknowledgement of a retained publish, on a topic that we have subscribed to, counts once its echo has come as well.
"""

from ..compat import const

_LATE_MS = const(5000)  # from the acknowledgement, and with nothing else coming; the engine comes by at least as often
_LIMIT_MS = const(60000)  # where something always comes: a slow link shows us first what came before
_MOST = const(160)


def _matches(filter, topic):
    if filter[-1] not in ("+", topic[-1]):
        return False  # as most of them, before anything is made
    wanted, parts = filter.split("/"), topic.split("/")
    return len(wanted) == len(parts) and all([w in ("+", part) for w, part in zip(wanted, parts)])


class Echo:
    """What we published in this connection and have not been shown yet."""

    def __init__(self):
        self.begin()

    def begin(self, own=""):
        """Another connection. own: how the topics begin that are ours alone."""
        self._channel = own[: own.rfind("/", 0, -1) + 1]  # all begin so: a board keeps what is left of them
        self._own = self._short(own)
        self._filters = []
        self._waiting = []  # [topic, payload, token, when it was acknowledged or None]
        self._quiet = None  # when the engine had taken all that had come, and nothing more came

    def _short(self, topic):
        return topic.replace(self._channel, "", 1)

    def subscribed(self, filters):
        for filter in [self._short(filter) for filter in filters]:
            alien = filter.endswith("/n/+") and not filter.startswith(self._own)  # another member's notes: none of ours
            if not (alien or filter[-1] in "shcgr" or filter in self._filters):
                self._filters.append(filter)  # s, h, c, g, r: nothing there is kept, so none of ours is waited for

    def publishing(self, topic, payload, token):
        """To be called before it is published."""
        short = self._short(topic)
        if payload and any([_matches(f, short) for f in self._filters]):
            if len(self._waiting) >= _MOST:
                self._waiting.pop(0)
            self._waiting.append([topic, payload, token, None])

    def acked(self, topic, payload, now):
        """The broker has acknowledged it: does that count at once?"""
        for w in self._waiting:
            if w[0] == topic and w[1] == payload:
                w[3] = now
                return False
        return True

    def refused(self, topic, payload):
        """The broker said that it does not take it."""
        self._waiting = [w for w in self._waiting if w[0] != topic or w[1] != payload]

    def heard(self, topic, payload):
        """A message came: the token that is acknowledged by it, else 0."""
        self._quiet = None
        for i, w in enumerate(self._waiting):
            if w[0] == topic and w[1] == payload:
                self._waiting.pop(i)
                return w[2] if w[3] is not None else 0
        return 0

    def late(self, now, idle):
        """Has something been acknowledged, and was not shown for so long that the broker must have thrown it away?
        idle: the engine has nothing to do."""
        self._quiet = (now if self._quiet is None else self._quiet) if idle else None
        limit = _LATE_MS if idle and now - self._quiet >= _LATE_MS else _LIMIT_MS
        return bool([w for w in self._waiting if w[3] is not None and now - w[3] >= limit])
