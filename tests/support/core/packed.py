"""The state of a channel, whole: what tests compare. Storage takes it in pieces."""

from sealcast.rare import load


def pack_state(ch):
    """Everything a member must not forget, as bytes."""
    return b"".join(load("state").pack_parts(ch, ch.journal.key))
