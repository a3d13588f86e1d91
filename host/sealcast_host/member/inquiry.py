"""What people ask a member: who is there and by which fingerprint, who would stay, how it is. Changes nothing."""

import asyncio
from typing import Any, Protocol

from sealcast.errors import Offline
from sealcast.zpinc.joins import fingerprint
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.face import Seen

POLL_S = 0.02


class Member(Seen, Protocol):
    @property
    def channel(self) -> Any: ...

    @property
    def closed(self) -> bool: ...


async def settled(member: Member) -> None:
    """Returns once what the broker keeps of the members (presence, key packages, notes) has been read. Raises Offline
    where the member is closed."""
    while True:
        if member.closed:
            raise Offline("the session is closed")
        ch = member.channel
        if ch is not None and member.online and not ch.reading.queue and ch.reading.member is None:
            return
        await asyncio.sleep(POLL_S)  # nobody tells: it is a matter of one round trip for each member


def fingerprints(ch: Any) -> list[dict[str, Any]]:
    """Of everybody known: uid, fingerprint, changed (the refused one, or None), me. This member first."""
    rows = [{"uid": ch.me.uid, "fingerprint": _of(ch, ch.me.identity.public), "changed": None, "me": True}]
    for m in sorted(ch.others.by_tag.values(), key=lambda m: m.uid):
        if m.public or m.refused:
            changed = _of(ch, m.refused) if m.refused else None
            rows.append({"uid": m.uid, "fingerprint": _of(ch, m.public), "changed": changed, "me": False})
    return rows


def staying(ch: Any, lost: str | None, fresh: set[str]) -> list[tuple[str, str, bool]]:
    """(uid, fingerprint, never shown to a person) of all that get the new key when `lost` is left behind; None: of all
    that could be lost. Raises UserError: nobody has that name."""
    from sealcast.zpinc.revocation import others  # only `lost` asks

    known = sorted(others(ch.me, ch.others, None).values())
    if lost is not None and lost not in [uid for uid, _ in known]:
        raise UserError("no other member of that name is known here")
    return [(uid, _of(ch, public), uid in fresh) for uid, public in known if uid != lost]


def held_admin_secret(channel: str) -> bytes | None:
    """Of the channel's file; None where this computer is not the admin's."""
    known = channels.find(channel)
    return known.admin_secret if known is not None else None


def admin_secret(channel: str) -> bytes:
    """Of the channel's file. Raises UserError where it is not."""
    secret = held_admin_secret(channel)
    if secret is None:
        raise UserError(
            "this computer does not hold the channel's admin key: run this where `sealcast channel new` was run"
        )
    return secret


def status(member: Member, last: dict[str, Any] | None) -> dict[str, Any]:
    """The keys of `sealcast status --json`: docs/JSON.md."""
    ch = member.channel
    data = ch.others.data()
    return {
        "channel": ch.me.config["channel"],
        "uid": ch.me.uid,
        "online": member.online,
        "members": [{"uid": uid, "status": status, "data": data.get(uid)} for uid, status in member.members],
        "epoch": member.epoch,
        "group": member.group,
        "last_message": last,
        "drops": dict(ch.out.drops),
        "waiting_to_send": len(ch.out.outbox.entries),
    }


def _of(ch: Any, public: bytes | None) -> str:
    return str(fingerprint(ch.me.suite, public)) if public else ""
