"""Who may see the page: an ASGI layer before everything else that it serves.

* Only under the names that this server has (Host): no other site can point a name of its own here (DNS rebinding).
* What comes from another site's page (Origin, Sec-Fetch-Site) is refused: requests and the live connection alike.
* A session's cookie (HttpOnly, SameSite=Strict), given for a link that works once, or for the password. At a Unix
  socket the file's mode (0600) is the guard.
* The page is in a folder that nobody can guess, the cookie's path: browsers send cookies to all ports of a computer, to
  another user's server and to another gateway's page, too.
* Content-Security-Policy: scripts of our own only, with a nonce; no frames, no other servers.
"""

import asyncio
import hmac
import html
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from sealcast_host.gateway.web_address import is_address, named

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_MOST_FORM = 4096
_WRONG_S = 1.0  # a wrong password costs this, one at a time
_SESSIONS = 64


class Guard:
    """Wraps the page's application."""

    def __init__(self, app: App, names: set[str], password: str | None, *, open_door: bool, title: str) -> None:
        """names: values of Host that are ours. open_door: no session is needed (a Unix socket)."""
        self._app = app
        self._names = names
        self._password = password
        self._open = open_door
        self._title = title
        self._sessions: list[str] = []
        self._code = secrets.token_urlsafe(18)
        self._folder = f"/{secrets.token_urlsafe(12)}"
        self._turn = asyncio.Lock()
        self.origins: set[str] = set()  # of the page behind a proxy
        self.addresses = ""  # with a port all addresses of this computer are its names: they lead nowhere else
        self.used: Callable[[], None] = lambda: None  # called when the link was used: there is a new one

    @property
    def link(self) -> str:
        """The path that lets somebody in, once."""
        return f"/enter?code={self._code}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        host = headers.get("host", "")
        origin = headers.get("origin")
        # Browsers send no Origin with a plain GET; with the live connection and with forms they always do.
        named = host in self._names or self._is_address(host)
        own = origin in (None, f"http://{host}") or origin in self.origins
        ours = named and own and (origin or scope["type"] == "http")
        method = scope.get("method", "GET")
        if not ours or method not in ("GET", "HEAD", "POST") or method == "POST" and origin is None:
            await self._refuse(scope, receive, send, 403, "this page is not for other sites or names")
            return
        path = scope["path"]
        outside = origin or f"https://{host}"
        secure = "; Secure" if outside in self.origins and outside.startswith("https:") else ""
        if scope["type"] == "http" and path == "/enter" and not self._open:
            code = parse_qs(scope["query_string"].decode("latin-1")).get("code", [""])[0]
            if headers.get("sec-fetch-site") in (None, "none", "same-origin") and _same(code, self._code):
                self._code = secrets.token_urlsafe(18)
                await self._let_in(send, secure)
                self.used()
            else:
                await self._ask(send, "This link was used, or is of an earlier start.")
        elif scope["type"] == "http" and path == "/login" and method == "POST" and not self._open:
            await self._login(receive, send, secure)
        elif self._open or path.startswith(f"{self._folder}/") and self._known(headers.get("cookie", "")):
            inner = scope if self._open else self._within(scope)
            await self._app(inner, receive, self._policy(send) if scope["type"] == "http" else send)
        elif scope["type"] == "http" and (path.endswith("/") or path == "/login"):  # of an earlier start, too
            await self._ask(send, "")
        else:
            await self._refuse(scope, receive, send, 401, "sign in first")

    def _is_address(self, host: str) -> bool:
        """No other site can have such a name."""
        name, port = named(host)
        return port == self.addresses and is_address(name)

    def _known(self, cookie: str) -> bool:
        given = [part.strip().partition("=") for part in cookie.split(";")]
        values = [value for name, _, value in given if name == "sealcast"]
        return any(_same(value, session) for value in values for session in self._sessions)

    def _within(self, scope: Scope) -> Scope:
        """As a proxy would hand it on that has the page in a folder."""
        headers = [(k, v) for k, v in scope["headers"] if k != b"x-forwarded-prefix"]
        path = scope["path"].removeprefix(self._folder)
        return {**scope, "path": path, "headers": [*headers, (b"x-forwarded-prefix", self._folder.encode())]}

    async def _let_in(self, send: Send, secure: str) -> None:
        session = secrets.token_urlsafe(24)
        self._sessions = [*self._sessions, session][-_SESSIONS:]
        cookie = f"sealcast={session}; HttpOnly; SameSite=Strict; Path={self._folder}/{secure}"
        await _answer(send, 303, b"", [("location", f"{self._folder}/"), ("set-cookie", cookie)])

    async def _login(self, receive: Receive, send: Send, secure: str) -> None:
        body, more = b"", True
        while more and len(body) <= _MOST_FORM:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        given = parse_qs(body[:_MOST_FORM].decode("utf-8", "replace")).get("password", [""])[0]
        async with self._turn:
            if self._password is not None and _same(given, self._password):
                await self._let_in(send, secure)
                return
            await asyncio.sleep(_WRONG_S)
        await self._ask(send, "That is not the password.")

    async def _ask(self, send: Send, why: str) -> None:
        form = (
            '<form method="post" action="/login"><input type="password" name="password" placeholder="Password"'
            ' autocomplete="current-password" autofocus required><button>Sign in</button></form>'
        )
        hint = "" if self._password else "<p>The gateway prints a link that lets you in, once; the newest counts.</p>"
        page = _LOGIN % {
            "title": html.escape(self._title), "why": html.escape(why), "form": form if self._password else "",
            "hint": hint,
        }  # fmt: skip
        await _answer(send, 401 if why else 200, page.encode(), [("content-type", "text/html; charset=utf-8")])

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, code: int, why: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        await _answer(send, code, why.encode() + b"\n", [("content-type", "text/plain")])

    def _policy(self, send: Send) -> Send:
        """Headers for every answer; in pages each script of ours is marked with the nonce of this answer.

        Nothing that members wrote stands in the page as it is served: it comes later, as data, over the live
        connection. So every script in it is ours.
        """
        nonce = secrets.token_urlsafe(16)
        held: list[MutableMapping[str, Any]] = []
        body = bytearray()

        async def wrapped(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start":
                headers = [(k, v) for k, v in event["headers"] if k.lower() != b"content-security-policy"]
                event = dict(event, headers=[*headers, *((k.encode(), v.encode()) for k, v in _headers(nonce))])
                if any(k.lower() == b"content-type" and v.startswith(b"text/html") for k, v in headers):
                    held.append(event)
                    return
            elif held and event["type"] == "http.response.body":
                body.extend(event.get("body", b""))
                if event.get("more_body"):
                    return
                page = bytes(body).replace(b"<script", b'<script nonce="' + nonce.encode() + b'"')
                start = held.pop()
                length = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
                await send(dict(start, headers=[*length, (b"content-length", str(len(page)).encode())]))
                event = dict(event, body=page)
            await send(event)

        return wrapped


def _headers(nonce: str | None) -> list[tuple[str, str]]:
    scripts = f"'self' 'nonce-{nonce}' 'unsafe-eval'" if nonce else "'none'"  # Vue makes its templates with eval
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return [
        ("content-security-policy", policy), ("x-frame-options", "DENY"), ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"), ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ]  # fmt: skip


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


async def _answer(send: Send, code: int, body: bytes, headers: list[tuple[str, str]]) -> None:
    every = [*headers, *_headers(None), ("cache-control", "no-store"), ("content-length", str(len(body)))]
    raw = [(key.encode(), value.encode()) for key, value in every]
    await send({"type": "http.response.start", "status": code, "headers": raw})
    await send({"type": "http.response.body", "body": body})


_LOGIN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>%(title)s</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:95vh;margin:0 16px}
main{max-width:360px;width:100%%}input,button{font:inherit;padding:10px 12px;border-radius:10px;border:1px solid #8888;
width:100%%;box-sizing:border-box;margin-top:10px}button{background:#0f766e;color:#fff;border:0}</style></head>
<body><main><h1>%(title)s</h1><p>%(why)s</p>%(form)s%(hint)s</main></body></html>"""
