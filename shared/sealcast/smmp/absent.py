"""What stands in order.py's place when a member's settings leave the group out (`ratchet: false`).

The group of PROTOCOL.md 16 to 21 is not there, and its frames are nobody's. The SMMP half is a third of the core; a
board that only sends notes and conversations need not hold it in RAM.
"""

from ..errors import NoGroup, Reject


class Group:
    """Of no group: no name, no state."""

    name = state = None

    def vouched(self, *_):
        return False

    again = vouched


def begin(me):
    return Group()


def nothing(*_):
    """A group that is not there has nothing to do."""


need_search = need_packages = need_tick = nothing
unpack = online = offline = session_began = renewed = departed = unite = tick = summary = place = nothing


def pieces(*_):
    return []


times = tags = uids = seeking = pieces


def receive(*_):
    raise Reject("outside")


package = receive


def send(*_):
    raise NoGroup("this member's settings leave the group out: set ratchet to true")


change = send
