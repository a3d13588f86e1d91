"""After `sealcast lost` the channel has another root key: what is stored here follows, and which of two keys is the newer.

A member's stored state knows the key it has moved to; the channel's file knows it for the members and boards to come.
Each can be behind the other: the file, when the power went between the two; a member's state, when it did not run while
another member of this computer moved. PROTOCOL.md section 22.
"""

import os
from dataclasses import replace
from typing import Any

from sealcast.channel import Channel
from sealcast_host import channels
from sealcast_host.errors import UserError


def restored(suite: Any, config: dict[str, Any], blob: bytes | None) -> Any:
    """The channel of completed settings and a stored state: at the newest place that either of them knows."""
    known = _file_of(config["channel"])
    ours = known is not None and known.key == config["key"]  # else the settings came from elsewhere
    generation = known.generation if known is not None and ours else 0
    member = Channel(suite, config, blob, os.urandom)
    lost = member.lost
    if lost.root == config["key"]:
        lost.generation = max(lost.generation, generation)
        return member
    if lost.generation > generation and (not ours or config["key"] in _left(member)):
        return member
    # The settings lead to a place that this state knows nothing of. Whom it has pinned is taken along.
    config = dict(config)
    if generation > lost.generation:
        pins = {m.uid: bytes(m.public) for m in member.members_by_tag.values() if m.public}
        config["roster"] = pins | (config["roster"] or {})
    member = Channel(suite, config, None, os.urandom)
    member.lost.generation = generation
    return member


def follow(member: Any, removed: str | None = None) -> None:
    """Give the channel's file the key that `member` has moved to, if it holds one from before. Raises UserError.

    The file is replaced whole: until the new one is durable the old one stands.
    """
    known = _file_of(member.config["channel"])
    lost = member.lost
    if known is None or known.key == lost.root or known.generation >= lost.generation or known.key not in _left(member):
        return
    roster = {uid: public for uid, public in known.roster.items() if uid != removed}
    channels.store(replace(known, key=bytes(lost.root), generation=lost.generation, roster=roster), replace=True)


def _left(member: Any) -> list[bytes]:
    """The keys of the places that this member has left and still watches."""
    return [old.root for old in member.lost.old]


def _file_of(channel: str) -> channels.ChannelFile | None:
    try:
        return channels.load(channel) if channels.path_of(channel).exists() else None
    except UserError:  # whoever needs the file will say so; a member with settings of its own does not
        return None
