"""What a member is to the ratcheting group when its settings leave the group out (`ratchet: false`): apart from it.

The SMMP half is a third of the core; a board that only sends notes and conversations need not hold it in RAM. This stands
in group.Group's place, with the same methods.
"""

from ..errors import NoGroup, Reject


class Apart:
    """No packages, no frames, no state; its own packages, too."""

    def __init__(self):
        self.name = None
        self.state = None
        self.packages = self

    def nothing(self, *_):
        """A group that is not there has nothing to do."""

    online = stop = tick = departed = forget = publish = unpack = nothing

    def times(self):
        return []

    def pieces(self):
        return []

    def summary(self):
        return None

    def receive(self, *_):
        raise Reject("outside")

    package = receive

    def send(self, *_):
        raise NoGroup("this member's settings leave the group out: set ratchet to true")

    change = send
