"""Where a broker is, as people write it and as they are told."""

from typing import Any

from sealcast_host.errors import UserError


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


def port_of(broker: dict[str, Any]) -> int:
    """The port of a `broker` object of sealcast.json, given or implied."""
    return int(broker.get("port") or (8883 if broker.get("tls") else 1883))


def place_of(broker: dict[str, Any]) -> str:
    """The same as words: "192.168.1.10 port 1883"."""
    return f"{broker['host']} port {port_of(broker)}"
