"""Whole lives of members, their power cuts included, byte for byte: tests/vectors/stories, by the rule that stands in
each file.

Every member of each run is replayed: the stored state must be taken up, be packed to the same bytes, and go on as it
did.
"""

import gc

from recorded import Run
from solo import suite

HEAP = "heapsize=700k"  # for the marks of some hundred frames beside a member of a group


def replayed(name):
    """All members' parts; -> the names of the states that they began with."""
    run, states = Run("stories/%s.json" % name, suite), set()
    for uid in run.uids():
        gc.collect()
        states |= set(run.replay(uid))
    return states - {"none"}


def test_notes_handshakes_and_conversations_go_on():
    states = {"provisioned", "alone, with a ring", "an epoch with skipped keys", "two epochs", "an outbox and an inbox"}
    assert replayed("zpinc") == states | {"asleep"}


def test_a_group_goes_on():
    states = {"live in a group", "with keys of private messages", "forked", "rejoin", "removed", "alone in the group"}
    waiting = {
        "a private message pending, one queued",
        "pending, and the others have it",
        "a wish to resync, and a queue",
    }
    assert replayed("group") == states | waiting | {"an undo that will be used"}


def test_a_move_to_a_new_key_goes_on():
    states = {"the admin's, before a move", "moved, and waits for one at the old place", "moved"}
    assert replayed("notice") == states | {"slept through the move", "led on from the old place", "left behind"}
