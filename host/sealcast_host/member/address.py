"""Where a broker is, as people write it and as they are told."""

from typing import Any

from sealcast_host.errors import UserError

# scheme -> TLS, WebSocket, usual port
SCHEMES = {
    "mqtt": (False, False, 1883), "mqtts": (True, False, 8883), "ws": (False, True, 80), "wss": (True, True, 443),
}  # fmt: skip


def split_host(text: str) -> tuple[str, int | None]:
    """'host', 'host:1883', '192.168.1.10:1883' or '[::1]:1883' -> (host, port or None). Raises UserError."""
    wrong = UserError('--broker must be HOST or HOST:PORT, like "192.168.1.10:1883" (an IPv6 address in brackets)')
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise wrong
        port = rest[1:] if rest else None
    elif text.count(":") > 1:
        raise wrong
    else:
        host, colon, after = text.partition(":")
        port = after if colon else None
    if not host or any(c.isspace() or not c.isprintable() or c in "/@" for c in host):
        raise wrong
    if port is None:
        return host, None
    if not (port.isascii() and port.isdigit()) or not 1 <= int(port[:6]) <= 65535:
        raise UserError("--broker: the port must be a number from 1 to 65535")
    return host, int(port)


def read_place(text: str) -> dict[str, Any]:
    """HOST[:PORT] or a URL (mqtt://, mqtts://, ws://, wss://) -> fields of a `broker` object. A URL also says whether
    there is TLS, and `path` for WebSockets (without one: /mqtt). Raises UserError."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        host, port = split_host(text)
        return {"host": host} | ({"port": port} if port is not None else {})
    if scheme.lower() not in SCHEMES:
        raise UserError(f"--broker: a URL begins with {', '.join(f'{s}://' for s in SCHEMES)}")
    tls, web, usual = SCHEMES[scheme.lower()]
    place, slash, path = rest.partition("/")
    if "@" in place:
        raise UserError("--broker: no name or password in the URL: --broker-user NAME, which asks for the password")
    if not web and path:
        raise UserError("--broker: a path belongs to ws:// and wss:// only")
    if any(c.isspace() or not c.isprintable() or c in "?#" for c in path):
        raise UserError("--broker: the path of the URL must be plain, like wss://broker.example/mqtt")
    host, port = split_host(place)
    out: dict[str, Any] = {"host": host, "tls": tls}
    if port is not None or web:
        out["port"] = port if port is not None else usual
    if web:
        out["path"] = f"/{path}" if slash else "/mqtt"
    return out


def url_of(broker: dict[str, Any]) -> str:
    """A `broker` object as the URL that read_place reads."""
    scheme = ("wss" if broker.get("tls") else "ws") if broker.get("path") else "mqtts" if broker.get("tls") else "mqtt"
    host = broker["host"]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port_of(broker)}{broker.get('path') or ''}"


def port_of(broker: dict[str, Any]) -> int:
    """The port of a `broker` object of sealcast.json, given or implied."""
    return int(broker.get("port") or (8883 if broker.get("tls") else 1883))


def place_of(broker: dict[str, Any]) -> str:
    """The same as words: "192.168.1.10 port 1883"."""
    return f"{broker['host']} port {port_of(broker)}" + (f" (WebSocket {broker['path']})" if broker.get("path") else "")
