"""Where a server of the gateway listens, as people write it, and what browsers call it."""

import ipaddress

from sealcast_host.errors import UserError
from sealcast_host.member.address import split_host


def address_of(text: str) -> tuple[str, int]:
    """ "PORT", "HOST:PORT" or "[::1]:PORT" -> (host, port); a port alone is on this computer. 0: any free one.

    Raises UserError.
    """
    host, port = ("127.0.0.1", text) if text.isdigit() else ("", "")
    if not host:
        host, _, port = text.rpartition(":")
    try:
        name, more = split_host(host) if host else ("0.0.0.0", None)
        name.encode("idna")
    except (UserError, UnicodeError):  # the first speaks of a broker
        name, more = "", None
    if not (name and port.isascii() and port.isdigit()) or more or len(port) > 5 or int(port) > 65535:
        raise UserError(
            f'listen: "{text}" is no address: give PORT or HOST:PORT, like 127.0.0.1:9464 (an IPv6 address in brackets)'
        )
    return name, int(port)


def named(host: str) -> tuple[str, str]:
    """The header Host -> (name or address, port)."""
    name, _, port = host.rpartition(":")
    return (name.strip("[]"), port) if port.isdigit() else (host.strip("[]"), "80")


def is_address(name: str) -> bool:
    """No name: no other site can have its own lead here."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
