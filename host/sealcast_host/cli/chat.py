"""`sealcast chat`: a member in the terminal. Arriving lines scroll above a prompt that shows the group's state.

The prompt says who is there and which key is in use:    greenhouse 3 awake, epoch 9f41c2 >
How it is typed and shown stands in screen.py.
"""

import argparse
import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any

from sealcast.effects import Sent
from sealcast.errors import SealcastError
from sealcast.wire import MAX_BODY
from sealcast_host.agent.visit import visit
from sealcast_host.cli import render
from sealcast_host.cli.listen import alone
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.screen import Lines, screen
from sealcast_host.cli.signals import run
from sealcast_host.errors import Failed
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member
from sealcast_host.terminal import painted

DRAIN_S = 10
HURRIED_S = 1


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    p.set_defaults(run=lambda args: chat(channel_of(args), args.uid))


HELP = """\
  a line                  goes to everybody, as secretly as is possible now; several that were pasted are a message each
  /note TEXT              as a note: also for who sleeps or comes later
  /private UID TEXT       to one member of the group alone
  /members                who is here, and in what state
  /group                  who is in the ratcheting group
  /rekey                  agree on a new conversation key now
  /leave                  say goodbye and end (Ctrl-D, Ctrl-C as well)
  //TEXT                  a message that begins with /
"""


def chat(known: ChannelFile, uid: str | None) -> int:
    return run(_chat(known, uid), lasting=True)


async def _chat(known: ChannelFile, uid: str | None) -> int:
    shown = screen()

    def show(name: str, info: Any) -> None:
        if name == "message":
            shown.say(render.message_line(info))
        elif line := render.event_line(name, info):
            shown.say(line)
        shown.draw()

    with shown.open():
        shown.say("connecting ...")
        async with visit(known, uid, show, starts=True) as session:
            shown.prompt = lambda: prompt(known.channel, session)
            shown.words = lambda: words(session)
            shown.say(f'this is "{render.clean(known.channel)}", you are "{render.clean(session.uid)}"; /help explains')
            chatting = Chat(session, shown)
            lonely = asyncio.ensure_future(alone(session, lambda text: shown.say("* " + text)))
            try:
                while (entered := await shown.entry()) is not None:
                    if not await chatting.take(entered):
                        break
            except Failed:
                with contextlib.suppress(Failed):  # what ended says so itself
                    await chatting.drain(DRAIN_S)
                raise
            except asyncio.CancelledError:
                await chatting.drain(HURRIED_S)
                raise
            finally:
                lonely.cancel()
            await chatting.drain(DRAIN_S)
    return 0


def prompt(channel: str, session: Member) -> str:
    """Who is there and which key is in use; what a line typed now would be secured by."""
    awake = sum(status == "awake" for _, status in session.members)
    key = (
        f"group {session.group['epoch']}"
        if session.group
        else f"epoch {session.epoch[:6]}"
        if session.epoch
        else "notes only"
    )
    return f"{render.clean(channel)[:20]} {awake} awake, {key}{'' if session.online else ', offline'} > "


def words(session: Member) -> list[str]:
    """What Tab completes."""
    private = [f"/private {render.clean(uid)} " for uid in (session.group["members"] if session.group else [])]
    return ["/note ", *private, "/members", "/group", "/rekey", "/leave", "/help"]


class Chat:
    """What an entry does."""

    def __init__(self, session: Member, screen: Lines) -> None:
        self._session = session
        self._screen = screen
        self._sending: set[asyncio.Task[None]] = set()

    async def take(self, line: str) -> bool:
        """Act on one entry; False ends the chat."""
        command, _, rest = line.partition(" ")
        if not line.strip():
            return True
        if "\n" in line:  # pasted: what stands in it was not meant for a command
            for text in filter(str.strip, line.split("\n")):
                self._send(text, None)
        elif line.startswith("//"):
            self._send(line[1:], None)
        elif not line.startswith("/"):
            self._send(line, None)
        elif command == "/note" and rest.strip():
            self._send(rest, "note")
        elif command == "/private" and rest.strip():
            self._private(rest)
        elif command == "/group":
            group = self._session.group
            self._screen.say(
                f"  epoch {group['epoch']}, {group['phase']}, digest {group['digest'][:16]}"
                if group
                else "  in no group"
            )
            for uid in group["members"] if group else []:
                self._screen.say(f"  {render.clean(uid)}")
        elif command == "/members":
            for uid, status in self._session.members:
                data = render.clean(self._session.data.get(uid, ""))
                self._screen.say(f"  {render.clean(uid)}  {status}  {data}".rstrip())
            self._screen.say(f"  epoch {self._session.epoch or 'none: only notes can be sent'}")
        elif command == "/rekey":
            await self._try(self._session.rekey())
        elif command == "/leave":
            return False
        else:
            self._screen.say(HELP.rstrip("\n"))
        return True

    async def drain(self, limit: float) -> None:
        """Wait so many seconds for what is on its way to the broker. Raises Failed for what is not acknowledged."""
        if self._sending and (await asyncio.wait(self._sending, timeout=limit))[1]:
            raise Failed("the last that you entered is not acknowledged: the broker may not have it")

    def _private(self, rest: str) -> None:
        """`UID TEXT`: a name may hold spaces, so that the group's names decide where the text begins."""
        names = self._session.group["members"] if self._session.group else []
        to = max((n for n in names if rest.startswith(n + " ")), key=len, default=None)
        if to is None:
            self._screen.say("* not sent: /private UID TEXT, where UID is a member of the group (/group shows them)")
        else:
            self._send(rest[len(to) + 1 :], "ratchet", to)

    def _send(self, text: str, mode: str | None, to: str | None = None) -> None:
        # In the background: typing goes on while the broker is away.
        task = asyncio.ensure_future(self._deliver(text, mode, to))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, text: str, mode: str | None, to: str | None) -> None:
        try:
            body = text.encode()
        except UnicodeEncodeError:  # bytes that are none came in as halves of pairs
            self._screen.say(f"* not sent: no UTF-8 text (set the terminal to it): {render.clean(text)}")
            return
        if len(body) > MAX_BODY:
            self._screen.say(f"* not sent: {MAX_BODY} bytes at most")
            return
        sent: Sent | None = await self._try(self._session.send(body, mode, to))
        if sent is not None:
            how = f"{sent.mode}, acknowledged" + (f", only to {render.clean(to)}" if to is not None else "")
            if sent.missing and to is None:
                how += f", not to {', '.join(map(render.clean, sent.missing))}"
            shown = [("  you  ", "bold"), (f"[{how}]", render.STYLES[sent.mode]), ("  " + render.clean(text), "")]
            self._screen.say(painted(shown))

    async def _try(self, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except SealcastError as e:
            self._screen.say(painted([(f"* {e}", "bold red")]))


_ABOUT = """\
Take part from the terminal. A line is a message. Commands: /note, /private, /members, /group, /rekey, /leave, /help."""
_EXAMPLES = """\
examples:
  sealcast chat greenhouse
  sealcast chat greenhouse --uid anna --broker 192.168.1.10
"""
