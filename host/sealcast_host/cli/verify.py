"""`sealcast group verify`: fingerprints for people to compare, and the approval of one that has changed."""

import argparse
import asyncio

from sealcast_host.agent.visit import SLEEP_S, visit, within
from sealcast_host.cli import talk
from sealcast_host.cli.options import channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.cli.watching import watched
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member
from sealcast_host.member.phrases import spoken, wordlist

CHANGED = 1  # exit code: somebody's identity is another one than before


def arguments(p: argparse.ArgumentParser) -> None:
    """p has those of every action of `sealcast group` already."""
    p.add_argument(
        "--approve",
        metavar="FINGERPRINT",
        help="believe the changed identity with this fingerprint, which you have compared",
    )
    p.add_argument("--words", action="store_true", help="as nine words each, to be read aloud")
    p.set_defaults(
        run=lambda args: verify(channel_of(args), args.uid, args.members, args.approve, args.timeout, args.words)
    )


def verify(
    known: ChannelFile, uid: str | None, uids: list[str], approve: str | None, timeout: float, aloud: bool
) -> int:
    """aloud: fingerprints as words. approve: a changed one, in letters or in words. Raises UserError."""
    if approve is not None:
        parts = approve.lower().split("-")
        letters = len(parts) == 5 and all(len(p) == 4 and p.isascii() and p.isalnum() for p in parts)
        if not letters and not (len(parts) == 9 and set(parts) <= set(wordlist())):
            raise UserError(
                "--approve takes the new fingerprint, as it was compared: five groups of four characters, or the "
                "nine words"
            )
    return run(_verify(known, uid, uids, approve, timeout, aloud))


async def _verify(
    known: ChannelFile, uid: str | None, uids: list[str], approve: str | None, timeout: float, aloud: bool
) -> int:
    async with visit(known, uid, watched(known), sleep_s=SLEEP_S) as session:
        await within(timeout, session.settled(), "the broker is slow: raise --timeout")
        rows = await session.fingerprints()
        for name in uids:
            if name not in [row["uid"] for row in rows]:
                others = ", ".join(clean(row["uid"]) for row in rows if not row["me"]) or "nobody"
                raise UserError(f'no member "{clean(name)}" has joined this channel; known: {others}')
        if approve is not None:
            await _approve(session, approve.lower(), uids, timeout, known.admin_secret is not None)
            rows = await session.fingerprints()
        lines = []
        for row in rows:
            if uids and row["uid"] not in uids:
                continue
            if row["changed"]:
                lines.append((row["uid"], row["changed"], "CHANGED: refused until it is approved; it was"))
                lines.append(("", row["fingerprint"], ""))
            else:
                lines.append((row["uid"], row["fingerprint"], "this member" if row["me"] else "pinned"))
        table = []
        for name, print_, note in lines:
            shown = spoken(print_) if aloud else print_
            table.append(({"uid": name, "fingerprint": shown, "note": note}, (clean(name), shown, note)))
        talk.table("fingerprint", ("member", "fingerprint", ""), table, ("bold",))
        changed = any(row["changed"] for row in rows)
    return CHANGED if changed else 0


async def _approve(session: Member, wanted: str, uids: list[str], timeout: float, for_all: bool) -> None:
    """Pin the changed identity with this fingerprint, and wait until it is in use. for_all: by the admin's key."""
    reach = ", for all members that know this channel's admin" if for_all else " for this member"
    for row in await session.fingerprints():
        # What this computer pinned by provisioning the board is news to the others all the same.
        uid, letters = row["uid"], row["changed"] or (row["fingerprint"] if for_all and not row["me"] else None)
        if letters and wanted in (letters, spoken(letters)) and (not uids or uid in uids):
            await session.approve(uid, letters)
            try:
                async with asyncio.timeout(timeout):
                    while uid not in dict(session.members):
                        await asyncio.sleep(0.05)
            except TimeoutError:
                raise Failed(
                    f'approved{reach}; "{clean(uid)}" has not joined again within {timeout:g} s, but will be '
                    "believed when it does"
                ) from None
            told = {"uid": uid, "for_all": for_all}
            talk.result("approved", told, f'approved: "{clean(uid)}" is this one from now on{reach}')
            return
    raise UserError("no changed identity has that fingerprint: compare it again (sealcast group verify NAME shows it)")
