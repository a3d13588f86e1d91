"""What lets a board into a Wi-Fi network: IEEE 802.11's rules for a password are told here, not by a silent board."""

import string

from sealcast_host.errors import UserError


def settings(ssid: str, password: str | None, *, without: bool) -> dict[str, str]:
    """The `wifi` object of sealcast.json. without: the network is known to have no password. Raises UserError."""
    if without and password:
        raise UserError("wifi: an open network has no password: leave out one of the two")
    if not password:
        if not without:
            raise UserError("wifi: no password; if the network is open, say so (--wifi-open, or yes in wifi_open)")
        return {"ssid": ssid}
    size = len(password.encode())
    if size == 64 and not set(password) <= set(string.hexdigits):
        raise UserError("wifi: a password of 64 characters must be a key in hexadecimal digits; others have 8 to 63")
    if not 8 <= size <= 64:
        raise UserError(f"wifi: the password has {size} characters; WPA takes 8 to 63, or 64 hexadecimal digits")
    return {"ssid": ssid, "password": password}
