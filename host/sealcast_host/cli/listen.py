"""`sealcast listen`: print what arrives, until Ctrl-C, or until --count messages came."""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

from sealcast_host.agent.visit import visit
from sealcast_host.cli import render, talk
from sealcast_host.cli.arguments import whole
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.signals import run
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member

SECRECY = ("note", "conversation", "ratchet")  # from the least to the most


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    p.add_argument("--count", type=whole(1), metavar="N", help="stop after N messages")
    only = "messages of this member only (given several times: of these)"
    p.add_argument("--from", dest="senders", action="append", metavar="UID", help=only)
    p.add_argument("--secrecy", choices=SECRECY, default="note", help="messages at least so secret (default: all)")
    p.set_defaults(
        appended=True,
        run=lambda args: listen(channel_of(args), args.uid, args.json, args.count, args.senders, args.secrecy)
    )


def listen(
    known: ChannelFile,
    uid: str | None,
    as_json: bool,
    count: int | None,
    senders: list[str] | None = None,
    secrecy: str = "note",
) -> int:
    """count: stop after so many messages. senders: of these alone; secrecy: at least so secret. Raises UserError."""

    def wanted(message: Any) -> bool:
        secret = SECRECY.index(message.secrecy) >= SECRECY.index(secrecy)
        return secret and (senders is None or message.sender in senders)

    return run(_listen(known, uid, as_json, count, wanted), lasting=True)


async def _listen(
    known: ChannelFile, uid: str | None, as_json: bool, count: int | None, wanted: Callable[[Any], bool]
) -> int:
    enough = asyncio.Event()
    broken: list[BaseException] = []
    seen = 0
    online = asyncio.Event()
    down = False

    def line_of(name: str, info: Any) -> str | None:
        """An event in words. A broker that stays away is told once, and that it is there again."""
        nonlocal down
        before, down = down, name == "offline" or down and name != "online"
        if name == "online":
            again = before and online.is_set()
            online.set()
            return "* connected again" if again else None
        return None if name == "offline" and before else render.event_line(name, info)

    def show(name: str, info: Any) -> None:
        nonlocal seen
        if enough.is_set():
            if name == "message":
                raise _Over  # it waits for whoever listens next
            return
        if name == "message" and not wanted(info):
            return
        try:
            if name == "message":
                print(render.message_json(info) if as_json else render.message_line(info), flush=True)
                seen += 1
                if seen == count:
                    enough.set()
            elif as_json:
                print(render.event_json(name, info), flush=True)
            elif line := line_of(name, info):
                print(line, flush=True)
        except Exception as e:  # nobody reads our output any more, or it cannot be written
            broken.append(e)
            enough.set()
            online.set()
            raise

    lonely: asyncio.Future[None] | None = None  # held, or it would be collected
    async with visit(known, uid, show, starts=True, waits=True) as session:
        await (enough if as_json else online).wait()
        if not as_json:
            where, me = render.clean(known.channel), render.clean(session.uid)
            talk.note(f'listening on "{where}" as "{me}"; Ctrl-C ends it')
            lonely = asyncio.ensure_future(alone(session, talk.note))
        await enough.wait()
        if lonely is not None:
            lonely.cancel()
    if broken:
        raise broken[0]
    return 0


class _Over(Exception):
    """This message is not taken: what was to be listened to has come."""


async def alone(session: Member, tell: Callable[[str], None]) -> None:
    """Tell when nobody else is awake once all are known."""
    await session.settled()
    if not any(status == "awake" for uid, status in session.members if uid != session.uid):
        tell(NOBODY)


NOBODY = (
    "nobody else is here just now; what is sent waits as a note for who comes (a phrase with a typing error leads to "
    "an empty channel, too)"
)


_ABOUT = """\
Print each message with its sender, how secret it is and who can have written it, and what happens in the group.

secrecy  note: readable, now and later, by all who know the channel's phrase
         conversation: keys of those present, forgotten after use
         ratchet: keys of the group's members, new with every message; private: for this member alone
origin   member: signed by the sender's own key; group: somebody who knows the group's key
history  it was sent before this computer joined
"""
_EXAMPLES = """\
examples:
  sealcast listen greenhouse
  sealcast listen greenhouse --json | jq -r 'select(.type == "message") | .text'
  sealcast listen greenhouse --count 1
  sealcast listen greenhouse --from bench-1 --secrecy conversation

keys of a message line (--json):
  type "message", sender, secrecy, origin, time (seconds since 1970, 0 unknown), seq, historic (not provably
  recent), age (made at most so many seconds before it arrived; null: nothing is provable), again, epoch,
  private, text (or body_b64 when it is not text)
keys of an event line: type "event", event (joined, left, vanished, asleep, rekeyed, gap, ...), and what it tells
"""
