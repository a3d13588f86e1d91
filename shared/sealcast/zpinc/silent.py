"""What stands in epochs.py's place when a member's settings leave conversations out (`modes`): it takes part in no
handshake and has no epoch. PROTOCOL.md sections 9.1, 10.4."""

from ..errors import Reject


def nothing(*_):
    """Of epochs that are not there."""


resume = plan = moved = at_work = expire = pass_over = missed = nothing


def times(*_):
    return []


ends = times


def receive(*_):
    raise Reject("epoch")
