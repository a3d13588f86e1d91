"""The group again after the channel has moved to another key: who made the move takes in whom it kept. PROTOCOL.md
section 22.

At the new place nothing is left of the group. `together` names who was in it and stays; each leaves the list when an
agreement has it in, or takes it out. It is stored with the group, and what is done about it is an ordinary wish.
"""

from ..rare import load
from .group import LIVE, NONE, STEP_MS
from .ratchet import ADD


def regroup(me, members, group, now, out):
    """Wish for a group with those who have come, or for them in ours. Who comes later is looked for when its package is
    there."""
    wishes, packages, uids = load("smmp.membership"), load("smmp.packages"), group.change.together
    arrived = [m.tag for m in members.by_tag.values() if m.uid in uids and m.current]
    arrived = sorted([tag for tag in arrived if wishes.usable(members, packages.known(group, tag), tag)])
    if not arrived:
        return
    if group.phase == LIVE:
        wishes.want(group, ADD, arrived, [], now)
    elif group.phase == NONE:
        wishes.found(me, members, group, arrived, now, out)
    else:  # looking where it is
        group.change.at = now + STEP_MS
