"""Where the broker is, as given on the command line, turned into the `broker` object of sealcast.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealcast_host.cli.secretinput import read_secret
from sealcast_host.errors import UserError

PASSWORD_ENV = "SEALCAST_BROKER_PASSWORD"  # noqa: S105  the variable's name, not a password


@dataclass(frozen=True)
class BrokerOptions:
    """The options as they were given; None or False where they were not."""

    broker: str | None = None
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca: Path | None = None

    def over(self, known: dict[str, Any]) -> dict[str, Any]:
        """`known` (from the channel's file) with these options in its place. Raises UserError."""
        out = dict(known)
        if self.broker is not None:
            host, port = split_host(self.broker)
            if host != out.get("host"):  # another broker: its credentials must not be sent to this one
                out = {}
            out["host"] = host
            out.pop("port", None)
            if port is not None:
                out["port"] = port
        if self.tls or self.ca is not None:
            out["tls"] = True
        if self.ca is not None:
            if not self.ca.is_file():
                raise UserError(f"no such file: {self.ca}; --ca names the authority's certificate")
            out["ca"] = str(self.ca.absolute())
        if self.password_file is not None and self.user is None and not out.get("username"):
            raise UserError("--broker-password-file needs --broker-user NAME as well")
        if self.user is not None:
            out["username"] = self.user
        if self.user is not None or self.password_file is not None:
            out["password"] = read_secret("broker password", file=self.password_file, env=PASSWORD_ENV)
        return out


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
