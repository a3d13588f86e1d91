"""How a command ends: SIGINT and SIGTERM end it in good order."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any


def on_stop(stop: Callable[[], None]) -> None:
    """Call stop() at SIGINT and SIGTERM. Only inside a running loop."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(signum, stop)
        except NotImplementedError:  # Windows
            signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stop))


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run a command that a signal cancels. Returns its exit code, 0 when it was stopped."""

    async def supervised() -> int:
        task = asyncio.current_task()
        stopped = False

        def stop() -> None:
            nonlocal stopped
            if not stopped and task is not None:
                stopped = True
                task.cancel()

        on_stop(stop)
        try:
            return await work
        except asyncio.CancelledError:
            if stopped:
                return 0
            raise

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(supervised())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that MQTT's sockets need: Windows' own usual one cannot watch them."""
    return asyncio.SelectorEventLoop if sys.platform == "win32" else None
