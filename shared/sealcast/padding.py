"""Padding to Padme's lengths, for Pythons without the native modules
(which have the same two functions). PROTOCOL.md section 3.4.
"""

FLOOR = 32


def padded_length(n):
    """Padme (Nikitin et al., PETS 2019): at most 12 % overhead, O(log
    log n) bits of the length leak; never under 32."""
    if n <= FLOOR:
        return FLOOR
    e = _log2(n)
    mask = (1 << (e - _log2(e) - 1)) - 1
    return (n + mask) & ~mask


def _log2(n):
    e = 0
    while n >> (e + 1):
        e += 1
    return e


def pad(lead, body):
    """lead || body || 0x80 || zeros: what follows lead has a Padme length, 32 or more."""
    return lead + body + b"\x80" + bytes(padded_length(len(body) + 1) - len(body) - 1)


def unpad(data, limit):
    """The length of the body in what pad(b"", body) gave; -1 for anything else and for more than limit bytes."""
    n = len(data.rstrip(b"\x00")) - 1
    return n if 0 <= n <= limit and data[n] == 0x80 and padded_length(n + 1) == len(data) else -1
