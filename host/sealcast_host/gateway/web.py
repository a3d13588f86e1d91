"""Output `web`: a live page of the channel on this computer (NiceGUI, the extra [web]).

Members and how they are, messages and how secret they were, plots of every number in JSON readings, epochs and the
group's order, what was dropped and why; sending and approving. No secret stands in it.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Hub, Output, aside, needs
from sealcast_host.gateway.paths import whole
from sealcast_host.gateway.record import Item
from sealcast_host.gateway.sqlite import recent
from sealcast_host.gateway.web_address import address_of
from sealcast_host.gateway.web_board import Board
from sealcast_host.gateway.web_guard import Guard
from sealcast_host.member.privatefiles import read_password

OPTIONS: dict[str, type] = {"listen": str, "password_file": str, "socket": str, "history": str, "outside": str}
MAIN = "listen"
HISTORY = 5000  # messages out of the database at the start


def _is_page(address: str) -> bool:
    try:
        url = urlsplit(address)
    except ValueError:  # a bracket that is not closed
        return False
    return url.scheme in ("http", "https") and bool(url.netloc) and not url.path and "@" not in url.netloc


def _unused(path: Path) -> None:
    """Raises OSError when somebody listens at this socket."""
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(ConnectionRefusedError):
        probe.setblocking(False)  # one that is busy is one, too
        probe.connect(str(path))
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))


class Web(Output):
    """The page's server, in the gateway's own loop."""

    def __init__(
        self,
        hub: Hub,
        listen: str = "127.0.0.1:8478",
        password_file: str = "",
        socket: str = "",
        history: str = "",
        outside: str = "",
    ) -> None:
        """password_file: its first line is the password; without it, a link that works once is said. socket: a Unix
        socket (0600) instead of a port. history: a database of the output sqlite. outside: the page's address behind a
        proxy, as browsers see it, like https://page.example. Raises UserError."""
        super().__init__(hub)
        needs("nicegui", "web")
        self._address = address_of(listen)
        self._password_file = password_file
        self._path = socket
        self._history = history
        self._outside = outside.rstrip("/")
        for option, path in (("password_file", password_file), ("socket", socket), ("history", history)):
            whole(f"web: {option}", path)
        if outside and not _is_page(self._outside):
            raise UserError("web: outside is the page's address as browsers see it, like https://page.example")
        self.board = Board()
        self._server: Any = None
        self._serving: asyncio.Task[None] | None = None
        self._app: Any = None
        self.guard: Guard | None = None

    async def open(self) -> None:
        """Read the history, listen. Raises OSError, UserError."""
        import uvicorn

        from sealcast_host.gateway import web_page

        if self._history:
            self.board.take(await aside(lambda: recent(whole("web: history", self._history), HISTORY)))
        password = self._password()
        listener = self._listener()
        origins = {self._outside} if self._outside else set()
        names, where, addresses = {"localhost"} | {urlsplit(o).netloc for o in origins}, self._path, ""
        if not self._path:
            port = listener.getsockname()[1]
            host = self._address[0]
            if host in ("0.0.0.0", "::"):
                host, addresses = "127.0.0.1", str(port)
            shown = f"[{host}]" if ":" in host else host
            tail = f":{port}" if port != 80 else ""  # as browsers write it
            names |= {f"{name}{tail}" for name in ("localhost", "127.0.0.1", "[::1]", shown)}
            where = self._outside or f"http://{shown}:{port}"
        title = f"Sealcast: {self.hub.channel}"
        if self._app is None:
            self._app = web_page.application(self.board, self.hub, title)
        guard = self.guard = Guard(self._app, names, password, open_door=bool(self._path), title=title)
        guard.origins, guard.addresses = origins, addresses
        guard.used = lambda: self._say(where)
        config = uvicorn.Config(
            guard, log_level="error", access_log=False, ws_max_size=65536, timeout_graceful_shutdown=1
        )

        class Server(uvicorn.Server):
            @contextlib.contextmanager
            def capture_signals(self) -> Any:
                yield  # they are the gateway's

        self._server = Server(config)
        self._serving = asyncio.ensure_future(self._server.serve([listener]))
        while not self._server.started:  # nobody tells
            if self._serving.done():
                raise OSError("the page's server did not start")
            await asyncio.sleep(0.01)
        self._say(where)

    def _say(self, where: str) -> None:
        """Where the page is; without a password with the link that lets somebody in."""
        link = self.guard.link if self.guard is not None and not self._path and not self._password_file else ""
        self.hub.say(f"web: the page is at {where}{link}")

    def _password(self) -> str | None:
        if not self._password_file:
            return None
        password = read_password(self._password_file)
        if len(password) < 8:
            raise UserError("web: the password in password_file must have 8 characters at least")
        return password

    def _listener(self) -> socket.socket:
        if self._path:
            path = whole("web: socket", self._path)
            if path.is_socket():
                _unused(path)
                path.unlink()  # of an earlier run
            listener = socket.socket(socket.AF_UNIX)
            before = os.umask(0o177)
            try:
                listener.bind(str(path))
            finally:
                os.umask(before)
            return listener
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(self._address)
        except OSError:
            listener.close()
            raise
        return listener

    async def take(self, items: Sequence[Item]) -> None:
        """Show them."""
        self.board.take(items)

    async def attend(self) -> None:
        """Serve. Raises OSError when the server ends."""
        assert self._serving is not None
        await asyncio.shield(self._serving)
        raise OSError("the page's server has ended")

    async def close(self) -> None:
        """Serve no more: whoever looks at the page loses it at once."""
        server, self._server = self._server, None
        serving, self._serving = self._serving, None
        if server is not None and serving is not None:
            server.should_exit = True
            with contextlib.suppress(Exception):
                done, _ = await asyncio.wait({serving}, timeout=5)
                if not done:
                    serving.cancel()


make = Web
