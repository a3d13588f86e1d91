"""An invitation as a URL: everything another computer needs to be in a channel, in one line that is typed, scanned
or refused.

    sealcast://HOST[:PORT]/CHANNEL?key=KEY[&admin=PUBLIC][&user=NAME][&tls=1][&ws=PATH]&sum=CHECK

CHANNEL and NAME are percent-encoded UTF-8; KEY and PUBLIC are 32 bytes as base64url; CHECK is 6 bytes as base64url,
h(6, person="sc/invite"; all that stands before "&sum="), which finds a character that was lost or mistyped. There
is one
way to write an invitation: whatever `make` would not have written is refused. The broker's password is not in it.
"""

import ipaddress
from typing import Any
from urllib.parse import quote, unquote

from sealcast import wire
from sealcast.crypto import best_suite
from sealcast_host.errors import UserError
from sealcast_host.member.address import split_host
from sealcast_host.member.channels import ChannelFile, raise_wrong_settings

SCHEME = "sealcast://"
MAX_URL = 1024


def make(known: ChannelFile) -> str:
    """The invitation to a channel that is known here. Whoever has it is in. Raises UserError where it would be longer
    than any that is read."""
    broker = known.broker
    host = broker["host"]
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    if broker.get("port"):
        place += f":{broker['port']}"
    query = [f"key={wire.b64(known.key)}"]
    if known.admin is not None:
        query.append(f"admin={wire.b64(known.admin)}")
    if broker.get("username"):
        query.append(f"user={quote(broker['username'], safe='')}")
    if broker.get("tls"):
        query.append("tls=1")
    if broker.get("path"):
        query.append(f"ws={quote(broker['path'], safe='')}")
    url = f"{SCHEME}{place}/{quote(known.channel, safe='')}?{'&'.join(query)}"
    url += f"&sum={_check(url)}"
    if len(url) > MAX_URL:
        raise UserError(
            f"the invitation would have {len(url)} characters, {MAX_URL} at most: give the broker a shorter address, "
            "path or user name, or use the phrase (sealcast channel join)"
        )
    return url


def read(url: str, uid: str) -> ChannelFile:
    """The channel that an invitation leads to, for a member named `uid`. Raises UserError, which repeats nothing
    of it."""
    body, mark, given = url.partition("&sum=")
    if not url.startswith(SCHEME) or len(url) > MAX_URL:
        raise UserError(f"this is no invitation: one begins with {SCHEME} (`sealcast invite CHANNEL` shows it)")
    if not mark or given != _check(body):
        raise UserError("the invitation is damaged or not complete (its checksum does not fit): copy or scan it again")
    try:
        known = _parse(body, uid)
    except Exception:  # whatever is wrong, the text must not be shown: it has the key
        known = None
    if known is None or _wrong(known) or make(known) != url:
        raise UserError("this invitation is not one that this version of Sealcast writes: update, or ask for a new one")
    return known


def _wrong(known: ChannelFile) -> bool:
    try:
        raise_wrong_settings(known.settings(), "")
    except UserError:
        return True
    return False


def _parse(body: str, uid: str) -> ChannelFile:
    place, _, rest = body[len(SCHEME) :].partition("/")
    channel, _, text = rest.partition("?")
    fields: dict[str, str] = {}
    for item in text.split("&"):
        name, _, value = item.partition("=")
        fields[name] = value
    host, port = split_host(place)
    broker: dict[str, Any] = {"host": host if place.startswith("[") else unquote(host, errors="strict")}
    if port is not None:
        broker["port"] = port
    if "tls" in fields:
        broker["tls"] = True
    if "ws" in fields:
        broker["path"] = unquote(fields["ws"], errors="strict")
    if "user" in fields:
        broker["username"] = unquote(fields["user"], errors="strict")
    admin = wire.unb64(fields["admin"]) if "admin" in fields else None
    return ChannelFile(unquote(channel, errors="strict"), wire.unb64(fields["key"]), uid, admin=admin, broker=broker)


def _check(url: str) -> str:
    text: str = wire.b64(best_suite().h(6, b"", b"", b"sc/invite", url.encode()))
    return text


def only_here(host: str) -> bool:
    """Does this address lead to the very computer that uses it? Then nobody else can use it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
