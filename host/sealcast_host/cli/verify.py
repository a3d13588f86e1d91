"""`sealcast group verify`: fingerprints for people to compare, and the approval of one that has changed."""

import argparse
import asyncio

from sealcast.zpinc.identity import fingerprint
from sealcast_host.cli.options import channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.phrases import spoken, wordlist
from sealcast_host.member.session import HostSession
from sealcast_host.member.visit import SLEEP_S, settled, visit, within

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
    async with visit(known, uid, sleep_s=SLEEP_S, alias=False) as session:
        await within(timeout, settled(session), "the broker is slow: raise --timeout")
        ch = session.channel
        by_name = {m.uid: m for m in ch.others.by_tag.values()}
        for name in uids:
            if name not in by_name and name != ch.me.uid:
                others = ", ".join(sorted(clean(n) for n in by_name)) or "nobody"
                raise UserError(f'no member "{clean(name)}" has joined this channel; known: {others}')
        if approve is not None:
            await _approve(session, approve.lower(), uids, timeout)
        changed = False
        rows = [(ch.me.uid, fingerprint(ch.me.suite, ch.me.identity.public), "this member")]
        for m in sorted(by_name.values(), key=lambda m: m.uid):
            if m.refused:
                changed = True
                rows.append(
                    (m.uid, fingerprint(ch.me.suite, m.refused), "CHANGED: refused until it is approved; it was")
                )
                rows.append(("", fingerprint(ch.me.suite, m.public), ""))
            elif m.public:
                rows.append((m.uid, fingerprint(ch.me.suite, m.public), "pinned"))
        width = max(len(clean(row[0])) for row in rows)
        keep = True
        for name, print_, note in rows:
            keep = (not uids or name in uids) if name else keep
            if keep:
                print(f"{clean(name):<{width}}  {spoken(print_) if aloud else print_}  {note}".rstrip())
    return CHANGED if changed else 0


async def _approve(session: HostSession, wanted: str, uids: list[str], timeout: float) -> None:
    """Pin the changed identity with this fingerprint, and wait until it is in use."""
    ch = session.channel
    for m in list(ch.others.by_tag.values()):
        letters = fingerprint(ch.me.suite, m.refused) if m.refused else ""
        if m.refused and wanted in (letters, spoken(letters)) and (not uids or m.uid in uids):
            await session.approve(m.uid, letters)
            try:
                async with asyncio.timeout(timeout):
                    while ch.others.by_tag.get(m.tag) is None or ch.others.by_tag[m.tag].current is None:
                        await asyncio.sleep(0.05)
            except TimeoutError:
                raise Failed(
                    f'approved; "{clean(m.uid)}" has not joined again within {timeout:g} s, but will be believed when '
                    "it does"
                ) from None
            print(f'approved: "{clean(m.uid)}" is this one from now on')
            return
    raise UserError("no changed identity has that fingerprint: compare it again (sealcast group verify NAME shows it)")
