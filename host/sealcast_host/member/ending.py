"""Ends that are waited for: who is cancelled while it waits leaves nothing half done, and is cancelled all the same."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Await it to its end. Raises CancelledError, then, for one who was cancelled meanwhile; else what it raises."""
    task = asyncio.ensure_future(work)
    await _done(task)
    return task.result()


async def ended(*tasks: "asyncio.Task[Any] | None") -> None:
    """Cancel them and wait until they have ended; what they raise at that is of no interest. Raises CancelledError,
    then, for one who was cancelled meanwhile."""
    there = [task for task in tasks if task is not None]
    for task in there:
        task.add_done_callback(_seen)
        task.cancel()
    await _done(*there)


def heed() -> None:
    """Behind a library's work, which may lose a cancellation that came with its end (asyncio.wait_for of Python 3.11
    does): raises it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _done(*tasks: "asyncio.Task[Any]") -> None:
    cancelled = False
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        for task in tasks:
            _seen(task)
        raise asyncio.CancelledError


def _seen(task: "asyncio.Task[Any]") -> None:
    """Nobody is to complain that what it raised was not looked at."""
    if not task.cancelled():
        task.exception()
