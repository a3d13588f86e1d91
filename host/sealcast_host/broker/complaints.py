"""One line a minute for what goes wrong again and again (a full disk, no descriptors left), instead of thousands."""

import asyncio
import errno
import sys
import time
from typing import Any

EVERY_S = 60.0
_said: dict[str, float] = {}


def complain(text: str) -> None:
    """A line on standard error, at most once a minute."""
    now = time.monotonic()
    if now - _said.get(text, -EVERY_S) >= EVERY_S:
        _said[text] = now
        print(f"sealcast broker: {text}", file=sys.stderr, flush=True)


def watch_loop() -> None:
    """Say in one line that there are no descriptors left, where asyncio logs each attempt with a traceback."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            complain("no more connections: too many open files; raise the limit (ulimit -n)")
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
