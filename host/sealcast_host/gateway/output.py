"""What every output is: options, and three steps; and the way in which blocking work is kept out of the event loop."""

import asyncio
import importlib.util
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sealcast_host.errors import UserError
from sealcast_host.gateway.record import Item
from sealcast_host.member.face import Seen


class Finished(Exception):
    """An output has nobody left to serve, and wants no more: the reader of our standard output has gone."""


class Refused(Exception):
    """What is to be handed on was refused, and would be again: it is left out and said; the output goes on."""


class Hub(Seen, Protocol):
    """What an output may ask of the member behind the gateway."""

    @property
    def channel(self) -> str: ...
    @property
    def uid(self) -> str: ...

    def drops(self) -> dict[str, int]: ...
    def say(self, text: str) -> None: ...
    async def send(
        self, body: bytes, mode: str | None = None, to: str | None = None, receipt: bool = False
    ) -> dict[str, Any]: ...
    async def approve(self, uid: str, fingerprint: str) -> None: ...


def needs(package: str, extra: str) -> None:
    """What is not installed does not come by trying again: it is said before anything starts. Raises UserError."""
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{package} is not installed: pip install 'sealcast-host[{extra}]'")


class Output(ABC):
    """One place where messages go. A failing step raises; it is said, and tried again later with what waits.

    open() and close() come in turns: an output that failed is closed and opened anew.
    """

    batch = 100  # so many at a time at most
    keeps = False  # it has what it was given, whatever happens then: the member gives it up for that

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @abstractmethod
    async def open(self) -> None:
        """Make it ready."""

    @abstractmethod
    async def take(self, items: Sequence[Item]) -> None:
        """Hand on what arrived, all of it or (raising) nothing that would come out twice without harm."""

    async def attend(self) -> None:
        """What goes on beside: requests, lines of input. Returns never, or when there will be no more."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let go of everything; also after a failed open()."""
        return


async def aside(call: Callable[[], Any]) -> Any:
    """Run blocking work in a thread of its own, which does not keep the process from ending: a full pipe or a dead
    network disk may hold it for ever."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as e:
            error = e
        try:
            loop.call_soon_threadsafe(settle, result, error)
        except RuntimeError:
            pass  # the loop has ended meanwhile

    threading.Thread(target=work, daemon=True).start()
    return await done
