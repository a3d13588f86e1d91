"""How a command ends: SIGINT and SIGTERM end it in good order."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from sealcast_host.member.system import windows

STOPS = (signal.SIGINT, signal.SIGTERM)


def on_stop(stop: Callable[[], None]) -> None:
    """Call stop() at SIGINT and SIGTERM. Only inside a running loop."""
    for signum in STOPS:
        _handle(signum, stop)


def _handle(signum: int, stop: Callable[..., None], *arguments: int) -> None:
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(signum, stop, *arguments)
    except NotImplementedError:  # Windows
        signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stop, *arguments))


def run(work: Coroutine[Any, Any, int], lasting: bool = False) -> int:
    """Run a command that a signal cancels. Returns its exit code; when it was stopped 128 + the signal's number (130,
    143), or 0 for one that lasts until it is stopped."""

    async def supervised() -> int:
        task = asyncio.current_task()
        stopped = 0

        def stop(signum: int) -> None:
            nonlocal stopped
            if not stopped and task is not None:
                stopped = signum
                task.cancel()

        for signum in STOPS:
            _handle(signum, stop, signum)
        try:
            return await work
        except asyncio.CancelledError:
            if stopped:
                return 0 if lasting else 128 + stopped
            raise

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(supervised())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop that MQTT's sockets need: Windows' own usual one cannot watch them."""
    return asyncio.SelectorEventLoop if windows() else None
