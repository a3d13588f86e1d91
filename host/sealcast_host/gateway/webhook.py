"""Output `webhook`: each message (with `events`, each event, too) as a POST of one JSON object to an address."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from sealcast_host import __version__
from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Hub, Output, Refused, aside
from sealcast_host.gateway.paths import whole
from sealcast_host.gateway.record import Item

OPTIONS: dict[str, type] = {"url": str, "token_file": str}
MAIN = "url"
_TIMEOUT_S = 15
_LATER = {408, 425, 429}  # and 5xx: the server is to be asked again


class _Straight(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a message, and the token with it, is for the address that was given."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Webhook(Output):
    """An address that is told."""

    batch = 1

    def __init__(self, hub: Hub, url: str, token_file: str = "") -> None:
        """token_file: its first line goes along as `Authorization: Bearer`. Raises UserError."""
        super().__init__(hub)
        _check(url)
        self._url = url
        self._token_file = whole("webhook: token_file", token_file) if token_file else None
        self._headers: dict[str, str] = {}
        self._opener = urllib.request.build_opener(_Straight)

    async def open(self) -> None:
        """Read the token. Raises OSError."""
        self._headers = {"Content-Type": "application/json", "User-Agent": f"sealcast/{__version__}"}
        if self._token_file is not None:
            lines = self._token_file.read_text("utf-8", "replace").splitlines()
            token = lines[0].strip() if lines else ""
            if not token.isascii() or not token.isprintable() or not token:
                raise UserError("webhook: the first line of token_file is no token")
            self._headers["Authorization"] = "Bearer " + token

    async def take(self, items: Sequence[Item]) -> None:
        """One at a time, so that none is told twice. Raises Refused at an answer of 3xx or 4xx."""
        for item in items:
            await aside(partial(self._post, json.dumps(item.json()).encode()))

    def _post(self, data: bytes) -> None:
        request = urllib.request.Request(self._url, data, self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer, contextlib.suppress(HTTPException, OSError):
                answer.read(1024)  # however that ends: it was taken
        except urllib.error.HTTPError as e:
            e.close()
            if e.code >= 500 or e.code in _LATER:
                raise OSError(f"the server answers {e.code}") from None
            raise Refused(f"the server answers {e.code}") from None
        except HTTPException as e:  # a server that is about to start, or another's port: it may be the right one later
            raise OSError(f"the server's answer is no HTTP ({type(e).__name__})") from None
        except urllib.error.URLError as e:
            raise e.reason if isinstance(e.reason, OSError) else OSError(str(e.reason)) from None


def _check(url: str) -> None:
    """Raises UserError, which does not repeat it: what stands before an "@" is a secret."""
    if not url[:8].lower().startswith(("http://", "https://")):
        raise UserError("webhook: the url must begin with http:// or https://")
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        usable = parts.hostname and parts.port != 0 and (parts.path + parts.query).isascii()
    except ValueError:  # a port that is none, a bracket that is not closed, a name that no host can have
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise UserError("webhook: the url is http(s)://HOST[:PORT]/PATH, with what is not ASCII, and spaces, as %20")
    if "@" in parts.netloc:
        raise UserError("webhook: no user or password in the url: a token goes into token_file")


make = Webhook
