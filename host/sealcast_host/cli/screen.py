"""What a chat is typed into and shown on: a terminal, with a prompt that stays below what arrives (prompt_toolkit:
history, editing, paste), or plain lines where there is none (a pipe, a file, TERM=dumb).
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sealcast_host.cli.typed import chunk
from sealcast_host.errors import Failed
from sealcast_host.terminal import is_one


def screen() -> "Lines":
    """The one that fits what standard input and output are."""
    return Terminal() if is_one(sys.stdin) and is_one(sys.stdout) else Lines()


class Lines:
    """Each line of standard input is an entry; what is said is printed."""

    def __init__(self) -> None:
        self.prompt: Callable[[], str] = str
        self.words: Callable[[], list[str]] = list  # what Tab completes a line to
        self._entries: asyncio.Queue[str | Failed | None] = asyncio.Queue()

    @contextmanager
    def open(self) -> Iterator[None]:
        # A thread: no loop can watch a plain file, and Windows' can watch no input at all.
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop, sys.stdin.fileno()), daemon=True).start()
        yield

    def say(self, text: str) -> None:
        print(text, flush=True)

    def draw(self) -> None:
        """What the prompt tells may have changed."""

    async def entry(self) -> str | None:
        """What was entered next, None at the end. A paste into a terminal can be several lines. A byte that is no UTF-8
        is half of a pair, as Python has it ("surrogateescape"). Raises Failed."""
        entry = await self._entries.get()
        if isinstance(entry, Failed):
            raise entry
        return entry

    def _read(self, loop: asyncio.AbstractEventLoop, source: int) -> None:
        rest, end = b"", None
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits for lines any more
            while data := _chunk(source):
                if isinstance(data, Failed):
                    end = data
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    loop.call_soon_threadsafe(self._entries.put_nowait, _text(line))
            for last in [_text(rest), end] if rest else [end]:
                loop.call_soon_threadsafe(self._entries.put_nowait, last)


def _chunk(source: int) -> bytes | Failed:
    try:
        return chunk(source)
    except Failed as e:
        return e


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape").rstrip("\r")


class Terminal(Lines):
    """The prompt below, what arrives above it. History lasts as long as the chat: a file of it would keep in the clear
    what the protocol forgets."""

    def __init__(self) -> None:
        super().__init__()
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter

        self._session: PromptSession[str] = PromptSession(
            lambda: [("bold", self.prompt())],
            completer=WordCompleter(lambda: self.words(), sentence=True),
            complete_while_typing=False,
            erase_when_done=True,  # it comes again above, with how it was sent
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """The terminal is given back as it was, whatever happens."""
        from prompt_toolkit.patch_stdout import patch_stdout

        with patch_stdout(raw=True):
            yield

    def draw(self) -> None:
        self._session.app.invalidate()

    async def entry(self) -> str | None:
        try:
            text = await self._session.prompt_async(handle_sigint=False)  # signals are the command's: signals.py
        except (EOFError, KeyboardInterrupt):  # Ctrl-D, Ctrl-C
            return None
        return "".join(c if c.isprintable() or c == "\n" or "\ud800" <= c <= "\udfff" else " " for c in text)
