"""What a member is to the ratcheting group when its settings leave the group out (`ratchet: false`): apart from it.

The SMMP half is a third of the core; a board that only sends notes and conversations need not hold it in RAM. This stands
in group.Group's place, with the same methods.
"""

from .errors import NoGroup, Reject
from .keys import ZERO


class Apart:
    """No packages, no frames, no state; as its own organizer and group."""

    def __init__(self):
        self.name = None
        self.state = None
        self.mine = {}
        self.organizer = self

    def nothing(self, *_):
        """A group that is not there has nothing to do."""

    online = stop = tick = departed = renewed = unpack = nothing

    def times(self):
        return []

    def pack(self):
        return b""

    def summary(self):
        return None

    def newest(self, tag):
        """No member's package is known."""
        return 0, ZERO

    def receive(self, *_):
        raise Reject("outside")

    received = receive

    def send(self, *_):
        raise NoGroup("this member's settings leave the group out: set ratchet to true")

    change = send
