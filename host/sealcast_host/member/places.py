"""How many members a channel has room for, boards and computers together, and what is said before there is none.
PROTOCOL.md section 2."""

from sealcast.zpinc.joins import MAX_SLOTS
from sealcast_host.member.channels import ChannelFile

MOST = MAX_SLOTS // 16  # with the ring that all have here
FEW = 4


def taken(known: ChannelFile) -> set[str]:
    """Who has a place, as far as is known without asking the broker."""
    return {known.uid, *known.roster}


def few(count: int, most: int = MOST) -> str:
    """What to know when few places are left of so many that are taken; "" while there are more."""
    left = most - count
    if left >= FEW:
        return ""
    return (
        f"{count} of the channel's {most} places are taken, boards that have not come yet among them: "
        f"{left if left > 0 else 'none'} left, and every other computer takes one, too"
    )
