"""What version 0.1 stored, read by today's code: tests/vectors/v0.1, by the rule that stands in each file.
docs/VERSIONS.md.

Every state that a member of those runs stored before a power cut must be taken up and tell the same members, epoch and
group. Frames of 0.1 are no longer understood: its presences did not say what they now say.
"""

import gc

from recorded import Run
from solo import suite

HEAP = "heapsize=700k"  # for the marks of some hundred frames beside a member of a group


def read(name):
    """All members' states; -> their names."""
    run, states = Run("v0.1/%s.json" % name, suite), set()
    for uid in run.uids():
        gc.collect()
        states |= set(run.boots(uid))
    return states - {"none"}


def test_notes_handshakes_and_conversations_are_read():
    states = {"provisioned", "alone, with a ring", "an epoch with skipped keys", "two epochs", "an outbox and an inbox"}
    assert read("zpinc") == states | {"asleep"}


def test_a_group_is_read():
    states = {"live in a group", "with keys of private messages", "forked", "rejoin", "removed", "alone in the group"}
    waiting = {
        "a private message pending, one queued",
        "pending, and the others have it",
        "a wish to resync, and a queue",
    }
    assert read("group") == states | waiting | {"an undo that will be used"}


def test_a_move_to_a_new_key_is_read():
    states = {"the admin's, before a move", "moved, and waits for one at the old place", "moved"}
    assert read("notice") == states | {"slept through the move", "led on from the old place", "left behind"}
