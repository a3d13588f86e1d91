"""After `sealcast lost` the channel has another root key: what is stored here follows, and which of two keys is
the newer.

A member's stored state knows the key it has moved to; the channel's file knows it for the members and boards to come.
Each can be behind the other: the file, when the power went between the two; a member's state, when it did not run while
another member of this computer moved. PROTOCOL.md section 22.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sealcast import wire
from sealcast.channel import Channel
from sealcast.effects import FORMAT
from sealcast_host.errors import UserError
from sealcast_host.member import channels


def restored(suite: Any, config: dict[str, Any], blob: bytes | None) -> Any:
    """The channel of completed settings and a stored state. The core begins anew when it has never heard of the
    settings' key; how often the channel has moved to come there, it learns here. Raises BadState, UserError."""
    if blob and blob[0] > FORMAT:
        who = f'the state of "{config["uid"]}" in "{config["channel"]}"'
        raise UserError(f"{who} is of a later version of Sealcast: update the one on this computer")
    member = Channel(suite, config, blob, os.urandom)
    member.places.collects = True  # the admin's key lies on a computer: a notice is made from here
    known = _file_of(config["channel"])
    if known is not None and known.key == config["key"] == member.me.root:
        member.places.generation = max(member.places.generation, known.generation)
    return member


def follow(member: Any, removed: Iterable[str] = ()) -> None:
    """Give the channel's file the key that `member` has moved to, if it holds one from before, and take those who were
    `removed` out of its roster. Raises UserError.

    The file is replaced whole: until the new one is durable the old one stands.
    """
    known = _file_of(member.me.config["channel"])
    here, root = member.places, member.me.root
    if known is None or known.key == root or known.generation >= here.generation or known.key not in _left(member):
        return
    roster = {uid: public for uid, public in known.roster.items() if uid not in removed}
    moved = replace(known, key=bytes(root), stretch=None, generation=here.generation, roster=roster)
    channels.store(moved, replace=True)


def repin(member: Any, uid: str) -> None:
    """The roster of the channel's file names the identity of `uid` that was approved, if it named another: what it
    names is pinned at each start. Raises UserError."""
    known = _file_of(member.me.config["channel"])
    public = next((m.public for m in member.others.by_tag.values() if m.uid == uid), None)
    if known is None or known.key != member.me.root or public is None:
        return
    if known.roster.get(uid, wire.b64(public)) != wire.b64(public):
        channels.store(replace(known, roster=known.roster | {uid: wire.b64(public)}), replace=True)


def _left(member: Any) -> list[bytes]:
    """The keys of the places that this member has left and still watches."""
    return [old.root for old in member.places.old]


def _file_of(channel: str) -> channels.ChannelFile | None:
    return channels.find(channel)
