"""`sealcast chat`: a member in the terminal. Arriving lines scroll above a prompt that shows the group's state.

The prompt says who is there and which key is in use:    greenhouse 3 awake, epoch 9f41c2 >
Without a terminal (a pipe, a test) each input line is a message and nothing is redrawn.
"""

import argparse
import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sealcast.errors import SealcastError
from sealcast.wire import MAX_BODY
from sealcast_host.agent.visit import visit
from sealcast_host.cli import render
from sealcast_host.cli.lineedit import END, INTERRUPT, LineEditor
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.signals import run
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    p.set_defaults(run=lambda args: chat(channel_of(args), args.uid))


HELP = """\
  a line                  goes to everybody, as secretly as is possible now
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
    screen = Screen()

    def show(name: str, info: Any) -> None:
        if name == "message":
            screen.say(render.message_line(info))
        elif line := render.event_line(name, info):
            screen.say(line)
        screen.draw()

    with screen.open():
        screen.say("connecting ...")
        async with visit(known, uid, show, starts=True) as session:
            screen.prompt = lambda: prompt(known.channel, session)
            screen.say(
                f'this is "{render.clean(known.channel)}", you are "{render.clean(session.uid)}"; /help '
                "explains"
            )
            screen.draw()
            chatting = Chat(session, screen)
            while (line := await screen.line()) is not None:
                if not await chatting.take(line):
                    break
                screen.draw()
            await chatting.drain()
            screen.prompt = str
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


class Chat:
    """What a typed line does."""

    def __init__(self, session: Member, screen: "Screen") -> None:
        self._session = session
        self._screen = screen
        self._sending: set[asyncio.Task[None]] = set()

    async def take(self, line: str) -> bool:
        """Act on one line; False ends the chat."""
        command, _, rest = line.partition(" ")
        if not line.strip():
            return True
        if line.startswith("//"):
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
                self._screen.say(f"  {render.clean(uid)}  {status}")
            self._screen.say(f"  epoch {self._session.epoch or 'none: only notes can be sent'}")
        elif command == "/rekey":
            await self._try(self._session.rekey())
        elif command == "/leave":
            return False
        else:
            self._screen.say(HELP.rstrip("\n"))
        return True

    async def drain(self) -> None:
        """Wait a while for what is still on its way to the broker."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=10)

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
        body = text.encode("utf-8", "replace")
        if len(body) > MAX_BODY:
            self._screen.say(f"* not sent: {MAX_BODY} bytes at most")
            return
        conversing = self._session.epoch and self._session.online
        secrecy = mode or ("ratchet" if self._session.group else "conversation" if conversing else "note")
        if await self._try(self._session.send(body, mode, to)):
            how = f"{secrecy}, acknowledged" + (f", only to {render.clean(to)}" if to is not None else "")
            self._screen.say(f"  you  [{how}]  {render.clean(text)}")

    async def _try(self, work: Any) -> bool:
        try:
            await work
        except SealcastError as e:
            self._screen.say(f"* {e}")
            return False
        return True


class Screen:
    """Standard output and input: with a prompt kept below the output on a terminal, as plain lines elsewhere."""

    def __init__(self) -> None:
        self._in = sys.stdin.fileno()
        try:
            import termios
            import tty
        except ImportError:  # Windows: line by line, the system's own editing
            self._terminal: Any = None
        else:
            self._terminal = termios, tty
        self._tty = self._terminal is not None and sys.stdin.isatty() and sys.stdout.isatty()
        self._editor = LineEditor(MAX_BODY)
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._plain = b""
        self.prompt: Callable[[], str] = str

    @contextmanager
    def open(self) -> Iterator[None]:
        """Take the terminal; it is given back as it was, whatever happens."""
        termios: Any
        tty: Any
        termios, tty = self._terminal or (None, None)
        before = termios.tcgetattr(self._in) if self._tty else None
        loop = asyncio.get_running_loop()
        watched = True
        try:
            if before is not None:
                tty.setcbreak(self._in)
            try:
                loop.add_reader(self._in, self._readable)
            except NotImplementedError:  # Windows cannot watch it: a thread reads
                watched = False
                threading.Thread(target=self._read_all, args=(loop,), daemon=True).start()
            except PermissionError:  # a plain file: it is all there
                watched = False
                while chunk := os.read(self._in, 65536):
                    self._take(chunk)
                self._take(b"")
            yield
        finally:
            if watched:
                loop.remove_reader(self._in)
            if before is not None:
                self._write("\r\x1b[K")
                termios.tcsetattr(self._in, termios.TCSADRAIN, before)

    def say(self, text: str) -> None:
        """Print above the prompt."""
        if self._tty:
            self._write("\r\x1b[K" + text + "\n")
            self.draw()
        else:
            self._write(text + "\n")

    def draw(self) -> None:
        """Show the prompt and what is typed so far."""
        if self._tty:
            head = self.prompt()
            room = shutil.get_terminal_size().columns - len(head) - 1
            self._write("\r\x1b[K" + head + self._editor.shown(max(room, 8)))

    async def line(self) -> str | None:
        """The next line the user entered, None at the end."""
        return await self._lines.get()

    def _readable(self) -> None:
        try:
            chunk = os.read(self._in, 4096)
        except OSError:
            chunk = b""
        self._take(chunk)
        self.draw()

    def _read_all(self, loop: asyncio.AbstractEventLoop) -> None:
        while chunk := os.read(self._in, 4096):
            loop.call_soon_threadsafe(self._take, chunk)
        loop.call_soon_threadsafe(self._lines.put_nowait, None)

    def _take(self, chunk: bytes) -> None:
        if not self._tty:
            *lines, self._plain = (self._plain + chunk).split(b"\n")
            if not chunk and self._plain:
                lines, self._plain = [self._plain], b""
            for raw in lines:
                self._lines.put_nowait(raw.decode("utf-8", "replace").rstrip("\r"))
        else:
            for line in self._editor.feed(chunk):
                self._lines.put_nowait(None if line in (END, INTERRUPT) else line)
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._in)
            self._lines.put_nowait(None)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


_ABOUT = """\
Take part from the terminal. A line is a message. Commands: /note, /private, /members, /group, /rekey, /leave, /help."""
_EXAMPLES = """\
examples:
  sealcast chat greenhouse
  sealcast chat greenhouse --uid anna --broker 192.168.1.10
"""
